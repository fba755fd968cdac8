"""Reductions over axes: `axis` is None for all, a number or a tuple; `keepdims` keeps them as size 1.

NumPy's further options, by keyword: `where`, a mask that broadcasts to x and says which elements count; `initial`, one
element more; `dtype`, to which the elements are converted first.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.dtypes import is_array, narrowed, widened
from ..core.op import sum_
from ..core.options import unwrap
from ..core.rows import primitive, serves
from ..devices import is_elsewhere
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
from .elementwise import astype, where
from .inspection import plain
from .pytorch_words import says_our_words
from .rearrange import diagonal
from .shapes import broadcast_to, reshape

# Options -------------------------------------------------------------------------------------------------


def mask_over(x: Any, mask: Any) -> Any:
    """The mask that `where=` gives, as bools in an array of x's library and shape."""
    mask = unwrap(mask, "a reduction", "where")
    mask = mask.astype(bool) if is_array(mask) else np.asarray(mask, bool, like=plain(x))
    try:
        return np.broadcast_to(mask, x.shape)
    except ValueError:
        raise ValueError(
            f"where= has shape {tuple(mask.shape)}, which does not broadcast to the {tuple(x.shape)} of x"
        ) from None


def terms(x: Any, mask: Any, fill: float) -> Any:
    """x with a constant in place of what `where=` leaves out."""
    return x if mask is True else where(mask_over(x, mask), x, fill)


def without_nan(x: Any, fill: float) -> Any:
    """x with a constant in place of nan."""
    return where(np.isnan(x), fill, x)


def _number(op: str, initial: Any) -> Any:
    if np.ndim(initial):
        raise ValueError(f"{op}: initial must be one number, not of shape {np.shape(initial)}")
    return initial


# Sums ----------------------------------------------------------------------------------------------------


def _to_terms(g: Any, x_shape: Any, axis: Any) -> Any:
    """g, to each of the terms whole: the gradient of their sum."""
    kept = g.reshape(kept_shape(x_shape, axis)) if g.shape else g  # 0-d broadcasts as it is
    return broadcast_to(kept, x_shape)


_sum_row = primitive(sum_, x=_to_terms)


@serves_with_axis(np.sum, np.add.reduce)
@says_our_words
def sum(
    x: Any, axis: Axis = None, keepdims: bool = False, *, dtype: Any = None, initial: Any = None, where: Any = True
) -> Any:  # fmt: skip
    """sum_i x_i over the given axes; 0 where there is nothing to sum."""
    if dtype is None and initial is None and where is True:
        return _sum_row(x, axes_of(x, axis), keepdims)
    x = x if dtype is None else astype(x, dtype)
    y = _sum_row(terms(x, where, 0), axes_of(x, axis), keepdims)
    return y if initial is None else y + _number("sum", initial)


@serves_with_axis(np.mean)
@says_our_words
def mean(
    x: Any, axis: Axis = None, keepdims: bool = False, *, dtype: Any = None, where: Any = True
) -> Any:
    """sum_i x_i / n over the given axes; nan where n is 0. float16 is summed in float32."""
    if dtype is not None:
        if np.dtype(dtype).kind != "f":
            raise TypeError(f"mean: dtype must be one of floats, not {np.dtype(dtype)}")
        x = astype(x, dtype)
    wide = widened(x)
    if where is True:
        y = sum(wide, axis, keepdims) / (count(x.shape, axes_of(x, axis)) or math.nan)
    else:
        wide = in_floats(wide)
        y = sum(wide, axis, keepdims, where=where) / how_many(wide, axis, keepdims, where)
    return narrowed(y, x)


def how_many(x: Any, axis: Axis, keepdims: bool, mask: Any, ddof: float = 0) -> Any:
    """The number of elements that `where=` takes, less ddof, in the floats of x; nan where it is not positive."""
    n = np.sum(mask_over(x, mask), axis=axes_of(x, axis), keepdims=keepdims) - ddof
    return np.where(n > 0, n, math.nan).astype(x.dtype)


