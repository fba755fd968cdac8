"""Cases of minigrad.ops.polynomials, whose functions are composites."""

import minigrad as mg

from .calls import Call, anywhere, positive
from .differences import ascending

try:
    import torch
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = None


def two(f):
    return [Call(f, shapes) for shapes in [((3,), (3,)), ((2,), (4,)), ((3,), ()), ((1,), (2,))]]


def fitted(deg, *shapes):
    draws = (ascending, anywhere, positive)[: len(shapes)]
    return Call(
        lambda x, y, *w: mg.polyfit(x - 3, y, deg, **({"w": w[0]} if w else {})), shapes, draws
    )


COMPOSITES = {
    "polyadd": two(mg.polyadd),
    "polyder": [Call(mg.polyder, ((4,),)), Call(lambda p: mg.polyder(p, 2), ((4,),))],
    "polyfit": [
        fitted(2, (6,), (6,)), fitted(0, (3,), (3,)), fitted(1, (5,), (5, 2)), fitted(2, (5,), (5,), (5,)),
        fitted(2, (3,), (3,)),
    ],
    "polyint": [
        Call(mg.polyint, ((3,),)), Call(lambda p, k: mg.polyint(p, 2, k), ((3,), (2,))),
        Call(lambda p, k: mg.polyint(p, 2, k), ((3,), ())),
    ],
    "polymul": two(mg.polymul),
    "polysub": two(mg.polysub),
    "polyval": [
        Call(mg.polyval, ((3,), (2, 2))), Call(lambda x: mg.polyval([1.0, -2.0, 0.5], x), ((3,),)),
        Call(lambda p: mg.polyval(p, 0.5), ((4,),)), Call(mg.polyval, ((3, 2), (4, 2))), Call(mg.polyval, ((2,), ())),
    ],
    "vander": [
        Call(mg.vander, ((3,),), torch=lambda x: torch.linalg.vander(x).flip(-1)),
        Call(lambda x: mg.vander(x, 4, True), ((2,),), torch=lambda x: torch.linalg.vander(x, N=4)),
        Call(lambda x: mg.vander(x, 1), ((3,),)),
    ],
}  # fmt: skip
