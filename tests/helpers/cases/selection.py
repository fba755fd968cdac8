"""Cases of minigrad.ops.selection; those functions of it whose shapes depend on values are in test_selection."""

import numpy as np

import minigrad as mg

from .calls import Call, anywhere, apart, i

try:
    import torch
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = None

ONE = np.array([[True, False, True], [False, False, True]])
TWO = np.array([True, True, False])


def both_apart(rng, shape):
    """The second of two arguments that are `apart`: between the elements of any other."""
    return apart(rng, shape) + 0.0507


def scattered(ours, word):
    """Extremes of what is scattered along axis 0, and through pairs of indices."""

    def theirs(x, v, a):
        return x.scatter_reduce(0, a, v, word)

    twice = i(2, 0, 2, 1, 0, 0).reshape(3, 2)
    return [
        Call(lambda x, v, a: ours(x, a, v, 0), ((4, 2), (3, 2)), (apart, both_apart), (twice,), theirs),
        Call(lambda x, v, a: ours(x, a, v, 0), ((3,), (5,)), (apart, both_apart), (i(1, 1, 0, 1, 0),), theirs),
        Call(lambda x, v, a: ours(x, a, v), ((4, 2), (3, 2)), (apart, both_apart), (i(1, 1, 3),)),
        Call(lambda x, v, a, b: ours(x, (a, b), v), ((4, 2), (3,)), (apart, both_apart), (i(1, 1, 3), i(0, 0, 1))),
        Call(lambda x, v, a: ours(x, a, v), ((4, 2), (0, 2)), (apart, both_apart), (i(),)),
    ]  # fmt: skip


CASES = {
    "scatter_max": scattered(mg.scatter_max, "amax"),
    "scatter_min": scattered(mg.scatter_min, "amin"),
}
COMPOSITES = {
    "select": [
        Call(
            lambda a, b, one, two: mg.select([one, two], [a, b * 2], 0.5), ((2, 3), (3,)), anywhere, (ONE, TWO),
            lambda a, b, one, two: torch.where(one, a, torch.where(two, b * 2, 0.5)),
        )
    ],
    "choose": [
        Call(
            lambda a, b, n: mg.choose(n, [a, b]), ((2, 3), (3,)), anywhere, (i(0, 1, 1),),
            lambda a, b, n: torch.where(n == 0, a, b),
        )
    ],
}  # fmt: skip
