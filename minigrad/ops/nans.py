"""Reductions over the elements that are not nan; nansum and nanmean stand beside sum and mean."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.dtypes import in_array
from .axes import Axis, axes_of, serves_with_axis
from .elementwise import where as choice
from .pytorch_words import says_our_words
from .reductions import max, min, prod, without_nan
from .statistics import std, var


@serves_with_axis(np.nanprod)
@says_our_words
def nanprod(
    x: Any, axis: Axis = None, keepdims: bool = False, *, dtype: Any = None, initial: Any = None, where: Any = True
) -> Any:  # fmt: skip
    """x_0 x_1 ... over the elements that are not nan; nan elements have gradient 0."""
    return prod(without_nan(x, 1), axis, keepdims, dtype=dtype, initial=initial, where=where)


def _extreme(
    f: Any, none: float, x: Any, axis: Axis, keepdims: bool, initial: Any, mask: Any
) -> Any:
    x = in_array(x)
    if 0 in x.shape or x.dtype.kind != "f":
        return f(x, axis, keepdims, initial=initial, where=mask)
    mask = np.logical_and(~np.isnan(x), mask)
    if initial is not None:
        return f(x, axis, keepdims, initial=initial, where=mask)
    y = f(x, axis, keepdims, initial=none, where=mask)
    return choice(np.any(mask, axis=axes_of(x, axis), keepdims=keepdims), y, math.nan)


@serves_with_axis(np.nanmax, np.fmax.reduce)
@says_our_words
def nanmax(
    x: Any, axis: Axis = None, keepdims: bool = False, *, initial: Any = None, where: Any = True
) -> Any:
    """The largest element that is not nan, over the given axes; nan where all are.

    At a tie: the gradient is shared evenly; nan elements have gradient 0.
    """
    return _extreme(max, -math.inf, x, axis, keepdims, initial, where)


@serves_with_axis(np.nanmin, np.fmin.reduce)
@says_our_words
def nanmin(
    x: Any, axis: Axis = None, keepdims: bool = False, *, initial: Any = None, where: Any = True
) -> Any:
    """The smallest element that is not nan, over the given axes; nan where all are.

    At a tie: the gradient is shared evenly; nan elements have gradient 0.
    """
    return _extreme(min, math.inf, x, axis, keepdims, initial, where)


@serves_with_axis(np.nanvar)
@says_our_words
def nanvar(
    x: Any, axis: Axis = None, ddof: float = 0, keepdims: bool = False, *,
    where: Any = True, mean: Any = None, correction: float | None = None,
) -> Any:  # fmt: skip
    """The variance of the n elements that are not nan; nan where n <= ddof. nan elements have gradient 0."""
    mask = np.logical_and(~np.isnan(x), where)
    return var(x, axis, ddof, keepdims, where=mask, mean=mean, correction=correction)


@serves_with_axis(np.nanstd)
@says_our_words
def nanstd(
    x: Any, axis: Axis = None, ddof: float = 0, keepdims: bool = False, *,
    where: Any = True, mean: Any = None, correction: float | None = None,
) -> Any:  # fmt: skip
    """The standard deviation of the elements that are not nan, as `nanvar` takes them.

    At the kink: the std of a constant has gradient 0.
    """
    mask = np.logical_and(~np.isnan(x), where)
    return std(x, axis, ddof, keepdims, where=mask, mean=mean, correction=correction)
