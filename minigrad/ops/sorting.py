"""Sorting: the order has no gradient; the values are gathered in that order, and so have one."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..core.dtypes import in_array
from ..core.rows import serves
from .indexing import of_known, take_along_axis
from .inspection import on_data, plain
from .pytorch_words import says_our_words


def _order(x: Any, axis: int, descending: bool = False) -> Any:
    """The stable order of x along an axis; nan counts as larger than all numbers."""
    if not descending:
        return np.argsort(x, axis, kind="stable")
    backwards = np.argsort(np.flip(x, axis), axis, kind="stable")
    return x.shape[axis] - 1 - np.flip(backwards, axis)


@says_our_words
def sort(x: Any, axis: int | None = -1) -> Any:
    """x in ascending order along `axis`; x flattened, then sorted, if axis is None. nan comes last.

    At a tie: the sort is stable, so equal elements and their gradients keep their order.
    """
    if axis is None:
        x, axis = in_array(x).reshape(-1), 0
    axis = normalize_axis_index(axis, len(x.shape))
    return of_known(take_along_axis, x, _order(plain(x), axis), axis)


@says_our_words
def argsort(x: Any, axis: int | None = -1) -> Any:
    """The indices that sort x along `axis`; equal elements keep their order. No gradient flows through them."""
    if axis is None:
        x, axis = in_array(x).reshape(-1), 0
    axis = normalize_axis_index(axis, len(x.shape))
    return on_data(_order, x, axis)


# a stable sort satisfies every `kind` and `stable`
@serves(np.sort)
def _numpy_sort(a: Any, axis: int | None = -1, kind: Any = None, *, stable: Any = None) -> Any:
    return sort(a, axis)


@serves(np.argsort)
def _numpy_argsort(a: Any, axis: int | None = -1, kind: Any = None, *, stable: Any = None) -> Any:
    return argsort(a, axis)


def _first(x: Any, k: int, axis: int, largest: bool) -> Any:
    """The places of the first k elements in sorted order."""
    until_k = (slice(None),) * axis + (slice(k),)
    if not 0 < 4 * k < x.shape[axis]:
        return _order(x, axis, largest)[until_k]
    # a few of many: choosing them first and sorting only these is five times as fast
    places = np.argsort(~_is_among_first(x, k, axis, largest), axis, kind="stable")[until_k]
    order = _order(np.take_along_axis(x, places, axis), axis, largest)
    return np.take_along_axis(places, order, axis)


def _is_among_first(x: Any, k: int, axis: int, largest: bool) -> Any:
    """True for k elements: those beyond the k-th, and the first of those that tie with it."""
    kth = x.shape[axis] - k if largest else k - 1
    bound = np.partition(x, kth, axis)[(slice(None),) * axis + (slice(kth, kth + 1),)]
    is_nan, bound_is_nan = np.isnan(x), np.isnan(bound)
    beyond = (
        (x > bound) | (is_nan & ~bound_is_nan)
        if largest
        else (x < bound) | (~is_nan & bound_is_nan)
    )
    ties = (x == bound) | (is_nan & bound_is_nan)
    room = k - beyond.sum(axis=axis, keepdims=True)
    return beyond | (ties & (np.cumsum(ties, axis) <= room))


@says_our_words
def topk(x: Any, k: int, axis: int = -1, largest: bool = True) -> tuple[Any, Any]:
    """(values, indices) of the k largest elements along `axis`, in descending order; or the k smallest, ascending.

    nan counts as larger than all numbers. The indices are integers without gradient.

    At a tie: the first along the axis is chosen, and comes first.
    """
    axis = normalize_axis_index(axis, len(x.shape))
    if not hasattr(k, "__index__") or not 0 <= index(k) <= x.shape[axis]:
        raise ValueError(
            f"topk: k must be an integer in [0, {x.shape[axis]}], the size of axis {axis} of x {tuple(x.shape)}, "
            f"not {k!r}"
        )
    places = on_data(_first, x, index(k), axis, largest)
    return of_known(take_along_axis, x, places, axis), places
