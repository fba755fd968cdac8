"""Elementwise ops: arithmetic, powers, exponentials, activations, choices.

`g` is the incoming gradient, `y` the output. The engine sums each gradient back to its argument's shape.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..rows import Primitive, elementwise, primitive, serves

# Arithmetic ----------------------------------------------------------------------------------------------

add = elementwise(np.add, a=lambda g: g, b=lambda g: g)
subtract = elementwise(np.subtract, a=lambda g: g, b=lambda g: -g)
multiply = elementwise(np.multiply, a=lambda g, b: g * b, b=lambda g, a: g * a)
divide = elementwise(np.divide, a=lambda g, b: g / b, b=lambda g, y, b: -g * y / b)
negative = elementwise(np.negative, x=lambda g: -g)
square = elementwise(np.square, x=lambda g, x: 2 * g * x)
# where x == 0 the gradient is inf, as the limit is; sqrt(x * x) there is nan by the chain rule
sqrt = elementwise(np.sqrt, x=lambda g, y: 0.5 * g / y)
# |x| at 0: 0, the subgradient of least norm
absolute = elementwise(np.absolute, x=lambda g, x: g * np.sign(x))


def _power(a: Any, b: Any) -> Any:
    return a**b  # the operator, not np.power: NumPy squares and takes roots faster there


def _power_base(g: Any, a: Any, b: Any) -> Any:
    # a**0 has gradient 0 everywhere, also at a == 0, where b * a**(b - 1) would be 0 * inf
    return g * b * a ** (b - (b != 0))


def _power_exponent(g: Any, y: Any, a: Any) -> Any:
    # 0**b is constant for b >= 0: gradient 0 there; nan for a negative base, where a**b is not real around b
    return g * y * _log_or_0(a)


def _log_or_0(a: Any) -> Any:
    """log(a), and 0 where a is 0; of a Python number a Python number, which does not widen what it meets."""
    if isinstance(a, (int, float)):
        return math.log(a) if a > 0 else 0.0 if a == 0 else math.nan
    return log(a + (a == 0))


power = serves(np.power)(elementwise(_power, a=_power_base, b=_power_exponent, doc="a ** b"))

# Exponentials and activations ----------------------------------------------------------------------------

exp = elementwise(np.exp, x=lambda g, y: g * y)
log = elementwise(np.log, x=lambda g, x: g / x)
sin = elementwise(np.sin, x=lambda g, x: g * np.cos(x))
cos = elementwise(np.cos, x=lambda g, x: -g * np.sin(x))
tanh = elementwise(np.tanh, x=lambda g, y: g * (1 - y * y))


def _sigmoid(x: Any) -> Any:
    # 1 / (1 + exp(-x)) for x > 0 and exp(x) / (1 + exp(x)) below: no overflow, exact to rounding in both tails
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))


sigmoid = elementwise(
    _sigmoid, x=lambda g, y: g * y * (1 - y), floats=True, doc="1 / (1 + exp(-x))"
)


# Choices -------------------------------------------------------------------------------------------------


def _won(g: Any, a: Any, b: Any, wins: Any) -> Any:
    """The part of g that goes to a: all where it wins or is nan, half at a tie, none where it loses."""
    return _where_row(wins | np.isnan(a), g, 0) + _where_row(a == b, 0.5 * g, 0)


maximum = elementwise(
    np.maximum,
    a=lambda g, a, b: _won(g, a, b, a > b),
    b=lambda g, a, b: _won(g, b, a, b > a),
)
minimum = elementwise(
    np.minimum,
    a=lambda g, a, b: _won(g, a, b, a < b),
    b=lambda g, a, b: _won(g, b, a, b < a),
)

_BITS = {"e": np.int16, "f": np.int32, "d": np.int64}


def _where(condition: Any, a: Any, b: Any) -> Any:
    """np.where; a mask of float data, `b` being 0, as a product: the bits of a times the truth value.

    That is as fast as `a * condition` (np.where branches, and takes six times as long), and exact for inf and nan.
    """
    if type(b) is int and b == 0 and type(a) is type(condition) is np.ndarray:
        bits = _BITS.get(a.dtype.char) if condition.dtype.char == "?" else None
        if bits is not None:
            return np.multiply(a.view(bits), condition).view(a.dtype)
    return np.where(condition, a, b)


# the branch not taken gets 0; if its own derivative is infinite there, 0 * inf makes nan further up
_where_row: Primitive = elementwise(
    _where,
    a=lambda g, condition: _where_row(condition, g, 0),
    b=lambda g, condition: _where_row(condition, 0, g),
)


@serves(np.where)
def where(condition: Any, a: Any, b: Any) -> Any:
    """a where condition else b, elementwise and broadcast together; the condition has no gradient."""
    return _where_row(condition, a, b)


def _relu(x: Any) -> Any:
    return np.maximum(x, 0)  # nan stays nan, -inf gives 0 (x * (x > 0) would give nan)


# relu at 0: 0, the subgradient of least norm
relu = elementwise(_relu, x=lambda g, y: _where_row(y > 0, g, 0), doc="max(x, 0)")


def _clip(x: Any, low: Any, high: Any) -> Any:
    return np.clip(x, _number(low), _number(high))


def _number(bound: Any) -> Any:
    """A bound without axes as a Python number, which does not widen x."""
    return bound.item() if hasattr(bound, "item") and not bound.shape else bound


def _inside(x: Any, low: Any, high: Any) -> Any:
    """Where the clip is the identity; exactly at a bound it is not: gradient 0, of least norm."""
    if low is None:
        return x < high
    return x > low if high is None else (x > low) & (x < high)


_clip_row = elementwise(_clip, x=lambda g, x, low, high: _where_row(_inside(x, low, high), g, 0))


@serves(np.clip)
def clip(x: Any, low: Any = None, high: Any = None) -> Any:
    """min(max(x, low), high), with low and high numbers, arrays or None; at a bound the gradient is 0."""
    if low is None and high is None:
        raise ValueError("clip: give low, high or both")
    return _clip_row(x, low, high)


def _astype(x: Any, dtype: Any) -> Any:
    return x.astype(dtype)


# the engine casts every gradient to its argument's dtype, which is all the rule there is
_astype_row = primitive(_astype, x=lambda g: g)


@serves(np.astype)
def astype(x: Any, dtype: Any) -> Any:
    """x as another dtype; the gradient returns as x's own. Integer and bool results have no history."""
    target = np.dtype(dtype)
    if target.kind == "c":
        raise TypeError(
            f"astype: complex dtypes have no gradient rules here, {target} was asked for"
        )
    return _astype_row(x, target)
