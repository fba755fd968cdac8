"""Reductions over axes: `axis` is None for all, a number or a tuple; `keepdims` keeps them as size 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..rows import primitive, serves
from ..words import says_our_words
from .elementwise import where
from .shapes import broadcast_to

Axis = int | Sequence[int] | None


def _axes(x: Any, axis: Axis) -> int | tuple[int, ...] | None:
    """The axes to reduce, counted from 0; AxisError for one that x does not have."""
    if axis is None:
        return None
    ndim = len(x.shape)
    normalize: Any = normalize_axis_index if hasattr(axis, "__index__") else normalize_axis_tuple
    axes: int | tuple[int, ...] = normalize(axis, ndim or 1)
    return axes if ndim else ()  # NumPy lets a 0-d array be reduced over axis 0


def _kept(shape: Any, axis: Any) -> tuple[int, ...]:
    """`shape` with the reduced axes as size 1: what keepdims=True gives."""
    axes = (axis,) if type(axis) is int else range(len(shape)) if axis is None else axis
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def _sum(x: Any, axis: Any, keepdims: bool) -> Any:
    return x.sum(axis=axis, keepdims=keepdims)


_sum_row = primitive(
    _sum, x=lambda g, x_shape, axis: broadcast_to(g.reshape(_kept(x_shape, axis)), x_shape)
)


@serves(np.sum)
@says_our_words
def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """sum_i x_i over the given axes; 0 where there is nothing to sum."""
    return _sum_row(x, _axes(x, axis), keepdims)


@serves(np.mean)
@says_our_words
def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """sum_i x_i / n over the given axes; nan where n is 0."""
    kept = _kept(x.shape, _axes(x, axis))
    count = math.prod(n for n, k in zip(x.shape, kept, strict=True) if k == 1)
    return sum(x, axis, keepdims) / (count if count else math.nan)


def _max(x: Any, axis: Any, keepdims: bool) -> Any:
    return x.max(axis=axis, keepdims=keepdims)


def _min(x: Any, axis: Any, keepdims: bool) -> Any:
    return x.min(axis=axis, keepdims=keepdims)


def _to_extremes(g: Any, x: Any, y: Any, axis: Any) -> Any:
    """The gradient shared evenly among the elements that tie (nan wins, and ties with nan)."""
    kept = _kept(x.shape, axis)
    tied = (x == y.reshape(kept)) | np.isnan(x)
    # counted in the gradient's own dtype; float16 counts only to 2048, so there in float32
    count = tied.sum(axis=axis, keepdims=True).astype(
        "float32" if g.dtype == "float16" else g.dtype
    )
    return where(tied, g.reshape(kept) / count, 0)


_max_row = primitive(_max, x=_to_extremes)
_min_row = primitive(_min, x=_to_extremes)


@serves(np.max, np.amax)
@says_our_words
def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The largest element over the given axes; where several tie, the gradient is shared evenly."""
    return _max_row(x, _axes(x, axis), keepdims)


@serves(np.min, np.amin)
@says_our_words
def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The smallest element over the given axes; where several tie, the gradient is shared evenly."""
    return _min_row(x, _axes(x, axis), keepdims)
