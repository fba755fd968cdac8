"""Cases of minigrad.ops.reductions."""

from itertools import product

import minigrad as mg

from .calls import Call, anywhere, apart

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


CASES = {
    "sum": reductions(
        mg.sum, lambda x, a, k: x.sum(a, k), anywhere, [((0, 3), None), ((0, 3), 0), ((0, 3), 1)]
    ),
    "max": reductions(mg.max, lambda x, a, k: x.amax(a, k), apart, [((0, 3), 1)]),
    "min": reductions(mg.min, lambda x, a, k: x.amin(a, k), apart, [((3, 0), 0)]),
}
