"""Indexing: `getitem` gathers elements, `scatter` adds them back where they came from; each is the other's gradient.

Most ops along one axis are composed of these two. Indices have no gradient; they may be arrays, Tensors or lists of
integers.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..core.dtypes import DEFAULT_FLOAT, as_array, in_array, in_float32, is_array
from ..core.graph import TensorBase
from ..core.rows import Primitive, primitive, serves
from ..devices import is_elsewhere
from .elementwise import add, astype, where
from .inspection import inspect, plain
from .kernels import chosen
from .kernels import scatter as kernels
from .kernels.scatter import check_fits, choose, is_basic, parts_of
from .pytorch_words import says_our_words
from .reads import check_index, check_range, unchecked

# Gather and scatter --------------------------------------------------------------------------------------


def _getitem(x: Any, index: Any) -> Any:
    if x.__class__ is not np.ndarray and is_elsewhere(x):
        check_index("getitem", index, x.shape)
    return choose("getitem", x, index, x.shape)


def _scatter(g: Any, index: Any, shape: Any) -> Any:
    if g.__class__ is not np.ndarray and is_elsewhere(g):
        check_index("scatter", index, shape)
    return chosen(kernels.scatter, _scatter_plain, g)(g, index, tuple(shape))


def _scatter_plain(g: Any, index: Any, shape: Any) -> Any:
    """zeros(shape) with y[index] += g, duplicate indices accumulating, in functions that every array library has."""
    check_fits(g, _shape_chosen("scatter", g, index, shape), shape)
    if not all(is_basic(part) for part in parts_of(index)):
        return in_float32(_added_at, g, index, shape)
    y = np.zeros_like(g, shape=shape)  # each element is met at most once
    y[index] = g
    return y


def _added_at(g: Any, index: Any, shape: Any) -> Any:
    y = np.zeros_like(g, shape=shape)
    np.add.at(y, index, g)
    return y


def _shape_chosen(op: str, x: Any, index: Any, shape: Any) -> Any:
    """The shape of y[index], for an array y of `shape` in x's library."""
    unit = np.broadcast_to(np.zeros_like(x, shape=(), dtype=bool), shape)
    return tuple(choose(op, unit, index, shape).shape)


getitem = primitive(
    _getitem, x=lambda g, index, x_shape: of_known(scatter, g, index, x_shape), doc="x[index]"
)
# a row: assignment into zeros cannot be composed of other ops; duplicate indices accumulate
scatter: Primitive = primitive(
    _scatter, g=lambda G, index: of_known(getitem, G, index), doc="zeros(shape) with y[index] += g"
)


def of_known(f: Any, x: Any, *args: Any) -> Any:
    """f(x, *args), whose indices are known to be in range: nothing is read of a device to check them again."""
    data = x._data if isinstance(x, TensorBase) else x
    if data.__class__ is np.ndarray:
        return f(x, *args)
    with unchecked():
        return f(x, *args)


# Along one axis ------------------------------------------------------------------------------------------


def _integers(op: str, indices: Any, x: Any) -> Any:
    """Indices as an integer array; numbers and lists become one of x's library."""
    indices = plain(indices, op)
    if not is_array(indices):
        indices = np.asarray(indices, like=plain(x) if is_array(x) else None)
        indices = indices if indices.size else indices.astype("int64")
    if indices.dtype.kind not in "iu":
        raise TypeError(
            f"{op}: indices must be integers, not {indices.dtype}; a boolean mask is used as x[mask]"
        )
    return indices


def _along(op: str, x: Any, indices: Any, axis: int | None) -> tuple[Any, Any]:
    """x, flattened if axis is None, and the index that takes `indices` along its axis."""
    if axis is None:
        x, axis = in_array(x).reshape(-1), 0
    shape = tuple(x.shape)
    axis = normalize_axis_index(axis, len(shape))
    indices = _integers(op, indices, x)
    if len(indices.shape) != len(shape):
        raise ValueError(
            f"{op}: indices have shape {tuple(indices.shape)} and x has {shape}; they must have as many axes, and "
            f"broadcast except along axis {axis}"
        )
    check_range(op, indices, -shape[axis], shape[axis])
    index = [
        np.arange(n, like=indices).reshape([-1 if i == k else 1 for k in range(len(shape))])
        for i, n in enumerate(shape)
    ]
    index[axis] = indices
    return x, tuple(index)


