"""Fast scatter for NumPy's own arrays, whose plain version is in ops/indexing.py, and the parts of an index."""

from __future__ import annotations

import math
import textwrap
from typing import Any

import numpy as np

# Scatter ------------------------------------------------------------------------------------------------


def scatter(g: Any, index: Any, shape: Any) -> Any:
    """zeros(shape) with y[index] += g.

    All axes are made into one, for which np.add.at has a loop of its own, two to four times as fast.
    """
    parts = tuple(_as_index(part) for part in parts_of(index))
    arrays = [part for part in parts if not is_basic(part)]
    y = np.zeros(shape, g.dtype)
    if not arrays or (len(arrays) == 1 and arrays[0].dtype.kind == "b" and arrays[0].ndim):
        check_fits(g, choose("scatter", y, index, shape).shape, shape)
        y[index] = g  # each element at most once
        return y
    places = _places(parts, shape)
    check_fits(g, places.shape, shape)
    # float16 accumulates in float32, as it counts only to 2048
    total = np.zeros(y.size, np.float32) if g.dtype == np.float16 else y.reshape(-1)
    try:
        np.add.at(total, places.reshape(-1), g.reshape(-1).astype(total.dtype, copy=False))
    except IndexError:  # np.add.at names the flat place only, not the row
        check_indices("scatter", parts[0], -shape[0], shape[0])
        raise
    return total.astype(g.dtype, copy=False).reshape(shape)


def _as_index(part: Any) -> Any:
    """A part of an index; bools and sequences (lists, tuples within a tuple, ranges) become arrays, as in NumPy."""
    if hasattr(part, "dtype") or is_basic(part):
        return part
    array = np.asarray(part)
    return array if array.size else array.astype(np.intp)


def _places(parts: tuple[Any, ...], shape: Any) -> Any:
    """The row-major places in x of the elements of x[parts], in its shape; negative ones count from the end."""
    if parts[-1] is Ellipsis:
        parts = parts[:-1]
    used = len(shape)
    if not any(part is Ellipsis for part in parts):
        while isinstance(parts[-1], slice) and parts[-1] == slice(None):
            parts = parts[:-1]
        used = sum(axes_of_part(part) for part in parts)
    lead, rest = shape[:used], shape[used:]  # nothing is chosen along the rest
    if len(lead) == len(parts) == 1 and parts[0].dtype.kind in "iu":
        rows = parts[0].astype(np.intp, copy=False)
    else:
        rows = choose("scatter", np.arange(math.prod(lead)).reshape(lead), parts, shape)
    if not rest:
        return rows
    width = math.prod(rest)
    return (rows[..., None] * width + np.arange(width)).reshape(rows.shape + rest)


def axes_of_part(part: Any) -> int:
    """The number of axes that a part of an index takes."""
    if part is None or part is Ellipsis:
        return 0
    kind = getattr(getattr(part, "dtype", None), "kind", "i")
    return part.ndim if kind == "b" else 1


# Indices ------------------------------------------------------------------------------------------------


def parts_of(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)


def is_basic(part: Any) -> bool:
    """Tell whether this part of an index is a slice, an integer, None or Ellipsis, which choose no element twice."""
    if part is None or part is Ellipsis or type(part) is int or isinstance(part, slice):
        return True
    return getattr(part, "ndim", 1) == 0 and part.dtype.kind in "iu"


def choose(op: str, x: Any, index: Any, shape: Any) -> Any:
    """x[index]; IndexError for one that does not fit, with the name of `op`, the `shape` and the index."""
    try:
        return x[index]
    except IndexError as error:
        said = textwrap.shorten(repr(index), 120, placeholder=" ...")
        raise IndexError(
            f"{op}: {error}; the array has shape {tuple(shape)}, the index is {said}"
        ) from None


def check_fits(g: Any, chosen: Any, shape: Any) -> None:
    if tuple(chosen) != tuple(g.shape):
        raise ValueError(
            f"scatter: g has shape {g.shape}, its index chooses {chosen} of an array {shape}"
        )


def check_indices(op: str, indices: Any, low: int, high: int) -> None:
    """IndexError for the first index outside [low, high)."""
    if indices.size and (indices.min() < low or indices.max() >= high):
        raise outside(op, indices, low, high)


def outside(op: str, indices: Any, low: int, high: int) -> IndexError:
    """The error that names the first index outside [low, high)."""
    wrong = (indices < low) | (indices >= high)
    place = tuple(map(int, np.unravel_index(wrong.argmax(), wrong.shape)))
    at = f" at {list(place)} of the indices" if place else ""
    return IndexError(f"{op}: index {indices[place]}{at} is outside [{low}, {high})")
