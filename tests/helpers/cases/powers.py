"""Cases of minigrad.ops.powers."""

import minigrad as mg
from minigrad.ops import powers

from .calls import Call, anywhere, binary, not_zero, positive, unary

try:
    import torch
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = None

CASES = {
    "sqrt": unary(mg.sqrt, lambda x: x.sqrt(), positive),
    "cbrt": unary(mg.cbrt, lambda x: x.sign() * x.abs() ** (1 / 3), not_zero),
    "hypot": [
        *binary(mg.hypot, lambda a, b: torch.hypot(a, b), not_zero),
        Call(lambda a: mg.hypot(a, 0.5), ((2, 3),), torch=lambda a: (a * a + 0.25) ** 0.5),
    ],
    "power": [
        *binary(mg.power, lambda a, b: a**b, (positive, anywhere)),
        *[
            Call(lambda a, n=n: mg.power(a, n), ((2, 3),), draw, torch=lambda a, n=n: a**n)
            for n, draw in [
                (3, anywhere),
                (2, anywhere),
                (1, anywhere),
                (0, anywhere),
                (-2, not_zero),
                (0.5, positive),
                (-1.5, positive),
            ]
        ],
        Call(lambda b: mg.power(2.5, b), ((2, 3),), torch=lambda b: 2.5**b),
    ],
    "power_slope": binary(powers.power_slope, lambda a, b: b * a ** (b - 1), (positive, anywhere)),
    "power_log": binary(powers.power_log, lambda a, b: a**b * a.log(), (positive, anywhere)),
}
PARTNERS = {
    "power_slope": "the gradient of power in its base",
    "power_log": "the gradient of power in its exponent",
}
