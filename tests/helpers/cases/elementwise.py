"""Cases of minigrad.ops.elementwise."""

import math

import numpy as np

import minigrad as mg
from minigrad.ops import elementwise

from .calls import Call, anywhere, binary, not_at_the_bounds, not_zero, positive, unary

try:
    import torch
    import torch.nn.functional as F
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = F = None


def near(bound):
    return lambda rng, shape: rng.uniform(bound - 0.05, bound + 0.05, shape)


def inside_one(rng, shape):
    return rng.uniform(-0.8, 0.8, shape)


def above_one(rng, shape):
    return rng.uniform(1.3, 3, shape)


def with_infinities(rng, shape):
    return rng.choice([np.nan, np.inf, -np.inf, -0.7, 0.2, 1.3], shape)


CASES = {
    "add": binary(mg.add, lambda a, b: a + b),
    "subtract": binary(mg.subtract, lambda a, b: a - b),
    "multiply": binary(mg.multiply, lambda a, b: a * b),
    "divide": binary(mg.divide, lambda a, b: a / b, (anywhere, not_zero)),
    "negative": unary(mg.negative, lambda x: -x),
    "square": unary(mg.square, lambda x: x.square()),
    "absolute": unary(mg.absolute, lambda x: x.abs(), not_zero),
    "exp": unary(mg.exp, lambda x: x.exp()),
    "log": unary(mg.log, lambda x: x.log(), positive),
    "sin": unary(mg.sin, lambda x: x.sin()),
    "cos": unary(mg.cos, lambda x: x.cos()),
    "tanh": unary(mg.tanh, lambda x: x.tanh()),
    "sigmoid": unary(mg.sigmoid, lambda x: x.sigmoid()),
    "sigmoid_slope": unary(elementwise.sigmoid_slope, lambda x: x.sigmoid() * (-x).sigmoid()),
    "sech_squared": unary(elementwise.sech_squared, lambda x: x.cosh() ** -2),
    "one_minus_square": unary(elementwise.one_minus_square, lambda x: 1 - x * x),
    "maximum": binary(mg.maximum, lambda a, b: torch.maximum(a, b)),
    "minimum": binary(mg.minimum, lambda a, b: torch.minimum(a, b)),
    "remainder": [
        *binary(mg.remainder, lambda a, b: a % b, (anywhere, not_zero)),
        Call(lambda a: mg.remainder(a, 0.7), ((2, 3),), torch=lambda a: a % 0.7),
        Call(lambda b: mg.remainder(2.5, b), ((2, 3),), not_zero, torch=lambda b: torch.tensor(2.5) % b),
    ],
    "exp2": unary(mg.exp2, lambda x: x.exp2()),
    "expm1": unary(mg.expm1, lambda x: x.expm1()),
    "log2": unary(mg.log2, lambda x: x.log2(), positive),
    "log10": unary(mg.log10, lambda x: x.log10(), positive),
    "log1p": unary(mg.log1p, lambda x: x.log1p(), inside_one),
    "logaddexp": [
        *binary(mg.logaddexp, lambda a, b: torch.logaddexp(a, b)),
        Call(lambda a: mg.logaddexp(a, 0), ((2, 3),), torch=lambda a: F.softplus(a)),
    ],
    "logaddexp2": [
        *binary(mg.logaddexp2, lambda a, b: torch.log2(a.exp2() + b.exp2())),
        Call(lambda b: mg.logaddexp2(0.5, b), ((2, 3),), torch=lambda b: (2**0.5 + b.exp2()).log2()),
    ],
    "tan": unary(mg.tan, lambda x: x.tan(), inside_one),
    "arcsin": unary(mg.arcsin, lambda x: x.arcsin(), inside_one),
    "arccos": unary(mg.arccos, lambda x: x.arccos(), inside_one),
    "arctan": unary(mg.arctan, lambda x: x.arctan()),
    "angle_slope": binary(
        elementwise.angle_slope, lambda a, b: b / (a * a + b * b), not_zero
    ),
    "arctan2": [
        *binary(mg.arctan2, lambda a, b: torch.arctan2(a, b), not_zero),
        Call(lambda a: mg.arctan2(a, -2), ((2, 3),), not_zero, torch=lambda a: math.pi * a.sign() - (a / 2).arctan()),
    ],
    "sinh": unary(mg.sinh, lambda x: x.sinh()),
    "cosh": unary(mg.cosh, lambda x: x.cosh()),
    "arcsinh": unary(mg.arcsinh, lambda x: x.arcsinh()),
    "arccosh": unary(mg.arccosh, lambda x: x.arccosh(), above_one),
    "arctanh": unary(mg.arctanh, lambda x: x.arctanh(), inside_one),
    "fmax": binary(mg.fmax, lambda a, b: torch.fmax(a, b)),
    "fmin": binary(mg.fmin, lambda a, b: torch.fmin(a, b)),
    "nan_to_num": unary(
        lambda x: mg.nan_to_num(x, 0.5, 2, -2), lambda x: x.nan_to_num(0.5, 2, -2), with_infinities
    ) + unary(mg.nan_to_num, lambda x: x.nan_to_num()),
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
        # PyTorch's own gradients of bounds that broadcast have the wrong shape
        *[
            Call(mg.clip, shapes, (not_at_the_bounds, near(-0.5), near(0.8)), torch=counterpart)
            for shapes, counterpart in [
                (((2, 3), (2, 3), (2, 3)), lambda x, low, high: x.clip(low, high)), (((3,), (2, 1), ()), None),
                (((), (2,), (1, 1)), None), (((0, 3), (3,), (3,)), None),
            ]
        ],
    ],
}  # fmt: skip
PARTNERS = {
    "angle_slope": "the gradient of arctan2 and arctan",
    "sigmoid_slope": "the slope of sigmoid",
    "sech_squared": "the slope of tanh",
    "one_minus_square": "what the slopes of arcsin, arccos and arctanh divide by",
}
