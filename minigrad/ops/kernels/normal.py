"""The normal distribution in float32: its tail, erf and erfc, and x Phi(x) with its slope, in few passes over a block.

All comes from the tail q(a) = Phi(-a) = exp(-a^2 / 2) r(a) for a >= 0, whose factor r is smooth: the other side of 0
is 1 - q, without cancellation, and no element is computed twice.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .blocks import between, either_side, filled, numbers

# Both ratios are fits of least largest relative error (Lawson's reweighted least squares, linearised at the last
# denominator, on 3000 Chebyshev points, beside SciPy's and mpmath's functions). All coefficients are positive, so that
# Horner's scheme in float32 adds little to that error. Highest power first.
# erfc(a) exp(a^2) on [0, 10.3], to 6e-9
_ERFC = (
    (0.03297052642, 0.2300468066, 0.7333399965, 1.240066255, 1.000000006),
    (0.05843806554, 0.4077729529, 1.328609168, 2.405835496, 2.368446022, 1.0),
)
# artanh(erf(x)) / x in x^2 for |x| <= 4.1, weighted by what is left of an error in erf: to 4e-9. tanh saturates exactly
_ERF = (
    (0.00217827979, 0.0426465378, 0.279806807, 1.12837917),
    (0.00032492394, 0.0236899113, 0.156892559, 1.0),
)
_ERF_END = 8.0
_END = 14.5  # the tail beyond is less than the least float32
# q(a) = erfc(a / 2^(1/2)) / 2
_TAIL = tuple(
    tuple(factor * c * 2 ** (-(len(cs) - 1 - i) / 2) for i, c in enumerate(cs))
    for factor, cs in zip((0.5, 1.0), _ERFC, strict=True)
)
_BITS = np.array(-(2**12), np.int32)  # all but the lower half of a significand
_MINUS, _ONE = np.array([2**31, 1], np.uint32)  # the bit of a sign, and one place


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


def _by_parity(coefficients: tuple[float, ...], a: Any, square: Any, out: Any, other: Any) -> Any:
    """Horner's scheme in a^2 for the even powers and for the odd ones: their roundings are half as many in a row."""
    _horner(coefficients[-1::-2][::-1], square, out)
    other = _horner(coefficients[-2::-2][::-1], square, other)
    other *= a
    out += other
    return out


def _decay(a: Any, rate: float, out: Any, rest: Any, square: Any) -> None:
    """out = exp(-rate a^2), exact to a few ulp however small it is, and the rounded square a^2."""
    (minus_rate,) = numbers((-rate,), a)
    # the rest of the square, with a = h + l and h^2 exact: (h^2 - square) + (a + h) l
    np.bitwise_and(a.view(np.int32), _BITS, out=out.view(np.int32))
    np.subtract(a, out, out=rest)
    np.add(a, out, out=square)
    rest *= square
    out *= out
    np.multiply(a, a, out=square)
    out -= square
    rest += out
    np.multiply(square, minus_rate, out=out)
    np.exp(out, out=out)
    if rate != 1:
        rest *= -minus_rate
    rest *= out
    out -= rest


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
    a, e, r, s, u = between(5, x)
    _size(x, _END * 0.5**0.5, a)
    _decay(a, 1, e, r, s)
    e *= _by_parity(_ERFC[0], a, s, r, u)
    e /= _by_parity(_ERFC[1], a, s, r, u)
    bits = a.view(np.uint32)
    np.bitwise_and(x.view(np.uint32), _MINUS, out=bits)
    signed = e.view(np.uint32)
    signed |= bits
    bits >>= _ONE  # a sign of x becomes the number 2
    np.add(e, a, out=y)


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
