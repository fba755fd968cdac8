"""Reductions: their axes, how many elements these hold, the shape that is left, and their integers as floats."""

from __future__ import annotations

import functools
import inspect
import math
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.exceptions import AxisError
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..core.dtypes import DEFAULT_FLOAT, as_array, in_array, is_array
from ..core.rows import serves
from .inspection import plain

F = TypeVar("F", bound=Callable[..., Any])
Axis = int | Sequence[int] | None


def axes_of(x: Any, axis: Axis) -> int | tuple[int, ...] | None:
    """The axes to reduce, counted from 0; AxisError for one that x does not have."""
    if axis is None:
        return None
    ndim = len(x.shape)
    normalize: Any = normalize_axis_index if hasattr(axis, "__index__") else normalize_axis_tuple
    axes: int | tuple[int, ...] = normalize(axis, ndim or 1)
    return axes if ndim else ()  # NumPy lets a 0-d array be reduced over axis 0


AXES = frozenset(("axis", "axes", "axis1", "axis2", "source", "destination", "start_axis"))


def explain_axes(f: Callable[..., Any], args: Any, kwargs: Any, error: Exception) -> None:
    """Raise a better error than the one that f raised, if an axis among its arguments is none that f takes."""
    try:
        given = inspect.signature(f).bind(*args, **kwargs).arguments
    except TypeError:
        return
    for word in AXES & given.keys():
        axis, takes = given[word], f.__annotations__[word].replace("Axis", str(Axis))
        kinds = [text for kind, text in _KINDS.items() if kind in takes]
        if kinds and not _is_axis(axis, takes):
            *first, last = kinds
            what = f"{', '.join(first)} or {last}" if first else last
            raise TypeError(f"{f.__name__}: {word} must be {what}, not {axis!r}") from None
        if isinstance(axis, (tuple, list)) and ("repeated" in str(error) or "twice" in str(error)):
            raise ValueError(f"{f.__name__}: {word}={axis!r} names an axis twice") from None
    if isinstance(error, AxisError) and not str(error).startswith(f.__name__):
        raise AxisError(f"{f.__name__}: {error}") from None


_KINDS = {"int": "an integer", "Sequence": "a tuple of integers", "None": "None"}


def _is_axis(axis: Any, takes: str) -> bool:
    if isinstance(axis, (tuple, list)):
        return "Sequence" in takes and all(_is_axis(a, "int") for a in axis)
    try:
        return (axis is None and "None" in takes) or operator.index(axis) is not None
    except TypeError:
        return False


def tuple_of(axes: Any, ndim: int) -> tuple[int, ...]:
    """The result of `axes_of`, as a tuple."""
    return (axes,) if type(axes) is int else tuple(range(ndim)) if axes is None else axes


def kept_shape(shape: Any, axes: Any) -> tuple[int, ...]:
    """`shape` with the reduced axes as size 1: what keepdims=True gives."""
    reduced = tuple_of(axes, len(shape))
    return tuple(1 if i in reduced else n for i, n in enumerate(shape))


def count(shape: Any, axes: Any) -> int:
    """The number of elements that go into each result of a reduction."""
    return math.prod(shape[i] for i in tuple_of(axes, len(shape)))


def joined(x: Any, axes: Any) -> Any:
    """x with the axes to reduce moved to the front and made into one: (n, ...)."""
    x = in_array(x)
    ndim = len(x.shape)
    first = tuple_of(axes, ndim)
    order = (*first, *[i for i in range(ndim) if i not in first])
    if order != tuple(range(ndim)):
        x = x.transpose(order)
    shape = (math.prod(x.shape[: len(first)]), *x.shape[len(first) :])
    return x if tuple(x.shape) == shape else x.reshape(shape)


def in_floats(x: Any) -> Any:
    """x as floats: integers and bools become float32."""
    return x.astype(DEFAULT_FLOAT) if x.dtype.kind in "biu" else x


def together(*values: Any) -> list[Any]:
    """The values as arrays: numbers and lists with all their digits, in the library and float dtype of the others."""
    arrays = [plain(v) for v in values if is_array(v)]
    dtypes = [a.dtype for a in arrays if a.dtype.kind == "f"]
    dtype = np.result_type(*dtypes) if dtypes else None
    if not arrays:
        return [in_array(v) for v in values]
    others = (
        v if is_array(v) or dtype else as_array(v) for v in values
    )  # floats beside integers: float32
    return [in_array(v) if is_array(v) else np.asarray(v, dtype, like=arrays[0]) for v in others]


def arrays_of(values: Iterable[Any]) -> list[Any]:
    """The values as arrays, Python floats as `together` makes them; lists and integers get a dtype of their own."""
    values = list(values)
    if float not in map(type, values):
        return [in_array(v) for v in values]
    is_float = [is_array(v) or type(v) is float for v in values]
    floats = iter(together(*[v for v, kept in zip(values, is_float, strict=True) if kept]))
    return [next(floats) if kept else in_array(v) for v, kept in zip(values, is_float, strict=True)]


def serves_with_axis(*numpy_functions: Any) -> Callable[[F], F]:
    """Do as `serves` does, for NumPy functions that take a dtype or out right after `axis`, where ours do not."""

    def register(ours: F) -> F:
        @functools.wraps(ours)
        def call(x: Any, axis: Any = None, *further: Any, **options: Any) -> Any:
            if further:
                raise TypeError(
                    f"np.{ours.__name__}: on Tensors, arguments after axis are given by keyword; there is no out, and "
                    "a dtype= not everywhere: use .astype(dtype)"
                )
            return ours(x, axis, **options)

        serves(*numpy_functions)(call)
        return ours

    return register
