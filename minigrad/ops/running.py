"""Running extremes and logarithms of sums along an axis; and running sums without nan, or with the empty sum first."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..core.dtypes import in_array, narrowed, widened
from ..core.rows import primitive, serves
from ..devices import is_elsewhere
from .axes import in_floats, serves_with_axis
from .cumulative import _along, _recurrence_row, cumprod, cumsum
from .elementwise import where
from .indexing import of_known, take_along_axis
from .inspection import on_data, plain
from .pytorch_words import says_our_words
from .reductions import without_nan
from .shapes import atleast_1d, concatenate, ravel


def _places(x: Any, axis: int, ufunc: Any) -> Any:
    """The place of the running extreme at each element: of several that tie the last, and the last nan."""
    is_new = (x == _accumulated(ufunc, x, axis)) | np.isnan(x)
    shape = [-1 if i == axis else 1 for i in range(len(x.shape))]
    own = np.arange(x.shape[axis], like=is_new).reshape(shape)
    return _accumulated(np.maximum, np.where(is_new, own, 0), axis)


def _accumulated(ufunc: Any, x: Any, axis: int) -> Any:
    """ufunc.accumulate(x, axis); for libraries that have it for sums alone, in steps of 1, 2, 4, ... elements."""
    if not is_elsewhere(x):
        return ufunc.accumulate(x, axis)
    x = np.moveaxis(x, axis, 0)
    step = 1
    while step < x.shape[0]:
        x = np.concatenate([x[:step], ufunc(x[:-step], x[step:])])
        step *= 2
    return np.moveaxis(x, 0, axis)


def _running(ufunc: Any, x: Any, axis: int | None) -> Any:
    x, axis = (ravel(x), 0) if axis is None else (x, normalize_axis_index(axis, len(x.shape)))
    return of_known(take_along_axis, x, on_data(_places, x, axis, ufunc), axis)


@serves_with_axis(np.maximum.accumulate)
@says_our_words
def cummax(x: Any, axis: int | None = None) -> Any:
    """y_i = max(x_0, ..., x_i) along `axis`; of all elements in row-major order if it is None. nan stays.

    At a tie: the last of the elements that tie gets the gradient, as in PyTorch.
    """
    return _running(np.maximum, x, axis)


@serves_with_axis(np.minimum.accumulate)
@says_our_words
def cummin(x: Any, axis: int | None = None) -> Any:
    """y_i = min(x_0, ..., x_i) along `axis`; of all elements in row-major order if it is None. nan stays.

    At a tie: the last of the elements that tie gets the gradient, as in PyTorch.
    """
    return _running(np.minimum, x, axis)


def _logcumsumexp(x: Any) -> Any:
    return _accumulated(np.logaddexp, x, 0)


def _logcumsumexp_back(g: Any, x: Any, y: Any) -> Any:
    # x_i is in y_i, y_i+1, ...: exp(x_i - y_i) t_i, with t_i = g_i + exp(y_i - y_i+1) t_i+1. Nothing overflows, as y
    # does not fall. All -inf: exp(-inf - 0) = 0, at every order
    finite = where(y == -math.inf, 0, y)
    t = _recurrence_row(g[::-1], np.exp(y[:-1] - finite[1:])[::-1])[::-1]
    return t * np.exp(x - finite)


# a row for stability: exp alone overflows
_logcumsumexp_row = primitive(_logcumsumexp, x=_logcumsumexp_back, floats=True)


@serves_with_axis(np.logaddexp.accumulate)
@says_our_words
def logcumsumexp(x: Any, axis: int | None = None) -> Any:
    """y_i = log(exp(x_0) + ... + exp(x_i)) along `axis`, without overflow; of x flattened if it is None.

    At the edge: where all so far are -inf, y is -inf with gradient 0; an x_i of inf makes gradients nan.
    """
    return narrowed(_along(_logcumsumexp_row, widened(in_floats(x)), axis), x)


@serves_with_axis(np.nancumsum)
@says_our_words
def nancumsum(x: Any, axis: int | None = None, *, dtype: Any = None) -> Any:
    """y_i = x_0 + ... + x_i along `axis`, with nan as 0 and its gradient 0; of x flattened if it is None."""
    return cumsum(without_nan(x, 0), axis, dtype=dtype)


@serves_with_axis(np.nancumprod)
@says_our_words
def nancumprod(x: Any, axis: int | None = None, *, dtype: Any = None) -> Any:
    """y_i = x_0 x_1 ... x_i along `axis`, with nan as 1 and its gradient 0; of x flattened if it is None."""
    return cumprod(without_nan(x, 1), axis, dtype=dtype)


def _with_empty(
    name: str, running: Any, first: Any, x: Any, axis: Any, dtype: Any, initial: bool
) -> Any:
    x = atleast_1d(in_array(x))
    if axis is None and len(x.shape) != 1:
        raise ValueError(f"{name}: x of shape {tuple(x.shape)} has several axes; name one, axis=")
    axis = normalize_axis_index(0 if axis is None else axis, len(x.shape))
    y = running(x, axis, dtype=dtype)
    if not initial:
        return y
    shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    return concatenate([first(plain(y), shape=shape), y], axis)


@serves(np.cumulative_sum)
def _numpy_cumulative_sum(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Any:
    return _with_empty("np.cumulative_sum", cumsum, np.zeros_like, x, axis, dtype, include_initial)


@serves(np.cumulative_prod)
def _numpy_cumulative_prod(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Any:
    return _with_empty("np.cumulative_prod", cumprod, np.ones_like, x, axis, dtype, include_initial)
