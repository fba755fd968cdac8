"""Signals along one axis: convolution and correlation, interpolation, windows that slide."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..core.dtypes import in_array, in_float32
from ..core.rows import Primitive, primitive, serves
from .axes import in_floats, together
from .elementwise import remainder, where
from .inspection import plain
from .pytorch_words import says_our_words
from .rearrange import flip
from .shapes import atleast_1d, concatenate

# Convolution ---------------------------------------------------------------------------------------------


def _convolved(a: Any, v: Any) -> Any:
    return in_float32(np.convolve, a, v)


def _correlated(a: Any, v: Any) -> Any:
    return in_float32(lambda a, v: np.correlate(a, v, "valid"), a, v)


# <g, convolved(a, v)> is linear in each: two rows that are each other's rules, for speed in NumPy's own functions
_convolve_row: Primitive = primitive(
    _convolved, a=lambda g, v: _correlate_row(g, v), v=lambda g, a: _correlate_row(g, a)
)
_correlate_row: Primitive = primitive(
    _correlated, a=lambda g, v: _convolve_row(g, v), v=lambda g, a: _correlate_row(a, g)
)


@serves(np.convolve)
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """y_k = sum_i a_i v_k-i of two 1-d arrays

    mode  "full", all k with a term, n + m - 1; "same", the middle max(n, m) of them; "valid", those whose sum has all
          min(n, m) terms
    """
    a, v = map(atleast_1d, together(a, v))
    if len(a.shape) != 1 or len(v.shape) != 1 or not a.shape[0] or not v.shape[0]:
        raise ValueError(
            f"convolve: a has shape {a.shape} and v {v.shape}; 1-d arrays that are not empty are needed"
        )
    a, v = (a, v) if a.shape[0] >= v.shape[0] else (v, a)
    n, m = a.shape[0], v.shape[0]
    if mode == "valid":
        return _correlate_row(a, flip(v))
    y = _convolve_row(a, v)
    if mode not in ("full", "same"):
        raise ValueError(f"convolve: mode must be 'full', 'same' or 'valid', not {mode!r}")
    return y if mode == "full" else y[(m - 1) // 2 : (m - 1) // 2 + n]


@serves(np.correlate)
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """y_k = sum_i a_i+k v_i of two 1-d arrays: `convolve` of a and v from its end"""
    a, v = map(atleast_1d, together(a, v))
    if mode == "same" and a.shape[0] < v.shape[0]:  # the middle is counted from the other end
        return flip(convolve(flip(a), v, mode))
    return convolve(a, flip(v), mode)


# Interpolation -------------------------------------------------------------------------------------------


@serves(np.interp)
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    """The height at x of the lines that join the points (xp_i, fp_i)

    xp, fp       (n,); xp ascends
    left, right  the values for x < xp_0 and x > xp_n-1, by default fp_0 and fp_n-1
    period       of x and of xp, which is sorted then; left and right do not count

    All arguments have gradients. At the kink: at a point the slope of the line to its right, and at the last point of
    that to its left.
    """
    x, xp, fp = map(in_floats, together(x, xp, fp))
    if len(xp.shape) != 1 or tuple(xp.shape) != tuple(fp.shape) or not xp.shape[0]:
        raise ValueError(
            f"interp: xp has shape {xp.shape} and fp {fp.shape}; as many points, (n,), are needed"
        )
    if period is not None:
        period = abs(period)
        x, xp = remainder(x, period), remainder(xp, period)
        order = np.argsort(plain(xp), kind="stable")
        xp, fp = xp[order], fp[order]
        xp = concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = concatenate([fp[-1:], fp, fp[:1]])
        left = right = None
    at, knots = plain(x), plain(xp)
    n = xp.shape[0]
    before = np.clip(np.searchsorted(knots, at, "right") - 1, 0, max(n - 2, 0))
    behind = np.minimum(before + 1, n - 1)
    base = np.where(at == knots[-1], n - 1, before)  # at the last point its own height, exactly
    step = xp[behind] - xp[before]
    slope = (fp[behind] - fp[before]) / where(plain(step) == 0, 1, step)
    y = fp[base] + slope * (x - xp[base])
    y = where(at < knots[0], fp[0] if left is None else left, y)
    return where(at > knots[-1], fp[-1] if right is None else right, y)


# Windows that slide --------------------------------------------------------------------------------------


def _slid(x: Any, sizes: Any, axes: Any) -> Any:
    return np.lib.stride_tricks.sliding_window_view(x, sizes, axes)


def _laid(g: Any, shape: Any, sizes: Any, axes: Any) -> Any:
    return in_float32(_added_up, g, shape, sizes, axes)


def _added_up(g: Any, shape: Any, sizes: Any, axes: Any) -> Any:
    y = np.zeros_like(g, shape=shape)
    for place in itertools.product(*map(range, sizes)):
        first = [0] * len(shape)
        for axis, i in zip(axes, place, strict=True):
            first[axis] += i
        y[tuple([slice(i, i + n) for i, n in zip(first, g.shape, strict=False)])] += g[
            (..., *place)
        ]
    return y


# a view, and the sum of what overlaps: each is the other's rule. Composed, the view would be a copy as large as itself
_slide_row: Primitive = primitive(
    _slid, x=lambda g, x_shape, sizes, axes: _lay_row(g, x_shape, sizes, axes)
)
_lay_row: Primitive = primitive(_laid, g=lambda G, sizes, axes: _slide_row(G, sizes, axes))


@serves(np.lib.stride_tricks.sliding_window_view)
@says_our_words
def sliding_window_view(
    x: Any, window_shape: int | Sequence[int], axis: int | Sequence[int] | None = None
) -> Any:
    """y[i, ..., u] = x[i + u, ...]: all windows of a size along axes, within new last axes; a view

    window_shape  a size for each of the axes, which are all of x's by default; an axis may be given twice
    """
    x = in_array(x)
    sizes = (
        (index(window_shape),)
        if hasattr(window_shape, "__index__")
        else tuple(map(index, window_shape))
    )
    ndim = len(x.shape)
    axes = (
        tuple(range(ndim))
        if axis is None
        else normalize_axis_tuple(axis, ndim, "sliding_window_view", True)
    )
    if len(sizes) != len(axes):
        raise ValueError(
            f"sliding_window_view: {len(sizes)} sizes for {len(axes)} axes of x, {tuple(x.shape)}; give one for each"
        )
    return _slide_row(x, sizes, axes)
