"""Cases of minigrad.ops.building, whose functions are composites."""

import numpy as np

import minigrad as mg

from .calls import Call, i, positive

try:
    import torch
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = None


def blocks(shapes, nest):
    return Call(lambda *xs: mg.block(nest(*xs)), shapes)


def line(f, shapes, *options, draw=positive, **further):
    return Call(lambda a, b: f(a, b, *options, **further), shapes, draw)


def lines(f):
    return [
        line(f, ((), ()), 5), line(f, ((3,), (2, 1)), 4, axis=-1), line(f, ((2,), ()), 3, False), line(f, ((), ()), 1),
        line(f, ((), (2,)), 0), Call(lambda a: f(a, 2.5, 6), ((2,),), positive), line(f, ((0,), ()), 2),
    ]  # fmt: skip


COMPOSITES = {
    "append": [
        Call(lambda a, b: mg.append(a, b), ((2, 3), (2,))), Call(lambda a, b: mg.append(a, b, 0), ((2, 3), (1, 3))),
        Call(lambda a: mg.append(a, 1.5), ((2,),)),
    ],
    "apply_along_axis": [
        Call(lambda x: mg.apply_along_axis(np.cumprod, 0, x), ((2, 3),), torch=lambda x: x.cumprod(0)),
        Call(lambda x: mg.apply_along_axis(np.sum, 1, x), ((2, 3, 2),), torch=lambda x: x.sum(1)),
        Call(lambda x: mg.apply_along_axis(lambda r, k: np.outer(r, r * k), -1, x, 3.0), ((2, 3),)),
    ],
    "block": [
        blocks(((), (), (), ()), lambda a, b, c, d: [[a, b], [c, d]]), blocks(((2,), (3,)), lambda a, b: [a, b]),
        blocks(((2, 2), (2, 1), (1, 2), (1, 1)), lambda a, b, c, d: [[a, b], [c, d]]),
        blocks(((2,), (1, 2)), lambda a, b: [[a], [b]]), blocks(((2, 3),), lambda a: a),
        blocks(((1, 2, 2), (2, 1)), lambda a, b: [[a, b]]),
    ],
    "delete": [
        Call(lambda x: mg.delete(x, 1), ((2, 3),)), Call(lambda x: mg.delete(x, [0, -1], 1), ((2, 3),)),
        Call(lambda x: mg.delete(x, slice(None, None, 2), 0), ((3, 2),)),
    ],
    "diagflat": [
        Call(mg.diagflat, ((2, 2),), torch=lambda x: torch.diagflat(x)),
        Call(lambda x: mg.diagflat(x, -1), ((3,),), torch=lambda x: torch.diagflat(x, -1)), Call(mg.diagflat, ((),)),
    ],
    "full": [
        Call(lambda x: mg.full((2, 3), x), ((),)), Call(lambda x: mg.full((2, 3), x), ((2, 1),)),
        Call(lambda x: mg.full(3, x), ((),)), Call(lambda x: mg.full((0,), x), ((),)),
    ],
    "full_like": [
        Call(lambda x: mg.full_like(x, x[0]), ((2, 3),)), Call(lambda x: mg.full_like(x, x, shape=(2, 3)), ((3,),)),
    ],
    "geomspace": [
        *lines(mg.geomspace), Call(lambda a, b: mg.geomspace(-a, -b, 4), ((2,), ()), positive),
    ],
    "insert": [
        Call(lambda x, v: mg.insert(x, 1, v), ((2, 3), (2,))), Call(lambda x, v: mg.insert(x, [2, 0], v, 1), ((2, 3),
        (2, 1))),
        Call(lambda x, v: mg.insert(x, 1, v, 0), ((2, 3), (3,))), Call(lambda x: mg.insert(x, i(0, 0, 3), 7.0),
        ((3,),)),
        Call(lambda x, v: mg.insert(x, slice(0, 2), v, -1), ((2, 3), ())),
    ],
    "linspace": [*lines(mg.linspace), Call(lambda a, b: mg.linspace(a, b, 4, retstep=True)[1], ((2,), ()))],
    "logspace": [
        *lines(mg.logspace), Call(lambda a, b: mg.logspace(a, 2.0, 3, base=b), ((2,), (2,)), positive),
    ],
    "resize": [
        Call(lambda x: mg.resize(x, (2, 3)), ((2,),)), Call(lambda x: mg.resize(x, 3), ((2, 3),)),
        Call(lambda x: mg.resize(x, (2, 5)), ((2, 3),)),
    ],
}  # fmt: skip
