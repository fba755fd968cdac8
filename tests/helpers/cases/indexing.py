"""Cases of minigrad.ops.indexing."""

import numpy as np

import minigrad as mg

from .calls import Call, i

try:
    import torch
    import torch.nn.functional as F
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = F = None


def gathered(shape, index, *arrays, counterpart=True):
    """x[index], or x[arrays] with index None: arrays are constants of the call, so that they may be of any library."""
    if arrays:
        index_of = index or (lambda *a: a if len(a) > 1 else a[0])
        return Call(
            lambda x, *a: mg.getitem(x, index_of(*a)), (shape,), constants=arrays,
            torch=lambda x, *a: x[index_of(*a)],
        )  # fmt: skip
    return Call(
        lambda x: mg.getitem(x, index),
        (shape,),
        torch=(lambda x: x[index]) if counterpart else None,
    )


def scattered(shape, target, index, *arrays):
    """zeros(target)[index] += g"""
    index_of = index if arrays else lambda: index

    def counterpart(g, *a):
        places = torch.arange(int(np.prod(target))).reshape(target)[index_of(*a)]
        flat = torch.zeros(int(np.prod(target)), dtype=g.dtype)
        return flat.index_add(0, places.reshape(-1), g.reshape(-1)).reshape(target)

    return Call(
        lambda g, *a: mg.scatter(g, index_of(*a), target),
        (shape,),
        constants=arrays,
        torch=counterpart,
    )


def put(shape, values, axis, *indices):
    """x with values at the indices along an axis; none of them twice, as PyTorch would give every one a gradient."""
    return Call(
        lambda x, v, a: mg.put_along_axis(x, a, v, axis),
        (shape, values),
        constants=indices,
        torch=lambda x, v, a: x.scatter(axis, a, v),
    )


def written(shape, values, index_of, *arrays):
    """x with x[index] = values, of an index that names no element twice, as PyTorch would give every one a gradient."""

    def counterpart(x, v, *a):
        y = x.clone()
        y[index_of(*a)] = v
        return y

    return Call(
        lambda x, v, *a: mg.set_at(x, index_of(*a), v),
        (shape, values),
        constants=arrays,
        torch=counterpart,
    )


MASK = np.array([[True, False, True], [False, False, True]])

CASES = {
    "getitem": [
        gathered((4, 3), 2), gathered((4, 3), (-1, 0)), gathered((4, 3), slice(1, None, 2)),
        gathered((4, 3), (slice(None, None, -1), slice(-1, 0, -1)), counterpart=False),
        gathered((4, 3), (Ellipsis, None, 1)), gathered((4,), slice(0, 0)), gathered((), ()),
        gathered((0, 3), (slice(None), 1)), gathered((4, 3), None, i(0, 2, 0, -1)), gathered((2, 3), None, MASK),
        gathered((4, 3), None, i(0, 2, 0), i(1, 1, 1)), gathered((2, 4), lambda a: (slice(None), a), i(3, 3, 1)),
        gathered((4, 3), None, i()), gathered((4,), None, np.array([[0, 0], [1, 3]])),
        gathered((3, 2, 4), lambda a, b: (a, slice(None), b), i(0, 0, 2), i(1, 1, 3)),
        gathered((4, 3), lambda *_: [0, 0, 1], i()),
    ],
    "scatter": [
        scattered((3,), (4, 3), 2), scattered((2, 3), (4, 3), slice(1, None, 2)), scattered((), (4, 3), (1, 2)),
        scattered((4, 3), (4, 3), lambda a: a, i(0, 2, 0, -1)), scattered((3,), (2, 3), lambda a: a, MASK),
        scattered((3,), (4, 3), lambda a, b: (a, b), i(0, 2, 0), i(1, 1, 1)),
        scattered((2, 2), (2, 3), lambda a, b: (a, b), i(0, 1).reshape(2, 1), i(2, 0)),
        scattered((2, 2, 3), (4, 3), lambda a: (a, Ellipsis), i(1, 1, 3, 0).reshape(2, 2)),
        scattered((3, 2), (3, 2, 4), lambda a, b: (a, slice(None), b), i(0, 0, 0), i(1, 1, 3)),
        scattered((0, 3), (4, 3), lambda a: a, i()), scattered((2, 3), (2, 4), lambda a: (slice(None), a), i(3, 3, 1)),
    ],
    "put": [
        put((3,), (2,), 0, i(2, 0)), put((2, 3), (2, 1), 1, i(2, 0).reshape(2, 1)),
        put((2, 3), (1, 3), 0, i(1, 0, 1).reshape(1, 3)), put((2, 3), (2, 0), -1, i().reshape(2, 0)),
        put((0, 3), (0, 2), 1, i().reshape(0, 2)),
        Call(lambda x, v, a: mg.put_along_axis(x, a, v, 0), ((3, 2), ()), constants=(i(2, 2).reshape(1, 2),)),
        Call(lambda x, v, a: mg.put_along_axis(x, a, v, 0), ((4,), (3,)), constants=(i(2, -2, 1),)),
        written((4, 3), (3,), lambda: 2), written((4, 3), (), lambda: (-1, 0)), written((), (), lambda: ()),
        written((4, 3), (2, 1), lambda: (slice(None, 2), slice(1, None))), written((0, 3), (0,), lambda: (..., 1)),
        written((4, 3), (2, 3), lambda a: a, i(0, 2)), written((2, 3), (3,), lambda a: a, MASK),
        written((4, 3), (), lambda a: (slice(None), a), i(0, 2)), written((4, 3), (0, 3), lambda a: a, i()),
        Call(lambda x, v, a: mg.set_at(x, a, v), ((4, 3), (3, 1)), constants=(i(2, -2, 1),)),
    ],
}  # fmt: skip
