"""Parameters and their twins: what an optimiser makes of many at once beside a plain loop over them, one by one."""

import numpy as np
import pytest
from optimisers import EVERY, law_id

import minigrad
import nn
from nn.optim import SGD, Adam
from nn.optim.blocks import BLOCK, SMALL

LAWS = [
    *EVERY,
    (SGD, {"weight_decay": 0.1}),
    (SGD, {"momentum": 0.9, "dampening": 0.3}),
    (Adam, {}),
]
laws = pytest.mark.parametrize(("law", "options"), LAWS, ids=law_id)

FEW_SMALL = [(4, 3), (), (5,), (1, 6), (6, 1), (0, 2), (2, 3, 4), (1,), (7,), (3,), (8, 2)]
MEDIUM = [(70, 60), (5000,)]
LARGE = [(70, 2000), (2, 90000)]
assert max(4 * np.prod(s) for s in FEW_SMALL) <= SMALL < min(4 * np.prod(s) for s in MEDIUM)
assert max(8 * np.prod(s) for s in MEDIUM) <= BLOCK < min(4 * np.prod(s) for s in LARGE)


def drawn(rng, shape, dtype="float32"):
    """Normal numbers in row- or column-major order."""
    array = np.array(rng.standard_normal(shape), dtype)
    return array if rng.random() < 0.5 else np.asfortranarray(array).reshape(shape, order="A")


def parameters(shapes, dtype="float32", seed=0):
    rng = np.random.default_rng(seed)
    params = [nn.Parameter(drawn(rng, shape, dtype)) for shape in shapes]
    for p, shape in zip(params, shapes, strict=True):
        assert p.shape == shape
    return params


def one_by_one(law, params, **options):
    """An optimiser of the same law whose step is the plain loop over the parameters."""

    class Plain(law):
        def step(self):
            states = vars(self).setdefault("states", [{} for _ in self.params])
            (group,) = self.param_groups
            for p, state in zip(self.params, states, strict=True):
                if p.grad is not None:
                    w, g = (a if a.ndim else a.reshape(1) for a in (p.data, p.grad.data))
                    self._update(w, g, state, group, (np.empty_like(w), np.empty_like(w)))
                    minigrad.touch(p)

    return Plain(params, **options)


def give(rng, *twins, chance=1.0):
    """The same gradients to every parameter and its twins; with chance < 1 not to all."""
    for same in zip(*twins, strict=True):
        g = drawn(rng, same[0].shape, same[0].dtype) if rng.random() < chance else None
        for p in same:
            p.grad = None
            if g is not None:
                p.grad = g
                p.grad.data = g.copy(order="K")  # in its own memory order


def assert_equal(ours, theirs):
    for p, q in zip(ours, theirs, strict=True):
        assert p.dtype == q.dtype
        np.testing.assert_array_equal(p.data, q.data, strict=True)


def assert_five_steps_are_equal(rng, *runs):
    """(optimiser, its parameters) twice, given the same gradients."""
    ours, theirs = [params for _, params in runs]
    for _ in range(5):
        give(rng, ours, theirs)
        for optimizer, _ in runs:
            optimizer.step()
        assert_equal(ours, theirs)
