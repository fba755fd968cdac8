"""Cases of minigrad.ops.elementwise."""

import numpy as np

import minigrad as mg

from .calls import Call, anywhere, binary, not_at_the_bounds, not_zero, positive, unary

try:
    import torch
    import torch.nn.functional as F
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = F = None


CASES = {
    "add": binary(mg.add, lambda a, b: a + b),
    "subtract": binary(mg.subtract, lambda a, b: a - b),
    "multiply": binary(mg.multiply, lambda a, b: a * b),
    "divide": binary(mg.divide, lambda a, b: a / b, (anywhere, not_zero)),
    "negative": unary(mg.negative, lambda x: -x),
    "square": unary(mg.square, lambda x: x.square()),
    "sqrt": unary(mg.sqrt, lambda x: x.sqrt(), positive),
    "absolute": unary(mg.absolute, lambda x: x.abs(), not_zero),
    "exp": unary(mg.exp, lambda x: x.exp()),
    "log": unary(mg.log, lambda x: x.log(), positive),
    "sin": unary(mg.sin, lambda x: x.sin()),
    "cos": unary(mg.cos, lambda x: x.cos()),
    "tanh": unary(mg.tanh, lambda x: x.tanh()),
    "sigmoid": unary(mg.sigmoid, lambda x: x.sigmoid()),
    "relu": unary(mg.relu, lambda x: x.relu(), not_zero),
    "maximum": binary(mg.maximum, lambda a, b: torch.maximum(a, b)),
    "minimum": binary(mg.minimum, lambda a, b: torch.minimum(a, b)),
    "power": [
        *binary(mg.power, lambda a, b: a**b, (positive, anywhere)),
        *[
            Call(lambda a, n=n: mg.power(a, n), ((2, 3),), draw, torch=lambda a, n=n: a**n)
            for n, draw in [
                (3, anywhere), (2, anywhere), (1, anywhere), (0, anywhere), (-2, not_zero),
                (0.5, positive), (-1.5, positive),
            ]
        ],
        Call(lambda b: mg.power(2.5, b), ((2, 3),), torch=lambda b: 2.5**b),
    ],
    # there and back again, so that the result has the argument's dtype
    "astype": unary(
        lambda x: mg.astype(mg.astype(x, "float64"), x.dtype), lambda x: x.double().to(x.dtype)
    ),
    "where": [
        Call(
            lambda a, b, c: mg.where(c, a, b), shapes, constants=(condition,),
            torch=lambda a, b, c: torch.where(c, a, b),
        )
        for condition in (np.array([[True], [False]]), np.array(True))
        for shapes in [((2, 3), (2, 3)), ((3,), (2, 1)), ((), (3,)), ((1, 1), ()), ((2, 0), (1, 1))]
    ] + [
        Call(
            lambda x, c: mg.where(c, x, 0), ((2, 3),), constants=(np.array([True, False, True]),),
            torch=lambda x, c: torch.where(c, x, 0),
        ),
        Call(
            lambda x, c: mg.where(c, 0, x), ((3,),), constants=(np.array([[True], [False]]),),
            torch=lambda x, c: torch.where(c, 0, x),
        ),
    ],
    "clip": [
        *unary(lambda x: mg.clip(x, -0.5, 0.8), lambda x: x.clip(-0.5, 0.8), not_at_the_bounds),
        *unary(lambda x: mg.clip(x, -0.5), lambda x: x.clip(min=-0.5), not_at_the_bounds),
        *unary(lambda x: mg.clip(x, high=0.8), lambda x: x.clip(max=0.8), not_at_the_bounds),
    ],
}  # fmt: skip
