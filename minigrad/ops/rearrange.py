"""Elements in another order, repeated, or chosen by position: flips, tiles, diagonals, triangles."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..core.dtypes import narrowed, widened
from ..core.rows import Primitive, primitive, serves
from ..devices import on_host
from .indexing import scatter, take
from .inspection import plain
from .pytorch_words import says_our_words
from .shapes import broadcast_to, moveaxis, ravel, reshape, sum_to, swapaxes

# Another order -------------------------------------------------------------------------------------------


def _flip(x: Any, axis: Any) -> Any:
    return np.flip(x, axis)


_flip_row: Primitive = primitive(_flip, x=lambda g, axis: _flip_row(g, axis))


@serves(np.flip)
@says_our_words
def flip(x: Any, axis: int | Sequence[int] | None = None) -> Any:
    """y[i] = x[n - 1 - i] along the given axes, by default along all of them; a view."""
    ndim = len(x.shape)
    axes = range(ndim) if axis is None else normalize_axis_tuple(axis, ndim, "flip")
    return _flip_row(x, tuple(axes))


@serves(np.fliplr)
def fliplr(x: Any) -> Any:
    """x with axis 1 reversed, left to right."""
    return flip(x, 1)


@serves(np.flipud)
def flipud(x: Any) -> Any:
    """x with axis 0 reversed, upside down."""
    return flip(x, 0)


@serves(np.rot90)
@says_our_words
def rot90(x: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Any:
    """x rotated k times by 90 degrees in the plane of two axes, from the first towards the second."""
    plane = normalize_axis_tuple(axes, len(x.shape), "rot90: axes")
    if len(plane) != 2:
        raise ValueError(f"rot90: a plane has two axes, not {axes}")
    quarters = operator.index(k) % 4
    if quarters == 0:
        return x
    if quarters == 2:
        return flip(x, plane)
    first, second = plane
    return (
        swapaxes(flip(x, second), first, second)
        if quarters == 1
        else flip(swapaxes(x, first, second), second)
    )


def _roll(x: Any, shift: Any, axis: Any) -> Any:
    return np.roll(x, shift, axis)


_roll_row: Primitive = primitive(
    _roll, x=lambda g, shift, axis: _roll_row(g, tuple(-s for s in shift), axis)
)


@serves(np.roll)
@says_our_words
def roll(x: Any, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Any:
    """y[(i + shift) mod n] = x[i] along an axis, or along several; in row-major order if axis is None."""
    if axis is None:
        return reshape(roll(ravel(x), shift, 0), x.shape)
    ndim = len(x.shape)
    axes = normalize_axis_tuple(axis, ndim, "roll", allow_duplicate=True)
    shifts = (
        [operator.index(shift)]
        if hasattr(shift, "__index__")
        else [operator.index(s) for s in shift]
    )
    try:
        pairs = np.broadcast_arrays(shifts, axes)
    except ValueError:
        raise ValueError(
            f"roll: {len(shifts)} shifts for {len(axes)} axes; one shift for all, or one for each, are needed"
        ) from None
    return _roll_row(x, *[tuple(p.tolist()) for p in pairs])


# Repeated ------------------------------------------------------------------------------------------------


@serves(np.tile)
def tile(x: Any, reps: int | Sequence[int]) -> Any:
    """y[i] = x[i mod n] for i < reps n along each axis; the shorter of shape and reps gets leading ones."""
    counts = (
        [operator.index(reps)] if hasattr(reps, "__index__") else [operator.index(r) for r in reps]
    )
    if any(r < 0 for r in counts):
        raise ValueError(f"tile: reps must be integers >= 0, not {reps}")
    ndim = max(len(counts), len(x.shape))
    counts = [1] * (ndim - len(counts)) + counts
    sizes = [1] * (ndim - len(x.shape)) + list(x.shape)
    pairs = list(zip(counts, sizes, strict=True))
    apart = reshape(x, [m for n in sizes for m in (1, n)])  # (1, n0, 1, n1, ...)
    tiles = broadcast_to(apart, [m for pair in pairs for m in pair])  # (r0, n0, r1, n1, ...)
    return reshape(tiles, [r * n for r, n in pairs])


def _repeat(x: Any, repeats: int, axis: int) -> Any:
    return np.repeat(x, repeats, axis)


def _sum_of_copies(g: Any, repeats: int, axis: int, x_shape: Any) -> Any:
    if axis == len(x_shape) - 1 and 0 < repeats <= 8:  # sums over a short last axis are slow
        copies = [widened(g[(Ellipsis, slice(i, None, repeats))]) for i in range(repeats)]
        return narrowed(functools.reduce(operator.add, copies), g)
    kept = (*x_shape[: axis + 1], 1, *x_shape[axis + 1 :])
    apart = g.reshape((*x_shape[: axis + 1], repeats, *x_shape[axis + 1 :]))
    return sum_to(apart, kept).reshape(x_shape)


# a row for speed: reshape and broadcast_to take twice as long, and five times as long backwards along a last axis
_repeat_row = primitive(_repeat, x=_sum_of_copies)


@serves(np.repeat)
@says_our_words
def repeat(x: Any, repeats: int | Sequence[int], axis: int | None = None) -> Any:
    """y[i] = x[i // repeats] along an axis, or each slice as often as a list says; of x flattened if axis is None.

    This is NumPy's repeat; PyTorch's, which lays whole arrays side by side, is `tile`.
    """
    if axis is None or not len(x.shape):
        normalize_axis_index(axis or 0, len(x.shape) or 1, "repeat")
        x, axis = ravel(x), 0
    axis = normalize_axis_index(axis, len(x.shape), "repeat")
    counts = on_host(plain(repeats, "repeat"))
    if counts.ndim > 1 or counts.dtype.kind not in "iub" or (counts < 0).any():
        raise ValueError(f"repeat: repeats must be integers >= 0, one or a list, not {repeats}")
    if counts.size == 1:
        return _repeat_row(x, int(counts.reshape(())), axis)
    n = x.shape[axis]
    if len(counts) != n:
        raise ValueError(
            f"repeat: {len(counts)} repeats for axis {axis} of shape {tuple(x.shape)}; one, or one for each, is needed"
        )
    return take(x, np.repeat(np.arange(n), counts).tolist(), axis)


# Chosen by position --------------------------------------------------------------------------------------


def _diagonal(x: Any, offset: int, axis1: int, axis2: int) -> Any:
    return np.diagonal(x, offset, axis1, axis2)


def _on_diagonal(g: Any, offset: int, axis1: int, axis2: int, x_shape: Any) -> Any:
    """Zeros of x_shape with g, (..., length), on their diagonal."""
    n, m = x_shape[axis1], x_shape[axis2]
    rest, length = tuple(g.shape[:-1]), g.shape[-1]
    start = offset if offset >= 0 else -offset * m
    # in row-major order there are m + 1 steps from one element of the diagonal to the next
    places = (Ellipsis, slice(start, start + length * (m + 1), m + 1))
    flat = scatter(g, places, (*rest, n * m))
    return moveaxis(reshape(flat, (*rest, n, m)), (-2, -1), (axis1, axis2))


_diagonal_row = primitive(_diagonal, x=_on_diagonal)


@serves(np.diagonal)
@says_our_words
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """y[..., i] = x[i, i + offset] in the plane of two axes, which one last axis replaces; a view."""
    ndim = len(x.shape)
    if ndim < 2:
        raise ValueError(f"diagonal: two or more axes are needed, x has shape {tuple(x.shape)}")
    axis1, axis2 = (normalize_axis_index(a, ndim, "diagonal") for a in (axis1, axis2))
    if axis1 == axis2:
        raise ValueError(f"diagonal: axis1 and axis2 are the same axis, {axis1}")
    return _diagonal_row(x, operator.index(offset), axis1, axis2)


@serves(np.diag)
def diag(x: Any, k: int = 0) -> Any:
    """y[i] = x[i, i + k] of a matrix; of a vector, the matrix of zeros with y[i, i + k] = x[i]."""
    k = operator.index(k)
    if len(x.shape) == 2:
        return diagonal(x, k)
    if len(x.shape) != 1:
        raise ValueError(
            f"diag: x must have one or two axes, not shape {tuple(x.shape)}; diagonal takes more"
        )
    n = x.shape[0] + abs(k)
    return _on_diagonal(x, k, 0, 1, (n, n))


def _tril(x: Any, k: int) -> Any:
    return np.tril(x, k)


def _triu(x: Any, k: int) -> Any:
    return np.triu(x, k)


_tril_row: Primitive = primitive(_tril, x=lambda g, k: _tril_row(g, k))
_triu_row: Primitive = primitive(_triu, x=lambda g, k: _triu_row(g, k))


@serves(np.tril)
def tril(x: Any, k: int = 0) -> Any:
    """x[..., i, j] where j - i <= k, and 0 above; a 1-d x stands for the square with x in every row."""
    return _tril_row(_square("tril", x), operator.index(k))


@serves(np.triu)
def triu(x: Any, k: int = 0) -> Any:
    """x[..., i, j] where j - i >= k, and 0 below; a 1-d x stands for the square with x in every row."""
    return _triu_row(_square("triu", x), operator.index(k))


def _square(name: str, x: Any) -> Any:
    if not len(x.shape):
        raise ValueError(f"{name}: x without axes has no triangle")
    return broadcast_to(x, (*x.shape, *x.shape)) if len(x.shape) == 1 else x
