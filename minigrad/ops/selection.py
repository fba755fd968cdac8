"""Choices among several arrays, and the largest or smallest of what is scattered to one element."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..core import options
from ..core.dtypes import in_array, widened
from ..core.rows import primitive, serves
from .axes import Axis, together
from .elementwise import where
from .indexing import (
    _along,
    _integers,
    _shape_chosen,
    _spread,
    getitem,
    of_known,
    scatter,
    take_along_axis,
)  # fmt: skip
from .inspection import plain
from .pytorch_words import says_our_words
from .reads import check_range
from .shapes import broadcast_arrays, broadcast_to, stack

# Among several arrays ------------------------------------------------------------------------------------


@serves(np.select)
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """choicelist[k] for the first k with condlist[k], elementwise and broadcast together; `default` where none is.

    At the edge: nan where a choice not taken has an infinite derivative, as in `where`.
    """
    if not len(condlist) or len(condlist) != len(choicelist):
        raise ValueError(
            f"select: as many choices as conditions are needed, one or more; there are {len(choicelist)} and "
            f"{len(condlist)}"
        )
    *choices, y = together(*choicelist, default)
    for condition, choice in zip(reversed(condlist), reversed(choices), strict=True):
        if in_array(condition).dtype.kind != "b":
            raise TypeError("select: the conditions must be arrays of bools, such as x > 0")
        y = where(condition, choice, y)
    return y


@serves(np.choose)
def choose(a: Any, choices: Sequence[Any], mode: str = "raise") -> Any:
    """choices[a], elementwise: a of integers in [0, len(choices)), broadcast together with the choices.

    IndexError for an integer out of range; it does not wrap, and no other `mode` is served.
    """
    if mode != "raise":
        raise TypeError(f"np.choose: mode={mode!r} is not supported on Tensors; only 'raise' is")
    a, *among = broadcast_arrays(_integers("choose", a, choices[0]), *together(*choices))
    check_range("choose", plain(a), 0, len(among))
    return of_known(take_along_axis, stack(among), a[None], 0)[0]


@serves(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **options: Any) -> Any:
    """funclist[k](x) where condlist[k], of several k the last; where none is: 0, or one function more.

    Each function is called with the elements of x on its own side alone, as one axis, and with `args` and `options`;
    so one that is undefined elsewhere leaves no trace. A number stands for itself. The result has x's dtype.
    """
    x = in_array(x)
    sides = _conditions(condlist, x)
    if len(funclist) == len(sides) + 1:
        sides.append(~functools.reduce(np.logical_or, sides))
    if len(funclist) != len(sides):
        raise ValueError(
            f"piecewise: {len(funclist)} functions for {len(sides)} conditions; as many, or one more, are needed"
        )
    y = np.zeros_like(x)
    for side, f in zip(sides, funclist, strict=True):
        if callable(f):
            own = x[side]
            if not own.size:
                continue
            value = together(x, f(own, *args, **options))[1].astype(x.dtype)
            f = scatter(broadcast_to(value, own.shape), side, x.shape)
        y = where(side, f, y)
    return y


def _conditions(given: Any, x: Any) -> list[Any]:
    """The conditions, one by one, as arrays; a single one, of an x with axes, may stand without a list around it."""
    given = options.unwrap(given, "piecewise", "condlist")
    are_several = isinstance(given, (list, tuple)) or np.ndim(given)
    alone = not are_several or (len(x.shape) and not np.ndim(given[0]))
    sides = [given] if alone else [given[k] for k in range(len(given))]
    sides = [np.asarray(side, bool, like=plain(x)) for side in sides]
    if any(side.shape != x.shape for side in sides):
        raise ValueError(
            f"piecewise: conditions have shapes {', '.join(str(side.shape) for side in sides)}; each needs that of x, "
            f"{tuple(x.shape)}"
        )
    return sides


@says_our_words
def trim_zeros(x: Any, trim: str = "fb", axis: Axis = None) -> Any:
    """x without the zeros at its front ("f") and back ("b"), along all axes or the given ones."""
    x = in_array(x)
    ndim = len(x.shape)
    if trim.lower() not in ("fb", "bf", "f", "b"):
        raise ValueError(f'trim_zeros: trim must be "fb", "f" or "b", not {trim!r}')
    axes = range(ndim) if axis is None else normalize_axis_tuple(axis, ndim)
    places = np.argwhere(plain(x))
    index = [slice(None)] * ndim
    for k in axes:
        first, last = (places[:, k].min(), places[:, k].max() + 1) if len(places) else (0, 0)
        front = int(first) if "f" in trim.lower() or not len(places) else None
        index[k] = slice(front, int(last) if "b" in trim.lower() or not len(places) else None)
    return getitem(x, tuple(index))


@serves(np.trim_zeros)
def _numpy_trim_zeros(filt: Any, trim: str = "fb", axis: Axis = None) -> Any:
    return trim_zeros(filt, trim, axis)


# Extremes of what is scattered ---------------------------------------------------------------------------


def _at(ufunc: Any, y: Any, index: Any, values: Any) -> Any:
    with np.errstate(invalid="ignore"):  # NumPy warns of nan here, and nowhere else
        ufunc.at(y, index, values)
    return y


def _scatter_max(x: Any, values: Any, index: Any) -> Any:
    return _at(np.maximum, x.copy(), index, values)


def _scatter_min(x: Any, values: Any, index: Any) -> Any:
    return _at(np.minimum, x.copy(), index, values)


def _to_tied(g: Any, y: Any, x: Any, values: Any, index: Any) -> tuple[Any, Any]:
    """The gradient, shared evenly among an element of x and the values scattered to it that tie (or are nan)."""
    dtype = widened(g).dtype  # float16 counts only to 2048
    kept, placed = (x == y) | np.isnan(x), (values == y[index]) | np.isnan(values)
    share = g / (kept.astype(dtype) + scatter(placed.astype(dtype), index, x.shape))
    return where(kept, share, 0), where(placed, of_known(getitem, share, index), 0)


# rows: neither a maximum nor an assignment that may meet an element twice can be composed of other ops
_scatter_max_row = primitive(_scatter_max, joint=(("x", "values"), _to_tied))
_scatter_min_row = primitive(_scatter_min, joint=(("x", "values"), _to_tied))


def _scattered(op: str, row: Any, x: Any, index: Any, values: Any, axis: int | None) -> Any:
    if axis is not None:
        _, index = _along(op, x, index, axis)
    index = plain(index, op)
    shape = _shape_chosen(op, plain(x), index, x.shape)
    return row(x, _spread(op, values, x, shape), index)


@says_our_words
def scatter_max(x: Any, index: Any, values: Any, axis: int | None = None) -> Any:
    """x with y[index] = max(y[index], values), where all values for one element count; read as in `scatter_add`.

    This is PyTorch's scatter_reduce with "amax".

    At a tie: the element of x and all values that tie share the gradient evenly; nan wins.
    """
    return _scattered("scatter_max", _scatter_max_row, x, index, values, axis)


@says_our_words
def scatter_min(x: Any, index: Any, values: Any, axis: int | None = None) -> Any:
    """x with y[index] = min(y[index], values), where all values for one element count; read as in `scatter_add`.

    This is PyTorch's scatter_reduce with "amin".

    At a tie: the element of x and all values that tie share the gradient evenly; nan wins.
    """
    return _scattered("scatter_min", _scatter_min_row, x, index, values, axis)