@serves_with_axis(np.nansum)
@says_our_words
def nansum(
    x: Any, axis: Axis = None, keepdims: bool = False, *, dtype: Any = None, initial: Any = None, where: Any = True
) -> Any:  # fmt: skip
    """sum_i x_i over the elements that are not nan; nan elements have gradient 0."""
    return sum(without_nan(x, 0), axis, keepdims, dtype=dtype, initial=initial, where=where)


@serves_with_axis(np.nanmean)
@says_our_words
def nanmean(
    x: Any, axis: Axis = None, keepdims: bool = False, *, dtype: Any = None, where: Any = True
) -> Any:
    """sum_i x_i / n over the n elements that are not nan; nan where all are. float16 is summed in float32."""
    mask = np.logical_and(~np.isnan(x), where)
    return mean(without_nan(x, 0), axis, keepdims, dtype=dtype, where=mask)


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


@serves_with_axis(np.prod, np.multiply.reduce)
@says_our_words
def prod(
    x: Any, axis: Axis = None, keepdims: bool = False, *, dtype: Any = None, initial: Any = None, where: Any = True
) -> Any:  # fmt: skip
    """x_0 x_1 ... over the given axes; 1 where there is nothing to multiply.

    At the edge: derivatives of every order are exact where elements are 0, as nothing is divided.
    """
    x = terms(x if dtype is None else astype(x, dtype), where, 1)
    axes = axes_of(x, axis)
    y = _prod_row(widened(joined(x, axes)))
    y = narrowed(y if initial is None else y * _number("prod", initial), x)
    return reshape(y, kept_shape(x.shape, axes)) if keepdims else y


# Extremes ------------------------------------------------------------------------------------------------


def _max(x: Any, axis: Any, keepdims: bool) -> Any:
    return x.max(axis=axis, keepdims=keepdims)


def _min(x: Any, axis: Any, keepdims: bool) -> Any:
    return x.min(axis=axis, keepdims=keepdims)


def _to_extremes(g: Any, x: Any, y: Any, axis: Any) -> Any:
    """g * [x = y] / sum([x = y], axis): shared evenly among the elements that tie (nan wins, and several nans tie)."""
    kept = kept_shape(x.shape, axis)
    tied = (x == y.reshape(kept)) | np.isnan(x)
    return where(tied, g.reshape(kept) / _how_many_tie(tied, g, axis), 0)


def _how_many_tie(tied: Any, g: Any, axis: Any) -> Any:
    # counted in the gradient's dtype; float16 counts only to 2048, so float32 instead
    return tied.sum(axis=axis, keepdims=True).astype(widened(g).dtype)


_max_row = primitive(_max, x=_to_extremes)
_min_row = primitive(_min, x=_to_extremes)


def _max_among(x: Any, mask: Any, axis: Any, keepdims: bool, initial: Any) -> Any:
    if is_elsewhere(x):
        return _extreme_elsewhere(np.max, np.maximum, x, mask, axis, keepdims, initial)
    return x.max(axis=axis, keepdims=keepdims, where=mask, initial=initial)


def _min_among(x: Any, mask: Any, axis: Any, keepdims: bool, initial: Any) -> Any:
    if is_elsewhere(x):
        return _extreme_elsewhere(np.min, np.minimum, x, mask, axis, keepdims, initial)
    return x.min(axis=axis, keepdims=keepdims, where=mask, initial=initial)


def _extreme_elsewhere(
    reduce: Any, of_two: Any, x: Any, mask: Any, axis: Any, keepdims: bool, initial: Any
) -> Any:
    """The same in the words of libraries whose reductions know no `where=` and `initial=`, such as CuPy."""
    kept = kept_shape(x.shape, axis)
    if 0 in x.shape:
        y = np.full_like(x, initial, shape=kept)
    else:
        among = np.where(mask, x, initial).astype(x.dtype)
        y = of_two(reduce(among, axis=axis, keepdims=True), np.full_like(x, initial, shape=()))
    return y if keepdims else np.squeeze(y, tuple_of(axis, len(x.shape)))


