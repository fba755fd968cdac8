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


def large_and_small(rng, shape):
    """Both sides of the bound from which on digamma is a series."""
    return rng.choice([0.7, 3.0, 15.0, 25.0], shape) + rng.uniform(0, 0.3, shape)


def both_tails(rng, shape):
    return rng.choice([-12, -3, -0.4, 0.3, 2.0], shape) + rng.uniform(-0.1, 0.1, shape)


def of_order(f, n, counterpart=None):
    return [Call(lambda x: f(n, x), (shape,), positive, torch=counterpart) for shape in UNARY]


CASES = {  # beside PyTorch where its own functions are exact
    "gammaln": unary(mg.gammaln, None, positive),
    "gamma": unary(mg.gamma, None, positive),
    "digamma": unary(mg.digamma, None, positive),
    "polygamma": of_order(mg.polygamma, 2, lambda x: torch.polygamma(2, x)),
    "beta": binary(mg.beta, None, positive),
    "betaln": binary(mg.betaln, None, positive) + binary(mg.betaln, None, large_and_small),
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
}
