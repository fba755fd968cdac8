"""Functions of one argument in numbers of any length, and their derivatives: what slopes are compared with."""

from functools import cache

import mpmath
from mpmath import mp


def _rectified(x):
    return max(x, mp.zero)


def _clipped(x, low, high):
    return min(max(x, mp.mpf(low)), mp.mpf(high))


def _sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def _softplus(x):
    return mp.log1p(mp.exp(x))


def _exponential_unit(x, alpha):
    return x if x > 0 else alpha * mp.expm1(x)


def _erfc(x):
    return mp.erfc(x) if abs(x) < 40 else mp.mpf(0 if x > 0 else 2)  # mpmath's fails far away


def _angle(x):
    return mp.pi * x


SELU_ALPHA, SELU_SCALE = (
    mp.mpf("1.6732632423543772848170429916717"),
    mp.mpf("1.0507009873554804934193349852946"),
)

OF_ONE = {
    "negative": lambda x: -x,
    "square": lambda x: x * x,
    "absolute": abs,
    "sqrt": mp.sqrt,
    "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
    "exp": mp.exp,
    "exp2": lambda x: mp.mpf(2) ** x,
    "expm1": mp.expm1,
    "log": mp.log,
    "log2": lambda x: mp.log(x) / mp.log(2),
    "log10": lambda x: mp.log(x) / mp.log(10),
    "log1p": lambda x: mp.log(1 + x),
    "sigmoid": _sigmoid,
    "sin": mp.sin,
    "cos": mp.cos,
    "tan": mp.tan,
    "arcsin": mp.asin,
    "arccos": mp.acos,
    "arctan": mp.atan,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "tanh": mp.tanh,
    "arcsinh": mp.asinh,
    "arccosh": mp.acosh,
    "arctanh": mp.atanh,
    "sinc": lambda x: mp.sin(_angle(x)) / _angle(x),
    "erf": lambda x: 1 - _erfc(x),
    "erfc": _erfc,
    "entr": lambda x: -x * mp.log(x),
    "logit": lambda x: mp.log(x / (1 - x)),
    "relu": _rectified,
    "softplus": _softplus,
    "ldexp": lambda x: 4 * x,
    "softsign": lambda x: x / (1 + abs(x)),
    "clip": lambda x: _clipped(x, -0.5, 0.8),
    "nan_to_num": lambda x: x,
    "sigmoid_slope": lambda x: _sigmoid(x) * _sigmoid(-x),
    "sech_squared": lambda x: mp.sech(x) ** 2,
    "one_minus_square": lambda x: 1 - x * x,
    # without a row of their own
    "softshrink": lambda x: x - _clipped(x, -0.5, 0.5),
    "hardshrink": lambda x: x if abs(x) > 0.5 else mp.zero,
    "threshold": lambda x: x if x > 0.3 else -mp.one,
    "leaky_relu": lambda x: x if x > 0 else x * mp.mpf(0.01),
    "relu6": lambda x: _clipped(x, 0, 6),
    "hardtanh": lambda x: _clipped(x, -1, 1),
    "hardsigmoid": lambda x: _clipped(x + 3, 0, 6) / 6,
    "hardswish": lambda x: x * _clipped(x + 3, 0, 6) / 6,
    "elu": lambda x: _exponential_unit(x, 1),
    "exponential_unit": lambda x: _exponential_unit(x, mp.mpf("1.5")),
    "celu": lambda x: _exponential_unit(x, 1),
    "selu": lambda x: SELU_SCALE * _exponential_unit(x, SELU_ALPHA),
    "logsigmoid": lambda x: -_softplus(-x),
    "silu": lambda x: x * _sigmoid(x),
    "mish": lambda x: x * mp.tanh(_softplus(x)),
    "gelu_tanh": lambda x: x * _sigmoid(mp.sqrt(8 / mp.pi) * x * (1 + mp.mpf("0.044715") * x * x)),
    "gelu": lambda x: x * _erfc(-x / mp.sqrt(2)) / 2,
}


@cache
def derivatives(name, x):
    """f and its derivatives to order 3 at x, or None where f is not real around it."""
    size = mpmath.mag(x)
    step = -40 + min(size, 0)
    # differences of order 3 cancel three times; a saturated function hides its slope behind as many digits as it has
    with mp.workprec(1500 + 3 * abs(step) + 2 * abs(size)):
        f, x, h = OF_ONE[name], mp.mpf(x), mp.ldexp(1, step)
        values = [f(x + k * h) for k in (-2, -1, 0, 1, 2)]
        if any(isinstance(v, mp.mpc) for v in values):
            return None
        a, b, c, d, e = values
        return c, (d - b) / (2 * h), (d - 2 * c + b) / h**2, (e - 2 * d + 2 * b - a) / (2 * h**3)