@says_our_words
def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """y[..., i, ...] = x[..., indices[i], ...] along `axis`; of x flattened if axis is None.

    Negative indices count from the end; IndexError for one out of range.
    """
    if axis is None:
        x, axis = in_array(x).reshape(-1), 0
    axis = normalize_axis_index(axis, len(x.shape))
    indices = _integers("take", indices, x)
    check_range("take", indices, -x.shape[axis], x.shape[axis])
    return of_known(getitem, x, (slice(None),) * axis + (indices,))


@serves(np.take)
def _numpy_take(a: Any, indices: Any, axis: int | None = None, mode: str = "raise") -> Any:
    if mode != "raise":
        raise TypeError(f"np.take: mode={mode!r} is not supported on Tensors; only 'raise' is")
    return take(a, indices, axis)


@serves(np.compress)
def _numpy_compress(condition: Any, a: Any, axis: int | None = None) -> Any:
    return take(a, np.flatnonzero(plain(condition)), axis)


@serves(np.extract)
def _numpy_extract(condition: Any, arr: Any) -> Any:
    return _numpy_compress(np.ravel(plain(condition)), arr)


@says_our_words
def take_along_axis(x: Any, indices: Any, axis: int | None = -1) -> Any:
    """y[i, j, k] = x[i, indices[i, j, k], k] for axis 1, and so on; of x flattened if axis is None.

    indices  integers with x's number of axes, which broadcast with x except along `axis`
    """
    x, index = _along("take_along_axis", x, indices, axis)
    return of_known(getitem, x, index)


@serves(np.take_along_axis)
def _numpy_take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    return take_along_axis(arr, indices, axis)


def _spread(op: str, values: Any, x: Any, shape: tuple[int, ...]) -> Any:
    """values broadcast to `shape`, that of the chosen elements, as in an assignment; numbers get x's dtype."""
    if not np.isscalar(values) or isinstance(values, str):
        values = _listed(op, values, x)
        extra = len(values.shape) - len(shape)
        if extra > 0 and set(values.shape[:extra]) == {1}:
            values = values.reshape(values.shape[extra:])
    size = tuple(np.shape(values))
    if size == shape:
        return values
    try:
        fits = np.broadcast_shapes(size, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"{op}: values have shape {size}, and do not broadcast to the {shape} that is chosen of x {tuple(x.shape)}"
        )
    return values * np.ones_like(plain(x), shape=shape)


def _listed(op: str, values: Any, x: Any) -> Any:
    """An array or a Tensor as it is; lists of numbers in x's dtype, unless it would cut them off."""
    if is_array(values):
        return in_array(values)
    array = as_array(values, where=op)
    rank = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}
    fits = rank[array.dtype.kind] <= rank[x.dtype.kind] or not array.size
    return as_array(values, x.dtype, op) if fits else array


@says_our_words
def scatter_add(x: Any, index: Any, values: Any, axis: int | None = None) -> Any:
    """x with y[index] += values; where the index names an element more than once, all its values are added.

    index   anything that indexes x; with `axis`, integers along that axis, as `take_along_axis` reads them (this is
            PyTorch's scatter_add)
    values  broadcast to x[index]
    """
    if axis is not None:
        _, index = _along("scatter_add", x, index, axis)
    index = plain(index, "scatter_add")
    if is_elsewhere(plain(x)):
        check_index("scatter_add", index, x.shape)
    chosen = _shape_chosen("scatter_add", plain(x), index, x.shape)
    return add(x, of_known(scatter, _spread("scatter_add", values, x, chosen), index, x.shape))


def _put(x: Any, values: Any, places: Any) -> Any:
    if is_elsewhere(x):  # other libraries do not say which of several values stays
        last = _last_turn(places, x.size)
        one_each = np.broadcast_to(values.reshape(-1), (places.size,))
        by_turn = one_each[np.maximum(last, 0)] if places.size else 0
        return np.where(last < 0, x.reshape(-1), by_turn).astype(x.dtype).reshape(x.shape)
    y = x.copy().reshape(-1)
    y[places.reshape(-1)] = values.reshape(-1)  # flat, so that the last of several values stays
    return y.reshape(x.shape)


def _put_values(g: Any, places: Any) -> Any:
    """The gradient at the places; of several values for one place only the last, which stayed, gets it."""
    flat = places.reshape(-1)
    turn = np.arange(flat.size, like=flat)
    stayed = (_last_turn(flat, math.prod(g.shape))[flat] == turn).reshape(places.shape)
    return where(stayed, of_known(getitem, g.reshape(-1), places), 0)


