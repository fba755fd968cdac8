"""Powers, roots, and the length of a pair. Like all elementwise ops, they broadcast."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.rows import Primitive, elementwise, serves
from .elementwise import log, where

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


def _power_slope(a: Any, b: Any) -> Any:
    # a**0 has gradient 0 everywhere, also at a == 0, where b * a**(b - 1) would be 0 * inf
    return b * a ** (b - (b != 0))


def _power_log(a: Any, b: Any) -> Any:
    # 0**b is constant for b >= 0: gradient 0 there; nan for a negative base, where a**b is not real around b
    return a**b * _log_or_0(a)


def _log_or_0(a: Any) -> Any:
    """log(a), and 0 where a is 0; a Python number stays one, so that it widens no dtype."""
    if isinstance(a, (int, float)):
        return math.log(a) if a > 0 else 0.0 if a == 0 else math.nan
    return log(a + (a == 0))


def _power_mixed(a: Any, b: Any) -> Any:
    """d^2/da db a**b = a**(b - 1) (1 + b log(a)); where a is 0 its limit: 0 for b > 1, -inf for b > 0, inf below."""
    at_0 = a == 0
    a = where(at_0, 1, a)
    y = where(at_0, math.inf, a ** (b - 1) * (1 + b * log(a)))
    return where(at_0 & (b > 0), where(b > 1, 0, -y), y)


def _power_bend(a: Any, b: Any) -> Any:
    """d^2/da^2 a**b = b (b - 1) a**(b - 2), and 0 where both are 0."""
    at_origin = (a == 0) & (b == 0)
    return where(at_origin, 0, b * power_slope(a + at_origin, b - 1))


# the slopes of a**b are rows because their own slopes do not follow from their formulas where these choose; both say
# the same of the mixed derivative
power_slope: Primitive = elementwise(
    _power_slope,
    a=lambda g, a, b: g * _power_bend(a, b),
    b=lambda g, a, b: g * _power_mixed(a, b),
)
power_log = elementwise(
    _power_log,
    a=lambda g, a, b: g * _power_mixed(a, b),
    b=lambda g, y, a: g * y * _log_or_0(a),
)
power = serves(np.power)(
    elementwise(
        _power,
        a=lambda g, a, b: g * power_slope(a, b),
        b=lambda g, a, b: g * power_log(a, b),
        doc="""a ** b

    At the edge: 0**b has gradient 0 in b for b >= 0; a negative base has nan in b; a**0 has 0 in a, even at a = 0.""",
    )
)

# The length of a pair ------------------------------------------------------------------------------------


def _to_leg(g: Any, y: Any, a: Any) -> Any:
    # the gradient of a norm is a / y; at the origin 0, of least norm, at every order
    at_origin = y == 0
    return g * (where(at_origin, 0, a) / (y + at_origin))


hypot = elementwise(
    np.hypot,
    a=lambda g, y, a: _to_leg(g, y, a),
    b=lambda g, y, b: _to_leg(g, y, b),
    doc="""(a^2 + b^2)^(1/2), without overflow

    At the kink: 0 at the origin.""",
)
