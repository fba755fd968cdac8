"""Programs of functions drawn at random, with writes in place, views and Python's own loops in them."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor

SQUARE = (4, 4)
STEPS = [
    lambda u, v, c, w, i: u + v,
    lambda u, v, c, w, i: u * c - v,
    lambda u, v, c, w, i: u @ v.T,
    lambda u, v, c, w, i: mg.relu(u),
    lambda u, v, c, w, i: mg.softmax(u, axis=0) * v,
    lambda u, v, c, w, i: u.sum(axis=0),
    lambda u, v, c, w, i: u[1:3],
    lambda u, v, c, w, i: mg.where(np.tri(4, dtype=bool), u, v),
    lambda u, v, c, w, i: mg.take(u, i, axis=0),
    lambda u, v, c, w, i: np.concatenate([u, v])[::2],
    lambda u, v, c, w, i: mg.layer_norm(u, 4),
    lambda u, v, c, w, i: mg.gelu(u) + mg.sigmoid(v),
    lambda u, v, c, w, i: u.max(axis=1, keepdims=True) * v,
    lambda u, v, c, w, i: u.reshape(2, 8).T.reshape(4, 4),
    lambda u, v, c, w, i: turned(u, w, 5),
    lambda u, v, c, w, i: v * scaled(u, c),
    lambda u, v, c, w, i: np.square(u) / (1 + np.abs(v)),
]


def turned(h, w, times):
    for _ in range(times):
        h = np.tanh(h @ w + h)
    return h


def scaled(u, c):
    """A constant of the data of u, made by writes into an array and into a view of it."""
    a = plain(u) * 2
    a += c
    a[0] *= 2
    part = a[1:]
    part -= 1
    return a + part.sum()


def plain(u):
    return u.detach().data if isinstance(u, Tensor) else u


def squared(t):
    """An array of shape (4, 4), whatever the shape."""
    if t.shape == SQUARE:
        return t
    return t.reshape(-1)[:4] * np.ones(SQUARE, np.float32)


def drawn(seed):
    """A function of x (4, 4) and of indices i (4,), and the parameters whose gradients it fills."""
    rng = np.random.default_rng(seed)
    count = rng.integers(3, 20)
    plan = [
        (STEPS[k], *rng.integers(0, 100, 2), rng.standard_normal())
        for k in rng.integers(0, len(STEPS), count)
    ]
    weights = [Tensor(rng.standard_normal(SQUARE).astype("f"), requires_grad=True) for _ in "ab"]

    def f(x, i):
        values = [x, *weights]
        for step, a, b, c in plan:
            u, v = (squared(values[k % len(values)]) for k in (a, b))
            values.append(step(u, v, float(c), weights[0], i))
        total = sum((squared(t) * 0.1).sum() for t in values[1:])
        total.backward()
        return total

    return f, weights


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(60))
def test_a_random_function_and_its_program_and_script_give_the_same_bits(seed):
    f, weights = drawn(seed)
    rng = np.random.default_rng(seed)
    example = rng.standard_normal(SQUARE).astype("f"), rng.integers(0, 4, 4)
    script = mg.script(f, *example)
    for size in (1, 10, 0, 1e20):
        x, i = (size * rng.standard_normal(SQUARE)).astype("f"), rng.integers(0, 4, 4)
        for w in weights:
            w.grad = None
        expected = [f(x, i).data, *[w.grad.data for w in weights if w.grad is not None]]
        for found in (script.program.run(script.arrays(x, i)), script(x, i)):
            found = found if isinstance(found, (tuple, list)) else [found]
            assert len(found) == len(expected)
            for a, b in zip(found, expected, strict=True):
                assert np.array_equal(a, b, equal_nan=True)