def _last_turn(places: Any, size: int) -> Any:
    """The number of the last of the places that is i, for each i < size; -1 for none."""
    flat = places.reshape(-1)
    turn = np.arange(flat.size, like=flat)
    last = np.full_like(turn, -1, shape=(size,))
    if is_elsewhere(flat):
        np.maximum.at(last, flat, turn)
    else:
        last[flat] = turn
    return last


# a row: assignment cannot be composed of other ops
_put_row: Primitive = primitive(
    _put,
    x=lambda g, places: _put_row(g, np.zeros_like(g, shape=()), places),
    values=lambda g, places: _put_values(g, places),
)


def _put_at(op: str, x: Any, index: Any, values: Any) -> Any:
    x = in_array(x)
    if is_elsewhere(plain(x)):
        check_index(op, index, x.shape)
    every = np.arange(math.prod(x.shape), like=plain(x)).reshape(x.shape)
    places = choose(op, every, index, x.shape)
    places = np.asarray(places) if isinstance(places, np.generic) else places  # of one element
    values = _spread(op, values, x, tuple(places.shape))
    dtype = getattr(values, "dtype", values)
    if not np.can_cast(np.result_type(dtype, x.dtype), x.dtype, "same_kind"):
        raise TypeError(
            f"{op}: {dtype} does not fit into x, which is {x.dtype}; convert one of them by astype"
        )
    if not is_array(values):  # a number for one element
        values = np.asarray(values, x.dtype, like=plain(x))
    values = values if values.dtype == x.dtype else astype(values, x.dtype)
    return _put_row(x, values, places)


@says_our_words
def set_at(x: Any, index: Any, value: Any) -> Any:
    """A new array: x with y[index] = value, of x's dtype.

    index  anything that indexes x
    value  broadcast to x[index]

    At a tie: of several values for one element the last in row-major order stays, and gets all the gradient.
    """
    return _put_at("set_at", x, plain(index, "set_at"), value)


@says_our_words
def put_along_axis(x: Any, indices: Any, values: Any, axis: int | None = -1) -> Any:
    """A new array: x with y[i, indices[i, j, k], k] = values[i, j, k] for axis 1, and so on; x flat if None.

    indices  integers with x's number of axes, which broadcast with x except along `axis`
    values   broadcast to the shape of `take_along_axis(x, indices, axis)`

    At a tie: of several values for one element the last in row-major order stays, and gets all the gradient.
    """
    along, index = _along("put_along_axis", x, indices, axis)
    y = of_known(lambda along: _put_at("put_along_axis", along, index, values), along)
    return y.reshape(np.shape(x))


@serves(np.put_along_axis)
def _numpy_put_along_axis(arr: Any, indices: Any, values: Any, axis: int) -> Any:
    raise TypeError(
        "np.put_along_axis writes into its argument, which cannot be recorded; "
        "minigrad.put_along_axis gives a new array"
    )


# Rows by number ------------------------------------------------------------------------------------------


def one_hot(labels: Any, num_classes: int, dtype: Any = DEFAULT_FLOAT) -> Any:
    """y[..., c] = 1 where c = labels[...], else 0: labels (...) of integers in [0, num_classes), y (..., num_classes).

    IndexError for a label out of range; negative ones do not wrap.
    """
    if isinstance(labels, TensorBase):
        return inspect(one_hot, labels, num_classes, dtype)
    indices = _integers("one_hot", labels, labels)
    check_range("one_hot", indices, 0, num_classes)
    return (indices[..., None] == np.arange(num_classes, like=indices)).astype(dtype)


def embedding(weight: Any, indices: Any, padding_idx: int | None = None) -> Any:
    """y[...] = weight[indices[...]]: weight (V, D), indices (...) of integers in [0, V), y (..., D).

    IndexError for an index out of range; negative ones do not wrap.

    At the edge: the row `padding_idx` is read like any other, but its gradient is 0.
    """
    count = weight.shape[0]
    indices = _integers("embedding", indices, weight)
    check_range("embedding", indices, 0, count)
    y = of_known(getitem, weight, indices)
    if padding_idx is None:
        return y
    if not 0 <= padding_idx < count:
        raise ValueError(
            f"embedding: padding_idx {padding_idx} is no row; it must be in [0, {count})"
        )
    is_read = (indices != padding_idx).reshape(indices.shape + (1,) * (len(weight.shape) - 1))
    return where(is_read, y, plain(y))  # the same values; those of the padding row have no history
