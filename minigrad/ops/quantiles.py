"""Order statistics: quantiles, the range, a partial sort. The order has no gradient, the elements in it have."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..core import options
from ..core.dtypes import in_array, narrowed, widened
from ..core.rows import serves
from .axes import Axis, axes_of, count, in_floats, joined, kept_shape, serves_with_axis
from .indexing import of_known, take_along_axis
from .inspection import on_data, plain
from .pytorch_words import says_our_words
from .reductions import max, min
from .shapes import ravel, reshape
from .sorting import _order


@says_our_words
def quantile(x: Any, q: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The element at q (n - 1) of x in ascending order, linear between two of them; nan if any element is nan.

    q   a number in [0, 1], or an array of them, whose axes come first in the result; no gradient flows to it

    At a tie: the sort is stable, and the elements that it puts at this place get the gradient.
    """
    return _quantile("quantile", x, q, axis, keepdims, False)


@says_our_words
def nanquantile(x: Any, q: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The quantile of the elements that are not nan, as `quantile` takes it; nan where all are."""
    return _quantile("nanquantile", x, q, axis, keepdims, True)


@says_our_words
def nanmedian(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The middle of the elements that are not nan, or the mean of the middle two; nan where all are."""
    return _quantile("nanmedian", x, 0.5, axis, keepdims, True)


def _quantile(op: str, x: Any, q: Any, axis: Axis, keepdims: bool, skips_nan: bool) -> Any:
    q = np.asarray(options.unwrap(q, op, "q"), float)
    if not np.all((q >= 0) & (q <= 1)):
        raise ValueError(f"{op}: q must lie in [0, 1], in percentiles in [0, 100]; it is {q}")
    axes = axes_of(x, axis)
    kept = kept_shape(x.shape, axes)
    rows = widened(joined(in_floats(x), axes))
    if not count(x.shape, axes):  # the quantile of nothing is nan
        rows = np.full_like(plain(rows), np.nan, shape=(1, *rows.shape[1:]))
    y = _between(rows, _places(plain(rows), q.ravel().tolist(), skips_nan))
    return narrowed(reshape(y, (*q.shape, *(kept if keepdims else rows.shape[1:]))), x)


def _places(rows: Any, q: list[float], skips_nan: bool) -> Any:
    """q (n - 1) for each q, the places in the ascending order of rows (n, ...): (Q, ...); the last where one is nan."""
    is_nan, last = np.isnan(rows), rows.shape[0] - 1
    each = np.asarray(q, float, like=rows)[(slice(None), *(None for _ in rows.shape[1:]))]
    if skips_nan:
        return each * np.maximum(last - is_nan.sum(axis=0), 0)
    return np.where(is_nan.any(axis=0), last, each * last)  # nan is last


def _between(rows: Any, places: Any) -> Any:
    """The elements at some places in the ascending order of the first axis, linear between two."""
    low, high = np.floor(places), np.ceil(places)
    # at an element: half of it and half of it, so that one of inf is inf
    share = np.where(low == high, 0.5, places - low).astype(rows.dtype)
    order = _order(plain(rows), 0)
    first, second = (
        of_known(take_along_axis, rows, np.take_along_axis(order, at.astype("int64"), 0), 0)
        for at in (low, high)
    )
    return first * (1 - share) + second * share


def _of_numpys(name: str, ours: Any, scale: float) -> Any:
    """NumPy's function of this name, by ours; q is in units of `scale`."""

    def call(
        a: Any, q: Any, axis: Any = None, out: None = None, overwrite_input: bool = False, method: str = "linear",
        keepdims: bool = False,
    ) -> Any:  # fmt: skip
        if method != "linear":
            raise TypeError(
                f"np.{name}: method={method!r} is not supported on Tensors; only 'linear' is"
            )
        if out is not None:
            raise TypeError(f"np.{name}: out= is not supported on Tensors; leave it out")
        return ours(a, np.divide(options.unwrap(q, name, "q"), scale), axis, bool(keepdims))

    call.__name__ = f"_numpy_{name}"
    return call


serves(np.quantile)(_of_numpys("quantile", quantile, 1))
serves(np.percentile)(_of_numpys("percentile", quantile, 100))
serves(np.nanquantile)(_of_numpys("nanquantile", nanquantile, 1))
serves(np.nanpercentile)(_of_numpys("nanpercentile", nanquantile, 100))


@serves(np.nanmedian)
def _numpy_nanmedian(
    a: Any, axis: Any = None, out: None = None, overwrite_input: bool = False, keepdims: Any = False
) -> Any:
    if out is not None:
        raise TypeError("np.nanmedian: out= is not supported on Tensors; leave it out")
    return nanmedian(a, axis, bool(keepdims))


@serves_with_axis(np.ptp)
@says_our_words
def ptp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """max(x) - min(x) over the given axes.

    At a tie: each of the two gradients is shared evenly.
    """
    return max(x, axis, keepdims) - min(x, axis, keepdims)


@says_our_words
def partition(x: Any, kth: Any, axis: int | None = -1) -> Any:
    """x in an order in which element kth, or each of several, is where `sort` puts it, none before it larger.

    At a tie: any of the elements that tie may stand at kth; their gradients go where they came from.
    """
    x, axis = (ravel(in_array(x)), 0) if axis is None else (x, axis)
    axis = normalize_axis_index(axis, len(x.shape))
    kth = options.unwrap(kth, "partition", "kth")
    return of_known(take_along_axis, x, on_data(np.argpartition, x, kth, axis), axis)


@serves(np.partition)
def _numpy_partition(a: Any, kth: Any, axis: int | None = -1, kind: str = "introselect") -> Any:
    return partition(a, kth, axis)
