"""Cases of minigrad.ops.number_parts, and of its composites, which have no row."""

import minigrad as mg

from .calls import Call, anywhere, binary, i, not_zero, unary

try:
    import torch
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = None


def not_whole(rng, shape):
    """Neither near a whole number nor near a power of two."""
    return rng.choice([-3, -1, 0, 2], shape) + rng.uniform(0.1, 0.9, shape)


def turned(rng, shape):
    """Angles some of whose steps are longer than a half turn."""
    return 5 * rng.standard_normal(shape)


CASES = {
    "copysign": binary(mg.copysign, lambda a, b: torch.copysign(a, b), not_zero),
    "fmod": [
        *binary(mg.fmod, lambda a, b: torch.fmod(a, b), (anywhere, not_zero)),
        Call(lambda a: mg.fmod(a, 0.7), ((2, 3),), torch=lambda a: torch.fmod(a, 0.7)),
        Call(lambda b: mg.fmod(-2.5, b), ((2, 3),), not_zero, torch=lambda b: torch.fmod(torch.tensor(-2.5), b)),
    ],
    "ldexp": [
        *unary(lambda x: mg.ldexp(x, -2), lambda x: x / 4),
        Call(lambda x, n: mg.ldexp(x, n), ((3,),), constants=(i(2, 0, -1),), torch=lambda x, n: x * 2.0**n),
        Call(lambda x, n: mg.ldexp(x, n), ((3,),), constants=(i(2, -1)[:, None],), torch=lambda x, n: x * 2.0**n),
    ],
    "unwrap": [
        Call(mg.unwrap, ((9,),), turned), Call(lambda p: mg.unwrap(p, axis=0), ((4, 2),), turned),
        Call(lambda p: mg.unwrap(p, discont=1, period=1.5), ((2, 7),)), Call(mg.unwrap, ((0,),)),
    ],
}  # fmt: skip

COMPOSITES = {
    "heaviside": [
        Call(lambda h: mg.heaviside([0.0, 1.0, -1.0], h), ((3,),)),
        Call(lambda h: mg.heaviside(0.0, h), ((2, 2),)),
    ],
    "modf": unary(lambda x: mg.modf(x)[0], lambda x: torch.frac(x), not_whole),
    "frexp": unary(lambda x: mg.frexp(x)[0], lambda x: torch.frexp(x)[0], not_whole),
}
