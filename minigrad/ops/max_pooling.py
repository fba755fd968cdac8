"""The rows behind max pooling: the maximum of every window over the last two axes of (N, C, H, W).

A maximum is one of the elements: where it is found (`pool_argmax`) acts on the data, and the gradient is scattered
to that place, which is linear. No padding is ever stored: each place in the window is met in all windows at once, as
a strided view of the image that leaves the padding out.
"""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import numpy as np

from ..core.rows import Primitive, primitive
from .elementwise import BITS, where
from .inspection import plain
from .windows import Pair, Place, Window, copy_images, is_numpy


def _max_pool2d(x: Any, window: Window) -> Any:
    """Along the columns the maxima of the maxima along the rows: kh + kw comparisons instead of kh kw."""
    size = x.shape[2:]
    for axis, (places, count) in enumerate(
        zip(window.along(size), window.output_size(size), strict=True), start=2
    ):
        x = _max_along(x, axis, places, count)
    return x


def _max_along(x: Any, axis: int, places: tuple[Place | None, ...], count: int) -> Any:
    lead = (slice(None),) * axis
    views = [(x[(*lead, place[1])], (*lead, place[0])) for place in places if place]
    if len(views) == len(places) and all(at.shape[axis] == count for at, _ in views):
        only, *others = [at for at, _ in views]
        return reduce(np.maximum, others, only) if others else only.copy()
    # padding is -inf; a window that meets nothing else keeps it
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    y = np.full_like(x, lowest(x.dtype), shape=shape)
    for at, here in views:
        y[here] = np.maximum(y[here], at)
    return y


def lowest(dtype: Any) -> Any:
    """The number that no element of this dtype is below."""
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min if dtype.kind in "iu" else False


def pool_argmax_plain(x: Any, y: Any, window: Window) -> Any:
    """Per window the place of its maximum y; of several the first in row-major order, of nans the first."""
    place = np.zeros_like(y, dtype=np.int32)
    for k, here, there in reversed(window.places(x.shape[2:])):  # so that the first one stays
        at, top = x[:, :, *there], y[:, :, *here]
        place[:, :, *here] = where((at == top) | (at != at), k, place[:, :, *here])
    return place


def _pool_argmax_kernel(x: Any, y: Any, window: Window) -> Any:
    # a place counts the ones before it, as long as no maximum was met: sums of truth values, where masks would branch
    count = math.prod(window.kernel)
    place = np.zeros_like(y, dtype=np.min_scalar_type(count))
    unmet = np.ones_like(y, dtype=bool)
    # a maximum keeps nan, and is quicker than to look at each
    has_nan = y.size > 0 and bool(np.isnan(y.max()))
    views = {k: (here, there) for k, here, there in window.places(x.shape[2:])}
    for k in range(count - 1):
        if k in views:
            here, there = views[k]
            at = x[:, :, *there]
            other = at != y[:, :, *here]
            if has_nan:
                other &= at == at
            unmet[:, :, *here] &= other
        place += unmet
    return place


def pool_argmax(x: Any, y: Any, window: Window) -> Any:
    """Where in its window each maximum is, as a plain array: it acts on the data and has no gradient."""
    x, y = plain(x), plain(y)
    return (_pool_argmax_kernel if is_numpy(x, y) else pool_argmax_plain)(x, y, window)


def _pool_gather(x: Any, place: Any, window: Window) -> Any:
    y = np.zeros_like(x, shape=place.shape)
    for k, here, there in window.places(x.shape[2:]):
        y[:, :, *here] += where(place[:, :, *here] == k, x[:, :, *there], 0)
    return y


def pool_scatter_plain(g: Any, place: Any, size: Pair, window: Window) -> Any:
    """y with each g at its place in its window; where windows overlap, their sum."""
    y = np.zeros_like(g, shape=(*g.shape[:2], *size))
    for k, here, there in window.places(size):
        y[:, :, *there] += where(place[:, :, *here] == k, g[:, :, *here], 0)
    return y


def _pool_scatter_kernel(g: Any, place: Any, size: Pair, window: Window) -> Any:
    # laid out in memory like the places, and so like the image that they were found in
    make = np.empty_like if window.tiles(size) else np.zeros_like
    y = make(place, g.dtype, shape=(*g.shape[:2], *size))
    room, bits = np.empty_like(place, g.dtype), BITS[g.dtype.char]
    g = g if g.strides == room.strides else copy_images(g, room)
    overlap = any(s < e for s, e in zip(window.stride, window.extent, strict=True))
    for k, here, there in window.places(size):
        hit, at = place[:, :, *here] == k, y[:, :, *there]
        if overlap:
            at += where(hit, g[:, :, *here], 0)
        else:  # exact for inf and nan: the bits of g times the truth value, as in `where`
            np.multiply(g[:, :, *here].view(bits), hit, out=at.view(bits))
    return y


def _pool_scatter(g: Any, place: Any, size: Pair, window: Window) -> Any:
    is_fast = is_numpy(g, place) and g.dtype.char in BITS
    return (_pool_scatter_kernel if is_fast else pool_scatter_plain)(g, place, size, window)


max_pool2d_row = primitive(
    _max_pool2d,
    x=lambda g, x, y, window: pool_scatter(g, pool_argmax(x, y, window), x.shape[2:], window),
)
pool_gather = primitive(
    _pool_gather,
    x=lambda g, place, x_shape, window: pool_scatter(g, place, x_shape[2:], window),
)
pool_scatter: Primitive = primitive(
    _pool_scatter, g=lambda G, place, window: pool_gather(G, place, window)
)
