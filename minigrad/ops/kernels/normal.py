"""The normal distribution in float32: its tail, erf and erfc, and x Phi(x) with its slope, in few passes over a block.

All comes from the tail q(a) = Phi(-a) = exp(-a^2 / 2) r(a) for a >= 0, whose factor r is smooth: the other side of 0
is 1 - q, without cancellation, and no element is computed twice.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .blocks import between, either_side, filled, numbers, signs

# Both ratios are fits of least largest relative error (Lawson's reweighted least squares, linearised at the last
# denominator, on 3000 Chebyshev points, beside SciPy's and mpmath's functions). All coefficients are positive, so that
# Horner's scheme in float32 adds little to that error. Highest power first.
# r(a) = erfc(a / 2^(1/2)) exp(a^2 / 2) / 2 on [0, 14.5], to 6e-9; in float32 coefficients to 3e-8
_TAIL = (
    (0.00411629988, 0.0406331623, 0.183234945, 0.438294687, 0.5),
    (0.0103179139, 0.101858681, 0.469470122, 1.20250234, 1.67447436, 1.0),
)
# artanh(erf(x)) / x in x^2 for |x| <= 4.1, weighted by what is left of an error in erf: to 4e-9. tanh saturates exactly
_ERF = (
    (0.00217827979, 0.0426465378, 0.279806807, 1.12837917),
    (0.00032492394, 0.0236899113, 0.156892559, 1.0),
)
_ERF_END = 8.0
_END = 14.5  # the tail beyond is less than the least float32

# erfc(x) = 2 q(2^(1/2) x): the ratio in x itself, as 2^(1/2) x would be rounded before its square is taken
_ERFC = tuple(
    tuple(factor * c * 2 ** ((len(cs) - 1 - i) / 2) for i, c in enumerate(cs))
    for factor, cs in zip((2.0, 1.0), _TAIL, strict=True)
)
_BITS = np.array(-(2**12), np.int32)  # all but the lower half of a significand


def _horner(coefficients: tuple[float, ...], x: Any, out: Any) -> Any:
    first, *between, last = numbers(coefficients, x)
    np.multiply(x, first, out=out)
    for c in between:
        out += c
        out *= x
    out += last
    return out


def _ratio(coefficients: Any, x: Any, out: Any, other: Any) -> Any:
    out = _horner(coefficients[0], x, out)
    out /= _horner(coefficients[1], x, other)
    return out


def _decay(a: Any, rate: float, out: Any, rest: Any, other: Any) -> Any:
    """exp(-rate a^2), exact to a few ulp however small it is: a = h + l with h^2 exact."""
    (minus_rate,) = numbers((-rate,), a)
    np.bitwise_and(a.view(np.int32), _BITS, out=out.view(np.int32))
    np.subtract(a, out, out=rest)
    np.add(a, out, out=other)
    rest *= other  # a^2 - h^2
    rest *= minus_rate
    np.exp(rest, out=rest)
    out *= out
    out *= minus_rate
    np.exp(out, out=out)
    out *= rest
    return out


def _size(x: Any, end: float, out: Any) -> Any:
    np.abs(x, out=out)
    return np.minimum(out, filled(end, out), out=out)


def erf(x: Any, y: Any) -> None:
    """erf(x) = tanh(x R(x^2)) in float32."""
    z, s, r, w = between(4, x)
    np.minimum(x, filled(_ERF_END, x), out=z)
    np.maximum(z, filled(-_ERF_END, x), out=z)
    np.multiply(z, z, out=s)
    z *= _ratio(_ERF, s, r, w)
    np.tanh(z, out=y)


def erfc(x: Any, y: Any) -> None:
    """erfc(x) in float32: 2 q(2^(1/2) x), and 2 - erfc(-x) below 0."""
    a, e, r, w = between(4, x)
    _size(x, _END * 0.5**0.5, a)
    _decay(a, 1, e, r, w)
    e *= _ratio(_ERFC, a, r, w)
    side = signs(x, a)
    e *= side
    np.subtract(numbers((1.0,), x)[0], side, out=side)
    np.add(e, side, out=y)


def gelu(x: Any, y: Any, slope: Any = None) -> None:
    """x Phi(x) = max(x, 0) - |x| q(|x|) in float32, and Phi(x) + x phi(x), which for -x is 1 less that for x."""
    a, e, r, w = between(4, x)
    _size(x, _END, a)
    _decay(a, 0.5, e, r, w)
    _ratio(_TAIL, a, r, w)
    np.multiply(a, r, out=w)
    w *= e
    if slope is not None:
        a *= numbers(((2 * math.pi) ** -0.5,), x)[0]
        r -= a
        r *= e  # the slope at -|x|
        either_side(r, x, slope, a)
    np.maximum(x, filled(0, x), out=a)
    np.subtract(a, w, out=y)
