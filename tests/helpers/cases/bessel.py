"""Cases of minigrad.ops.bessel."""

import minigrad as mg

from .calls import unary
from .scipy_special import of_order

try:
    import torch
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = None


def not_near_zero(rng, shape):
    return rng.choice([-1, 1], shape) * rng.uniform(0.5, 3, shape)


def far(rng, shape):
    """Both sides of the bounds from which on slopes are series."""
    return rng.choice([-40, -20, 7, 20, 40], shape) + rng.uniform(-0.1, 0.1, shape)


CASES = {
    "i0": unary(mg.i0, lambda x: torch.special.i0(x)),
    "i1": unary(mg.i1, lambda x: torch.special.i1(x), not_near_zero),
    "iv": of_order(mg.iv, 1.5) + of_order(mg.iv, 2),
    "i0e": unary(mg.i0e, lambda x: torch.special.i0e(x), not_near_zero) + unary(mg.i0e, None, far),
    "i1e": unary(mg.i1e, lambda x: torch.special.i1e(x), not_near_zero) + unary(mg.i1e, None, far),
    "ive": of_order(mg.ive, 1.5) + of_order(mg.ive, 2),
    "j0": unary(mg.j0, None, lambda rng, shape: rng.uniform(-9, 9, shape)),
    "j1": unary(mg.j1, None, lambda rng, shape: rng.uniform(-9, 9, shape)),
    "jv": of_order(mg.jv, 1.5) + of_order(mg.jv, 2),
}
