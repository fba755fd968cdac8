"""Cases of minigrad.ops.scipy_special."""

import minigrad as mg
from minigrad.ops.scipy_special import hazard, share

from .calls import UNARY, Call, anywhere, binary, positive, unary

try:
    import torch
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = None

PARTNERS = {
    "hazard": "the slope of log_ndtr",
    "share": "the slope of xlogy, xlog1py and rel_entr in b",
}


def inside(rng, shape):
    """Between 0 and 1, and on both sides of the bounds between which formulas change."""
    return rng.uniform(0.1, 0.9, shape)


def both_tails(rng, shape):
    return rng.choice([-12, -3, -0.4, 0.3, 2.0], shape) + rng.uniform(-0.1, 0.1, shape)


def not_near_zero(rng, shape):
    return rng.choice([-1, 1], shape) * rng.uniform(0.5, 3, shape)


def of_order(f, n, counterpart=None):
    return [Call(lambda x: f(n, x), (shape,), positive, torch=counterpart) for shape in UNARY]


CASES = {  # beside PyTorch where its own functions are exact
    "gammaln": unary(mg.gammaln, None, positive),
    "gamma": unary(mg.gamma, None, positive),
    "digamma": unary(mg.digamma, None, positive),
    "polygamma": of_order(mg.polygamma, 2, lambda x: torch.polygamma(2, x)),
    "beta": binary(mg.beta, None, positive),
    "betaln": binary(mg.betaln, None, positive),
    "erfcx": unary(mg.erfcx, None, lambda rng, shape: rng.uniform(-1, 14, shape)),
    "erfinv": unary(
        mg.erfinv, lambda x: torch.erfinv(x), lambda rng, shape: inside(rng, shape) - 0.5
    ),
    "erfcinv": unary(mg.erfcinv, None, lambda rng, shape: 2 * inside(rng, shape) ** 3)
    + unary(mg.ndtri, lambda x: torch.special.ndtri(x), inside),
    "log_ndtr": unary(mg.log_ndtr, None, both_tails),
    "hazard": unary(hazard, None, both_tails),
    "xlogy": binary(mg.xlogy, lambda a, b: torch.xlogy(a, b), (anywhere, positive)),
    "xlog1py": binary(mg.xlog1py, lambda a, b: torch.special.xlog1py(a, b), (anywhere, positive)),
    "share": binary(share, None, (anywhere, positive)),
    "entr": unary(mg.entr, lambda x: torch.special.entr(x), positive),
    "rel_entr": binary(mg.rel_entr, lambda a, b: a * torch.log(a / b), positive),
    "logit": unary(mg.logit, lambda x: torch.logit(x), inside),
    "i0": unary(mg.i0, lambda x: torch.special.i0(x)),
    "i1": unary(mg.i1, lambda x: torch.special.i1(x), not_near_zero),
    "iv": of_order(mg.iv, 1.5) + of_order(mg.iv, 2),
    "i0e": unary(mg.i0e, lambda x: torch.special.i0e(x), not_near_zero),
    "i1e": unary(mg.i1e, lambda x: torch.special.i1e(x), not_near_zero),
    "ive": of_order(mg.ive, 1.5) + of_order(mg.ive, 2),
    "j0": unary(mg.j0, None, lambda rng, shape: rng.uniform(-9, 9, shape)),
    "j1": unary(mg.j1, None, lambda rng, shape: rng.uniform(-9, 9, shape)),
    "jv": of_order(mg.jv, 1.5) + of_order(mg.jv, 2),
}
