"""Sigmoid and the activations made of it, with their slopes, in few passes over a block.

e = exp(-|x|) never overflows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import BITS
from .blocks import between, decays, either_side, filled, numbers, signs

END = 800  # exp(-x) is 0 beyond, in float64, too


def _sigmoid(x: Any, e: Any, d: Any, out: Any) -> None:
    """e = exp(-|x|), d = 1 + e, and out = 1 / d for x > 0 and e / d below."""
    decays(x, e)
    np.add(e, numbers((1.0,), x)[0], out=d)
    np.maximum(signs(x, out), e, out=out)  # max(1, e) = 1, max(-1, e) = e
    np.divide(out, d, out=out)


def sigmoid(x: Any, y: Any) -> None:
    """1 / (1 + exp(-x))"""
    e, d, s = between(3, x)
    _sigmoid(x, e, d, s if y.dtype != x.dtype else y)
    if y.dtype != x.dtype:
        y[...] = s


def silu(x: Any, y: Any, slope: Any = None) -> None:
    """x s(x), and s(x) + x s(x) s(-x); at +-inf their limits, x or 0, and 1 or 0."""
    e, d, s, z = between(4, x)
    _sigmoid(x, e, d, s)
    low, both = x, x
    if not np.minimum.reduce(e) > 0:  # inf times 0 would be nan
        low, both = np.maximum(x, -END), np.clip(x, -END, END, out=z)
    if slope is not None:
        e /= d
        e /= d
        e *= both
        np.add(e, s, out=slope)
    np.multiply(low, s, out=y)


def exponential_unit(alpha: float, width: float) -> Any:
    """The kernel of x for x > 0 and alpha (exp(x / width) - 1) below, and of its slope, at 0 the smaller one."""

    def kernel(x: Any, y: Any, slope: Any = None) -> None:
        e, line = between(2, x)
        np.minimum(x, filled(0, x), out=e)
        if width != 1:
            e /= width
        if slope is not None:  # not from exp(x) - 1, which loses exp(x) where that is small
            np.exp(e, out=slope)
            if alpha != width:
                slope *= alpha / width
                is_line = x >= 0 if alpha > width else x > 0
                bits = slope.view(BITS[slope.dtype.char])
                bits *= ~is_line
                slope += is_line
        np.expm1(e, out=e)
        e *= alpha
        np.maximum(x, filled(0, x), out=line)
        np.add(line, e, out=y)

    return kernel


def mish(x: Any, y: Any, slope: Any = None) -> None:
    """x p, and p + 4 x e (1 + e) / d^2, with e = exp(x), d = e (e + 2) + 2 and p = tanh(log(1 + e)) = e (e + 2) / d.

    From x = 40 on, 300 in float64, p is 1, and e^2 does not overflow.
    """
    z, e, p, d = between(4, x)
    one, two, four = numbers((1.0, 2.0, 4.0), x)
    end = 40 if x.dtype == np.float32 else 300
    np.maximum(x, filled(-END, x), out=z)  # -inf times 0 would be nan
    np.minimum(z, filled(end, x), out=e)
    if slope is not None:
        slope[...] = e
    np.exp(e, out=e)
    np.add(e, two, out=p)
    p *= e
    np.add(p, two, out=d)
    p /= d
    if slope is not None:
        slope *= e
        slope /= d
        e += one
        e /= d
        e *= four
        slope *= e
        slope += p
    np.multiply(z, p, out=y)


def gelu_tanh(x: Any, y: Any, slope: Any = None) -> None:
    """x s(u) with u = (8 / pi)^(1/2) (x + 0.044715 x^3), as max(x, 0) - |x| s(-u(|x|)), and its slope."""
    a, b, e, d = between(4, x)
    one, rate, cubic, thrice = numbers((1.0, -math.sqrt(8 / math.pi), 0.044715, 3 * 0.044715), x)
    np.abs(x, out=a)
    np.minimum(a, filled(30, x), out=a)  # s(-u) is 0 beyond, and a^3 does not overflow
    np.multiply(a, a, out=b)
    np.multiply(b, cubic, out=e)
    e += one
    e *= a
    e *= rate
    np.exp(e, out=e)
    np.add(e, one, out=d)
    e /= d  # s(-u)
    if slope is not None:
        # at -|x|: s(-u) (1 - |x| u' / (1 + exp(-u)))
        b *= thrice
        b += one
        b *= rate
        b *= a
        b /= d
        b += one
        b *= e
        either_side(b, x, slope, d)
    e *= a
    np.maximum(x, filled(0, x), out=a)
    np.subtract(a, e, out=y)
