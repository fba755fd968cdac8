"""Elementwise ops: arithmetic, exponentials, trigonometry, choices.

`g` is the incoming gradient, `y` the output. The engine sums each gradient back to its argument's shape.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.dtypes import as_array, unify
from ..core.graph import TensorBase
from ..core.rows import Primitive, elementwise, primitive, serves
from ..devices import is_elsewhere
from .inspection import inspect, plain
from .kernels import BITS
from .kernels.activations import sigmoid as sigmoid_of_block
from .kernels.blocks import in_blocks
from .pytorch_words import says_our_words

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


# Exponentials and logarithms -----------------------------------------------------------------------------

exp = elementwise(np.exp, x=lambda g, y: g * y)
exp2 = elementwise(np.exp2, x=lambda g, y: g * y * math.log(2), doc="2^x")
# exp(x), not y + 1, which is 0 where y has come to -1: a pass of exp for one of an addition, and x saved for y
expm1 = elementwise(np.expm1, x=lambda g, x: g * np.exp(x), doc="exp(x) - 1, exact near 0")
log = elementwise(np.log, x=lambda g, x: g / x)
log2 = elementwise(np.log2, x=lambda g, x: g / (x * math.log(2)))
log10 = elementwise(np.log10, x=lambda g, x: g / (x * math.log(10)))
log1p = elementwise(np.log1p, x=lambda g, x: g / (1 + x), doc="log(1 + x), exact near 0")


LONG = 2**13  # elements: in a shorter array the calls cost more than the second exponential


def _sigmoid(x: Any) -> Any:
    if type(x) is np.ndarray and x.dtype.char in "fd" and x.size >= LONG:
        return in_blocks(sigmoid_of_block, x)[0]  # the same bits
    # 1 / (1 + exp(-x)) for x > 0 and exp(x) / (1 + exp(x)) below: no overflow, exact to rounding in both tails
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))


def _hump(decay: Any) -> Any:
    """decay / (1 + decay)^2, in the memory of decay."""
    y = 1 + decay
    y *= y
    decay /= y
    return decay


def _sigmoid_slope(x: Any) -> Any:
    return _hump(np.exp(-np.abs(x)))


def _sech_squared(x: Any) -> Any:
    decay = np.exp(-np.abs(x))  # does not overflow, as cosh would
    decay *= decay
    return 4 * _hump(decay)


# The slopes of sigmoid and tanh, from x: y (1 - y) and 1 - y^2 are 0 where y has come to 1, and y (1 - y) (1 - 2 y) is
# nothing but rounding near 0. The price is an exponential, and x saved beside the y that gates save: a step of an LSTM
# takes 2% longer with 256 units and 64 rows, a quarter with 64 units and 32 rows, and saves 57% more.
sigmoid_slope = elementwise(
    _sigmoid_slope,
    x=lambda g, y, x: -g * y * tanh(0.5 * x),
    floats=True,
    doc="sigmoid(x) sigmoid(-x)",
)
sech_squared = elementwise(
    _sech_squared, x=lambda g, y, x: -2 * g * y * tanh(x), floats=True, doc="1 / cosh(x)^2"
)
sigmoid = elementwise(
    _sigmoid, x=lambda g, x: g * sigmoid_slope(x), floats=True, doc="1 / (1 + exp(-x))"
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


def _angle_slope(a: Any, b: Any) -> Any:
    h = np.hypot(a, b)
    return b / h / h


def _angle_bend(g: Any, a: Any, b: Any) -> Any:
    """g (a^2 - b^2) / (a^2 + b^2)^2"""
    across, along = angle_slope(b, a), angle_slope(a, b)
    return g * across * across - g * along * along


# a row because products of slopes are in range where the quotients of a product rule leave it
angle_slope: Primitive = elementwise(
    _angle_slope,
    a=lambda g, a, b: -2 * g * angle_slope(a, b) * angle_slope(b, a),
    b=lambda g, a, b: _angle_bend(g, a, b),
    floats=True,
    doc="b / (a^2 + b^2), even where the squares would overflow",
)


def _one_minus_square(x: Any) -> Any:
    """1 - x^2"""
    return (1 - x) * (1 + x)


# (1 - x)(1 + x) is exact near 1; its slope from the product rule, (1 - x) - (1 + x), would cancel near 0
one_minus_square = elementwise(_one_minus_square, x=lambda g, x: -2 * g * x)
sin = elementwise(np.sin, x=lambda g, x: g * np.cos(x))
cos = elementwise(np.cos, x=lambda g, x: -g * np.sin(x))
tan = elementwise(np.tan, x=lambda g, y: g * (1 + y * y))
# infinite, which is the limit: arcsin and arccos at -1 and 1, arccosh at 1
arcsin = elementwise(np.arcsin, x=lambda g, x: g / np.sqrt(one_minus_square(x)))
arccos = elementwise(np.arccos, x=lambda g, x: -g / np.sqrt(one_minus_square(x)))
arctan = elementwise(np.arctan, x=lambda g, x: g * angle_slope(x, 1))
# nan at the origin, where there is no limit
arctan2 = elementwise(
    np.arctan2,
    a=lambda g, a, b: g * angle_slope(a, b),
    b=lambda g, a, b: -g * angle_slope(b, a),
    doc="""The angle of the point (b, a), in [-pi, pi]

    At the edge: nan at the origin.""",
)
sinh = elementwise(np.sinh, x=lambda g, x: g * np.cosh(x))
cosh = elementwise(np.cosh, x=lambda g, x: g * np.sinh(x))
tanh: Primitive = elementwise(np.tanh, x=lambda g, x: g * sech_squared(x))
arcsinh = elementwise(np.arcsinh, x=lambda g, x: g / np.hypot(1, x))
arccosh = elementwise(np.arccosh, x=lambda g, x: g / (np.sqrt(x - 1) * np.sqrt(x + 1)))
arctanh = elementwise(np.arctanh, x=lambda g, x: g / one_minus_square(x))

# Choices -------------------------------------------------------------------------------------------------


def _won(g: Any, a: Any, b: Any, wins: Any) -> Any:
    """g [wins] + g [a = b] / 2: all where a wins, half at a tie, none where it loses."""
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


_NUMBERS = frozenset("biufc")  # kinds of dtypes


@serves(np.where)
def where(condition: Any, a: Any, b: Any) -> Any:
    """a where condition else b, elementwise and broadcast together; the condition has no gradient.

    At the edge: nan where the branch not taken has an infinite derivative; `where_safe` gives 0.
    """
    kind = getattr(getattr(condition, "dtype", None), "kind", None)
    if kind not in _NUMBERS:  # a text or a dict would be one true value
        condition = as_array(condition, where="where")
    return _where_row(condition, a, b)


def where_safe(condition: Any, f: Callable[[Any], Any], g: Callable[[Any], Any], x: Any) -> Any:
    """f(x) where condition else g(x), each computed only from elements of x on its own side.

    f and g are elementwise. f is called with x where the condition holds, and elsewhere with a constant in its domain:
    the first element of x (in row-major order, broadcast with the condition) for which it holds. g likewise. A
    function that no element needs is not called, but on a device it is. So a branch that is infinite or undefined where
    it is not taken leaves no trace, at any order: `where_safe(x > 0, np.sqrt, np.zeros_like, x)` has gradient 0 at
    x <= 0, while `where(x > 0, np.sqrt(x), 0)` has nan. The condition has no gradient.
    """
    condition = plain(condition)
    shape = np.broadcast_shapes(np.shape(condition), np.shape(x))
    taken = np.broadcast_to(condition, shape) != 0
    return _where_row(taken, _on_own_side(taken, f, x), _on_own_side(~taken, g, x))


def _on_own_side(taken: Any, f: Callable[[Any], Any], x: Any) -> Any:
    if is_elsewhere(taken) and taken.size:  # to ask whether any is taken would wait
        first = np.take(np.broadcast_to(plain(x), taken.shape).reshape(-1), np.argmax(taken))
        return f(_where_row(taken, x, first))
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
    return np.clip(x, low, high)


def _inside(x: Any, low: Any, high: Any) -> Any:
    """low < x < high; exactly at a bound the gradient is 0, of least norm."""
    if low is None:
        return x < high
    return x > low if high is None else (x > low) & (x < high)


def _at_low(x: Any, low: Any, high: Any) -> Any:
    """x <= low < high: where low is the value, unless high wins."""
    return (x <= low) if high is None else (x <= low) & (low < high)


def _at_high(x: Any, low: Any, high: Any) -> Any:
    """high <= max(x, low): where high is the value."""
    return (x >= high) if low is None else (x >= high) | (low >= high)


_clip_row = elementwise(
    _clip,
    x=lambda g, x, low, high: _where_row(_inside(x, low, high), g, 0),
    low=lambda g, x, low, high: _where_row(_at_low(x, low, high), g, 0),
    high=lambda g, x, low, high: _where_row(_at_high(x, low, high), g, 0),
)


@says_our_words
def clip(x: Any, low: Any = None, high: Any = None) -> Any:
    """min(max(x, low), high), with low and high numbers, arrays or None.

    At the kink: exactly at a bound x gets 0 and the bound the gradient; where low >= high, high gets it.
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
        raise TypeError(f"astype: complex dtypes have no gradient rules; {target} was asked for")
    return _astype_row(x, target)
