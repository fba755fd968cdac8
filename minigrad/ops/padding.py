"""Padding: x inside a frame of constants, of elements of its own, or of what is computed of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..core.dtypes import in_float32
from ..core.graph import TensorBase
from ..core.options import unwrap
from ..core.rows import Primitive, primitive, serves
from ..devices import on_host
from . import reductions
from .indexing import getitem
from .inspection import inspect, plain
from .shapes import broadcast_to, concatenate, moveaxis
from .statistics import median

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


# Frames of what is computed: of an array, along its first axis -------------------------------------------

STATISTICS = {
    "maximum": reductions.max,
    "mean": reductions.mean,
    "median": median,
    "minimum": reductions.min,
}


def _ramps(x: Any, before: int, behind: int, mode: str, ends: Any) -> Any:
    first, last = _ramp(x[:1], before, ends[0] or 0), _ramp(x[-1:], behind, ends[1] or 0)
    return concatenate([first, x, last[::-1]])


def _ramp(edge: Any, n: int, end: Any) -> Any:
    """n equal steps from `end`, which is among them, to the edge, which is not."""
    column = (n,) + (1,) * (len(edge.shape) - 1)
    weights = np.arange(n, like=plain(edge)).reshape(column) / (n or 1)
    return end + (edge - end) * weights.astype(edge.dtype)


def _statistics(x: Any, before: int, behind: int, mode: str, lengths: Any) -> Any:
    n, rest = x.shape[0], tuple(x.shape[1:])
    first, last = (n if length is None else min(length, n) for length in lengths)
    of = STATISTICS[mode]
    left, right = of(x[:first], 0, keepdims=True), of(x[n - last :], 0, keepdims=True)
    return concatenate(
        [broadcast_to(left, (before, *rest)), x, broadcast_to(right, (behind, *rest))]
    )


def _odd(x: Any, before: int, behind: int, mode: str, _: Any) -> Any:
    """Twice the edge less the mirror image, of whole periods of x, as often as it takes to fill the frame."""
    skip = int(mode == "reflect")  # the edge is no part of the image
    period = x.shape[0] - skip
    if not period:
        return broadcast_to(x, (before + 1 + behind, *x.shape[1:]))
    while before or behind:
        n = x.shape[0] - skip
        left, right = (min(width, n // period * period) for width in (before, behind))
        image = x[skip : skip + left][::-1], x[n - right : n][::-1]
        x = concatenate([2 * x[:1] - image[0], x, 2 * x[-1:] - image[1]])
        before, behind = before - left, behind - right
    return x


FRAMES: dict[str, Any] = {
    "linear_ramp": _ramps,
    **dict.fromkeys(STATISTICS, _statistics),
    **dict.fromkeys(("reflect", "symmetric"), _odd),
}


@serves(np.pad)
def pad(
    x: Any, pad_width: Widths, mode: str = "constant", constant_values: Any = 0, end_values: Any = None,
    stat_length: Any = None, reflect_type: str | None = None,
) -> Any:  # fmt: skip
    """x framed, along each axis, by a constant, by elements of its own, or by what is computed of them.

    pad_width        n, (before, after), such a pair per axis, or a dict from axis to n or pair
    mode             for (a b c d) with two before and two after: "constant" k k a b c d k k, "edge" a a a b c d d d,
                     "reflect" c b a b c d c b, "symmetric" b a a b c d d c, "wrap" c d a b c d a b; "linear_ramp", in
                     equal steps from end_values to a, and from d to them; "maximum", "minimum", "mean" or "median" of
                     the stat_length elements next to the frame
    constant_values  k: a number, (before, after), or such a pair per axis; the last axis wins in the corners
    end_values       likewise; 0 by default
    stat_length      likewise, integers; all elements by default
    reflect_type     "odd": with "reflect" and "symmetric" 2 a - v stands before a where else v does, and so behind d

    Each element gets the sum of the gradients of all its copies; constants and ends have no gradient.
    """
    widths = _widths(pad_width, len(x.shape))
    options = _options(
        mode, {"end_values": end_values, "stat_length": stat_length, "reflect_type": reflect_type}
    )
    if mode == "constant":
        return _pad_row(x, widths, mode, constant_values) if widths else x
    for axis, (n, width) in enumerate(zip(x.shape, widths, strict=True)):
        if not n and any(width):
            raise ValueError(
                f"pad: axis {axis} of shape {tuple(x.shape)} is empty, mode={mode!r} has nothing to repeat"
            )
    if mode in OF_OWN_ELEMENTS and options.get("reflect_type") != "odd":
        return _pad_row(x, widths, mode, 0) if widths else x
    if x.dtype.kind != "f":  # NumPy rounds what it computes of integers: there is no gradient
        y = inspect(np.pad, x, widths, mode, **options)
        return y if isinstance(x, TensorBase) else plain(y)
    option: Any = next(iter(options.values()), None)
    pairs = np.broadcast_to(option, (len(widths), 2)).tolist()
    for axis, width in enumerate(widths):
        if any(width):
            frame = FRAMES[mode](moveaxis(x, axis, 0), *width, mode, pairs[axis])
            x = moveaxis(frame, 0, axis)
    return x


def _options(mode: Any, given: dict[str, Any]) -> dict[str, Any]:
    """The options that are not None; errors for a mode that has no rule, and for an option that the mode has not."""
    modes = dict.fromkeys(("constant", *OF_OWN_ELEMENTS, *FRAMES))
    if mode not in modes:
        raise TypeError(
            f"pad: mode={mode!r} has no gradient rule; {', '.join(map(repr, modes))} have, and a frame of your own is "
            "joined to x with concatenate"
        )
    own = "end_values" if mode == "linear_ramp" else "stat_length" if mode in STATISTICS else ""
    own = "reflect_type" if mode in ("reflect", "symmetric") else own
    options = {word: unwrap(v, "pad", word) for word, v in given.items() if v is not None}
    for word, value in options.items():
        if word != own:
            raise ValueError(f"pad: mode={mode!r} has no {word}")
        if word == "reflect_type" and value not in ("even", "odd"):
            raise ValueError(f"pad: reflect_type must be 'even' or 'odd', not {value!r}")
    return options


def _widths(pad_width: Any, ndim: int) -> tuple[tuple[int, int], ...]:
    """(before, after) for each axis."""
    by_axis: Any = pad_width
    if isinstance(pad_width, dict):
        by_axis = [(0, 0)] * ndim or 0
        for axis, width in pad_width.items():
            by_axis[normalize_axis_index(axis, ndim, "pad")] = np.broadcast_to(width, 2).tolist()
    given = on_host(plain(by_axis, "pad"))
    if given.size and (given.dtype.kind not in "iu" or (given < 0).any()):
        raise ValueError(f"pad: pad_width must be made of integers >= 0, not {pad_width}")
    try:
        pairs = np.broadcast_to(given, (ndim, 2))
    except ValueError:
        raise ValueError(
            f"pad: pad_width {pad_width} is neither n, nor (before, after), nor a pair for each of {ndim} axes"
        ) from None
    return tuple([(int(before), int(after)) for before, after in pairs])
