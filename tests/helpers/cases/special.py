"""Cases of minigrad.ops.special."""

import minigrad as mg

from .calls import unary

try:
    import torch
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = None


def around_zero(rng, shape):
    """Both sides of the bounds between which sinc and erf change their formulas."""
    return rng.choice([-1, 1], shape) * rng.choice([0.02, 0.2, 0.8, 1.7], shape)


CASES = {
    "sinc": unary(mg.sinc, lambda x: torch.sinc(x), around_zero),
    "erf": unary(mg.erf, lambda x: x.erf(), around_zero),
    "erfc": unary(mg.erfc, lambda x: x.erfc(), around_zero),
}
