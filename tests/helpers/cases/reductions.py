"""Cases of minigrad.ops.reductions."""

from itertools import product

import numpy as np

import minigrad as mg

from .calls import Call, anywhere, apart
from .cumulative import with_zeros

try:
    import torch
    import torch.nn.functional as F
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = F = None


AXES = [
    ((2, 3), None), ((2, 3), 0), ((2, 3), -1), ((2, 3, 4), (0, 2)), ((2, 3, 4), (-1, 0)), ((2, 1), 1),
    ((2, 3), ()), ((), None),
]  # fmt: skip


def reductions(f, counterpart, draw, empty):
    def reduced(x, axis, keepdims):
        if axis == ():
            return x * 1
        return counterpart(x, tuple(range(x.ndim)) if axis is None else axis, keepdims)

    return [
        Call(
            lambda x, a=axis, k=keepdims: f(x, axis=a, keepdims=k), (shape,), draw,
            torch=lambda x, a=axis, k=keepdims: reduced(x, a, k),
        )
        for (shape, axis), keepdims in product([*AXES, *empty], (False, True))
    ]  # fmt: skip


def theirs_prod(x, axes, keepdims):
    for axis in sorted(a % x.ndim for a in ((axes,) if isinstance(axes, int) else axes))[::-1]:
        x = x.prod(axis, keepdims)
    return x


MASK = np.array([[True, False, True], [False, False, True]])


def masked(f, counterpart, draw):
    """Reductions over the elements of a (2, 3) array that a mask takes."""
    return [
        Call(
            lambda x, m, a=axis, k=keepdims: f(x, axis=a, keepdims=k, where=m), ((2, 3),), draw, (MASK,),
            torch=lambda x, m, a=axis, k=keepdims: counterpart(x, m, a if a is not None else (0, 1), k),
        )
        for axis, keepdims in product((None, 0, 1, (0, 1)), (False, True))
    ]  # fmt: skip


def among(ours, theirs, none):
    return masked(
        lambda x, **o: ours(x, initial=none, **o), lambda x, m, a, k: theirs(torch.where(m, x, none), a, k), apart
    )  # fmt: skip


EMPTY = [((0, 3), None), ((0, 3), 0), ((0, 3), 1)]


def composed(f, counterpart, *shapes):
    return [Call(f, (shape,), torch=counterpart) for shape in shapes]


CASES = {
    "sum": [
        *reductions(mg.sum, lambda x, a, k: x.sum(a, k), anywhere, EMPTY),
        *composed(mg.mean, lambda x: x.mean(), (2, 3), ()),
        *composed(lambda x: mg.mean(x, (0, 2), True), lambda x: x.mean((0, 2), True), (2, 3, 2)),
        *composed(mg.var, lambda x: x.var(correction=0), (2, 3), (1,)),
        *composed(lambda x: mg.var(x, (-1, 0), 1), lambda x: x.var((-1, 0)), (2, 3, 2)),
        *composed(lambda x: mg.trace(x, -1, 2, 0), lambda x: x.diagonal(-1, 2, 0).sum(-1), (3, 2, 2)),
        *composed(mg.trace, lambda x: x.trace(), (2, 3), (0, 2)),
        *composed(lambda x: mg.norm(x, 1, 0), lambda x: torch.linalg.norm(x, 1, 0), (3, 2)),
        *masked(mg.sum, lambda x, m, a, k: (x * m).sum(a, k), anywhere),
        *masked(mg.mean, lambda x, m, a, k: (x * m).sum(a, k) / m.sum(a, k), anywhere)[::2][2:],
        *composed(lambda x: mg.sum(x, 0, initial=2.5), lambda x: x.sum(0) + 2.5, (2, 3), (0, 3)),
        *composed(mg.nansum, lambda x: x.nansum(), (2, 3)),
    ],
    "prod": reductions(mg.prod, theirs_prod, anywhere, EMPTY) + reductions(mg.prod, theirs_prod, with_zeros, []),
    "max_among": [
        *among(mg.max, lambda *o: torch.amax(*o), -9.0), Call(lambda x: mg.max(x, 0, initial=-9), ((0, 3),), apart),
    ],
    "min_among": [
        *among(mg.min, lambda *o: torch.amin(*o), 9.0), Call(lambda x: mg.min(x, 0, True, initial=9), ((0, 3),), apart),
    ],
    "max": reductions(mg.max, lambda x, a, k: x.amax(a, k), apart, [((0, 3), 1)]),
    "min": reductions(mg.min, lambda x, a, k: x.amin(a, k), apart, [((3, 0), 0)]),
    "logsumexp": reductions(mg.logsumexp, lambda x, a, k: x.logsumexp(a, k), anywhere, [((0, 3), 1)]),
}  # fmt: skip
