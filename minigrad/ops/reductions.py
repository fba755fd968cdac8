"""Reductions over axes: `axis` is None for all, a number or a tuple; `keepdims` keeps them as size 1."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.dtypes import narrowed, widened
from ..core.op import sum_
from ..core.rows import primitive, serves
from .axes import (
    Axis,
    axes_of,
    count,
    in_floats,
    joined,
    kept_shape,
    serves_with_axis,
    tuple_of,
)
from .cumulative import products_of_others
from .elementwise import where
from .pytorch_words import says_our_words
from .rearrange import diagonal
from .shapes import broadcast_to, reshape

# Sums ----------------------------------------------------------------------------------------------------


def _to_terms(g: Any, x_shape: Any, axis: Any) -> Any:
    """The gradient of a sum, which goes to each of its terms whole."""
    kept = g.reshape(kept_shape(x_shape, axis)) if g.shape else g  # 0-d broadcasts as it is
    return broadcast_to(kept, x_shape)


_sum_row = primitive(sum_, x=_to_terms)


@serves_with_axis(np.sum)
@says_our_words
def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """sum_i x_i over the given axes; 0 where there is nothing to sum."""
    return _sum_row(x, axes_of(x, axis), keepdims)


@serves_with_axis(np.mean)
@says_our_words
def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """sum_i x_i / n over the given axes; nan where n is 0. float16 is summed in float32."""
    y = sum(widened(x), axis, keepdims) / (count(x.shape, axes_of(x, axis)) or math.nan)
    return narrowed(y, x)


@serves_with_axis(np.nansum)
@says_our_words
def nansum(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """sum_i x_i over the elements that are not nan; nan elements have gradient 0."""
    return sum(where(np.isnan(x), 0, x), axis, keepdims)


@serves_with_axis(np.nanmean)
@says_our_words
def nanmean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """sum_i x_i / n over the n elements that are not nan; nan where all are. float16 is summed in float32."""
    wide = widened(x)
    n = sum(~np.isnan(wide), axis, keepdims)
    y = nansum(wide, axis, keepdims) / where(n == 0, math.nan, n).astype(wide.dtype)
    return narrowed(y, x)


@serves(np.trace)
@says_our_words
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """sum_i x[i, i + offset], with i counted along axis1 and i + offset along axis2; other axes stay."""
    return sum(diagonal(x, offset, axis1, axis2), -1)


# Products ------------------------------------------------------------------------------------------------


def _prod(x: Any) -> Any:
    return np.prod(x, axis=0)


# without a division y / x: exact where elements are 0, at every order
_prod_row = primitive(_prod, x=lambda g, x: g * products_of_others(x))


@serves_with_axis(np.prod)
@says_our_words
def prod(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """x_0 x_1 ... over the given axes; 1 where there is nothing to multiply.

    At the edge: derivatives of every order are exact where elements are 0, as nothing is divided.
    """
    axes = axes_of(x, axis)
    y = narrowed(_prod_row(widened(joined(x, axes))), x)
    return reshape(y, kept_shape(x.shape, axes)) if keepdims else y


# Extremes ------------------------------------------------------------------------------------------------


def _max(x: Any, axis: Any, keepdims: bool) -> Any:
    return x.max(axis=axis, keepdims=keepdims)


def _min(x: Any, axis: Any, keepdims: bool) -> Any:
    return x.min(axis=axis, keepdims=keepdims)


def _to_extremes(g: Any, x: Any, y: Any, axis: Any) -> Any:
    """The gradient, shared evenly among the elements that tie (nan wins, and several nans tie)."""
    kept = kept_shape(x.shape, axis)
    tied = (x == y.reshape(kept)) | np.isnan(x)
    # counted in the gradient's dtype; float16 counts only to 2048, so float32 instead
    ties = tied.sum(axis=axis, keepdims=True).astype(widened(g).dtype)
    return where(tied, g.reshape(kept) / ties, 0)


_max_row = primitive(_max, x=_to_extremes)
_min_row = primitive(_min, x=_to_extremes)


@serves_with_axis(np.max, np.amax)
@says_our_words
def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The largest element over the given axes.

    At a tie: the gradient is shared evenly; nan wins, and several nans tie.
    """
    return _max_row(x, axes_of(x, axis), keepdims)


@serves_with_axis(np.min, np.amin)
@says_our_words
def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The smallest element over the given axes.

    At a tie: the gradient is shared evenly; nan wins, and several nans tie.
    """
    return _min_row(x, axes_of(x, axis), keepdims)


# Logarithms of sums --------------------------------------------------------------------------------------


def _logsumexp(x: Any, axis: Any, keepdims: bool) -> Any:
    bound = {"initial": -math.inf} if 0 in x.shape else {}  # an empty sum: log(0)
    largest = x.max(axis=axis, keepdims=True, **bound)
    is_finite = np.isfinite(largest)
    total = np.exp(x - np.where(is_finite, largest, 0)).sum(axis=axis, keepdims=True)
    y = np.where(is_finite, largest + np.log(np.where(is_finite, total, 1)), largest)
    return y if keepdims else np.squeeze(y, tuple_of(axis, len(x.shape)))


def _logsumexp_back(g: Any, x: Any, y: Any, axis: Any) -> Any:
    # g softmax(x). All -inf: exp(-inf - 0) = 0, at every order. At +inf there is no derivative: nan
    y = y.reshape(kept_shape(x.shape, axis))
    return g.reshape(kept_shape(x.shape, axis)) * np.exp(x - where(y == -math.inf, 0, y))


# a row for stability: exp alone overflows
_logsumexp_row = primitive(_logsumexp, x=_logsumexp_back, floats=True)


@says_our_words
def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """log(sum_i exp(x_i)) over the given axes, without overflow; -inf where there is nothing to sum.

    At the edge: all x_i -inf give -inf, gradient 0; an x_i of inf gives inf, with gradient nan there and 0 elsewhere.
    """
    return narrowed(_logsumexp_row(widened(in_floats(x)), axes_of(x, axis), keepdims), x)
