"""Sums in bins and between places: what is summed has a gradient, places and edges have none."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..core.dtypes import in_array
from ..core.rows import serves
from .axes import in_floats
from .elementwise import where
from .indexing import _integers, scatter, take
from .inspection import on_data, plain, tensors_in
from .pytorch_words import says_our_words
from .reads import check_range


@serves(np.bincount)
@says_our_words
def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    """y[k] = sum of weights[i] over all i with x[i] = k, for x (n,) of integers >= 0; their number without weights.

    The result has max(x) + 1 elements, or `minlength` if that is more, and the dtype of the weights.
    """
    if weights is None:
        return on_data(np.bincount, x, minlength=minlength)
    weights = in_floats(in_array(weights))
    size = len(np.bincount(plain(x), minlength=minlength))  # raises for what are no places
    if tuple(weights.shape) != tuple(np.shape(x)):
        raise ValueError(
            f"bincount: weights have shape {tuple(weights.shape)}; one for each of x {np.shape(x)} is needed"
        )
    return scatter(weights, in_array(plain(x)), (size,))


@serves(np.histogram)
def histogram(
    a: Any, bins: Any = 10, range: Any = None, density: bool | None = None, weights: Any = None
) -> tuple[Any, Any]:
    """(y, edges): y[k] = sum of weights[i] over all i with edges[k] <= a[i] < edges[k + 1], the last edge included.

    density  divide by the sum and the width of each bin, so that the integral is 1

    The gradient flows to the weights alone: `a` and `bins` may be Tensors that require no grad.
    """
    _refuse_moving("histogram", a, bins, range)
    if weights is None:
        return on_data(np.histogram, a, bins, range, density)
    y, (edges,) = _binned("histogram", np.histogram, [a], bins, range, density, weights)
    return y, edges


@serves(np.histogram2d)
def histogram2d(
    x: Any, y: Any, bins: Any = 10, range: Any = None, density: bool | None = None, weights: Any = None
) -> tuple[Any, Any, Any]:  # fmt: skip
    """(h, x edges, y edges): h[j, k] = sum of the weights of the points (x_i, y_i) in bin j of x and k of y.

    Options, and what a gradient flows to, as in `histogram`.
    """
    _refuse_moving("histogram2d", x, y, bins, range)
    if weights is None:
        return on_data(np.histogram2d, x, y, bins, range, density)
    h, edges = _binned("histogram2d", np.histogram2d, [x, y], bins, range, density, weights)
    return h, *edges


def _refuse_moving(name: str, *given: Any) -> None:
    if any(t._requires_grad for t in tensors_in(list(given))):
        raise TypeError(
            f"np.{name}: a Tensor that requires grad would lose its history unseen, as counts jump, and edges may move "
            "with what is counted; only weights have a gradient. Pass t.detach() if none is wanted"
        )


def _binned(
    name: str, f: Any, points: list[Any], bins: Any, range: Any, density: Any, weights: Any
) -> tuple[Any, Any]:
    """The sums of weights in bins, and their edges, which NumPy finds."""
    points = [np.ravel(plain(p)) for p in points]
    weights = in_array(weights).reshape(-1)
    if weights.shape != points[0].shape:
        raise ValueError(
            f"{name}: weights have {weights.shape[0]} elements, one for each of {points[0].shape[0]} is needed"
        )
    _, *edges = f(*points, plain(bins), range)
    places: list[Any] = []
    inside: Any = True
    for p, e in zip(points, edges, strict=True):
        at = np.where(p == e[-1], len(e) - 2, np.searchsorted(e, p, "right") - 1)
        inside = inside & (at >= 0) & (at < len(e) - 1)
        places.append(np.where(inside, at, 0))
    y = scatter(where(inside, weights, 0), tuple(places), [len(e) - 1 for e in edges])
    if density:
        area = functools.reduce(np.multiply.outer, map(np.diff, edges))
        y = y / (y.sum() * area.astype(in_floats(y).dtype))
    return y, edges


@serves(np.add.reduceat)
def _numpy_add_reduceat(a: Any, indices: Any, axis: int = 0) -> Any:
    """The sums from each index to the next one; where the next is not larger, the element at the index."""
    axis = normalize_axis_index(axis, len(a.shape))
    starts = _integers("np.add.reduceat", indices, None)
    check_range("np.add.reduceat", starts, 0, a.shape[axis])
    counts = np.maximum(np.diff(starts, append=a.shape[axis]), 1)
    places = np.arange(counts.sum()) + np.repeat(starts - np.cumsum(counts) + counts, counts)
    before = (slice(None),) * axis
    sums = (*before, np.repeat(np.arange(len(starts)), counts))
    shape = (*a.shape[:axis], len(starts), *a.shape[axis + 1 :])
    return scatter(take(a, places, axis), sums, shape)
