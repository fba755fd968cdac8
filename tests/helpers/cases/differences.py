"""Cases of minigrad.ops.differences, whose functions are composites."""

import numpy as np

import minigrad as mg

from .calls import Call, anywhere

try:
    import torch
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = None


def ascending(rng, shape):
    return np.cumsum(rng.uniform(0.5, 1.5, shape), -1).reshape(shape)


def sloped(shapes, f=lambda *xs, **o: mg.gradient(*xs, **o), torch=None, **options):
    draws = (anywhere, *[ascending] * (len(shapes) - 1))
    return Call(lambda *xs: f(*xs, **options), shapes, draws, torch=torch)


def crossed(a, b, counterpart=None, **axes):
    return Call(lambda a, b: mg.cross(a, b, **axes), (a, b), torch=counterpart)


COMPOSITES = {
    "cross": [
        crossed((3,), (3,), lambda a, b: torch.linalg.cross(a, b)), crossed((2, 1, 3), (2, 3)),
        crossed((3, 2), (3, 2), lambda a, b: torch.linalg.cross(a, b, dim=0), axis=0), crossed((2,), (2,)),
        crossed((4, 2), (3,)),
        crossed((3, 2), (2, 3), axisa=0, axisc=0),
    ],
    "diff": [
        Call(mg.diff, ((5,),), torch=lambda x: x.diff()), Call(lambda x: mg.diff(x, 2, 0), ((4, 2),),
        torch=lambda x: x.diff(2, 0)),
        Call(lambda x, a, b: mg.diff(x, prepend=a, append=b), ((2, 3), (), (2, 2))), Call(lambda x: mg.diff(x, 3),
        ((2, 2),)),
        Call(lambda x: mg.diff(x, append=0.5), ((2, 2),)),
    ],
    "ediff1d": [
        Call(mg.ediff1d, ((2, 3),)), Call(lambda x, a, b: mg.ediff1d(x, a, b), ((3,), (2,), ())),
    ],
    "gradient": [
        sloped(((5,),), torch=lambda x: torch.gradient(x)[0]), sloped(((2, 4),), axis=1, edge_order=2),
        sloped(((2, 4),), lambda x, **o: mg.gradient(x, 0.5, **o)[0], lambda x: torch.gradient(x, spacing=0.5)[0]),
        sloped(((5,), (5,)), torch=lambda x, c: torch.gradient(x, spacing=(c,))[0]), sloped(((4, 3), (4,)),
        axis=0, edge_order=2),
        sloped(((3, 4), (3,), ()), lambda f, x, h: sum(mg.gradient(f, x, h))), sloped(((2,),)), sloped(((3,),),
        edge_order=2),
    ],
    "trapezoid": [
        Call(mg.trapezoid, ((2, 4),), torch=lambda y: torch.trapezoid(y)),
        Call(mg.trapezoid, ((2, 4), (4,)), torch=lambda y, x: torch.trapezoid(y, x)),
        Call(lambda y, x: mg.trapezoid(y, x, axis=0), ((3, 2), (3,))), Call(mg.trapezoid, ((2, 3), (2, 3))),
        Call(lambda y, h: mg.trapezoid(y, dx=h), ((4,), ())), Call(mg.trapezoid, ((1,),)),
    ],
}  # fmt: skip
