"""Elementwise ops: arithmetic, powers, exponentials, trigonometry, choices.

`g` is the incoming gradient, `y` the output. The engine sums each gradient back to its argument's shape.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.dtypes import unify
from ..core.graph import TensorBase
from ..core.rows import Primitive, elementwise, primitive, serves
from .inspection import inspect, plain
from .kernels import BITS

# Arithmetic ----------------------------------------------------------------------------------------------

add = elementwise(np.add, a=lambda g: g, b=lambda g: g, doc="a + b")
subtract = elementwise(np.subtract, a=lambda g: g, b=lambda g: -g, doc="a - b")
multiply = elementwise(np.multiply, a=lambda g, b: g * b, b=lambda g, a: g * a, doc="a b")
divide = elementwise(np.divide, a=lambda g, b: g / b, b=lambda g, y, b: -g * y / b, doc="a / b")
negative = elementwise(np.negative, x=lambda g: -g, doc="-x")
square = elementwise(np.square, x=lambda g, x: 2 * g * x, doc="x^2")
# a % b jumps where a is a multiple of b; the slopes are those of the side that the value belongs to
remainder = elementwise(
    np.remainder,
    a=lambda g: g,
    b=lambda g, a, b: -g * np.floor_divide(a, b),
    doc="""a - b floor(a / b)

    At the kink: where a is a multiple of b, it jumps; the gradient there is 1 in a and -a / b in b.""",
)


@serves(np.floor_divide)
def floor_divide(a: Any, b: Any) -> Any:
    """floor(a / b), without gradient, as it is constant between its jumps."""
    is_tensor = [isinstance(v, TensorBase) for v in (a, b)]
    if not any(is_tensor):
        return np.floor_divide(*plain((a, b), "floor_divide"))
    # one dtype for both operands, as in every op: np.floor_divide itself widens float32 beside an np.float64
    return inspect(np.floor_divide, *unify("floor_divide", [plain(a), plain(b)], is_tensor, True))


# |x| at 0: 0, the subgradient of least norm
absolute = elementwise(
    np.absolute,
    x=lambda g, x: g * np.sign(x),
    doc="""|x|

    At the kink: 0 at 0.""",
)


@serves(np.reciprocal)
def reciprocal(x: Any) -> Any:
    """1 / x; integers become floats."""
    return divide(1, x)


@serves(np.deg2rad, np.radians)
def deg2rad(x: Any) -> Any:
    """x pi / 180"""
    return multiply(x, math.pi / 180)


@serves(np.rad2deg, np.degrees)
def rad2deg(x: Any) -> Any:
    """x 180 / pi"""
    return multiply(x, 180 / math.pi)


# Powers and roots ----------------------------------------------------------------------------------------

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


def _power(a: Any, b: Any) -> Any:
    return a**b  # the operator has faster paths for squares and roots than np.power


def _power_base(g: Any, a: Any, b: Any) -> Any:
    # a**0 has gradient 0 everywhere, also at a == 0, where b * a**(b - 1) would be 0 * inf
    return g * b * a ** (b - (b != 0))


def _power_exponent(g: Any, y: Any, a: Any) -> Any:
    # 0**b is constant for b >= 0: gradient 0 there; nan for a negative base, where a**b is not real around b
    return g * y * _log_or_0(a)


def _log_or_0(a: Any) -> Any:
    """log(a), and 0 where a is 0; a Python number stays one, so that it widens no dtype."""
    if isinstance(a, (int, float)):
        return math.log(a) if a > 0 else 0.0 if a == 0 else math.nan
    return log(a + (a == 0))


power = serves(np.power)(
    elementwise(
        _power,
        a=_power_base,
        b=_power_exponent,
        doc="""a ** b

    At the edge: 0**b has gradient 0 in b for b >= 0; a negative base has nan in b; a**0 has 0 in a, even at a = 0.""",
    )
)


def _to_leg(g: Any, y: Any, a: Any) -> Any:
    # the gradient of a norm is a / y; at the origin 0, of least norm, at every order
    at_origin = y == 0
    return g * (_where_row(at_origin, 0, a) / (y + at_origin))


hypot = elementwise(
    np.hypot,
    a=lambda g, y, a: _to_leg(g, y, a),
    b=lambda g, y, b: _to_leg(g, y, b),
    doc="""(a^2 + b^2)^(1/2), without overflow

    At the kink: 0 at the origin.""",
)

# Exponentials and logarithms -----------------------------------------------------------------------------

exp = elementwise(np.exp, x=lambda g, y: g * y)
exp2 = elementwise(np.exp2, x=lambda g, y: g * y * math.log(2), doc="2^x")
expm1 = elementwise(np.expm1, x=lambda g, y: g * (y + 1), doc="exp(x) - 1, exact near 0")
log = elementwise(np.log, x=lambda g, x: g / x)
log2 = elementwise(np.log2, x=lambda g, x: g / (x * math.log(2)))
log10 = elementwise(np.log10, x=lambda g, x: g / (x * math.log(10)))
log1p = elementwise(np.log1p, x=lambda g, x: g / (1 + x), doc="log(1 + x), exact near 0")


def _sigmoid(x: Any) -> Any:
    # 1 / (1 + exp(-x)) for x > 0 and exp(x) / (1 + exp(x)) below: no overflow, exact to rounding in both tails
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))


sigmoid = elementwise(
    _sigmoid, x=lambda g, y: g * y * (1 - y), floats=True, doc="1 / (1 + exp(-x))"
)


def _excess(a: Any, b: Any) -> Any:
    # a - b, whose sigmoid is a's share of the sum; an a of -inf has no share, even where b is -inf too
    return a - (b if isinstance(b, (int, float)) else _where_row(a > -math.inf, b, 0))


logaddexp = elementwise(
    np.logaddexp,
    a=lambda g, a, b: g * sigmoid(_excess(a, b)),
    b=lambda g, a, b: g * sigmoid(_excess(b, a)),
    doc="""log(exp(a) + exp(b)), without overflow

    At the edge: an argument of -inf has gradient 0, even where both are -inf.""",
)
logaddexp2 = elementwise(
    np.logaddexp2,
    a=lambda g, a, b: g * sigmoid(_excess(a, b) * math.log(2)),
    b=lambda g, a, b: g * sigmoid(_excess(b, a) * math.log(2)),
    doc="""log2(2^a + 2^b), without overflow

    At the edge: an argument of -inf has gradient 0, even where both are -inf.""",
)

# Trigonometric and hyperbolic functions ------------------------------------------------------------------


def _over_square(g: Any, a: Any, b: Any) -> Any:
    """g / (a^2 + b^2), even where the squares would overflow."""
    h = np.hypot(a, b)
    return g / h / h


sin = elementwise(np.sin, x=lambda g, x: g * np.cos(x))
cos = elementwise(np.cos, x=lambda g, x: -g * np.sin(x))
tan = elementwise(np.tan, x=lambda g, y: g * (1 + y * y))
# infinite, which is the limit: arcsin and arccos at -1 and 1, arccosh at 1
arcsin = elementwise(np.arcsin, x=lambda g, x: g / np.sqrt((1 - x) * (1 + x)))
arccos = elementwise(np.arccos, x=lambda g, x: -g / np.sqrt((1 - x) * (1 + x)))
arctan = elementwise(np.arctan, x=lambda g, x: _over_square(g, 1, x))
# nan at the origin, where there is no limit
arctan2 = elementwise(
    np.arctan2,
    a=lambda g, a, b: _over_square(g * b, a, b),
    b=lambda g, a, b: _over_square(-g * a, a, b),
    doc="""The angle of the point (b, a), in [-pi, pi]

    At the edge: nan at the origin.""",
)
sinh = elementwise(np.sinh, x=lambda g, x: g * np.cosh(x))
cosh = elementwise(np.cosh, x=lambda g, x: g * np.sinh(x))
tanh = elementwise(np.tanh, x=lambda g, y: g * (1 - y * y))
arcsinh = elementwise(np.arcsinh, x=lambda g, x: g / np.hypot(1, x))
arccosh = elementwise(np.arccosh, x=lambda g, x: g / (np.sqrt(x - 1) * np.sqrt(x + 1)))
arctanh = elementwise(np.arctanh, x=lambda g, x: g / ((1 - x) * (1 + x)))

# Choices -------------------------------------------------------------------------------------------------


def _won(g: Any, a: Any, b: Any, wins: Any) -> Any:
    """The part of g that goes to a: all where it wins, half at a tie, none where it loses."""
    return _where_row(wins, g, 0) + _where_row(a == b, 0.5 * g, 0)


maximum = elementwise(
    np.maximum,
    a=lambda g, a, b: _won(g, a, b, (a > b) | np.isnan(a)),
    b=lambda g, a, b: _won(g, b, a, (b > a) | np.isnan(b)),
    doc="""max(a, b), nan where either is nan

    At a tie: each gets half; a nan gets the whole gradient.""",
)
minimum = elementwise(
    np.minimum,
    a=lambda g, a, b: _won(g, a, b, (a < b) | np.isnan(a)),
    b=lambda g, a, b: _won(g, b, a, (b < a) | np.isnan(b)),
    doc="""min(a, b), nan where either is nan

    At a tie: each gets half; a nan gets the whole gradient.""",
)
fmax = elementwise(
    np.fmax,
    a=lambda g, a, b: _won(g, a, b, (a > b) | np.isnan(b)),
    b=lambda g, a, b: _won(g, b, a, (b > a) | np.isnan(a)),
    doc="""max(a, b); where one is nan, the other

    At a tie: each gets half; where one is nan, the other gets the whole gradient.""",
)
fmin = elementwise(
    np.fmin,
    a=lambda g, a, b: _won(g, a, b, (a < b) | np.isnan(b)),
    b=lambda g, a, b: _won(g, b, a, (b < a) | np.isnan(a)),
    doc="""min(a, b); where one is nan, the other

    At a tie: each gets half; where one is nan, the other gets the whole gradient.""",
)


def _where(condition: Any, a: Any, b: Any) -> Any:
    is_mask = type(b) is int and b == 0 and type(a) is type(condition) is np.ndarray
    if is_mask and a.dtype.char in BITS and condition.dtype.char == "?":
        return np.multiply(a.view(BITS[a.dtype.char]), condition).view(a.dtype)
    return np.where(condition, a, b)


# the branch not taken gets 0; if its own derivative is infinite there, 0 * inf gives nan in the rules before it
_where_row: Primitive = elementwise(
    _where,
    a=lambda g, condition: _where_row(condition, g, 0),
    b=lambda g, condition: _where_row(condition, 0, g),
)


@serves(np.where)
def where(condition: Any, a: Any, b: Any) -> Any:
    """a where condition else b, elementwise and broadcast together; the condition has no gradient.

    At the edge: nan where the branch not taken has an infinite derivative; `where_safe` gives 0.
    """
    return _where_row(condition, a, b)


def where_safe(condition: Any, f: Callable[[Any], Any], g: Callable[[Any], Any], x: Any) -> Any:
    """f(x) where condition else g(x), each computed only from elements of x on its own side.

    f and g are elementwise. f is called with x where the condition holds, and elsewhere with a constant in its domain:
    the first element of x (in row-major order, broadcast with the condition) for which it holds. g likewise. A
    function that no element needs is not called. So a branch that is infinite or undefined where it is not taken
    leaves no trace, at any order: `where_safe(x > 0, np.sqrt, np.zeros_like, x)` has gradient 0 at x <= 0, while
    `where(x > 0, np.sqrt(x), 0)` has nan. The condition has no gradient.
    """
    condition = plain(condition)
    shape = np.broadcast_shapes(np.shape(condition), np.shape(x))
    taken = np.broadcast_to(condition, shape) != 0
    return _where_row(taken, _on_own_side(taken, f, x), _on_own_side(~taken, g, x))


def _on_own_side(taken: Any, f: Callable[[Any], Any], x: Any) -> Any:
    if not taken.any():
        return 0 if taken.size else f(x)
    elements = np.broadcast_to(plain(x), taken.shape)[taken]
    return f(_where_row(taken, x, elements[0]))


def _nan_to_num(x: Any, nan: Any, posinf: Any, neginf: Any) -> Any:
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


_nan_to_num_row = elementwise(_nan_to_num, x=lambda g, x: _where_row(np.isfinite(x), g, 0))


def nan_to_num(
    x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Any:
    """x with nan replaced by `nan`, inf and -inf by `posinf` and `neginf`, which are the dtype's extremes by default.

    At the edge: gradient 0 where an element was replaced.
    """
    return _nan_to_num_row(x, nan, posinf, neginf)


@serves(np.nan_to_num)
def _numpy_nan_to_num(
    x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    if not copy:
        raise TypeError("np.nan_to_num: copy=False would write into a Tensor; leave it out")
    return nan_to_num(x, nan, posinf, neginf)


def _clip(x: Any, low: Any, high: Any) -> Any:
    return np.clip(x, _number(low), _number(high))


def _number(bound: Any) -> Any:
    """A 0-d bound as a Python number, which does not widen the dtype of x."""
    return bound.item() if hasattr(bound, "item") and not bound.shape else bound


def _inside(x: Any, low: Any, high: Any) -> Any:
    """True strictly between the bounds; exactly at a bound the gradient is 0, of least norm."""
    if low is None:
        return x < high
    return x > low if high is None else (x > low) & (x < high)


_clip_row = elementwise(_clip, x=lambda g, x, low, high: _where_row(_inside(x, low, high), g, 0))


def clip(x: Any, low: Any = None, high: Any = None) -> Any:
    """min(max(x, low), high), with low and high numbers, arrays or None.

    At the kink: 0 exactly at a bound.
    """
    if low is None and high is None:
        raise ValueError("clip: give low, high or both")
    return _clip_row(x, low, high)


@serves(np.clip)
def _numpy_clip(
    a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None
) -> Any:
    if (a_min is not None and min is not None) or (a_max is not None and max is not None):
        raise TypeError("np.clip: give a_min and a_max, or min and max, not both")
    return clip(a, a_min if min is None else min, a_max if max is None else max)


def _astype(x: Any, dtype: Any) -> Any:
    return x.astype(dtype)


# the engine casts every gradient to its argument's dtype: nothing is left for the rule to do
_astype_row = primitive(_astype, x=lambda g: g)


@serves(np.astype)
def astype(x: Any, dtype: Any) -> Any:
    """x as another dtype; the gradient has the dtype of x. Integer and bool results have no history."""
    target = np.dtype(dtype)
    if target.kind == "c":
        raise TypeError(
            f"astype: complex dtypes have no gradient rules here, {target} was asked for"
        )
    return _astype_row(x, target)
