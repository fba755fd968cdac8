"""Joining along rows, columns and depth, and splitting, whose gradient is one concatenation of those of the parts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from operator import index
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..core.rows import primitive, serves
from .axes import arrays_of
from .indexing import getitem
from .pytorch_words import says_our_words
from .shapes import atleast_1d, atleast_2d, atleast_3d, concatenate, reshape, stack


@serves(np.vstack)
def vstack(arrays: Sequence[Any]) -> Any:
    """The arrays one after another along axis 0; (n,) counts as a row (1, n)."""
    return concatenate([atleast_2d(a) for a in arrays_of(arrays)], 0)


@serves(np.hstack)
def hstack(arrays: Sequence[Any]) -> Any:
    """The arrays one after another along axis 1; arrays with one axis, along that axis."""
    arrays = [atleast_1d(a) for a in arrays_of(arrays)]
    return concatenate(arrays, 0 if arrays and len(arrays[0].shape) == 1 else 1)


@serves(np.dstack)
def dstack(arrays: Sequence[Any]) -> Any:
    """The arrays one after another along axis 2; (m, n) counts as (m, n, 1), (n,) as (1, n, 1)."""
    return concatenate([atleast_3d(a) for a in arrays_of(arrays)], 2)


@serves(np.column_stack)
def column_stack(arrays: Sequence[Any]) -> Any:
    """The arrays one after another along axis 1; (n,) counts as a column (n, 1)."""
    arrays = [atleast_1d(a) for a in arrays_of(arrays)]
    return concatenate([a if len(a.shape) > 1 else reshape(a, (-1, 1)) for a in arrays], 1)


def _split(x: Any, bounds: tuple[int, ...], axis: int) -> Any:
    return tuple([x[(slice(None),) * axis + (slice(a, b),)] for a, b in pairwise(bounds)])


# one row with several outputs: its gradient is one concatenation, where n slices would make n arrays of zeros
_split_row = primitive(_split, x=lambda g, axis: concatenate(g, axis))


def _even_bounds(n: int, sections: int) -> list[int]:
    """0 = b_0 <= ... <= b_sections = n, in steps as equal as possible, the longer ones first."""
    each, longer = divmod(n, sections)
    return [i * each + min(i, longer) for i in range(sections + 1)]


def _split_at(name: str, x: Any, at: Any, axis: int, is_even: bool) -> tuple[Any, ...]:
    axis = normalize_axis_index(axis, len(x.shape), name)
    n = x.shape[axis]
    if hasattr(at, "__index__") and not np.ndim(at):
        sections = index(at)
        if sections < 1:
            raise ValueError(f"{name}: the number of sections must be at least 1, not {sections}")
        if is_even and n % sections:
            raise ValueError(
                f"{name}: axis {axis} of shape {tuple(x.shape)} does not divide into {sections} equal sections; "
                "array_split allows unequal ones"
            )
        return tuple(_split_row(x, tuple(_even_bounds(n, sections)), axis))
    bounds = (0, *[slice(index(i), None).indices(n)[0] for i in at], n)
    if all(a <= b for a, b in pairwise(bounds)):
        return tuple(_split_row(x, bounds, axis))
    # places out of order give sections that overlap: an element in several gets the sum of their gradients
    lead = (slice(None),) * axis
    return tuple([getitem(x, (*lead, slice(a, b))) for a, b in pairwise(bounds)])


@serves(np.split)
@says_our_words
def split(x: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> tuple[Any, ...]:
    """x cut along an axis into that many equal sections, or at the given places: x[:i], x[i:j], x[j:]; as views."""
    return _split_at("split", x, indices_or_sections, axis, True)


@serves(np.array_split)
@says_our_words
def array_split(x: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> tuple[Any, ...]:
    """`split` into sections that need not be equal: if n does not divide, the first ones are longer by one."""
    return _split_at("array_split", x, indices_or_sections, axis, False)


@serves(np.hsplit)
def hsplit(x: Any, indices_or_sections: int | Sequence[int]) -> tuple[Any, ...]:
    """x split along axis 1, or along its only axis: the inverse of hstack."""
    return _split_at("hsplit", x, indices_or_sections, 0 if len(x.shape) == 1 else 1, True)


@serves(np.vsplit)
def vsplit(x: Any, indices_or_sections: int | Sequence[int]) -> tuple[Any, ...]:
    """x, of two or more axes, split along axis 0: the inverse of vstack."""
    _need_axes("vsplit", x, 2)
    return _split_at("vsplit", x, indices_or_sections, 0, True)


@serves(np.dsplit)
def dsplit(x: Any, indices_or_sections: int | Sequence[int]) -> tuple[Any, ...]:
    """x, of three or more axes, split along axis 2: the inverse of dstack."""
    _need_axes("dsplit", x, 3)
    return _split_at("dsplit", x, indices_or_sections, 2, True)


def _need_axes(name: str, x: Any, count: int) -> None:
    if len(x.shape) < count:
        raise ValueError(
            f"{name}: x of shape {tuple(x.shape)} needs {count} or more axes; split takes any axis"
        )


def _unstack(x: Any, axis: int) -> Any:
    return tuple([x[(slice(None),) * axis + (i,)] for i in range(x.shape[axis])])


_unstack_row = primitive(_unstack, x=lambda g, axis: stack(g, axis))


@serves(np.unstack)
@says_our_words
def unstack(x: Any, axis: int = 0) -> tuple[Any, ...]:
    """x[0], x[1], ..., the arrays side by side along an axis, as views: the inverse of stack."""
    return tuple(_unstack_row(x, normalize_axis_index(axis, len(x.shape), "unstack")))
