"""Differences, slopes and integrals of values on a grid, and the cross product."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..core.dtypes import in_array
from ..core.rows import serves
from .axes import in_floats, together
from .pytorch_words import says_our_words
from .rearrange import roll
from .reductions import sum
from .shapes import broadcast_to, concatenate, moveaxis, ravel, reshape

# Differences ---------------------------------------------------------------------------------------------


def _steps(x: Any, axis: int) -> Any:
    """x[1:] - x[:-1] along an axis; of bools, which differ or not, x[1:] != x[:-1]."""
    lead = (slice(None),) * axis
    later, earlier = x[(*lead, slice(1, None))], x[(*lead, slice(None, -1))]
    return later != earlier if x.dtype == bool else later - earlier


@serves(np.diff)
@says_our_words
def diff(x: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """y_i = x_i+1 - x_i along an axis, n times over.

    prepend, append  what is joined to x before: arrays that fit along the axis, or numbers
    """
    x, n = in_array(x), operator.index(n)
    axis = normalize_axis_index(axis, len(x.shape), "diff")
    if n < 0:
        raise ValueError(f"diff: n must be an integer >= 0, not {n}")
    if not n:
        return x
    one = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    parts = together(*[v for v in (prepend, x, append) if v is not None])
    if len(parts) > 1:
        x = concatenate([v if len(v.shape) else broadcast_to(v, one) for v in parts], axis)
    for _ in range(n):
        x = _steps(x, axis)
    return x


@serves(np.ediff1d)
def ediff1d(x: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """y_i = x_i+1 - x_i of x flattened, between `to_begin` and `to_end`."""
    given = together(*[v for v in (x, to_begin, to_end) if v is not None])
    parts = [ravel(v) for v in given]
    parts[0] = _steps(parts[0], 0)
    return concatenate([*parts[1:2], parts[0], *parts[2:]] if to_begin is not None else parts)


# Slopes --------------------------------------------------------------------------------------------------


def _slopes(f: Any, h: Any, edge_order: int) -> Any:
    """The slopes of f along its first axis, with the distance h, a number or one for each step, (n - 1, 1, ...)."""
    before, here, behind = f[:-2], f[1:-1], f[2:]
    if not np.ndim(h):
        inside = (behind - before) / (2 * h)
        first, last = h, h
    else:
        a, b = h[:-1], h[1:]
        inside = (a * a * behind + (b * b - a * a) * here - b * b * before) / (a * b * (a + b))
        first, last = h[:1], h[-1:]
    if edge_order == 1:
        ends = [(f[1:2] - f[:1]) / first, (f[-1:] - f[-2:-1]) / last]
    else:
        further = (h, h) if not np.ndim(h) else (h[1:2], h[-2:-1])
        ends = [
            _end_slope(f[:1], f[1:2], f[2:3], first, further[0]),
            -_end_slope(f[-1:], f[-2:-1], f[-3:-2], last, further[1]),
        ]
    return concatenate([ends[0], inside, ends[1]])


def _end_slope(f0: Any, f1: Any, f2: Any, a: Any, b: Any) -> Any:
    """The slope at 0 of the parabola through f0, f1 and f2 at 0, a and a + b."""
    return (f1 - f0) * (a + b) / (a * b) - (f2 - f0) * a / (b * (a + b))


@serves(np.gradient)
@says_our_words
def gradient(
    f: Any, *varargs: Any, axis: int | Sequence[int] | None = None, edge_order: int = 1
) -> Any:
    """The slopes of f on a grid, by central differences, and by one-sided ones at the ends; a tuple for several axes.

    varargs     nothing, for a distance of 1; or for all axes, or for each, a number, the distance, or the coordinates
    axis        the axes along which slopes are taken, by default all
    edge_order  1 or 2: the slopes at the ends are exact for lines or for parabolas

    f and coordinates have gradients (source: Fornberg, Math. Comp. 51 (1988), for uneven grids).
    """
    f, *steps = together(f, *varargs) if any(map(np.ndim, varargs)) else (in_array(f), *varargs)
    f = in_floats(f)
    ndim = len(f.shape)
    axes = tuple(range(ndim)) if axis is None else normalize_axis_tuple(axis, ndim, "gradient")
    if len(steps) == 1 and not np.ndim(steps[0]):
        steps *= len(axes)
    if steps and len(steps) != len(axes):
        raise TypeError(
            f"gradient: {len(steps)} spacings for {len(axes)} axes; none, one for all, or one for each is needed"
        )
    if edge_order not in (1, 2):
        raise ValueError(f"gradient: edge_order must be 1 or 2, not {edge_order!r}")
    slopes = [
        _along(f, a, h, edge_order) for a, h in zip(axes, steps or [1.0] * len(axes), strict=True)
    ]
    return slopes[0] if len(axes) == 1 else tuple(slopes)


def _along(f: Any, axis: int, h: Any, edge_order: int) -> Any:
    n = f.shape[axis]
    if n < edge_order + 1:
        raise ValueError(
            f"gradient: axis {axis} of shape {tuple(f.shape)} needs {edge_order + 1} or more elements"
        )
    if np.ndim(h):
        h = in_floats(in_array(h))
        if tuple(h.shape) != (n,):
            raise ValueError(
                f"gradient: axis {axis} of shape {tuple(f.shape)} has coordinates of shape {tuple(h.shape)}, not ({n},)"
            )
        h = reshape(_steps(h, 0), (n - 1,) + (1,) * (len(f.shape) - 1))
    return moveaxis(_slopes(moveaxis(f, axis, 0), h, edge_order), 0, axis)


# Integrals -----------------------------------------------------------------------------------------------


@serves(np.trapezoid)
@says_our_words
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """sum_i (x_i+1 - x_i) (y_i + y_i+1) / 2 along an axis, with steps of dx if there is no x

    x  (n,), or an array that broadcasts with y; a coordinate may have a gradient as y has
    """
    y, x = (in_array(y), None) if x is None else map(in_floats, together(y, x))
    y, given = in_floats(y), axis
    axis = normalize_axis_index(axis, len(y.shape), "trapezoid")
    lead = (slice(None),) * axis
    pairs = y[(*lead, slice(1, None))] + y[(*lead, slice(None, -1))]
    if x is None:
        return sum(dx * pairs / 2, axis)
    if len(x.shape) == 1:
        x = reshape(x, (-1,) + (1,) * (len(y.shape) - 1 - axis))
        return sum(_steps(x, 0) * pairs / 2, axis)
    return sum(
        diff(x, 1, given) * pairs / 2, given
    )  # counted in x, and in what y and x broadcast to


# The cross product ---------------------------------------------------------------------------------------


@serves(np.cross)
@says_our_words
def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    """(a1 b2 - a2 b1, a2 b0 - a0 b2, a0 b1 - a1 b0), for vectors along the given axes; the other axes broadcast.

    A vector of two has a third component 0; of two such vectors only the last component of the result is left.
    """
    axisa, axisb, axisc = (axisa, axisb, axisc) if axis is None else (axis,) * 3
    a, b = (moveaxis(v, i, -1) for v, i in zip(together(a, b), (axisa, axisb), strict=True))
    sizes = a.shape[-1], b.shape[-1]
    if not {*sizes} <= {2, 3}:
        raise ValueError(
            f"cross: vectors of {sizes[0]} and {sizes[1]} components; 2 or 3 are needed"
        )
    if sizes == (2, 2):
        return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    a, b = (
        v if v.shape[-1] == 3 else concatenate([v, np.zeros_like(v[..., :1])], -1) for v in (a, b)
    )
    y = roll(a, -1, -1) * roll(b, 1, -1) - roll(a, 1, -1) * roll(b, -1, -1)
    return moveaxis(y, -1, axisc)


@serves(np.linalg.cross)
def _numpy_cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    if any(np.shape(x)[axis] != 3 for x in (x1, x2)):
        raise ValueError(
            f"np.linalg.cross: shapes {np.shape(x1)} and {np.shape(x2)} have not 3 components along axis {axis}; "
            "np.cross takes 2, too"
        )
    return cross(x1, x2, axis=axis)
