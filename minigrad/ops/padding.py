"""Padding: x inside a frame of constants, or of elements of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..core.dtypes import in_float32
from ..core.rows import Primitive, primitive, serves
from .indexing import getitem
from .inspection import plain

Widths = int | Sequence[Any] | dict[int, Any]
OF_OWN_ELEMENTS = ("edge", "reflect", "symmetric", "wrap")


def _pad(x: Any, pad_width: Any, mode: Any, constant_values: Any) -> Any:
    if mode == "constant":
        return np.pad(x, pad_width, constant_values=constant_values)
    return np.pad(x, pad_width, mode=mode)


def _pad_back(g: Any, pad_width: Any, mode: Any, x_shape: Any) -> Any:
    if mode != "constant":
        return unpad(g, pad_width, mode)
    inside = [slice(before, before + n) for (before, _), n in zip(pad_width, x_shape, strict=True)]
    return getitem(g, tuple(inside))


_pad_row = primitive(_pad, x=_pad_back)


def _unpad(g: Any, pad_width: Any, mode: Any) -> Any:
    """The inside of g, with each element of the frame added to the one that it is a copy of."""
    return in_float32(_folded_in, g, pad_width, mode)


def _folded_in(g: Any, pad_width: Any, mode: Any) -> Any:
    for axis, (before, after) in enumerate(pad_width):
        if not before and not after:
            continue
        lead = (slice(None),) * axis
        n = g.shape[axis] - before - after
        y = g[(*lead, slice(before, before + n))].copy()
        for first, count, place, step in _runs(n, before, after, mode):
            copies = g[(*lead, slice(first, first + count))]
            if step:
                last = place + step * count
                y[(*lead, slice(place, last if last >= 0 else None, step))] += copies
            else:
                y[(*lead, slice(place, place + 1))] += copies.sum(axis=axis, keepdims=True)
        g = y
    return g


def _runs(n: int, before: int, after: int, mode: Any) -> Iterator[tuple[int, int, int, int]]:
    """The frame along an axis of size n, as runs (first, count, place, step): copies of x[place], x[place + step]..."""
    places = np.pad(np.arange(n), (before, after), mode=mode).tolist()  # what each is a copy of
    for first, end in ((0, before), (before + n, before + n + after)):
        while first < end:
            place = places[first]
            step = places[first + 1] - place if first + 1 < end else 1
            step = step if step in (-1, 0) else 1
            count = 1
            while first + count < end and places[first + count] == place + step * count:
                count += 1
            yield first, count, place, step
            first += count


# a row for speed: composed of slices joined to x, each slice would send back zeros of the size of x
unpad: Primitive = primitive(_unpad, g=lambda G, pad_width, mode: _pad_row(G, pad_width, mode, 0))


@serves(np.pad)
def pad(x: Any, pad_width: Widths, mode: str = "constant", constant_values: Any = 0) -> Any:
    """x framed, along each axis, by a constant or by elements of its own.

    pad_width        n, (before, after), such a pair per axis, or a dict from axis to n or pair
    mode             for (a b c d) with two before and two after: "constant" k k a b c d k k, "edge" a a a b c d d d,
                     "reflect" c b a b c d c b, "symmetric" b a a b c d d c, "wrap" c d a b c d a b
    constant_values  k: a number, (before, after), or such a pair per axis; the last axis wins in the corners

    Each element gets the sum of the gradients of all its copies; constants have no gradient.
    """
    widths = _widths(pad_width, len(x.shape))
    if mode == "constant":
        return _pad_row(x, widths, mode, constant_values) if widths else x
    if mode not in OF_OWN_ELEMENTS:
        raise TypeError(
            f"pad: mode={mode!r} has no gradient rule; 'constant' and {', '.join(map(repr, OF_OWN_ELEMENTS))} have"
        )
    for axis, (n, width) in enumerate(zip(x.shape, widths, strict=True)):
        if not n and any(width):
            raise ValueError(
                f"pad: axis {axis} of shape {tuple(x.shape)} is empty, mode={mode!r} has nothing to repeat"
            )
    return _pad_row(x, widths, mode, 0) if widths else x


def _widths(pad_width: Any, ndim: int) -> tuple[tuple[int, int], ...]:
    """(before, after) for each axis."""
    by_axis: Any = pad_width
    if isinstance(pad_width, dict):
        by_axis = [(0, 0)] * ndim or 0
        for axis, width in pad_width.items():
            by_axis[normalize_axis_index(axis, ndim, "pad")] = np.broadcast_to(width, 2).tolist()
    given = np.asarray(plain(by_axis, "pad"))
    if given.size and (given.dtype.kind not in "iu" or (given < 0).any()):
        raise ValueError(f"pad: pad_width must be made of integers >= 0, not {pad_width}")
    try:
        pairs = np.broadcast_to(given, (ndim, 2))
    except ValueError:
        raise ValueError(
            f"pad: pad_width {pad_width} is neither n, nor (before, after), nor a pair for each of {ndim} axes"
        ) from None
    return tuple([(int(before), int(after)) for before, after in pairs])
