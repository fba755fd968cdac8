"""Powers, roots, and the length of a pair. Like all elementwise ops, they broadcast."""

from __future__ import annotations

import math
from functools import reduce
from operator import mul
from typing import Any

import numpy as np

from ..core.dtypes import FLOAT16, widened
from ..core.rows import Primitive, elementwise, serves
from .elementwise import angle_slope, where
from .inspection import plain

# at 0 the gradient is inf, its limit; that of sqrt(x * x) is nan there, by the chain rule
sqrt = elementwise(
    np.sqrt,
    x=lambda g, y: 0.5 * g / y,
    doc="""x^(1/2)

    At the edge: inf at 0.""",
)
cbrt = elementwise(
    np.cbrt,
    x=lambda g, y: g / (3 * y * y),
    doc="""x^(1/3), real for negative x too

    At the edge: inf at 0.""",
)

# Powers --------------------------------------------------------------------------------------------------


def _power(a: Any, b: Any) -> Any:
    return a**b  # the operator has faster paths for squares and roots than np.power


def _power_slope(a: Any, b: Any, m: int, n: int) -> Any:
    """b (b - 1) ... (b - m + 1) a**(b - m), differentiated n times by b; 0 where the product is 0, whatever a is."""
    if getattr(a, "dtype", None) == FLOAT16:
        return _power_slope(widened(a), widened(b), m, n).astype(FLOAT16)
    if n:
        return _by_exponent(a, b, m, n)
    if m == 1:  # at once, as most calls are this
        return b * a ** (b - (b != 0))
    factors = [b - i for i in range(m)]
    y = a ** ((b - m) * (reduce(mul, factors) != 0))  # 1 where the product is 0
    for factor in factors:  # one by one: their product might overflow where the power is small
        y = factor * y
    return y


def _by_exponent(a: Any, b: Any, m: int, n: int) -> Any:
    """a**(b - m) times a polynomial of log(a); where a is 0 the limit, in which a power outgrows every polynomial."""
    power, factor = a ** (b - m if m else b), _polynomial_of_log(_log(a), b, m, n)
    if isinstance(factor, (np.ndarray, np.generic, float)) and np.isfinite(factor).all():
        return power * factor  # other arrays may not be asked
    counts = power != 0 if m else (power != 0) & ((a != 0) | (b != 0))
    with np.errstate(invalid="ignore"):
        return where(counts | np.isfinite(factor) | np.isnan(factor), power * factor, 0)


def _log(a: Any) -> Any:
    """log(a), -inf at 0; a Python number stays one, so that it widens no dtype."""
    if isinstance(a, (int, float)):
        return math.log(a) if a > 0 else -math.inf if a == 0 else math.nan
    with np.errstate(divide="ignore"):
        return np.log(a)  # nan for a negative base, where a**b is not real around b


def _polynomial_of_log(log: Any, b: Any, m: int, n: int) -> Any:
    """The n-th derivative of b (b - 1) ... (b - m + 1) exp(b log) by b, without the exponential."""
    if not m:
        return reduce(mul, [log] * n)
    taylor = [1]  # coefficients of the product at b + t, in rising powers of t
    for i in range(m):
        taylor = [c * (b - i) + lower for c, lower in zip([*taylor, 0], [0, *taylor], strict=True)]
    y = taylor[0]
    for k in range(1, n + 1):
        y = y * where((y == 0) & np.isinf(log), 0, log)  # log(0) is infinite
        if k <= m:
            y = y + math.perm(n, k) * taylor[k]
    return y


# d^m/da^m d^n/db^n a**b in one row, whose rules count up: the order of differentiation makes no difference, and no
# formula that chooses at an edge is differentiated
power_slope: Primitive = elementwise(
    _power_slope,
    a=lambda g, a, b, m, n: g * power_slope(a, b, m + 1, n),
    b=lambda g, a, b, m, n: g * power_slope(a, b, m, n + 1),
)
power = serves(np.power)(
    elementwise(
        _power,
        a=lambda g, a, b: g * power_slope(a, b, 1, 0),
        b=lambda g, a, b: g * power_slope(a, b, 0, 1),
        doc="""a ** b

    At the edge: 0**b has gradient 0 in b for b >= 0; a negative base has nan in b; a**0 has 0 in a, even at a = 0.""",
    )
)

# The length of a pair ------------------------------------------------------------------------------------


def _cosine(a: Any, b: Any, h: Any) -> Any:
    return a / (h + (h == 0))


def _safe_slope(a: Any, b: Any) -> Any:
    """b / (a^2 + b^2), and 0 at the origin."""
    return angle_slope(a + ((a == 0) & (b == 0)), b)


# a row because its slopes cancel if they come by way of hypot's: 1 / h - a^2 / h^3 is b^2 / h^3. At the origin it is
# 0, of least norm, at every order. h is a constant: the rules count its part
cosine: Primitive = elementwise(
    _cosine,
    a=lambda g, a, b, h: g * cosine(b, a, h) * _safe_slope(a, b),
    b=lambda g, a, b, h: -g * cosine(a, b, h) * _safe_slope(a, b),
    doc="a / h, with h = (a^2 + b^2)^(1/2) computed before; 0 at the origin",
)
hypot = elementwise(
    np.hypot,
    a=lambda g, y, a, b: g * cosine(a, b, plain(y)),
    b=lambda g, y, a, b: g * cosine(b, a, plain(y)),
    doc="""(a^2 + b^2)^(1/2), without overflow

    At the kink: 0 at the origin.""",
)