def _to_extremes_among(g: Any, x: Any, y: Any, mask: Any, axis: Any) -> Any:
    kept = kept_shape(x.shape, axis)
    tied = ((x == y.reshape(kept)) | np.isnan(x)) & mask
    ties = np.maximum(_how_many_tie(tied, g, axis), 1)  # none, where `initial` has won
    return where(tied, g.reshape(kept) / ties, 0)


# rows: with a constant in place of what the mask leaves out, that could tie, and take a share of the gradient
_max_among_row = primitive(_max_among, x=_to_extremes_among)
_min_among_row = primitive(_min_among, x=_to_extremes_among)


def _extreme_among(row: Any, x: Any, axis: Axis, keepdims: bool, initial: Any, mask: Any) -> Any:
    mask = True if mask is True else mask_over(x, mask)
    return row(x, mask, axes_of(x, axis), keepdims, initial)


@serves_with_axis(np.max, np.amax, np.maximum.reduce)
@says_our_words
def max(
    x: Any, axis: Axis = None, keepdims: bool = False, *, initial: Any = None, where: Any = True
) -> Any:
    """The largest element over the given axes, and `initial`, a number, among them.

    At a tie: the gradient is shared evenly by elements of x; nan wins, and several nans tie.
    """
    if initial is None and where is True:
        return _max_row(x, axes_of(x, axis), keepdims)
    return _extreme_among(_max_among_row, x, axis, keepdims, initial, where)


@serves_with_axis(np.min, np.amin, np.minimum.reduce)
@says_our_words
def min(
    x: Any, axis: Axis = None, keepdims: bool = False, *, initial: Any = None, where: Any = True
) -> Any:
    """The smallest element over the given axes, and `initial`, a number, among them.

    At a tie: the gradient is shared evenly by elements of x; nan wins, and several nans tie.
    """
    if initial is None and where is True:
        return _min_row(x, axes_of(x, axis), keepdims)
    return _extreme_among(_min_among_row, x, axis, keepdims, initial, where)


# Logarithms of sums --------------------------------------------------------------------------------------


def _logsumexp(x: Any, axis: Any, keepdims: bool) -> Any:
    if 0 in x.shape:  # an empty sum: log(0)
        largest = np.full_like(x, -math.inf, shape=kept_shape(x.shape, axis))
    else:
        largest = x.max(axis=axis, keepdims=True)
    is_finite = np.isfinite(largest)
    total = np.exp(x - np.where(is_finite, largest, 0)).sum(axis=axis, keepdims=True)
    y = np.where(is_finite, largest + np.log(np.where(is_finite, total, 1)), largest)
    return y if keepdims else np.squeeze(y, tuple_of(axis, len(x.shape)))


def _logsumexp_back(g: Any, x: Any, y: Any, axis: Any) -> Any:
    """g * exp(x - y), which is g softmax(x)"""
    # all -inf: exp(-inf - 0) = 0, at every order. At +inf there is no derivative: nan
    y = y.reshape(kept_shape(x.shape, axis))
    return g.reshape(kept_shape(x.shape, axis)) * np.exp(x - where(y == -math.inf, 0, y))


# a row for stability: exp alone overflows
_logsumexp_row = primitive(_logsumexp, x=_logsumexp_back, floats=True)


@serves_with_axis(np.logaddexp.reduce)
@says_our_words
def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """log(sum_i exp(x_i)) over the given axes, without overflow; -inf where there is nothing to sum.

    At the edge: all x_i -inf give -inf, gradient 0; an x_i of inf gives inf, with gradient nan there and 0 elsewhere.
    """
    return narrowed(_logsumexp_row(widened(in_floats(x)), axes_of(x, axis), keepdims), x)
