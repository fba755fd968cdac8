"""Cases of minigrad.ops.powers."""

import numpy as np

import minigrad as mg
from minigrad.core.dtypes import in_array
from minigrad.ops import powers
from minigrad.ops.inspection import plain

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
    "cosine": binary(
        lambda a, b: powers.cosine(a, b, in_array(np.hypot(*map(plain, (a, b))))),
        lambda a, b: a / torch.hypot(a, b),
        not_zero,
    ),
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
    "power_slope": [
        call
        for m, n, formula in [
            (1, 0, lambda a, b: b * a ** (b - 1)),
            (0, 2, lambda a, b: a**b * a.log() ** 2),
            (2, 1, lambda a, b: a ** (b - 2) * (2 * b - 1 + b * (b - 1) * a.log())),
        ]
        for call in binary(
            lambda a, b, m=m, n=n: powers.power_slope(a, b, m, n), formula, (positive, anywhere)
        )
    ],
}
PARTNERS = {
    "cosine": "the gradient of hypot",
    "power_slope": "the derivatives of power, of every order",
}
