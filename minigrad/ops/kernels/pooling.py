"""Fast max pooling for NumPy's own arrays; ops/pooling.py has the plain versions, which say what is computed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import BITS
from .conv import copy_images
from .windows import Pair, Window


def pool_argmax(x: Any, y: Any, window: Window) -> Any:
    # the place of a maximum is the number of places before it: a sum of bools needs no branches, as masks would
    count = math.prod(window.kernel)
    place = np.zeros_like(y, dtype=np.min_scalar_type(count))
    unmet = np.ones_like(y, dtype=bool)
    # the maximum of y is nan if any element is: faster than looking at each
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


def pool_scatter(g: Any, place: Any, size: Pair, window: Window, *, into: Any = None) -> Any:
    """Zeros with each g added at its place in its window; the dtype of g is one of BITS."""
    # y has the memory order of the places, which is that of the image in which they were found
    y = np.empty_like(place, g.dtype, shape=(*g.shape[:2], *size)) if into is None else into
    if not window.tiles(size):
        y[...] = 0
    room, bits = np.empty_like(place, g.dtype), BITS[g.dtype.char]
    g = g if g.strides == room.strides else copy_images(g, room)
    overlap = any(s < e for s, e in zip(window.stride, window.extent, strict=True))
    for k, here, there in window.places(size):
        hit, at = place[:, :, *here] == k, y[:, :, *there]
        given = g[:, :, *here].view(bits)
        if overlap:
            at += np.multiply(given, hit).view(g.dtype)
        else:
            np.multiply(given, hit, out=at.view(bits))
    return y


def relu_pool_scatter(
    g: Any, place: Any, top: Any, size: Pair, window: Window, *, into: Any = None
) -> Any:
    """pool_scatter of g where the maxima `top` are above 0, and of 0 elsewhere."""
    # the maxima and their places have one memory order
    room, bits = np.empty_like(top, g.dtype), BITS[g.dtype.char]
    g = g if g.strides == room.strides else copy_images(g, room)
    np.multiply(g.view(bits), top > 0, out=room.view(bits))
    return pool_scatter(room, place, size, window, into=into)
