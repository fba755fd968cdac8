"""Indexing: `getitem` gathers, `scatter` adds back to where it was gathered from; each is the other's gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..rows import Primitive, primitive


def _getitem(x: Any, index: Any) -> Any:
    return x[index]


def _scatter(g: Any, index: Any, shape: Any) -> Any:
    y = np.zeros_like(g, shape=shape)
    places = np.broadcast_to(np.zeros_like(g, shape=(), dtype=bool), shape)[index].shape
    if places != g.shape:
        raise ValueError(
            f"scatter: g has shape {g.shape}, its index chooses {places} of an array {shape}"
        )
    if _is_basic(index):  # each element at most once: assignment is enough, and fast
        y[index] = g
    else:  # duplicate indices accumulate
        np.add.at(y, index, g)
    return y


def _is_basic(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return all(p is None or p is Ellipsis or type(p) is int or isinstance(p, slice) for p in parts)


getitem = primitive(
    _getitem, x=lambda g, index, x_shape: scatter(g, index, x_shape), doc="x[index]"
)
scatter: Primitive = primitive(
    _scatter, g=lambda G, index: getitem(G, index), doc="zeros(shape) with y[index] += g"
)
