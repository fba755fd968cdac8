"""Centre and spread of a sample: weighted average, median, variance, standard deviation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.dtypes import in_array, narrowed, widened
from ..core.rows import serves
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
from .elementwise import astype, multiply, square, where
from .inspection import plain
from .norms import norm
from .pytorch_words import says_our_words
from .reads import refuse
from .reductions import how_many, mean, sum, terms
from .shapes import broadcast_to, reshape, transpose
from .sorting import sort


@serves_with_axis(np.var)
@says_our_words
def var(
    x: Any, axis: Axis = None, ddof: float = 0, keepdims: bool = False, *,
    where: Any = True, mean: Any = None, correction: float | None = None,
) -> Any:  # fmt: skip
    """sum_i (x_i - mean(x))^2 / (n - ddof) over the given axes; nan where n <= ddof. float16: in float32.

    where       a mask that broadcasts to x: the elements that count
    mean        the mean, with its axes kept, where it is known already; its own gradient flows too
    correction  another word for ddof
    """
    y = sum(square(_apart(x, axis, mean, where)), axis, keepdims)
    return narrowed(y / _freedom(x, axis, keepdims, ddof, correction, where), x)


@serves_with_axis(np.std)
@says_our_words
def std(
    x: Any, axis: Axis = None, ddof: float = 0, keepdims: bool = False, *,
    where: Any = True, mean: Any = None, correction: float | None = None,
) -> Any:  # fmt: skip
    """sqrt(var(x)) = |x - mean(x)| / sqrt(n - ddof) over the given axes. float16: in float32. Options as of `var`.

    At the kink: the std of a constant has gradient 0, as the norm of zeros has.
    """
    rows = joined(_apart(in_floats(x), axis, mean, where), axes_of(x, axis))
    n = _freedom(x, axis, False, ddof, correction, where)
    y = norm(rows, axis=0) / (math.sqrt(n) if where is True else np.sqrt(n))
    y = reshape(y, kept_shape(x.shape, axes_of(x, axis))) if keepdims else y
    return narrowed(y, x)


def _apart(x: Any, axis: Axis, centre: Any, mask: Any) -> Any:
    """x - mean(x), and 0 where it does not count. float16: in float32."""
    wide = widened(x)
    centre = mean(wide, axis, keepdims=True, where=mask) if centre is None else widened(centre)
    return terms(wide - centre, mask, 0)


def _freedom(
    x: Any, axis: Axis, keepdims: bool, ddof: float, correction: float | None, mask: Any
) -> Any:
    """n - ddof, or nan where that is not positive: a number, or with a mask an array like the result."""
    if ddof and correction is not None:
        raise ValueError("ddof and correction are two words for one thing; give one of them")
    ddof = ddof if correction is None else correction
    if mask is not True:
        return how_many(in_floats(widened(x)), axis, keepdims, mask, ddof)
    n = count(x.shape, axes_of(x, axis)) - ddof
    return n if n > 0 else math.nan


@says_our_words
def average(x: Any, axis: Axis = None, weights: Any = None, keepdims: bool = False) -> Any:
    """sum_i w_i x_i / sum_i w_i over the given axes; the mean without weights.

    weights  of x's shape, or of the shape of the given axes of x; ZeroDivisionError where they sum to 0
    """
    if weights is None:
        return mean(x, axis, keepdims)
    w = in_array(weights)
    x = in_floats(x)
    wide = widened(x)
    w = astype(_aligned(w, x, axis), wide.dtype)
    total = sum(broadcast_to(w, x.shape), axis, keepdims)
    message = "average: weights sum to 0, so that the average does not exist"
    refuse(plain(total) == 0, lambda: ZeroDivisionError(message))
    return narrowed(sum(multiply(wide, w), axis, keepdims) / total, x)


def _aligned(w: Any, x: Any, axis: Axis) -> Any:
    """Weights for all of x, or for the given axes in their order, reshaped to broadcast against x."""
    if tuple(w.shape) == tuple(x.shape):
        return w
    axes = () if axis is None else tuple_of(axes_of(x, axis), len(x.shape))
    if not axes or tuple(w.shape) != tuple(x.shape[i] for i in axes):
        raise ValueError(
            f"average: weights have shape {tuple(w.shape)}; they need x's shape {tuple(x.shape)}, or that of the "
            "axes given by axis"
        )
    w = transpose(w, [axes.index(i) for i in sorted(axes)])
    return reshape(w, [n if i in axes else 1 for i, n in enumerate(x.shape)])


@serves(np.average)
def _numpy_average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False
) -> Any:
    if returned:
        raise TypeError("np.average: returned= is not supported on Tensors; sum the weights")
    return average(a, axis, weights, keepdims)


@says_our_words
def median(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The middle element of x over the given axes, or the mean of the middle two; nan if any element is nan.

    At a tie: the sort is stable, and the elements that it puts in the middle get the gradient.
    """
    axes = axes_of(x, axis)
    x = in_floats(x)
    n = count(x.shape, axes)
    if not n:
        return mean(x, axis, keepdims)
    ordered = sort(joined(x, axes), 0)  # nan last
    low, high = ordered[(n - 1) // 2], ordered[n // 2]
    y = high if n % 2 else low / 2 + high / 2  # halved first: the sum may overflow
    y = where(np.isnan(ordered[-1]), ordered[-1], y)
    return reshape(y, kept_shape(x.shape, axes)) if keepdims else y


@serves(np.median)
def _numpy_median(
    a: Any,
    axis: Any = None,
    out: None = None,
    overwrite_input: bool = False,
    keepdims: bool = False,
) -> Any:
    if out is not None:
        raise TypeError("np.median: out= is not supported on Tensors; leave it out")
    return median(a, axis, keepdims)
