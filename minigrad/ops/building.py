"""Arrays built of others: of blocks and numbers, with elements put in or left out, of one value, between two ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from operator import index
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..core.dtypes import in_array
from ..core.graph import TensorBase
from ..core.rows import serves
from ..devices import on_host
from .axes import arrays_of, explain_axes, in_floats, together
from .elementwise import absolute, astype, subtract
from .indexing import take
from .inspection import inspect, plain, tensors_in
from .joining import unstack
from .powers import power
from .pytorch_words import says_our_words
from .rearrange import diag, tile
from .shapes import broadcast_to, concatenate, moveaxis, ravel, reshape, stack

# Of blocks -----------------------------------------------------------------------------------------------


@serves(np.block)
def block(arrays: Any) -> Any:
    """An array of nested lists of arrays: the innermost lists are joined along the last axis, and so outwards.

    All lists are nested equally deep; an array with fewer axes gets axes of size 1 in front. So np.block([[a, b],
    [c, d]]) of matrices is a matrix, and of numbers too.
    """
    depth, flat = _depth(arrays), _flat(arrays)
    ndim = max(depth, *[len(np.shape(a)) for a in flat])
    return _joined(arrays, -depth, ndim, iter(together(*flat)))


def _flat(arrays: Any) -> list[Any]:
    return [a for v in arrays for a in _flat(v)] if type(arrays) is list else [arrays]


def _depth(arrays: Any) -> int:
    if type(arrays) is not list:
        return 0
    depths = {_depth(v) for v in arrays}
    if len(depths) != 1:
        raise ValueError(
            f"block: lists must not be empty and be nested equally deep; one is empty or holds depths {sorted(depths)}"
        )
    return 1 + depths.pop()


def _joined(arrays: Any, axis: int, ndim: int, flat: Iterator[Any]) -> Any:
    if type(arrays) is list:
        return concatenate([_joined(v, axis + 1, ndim, flat) for v in arrays], axis)
    x = next(flat)
    return reshape(x, (1,) * (ndim - len(x.shape)) + tuple(x.shape))


@serves(np.append)
@says_our_words
def append(x: Any, values: Any, axis: int | None = None) -> Any:
    """`values` after x along an axis; both flattened first if axis is None."""
    return concatenate(together(x, values), axis)


@serves(np.insert)
@says_our_words
def insert(x: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """x with `values` put in before the places `obj` along an axis; x flattened first if axis is None.

    obj     an integer, a slice, integers or a mask, which count along x as it was. Before one place there may be
            several values, along `axis`
    values  broadcast to the shape of what is put in
    """
    x, axis = (ravel(in_array(x)), 0) if axis is None else (x, axis)
    axis = normalize_axis_index(axis, len(x.shape), "insert")
    n, (x, values) = x.shape[axis], together(x, values)
    places = _places(obj, n)
    places = np.flatnonzero(places) if places.dtype == bool else places
    count, lead = places.size, (1,) * (len(values.shape) - len(x.shape))
    if count == 1:  # as many as there are
        values = reshape(values, (1,) * (len(x.shape) - len(values.shape)) + tuple(values.shape))
        values = moveaxis(values, 0, axis) if not places.ndim else values
        count = values.shape[axis]
    elif lead and tuple(values.shape[: len(lead)]) == lead:
        values = reshape(values, values.shape[len(lead) :])
    values = broadcast_to(values, (*x.shape[:axis], count, *x.shape[axis + 1 :]))
    order = np.insert(np.arange(n), places, np.arange(n, n + count))
    return take(concatenate([x, values], axis), order.tolist(), axis)


def _places(obj: Any, n: int) -> Any:
    """Places along an axis of size n as an array of NumPy's."""
    places = np.arange(n)[obj] if isinstance(obj, slice) else on_host(plain(obj))
    return places if places.size else places.astype(int)  # an empty list is of floats


@serves(np.delete)
@says_our_words
def delete(x: Any, obj: Any, axis: int | None = None) -> Any:
    """x without the places `obj`, integers, a slice or a mask, along an axis; of x flattened if it is None."""
    x, axis = (ravel(in_array(x)), 0) if axis is None else (x, axis)
    axis = normalize_axis_index(axis, len(x.shape), "delete")
    n = x.shape[axis]
    return take(x, np.delete(np.arange(n), _places(obj, n)).tolist(), axis)


@serves(np.resize)
def resize(x: Any, new_shape: int | Sequence[int]) -> Any:
    """The elements of x in row-major order, again and again until `new_shape` is full; zeros if x is empty."""
    shape = (index(new_shape),) if hasattr(new_shape, "__index__") else tuple(new_shape)
    if any(n < 0 for n in shape):
        raise ValueError(f"resize: sizes must be >= 0, not {shape}")
    x, total = ravel(in_array(x)), math.prod(shape)
    if not x.shape[0] or not total:
        return np.zeros_like(x, shape=shape)
    return reshape(tile(x, -(-total // x.shape[0]))[:total], shape)


@serves(np.diagflat)
def diagflat(x: Any, k: int = 0) -> Any:
    """The matrix of zeros with the elements of x, in row-major order, on its diagonal: y[i, i + k] = x[i]."""
    return diag(ravel(in_array(x)), k)


# Of one value --------------------------------------------------------------------------------------------


def full(shape: int | Sequence[int], fill_value: Any, dtype: Any = None) -> Any:
    """An array of `shape`, each element `fill_value`, which is broadcast to it; its gradient is summed.

    This stands for NumPy's np.full, which does not ask a Tensor.
    """
    shape = (index(shape),) if hasattr(shape, "__index__") else tuple(shape)
    return broadcast_to(_cast("full", in_array(fill_value), dtype), shape)


@serves(np.full_like)
def full_like(x: Any, fill_value: Any, dtype: Any = None, *, shape: Any = None) -> Any:
    """An array of x's shape and dtype, or of those given, each element `fill_value`; x has no gradient."""
    if any(t._requires_grad for t in tensors_in(fill_value)):
        x = in_array(x)
        fill = _cast("full_like", in_array(fill_value), x.dtype if dtype is None else dtype)
        return full(tuple(x.shape) if shape is None else shape, fill)
    y = inspect(np.full_like, x, fill_value, dtype=dtype, shape=shape)
    return y if any(isinstance(v, TensorBase) for v in (x, fill_value)) else plain(y)


def _cast(op: str, y: Any, dtype: Any) -> Any:
    """y in a dtype, if one is given; TypeError if history would be lost by it."""
    if dtype is None or y.dtype == dtype:
        return y
    if np.dtype(dtype).kind != "f" and isinstance(y, TensorBase) and y._requires_grad:
        raise TypeError(
            f"{op}: dtype={np.dtype(dtype)} has no gradient, and that of a Tensor would be lost unseen; ask for "
            "floats, or pass t.detach()"
        )
    return astype(y, dtype)


# Between two ends ----------------------------------------------------------------------------------------


@serves(np.linspace)
@says_our_words
def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None,
    axis: int = 0,
) -> Any:  # fmt: skip
    """y_i = start (1 - i / d) + stop i / d for i < num, with d = num - 1, or num without endpoint

    Arrays as ends give a new axis, at `axis`. With retstep=True the result is (y, (stop - start) / d).
    """
    a, b, w = _ends("linspace", [start, stop], num, endpoint)
    y = _cast("linspace", moveaxis(a * w[0] + b * w[1], 0, axis), dtype)
    return (
        (y, (b - a) / (steps if (steps := num - bool(endpoint)) > 0 else math.nan))
        if retstep
        else y
    )


@serves(np.logspace)
@says_our_words
def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> Any:  # fmt: skip
    """base^y with y = linspace(start, stop, num, endpoint)"""
    a, b, w = _ends("logspace", [start, stop], num, endpoint, base)
    return _cast("logspace", moveaxis(power(base, a * w[0] + b * w[1]), 0, axis), dtype)


@serves(np.geomspace)
@says_our_words
def geomspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Any:
    """y_i = start^(1 - i / d) stop^(i / d), in equal ratios, with d as in linspace; of negative ends the negative.

    At the edge: nan where an end is 0 or their signs differ.
    """
    a, b, w = _ends("geomspace", [start, stop], num, endpoint)
    sign = np.where(np.sign(plain(a)) * np.sign(plain(b)) > 0, np.sign(plain(a)), math.nan)
    y = power(absolute(a), w[0]) * power(absolute(b), w[1]) * sign.astype(a.dtype)
    return _cast("geomspace", moveaxis(y, 0, axis), dtype)


def _ends(
    op: str, ends: list[Any], num: int, endpoint: bool, base: Any = 0
) -> tuple[Any, Any, tuple[Any, Any]]:
    """The ends as floats of one dtype, and their weights (num, 1, ...) at each place: exactly 1 and 0 at the ends."""
    num = index(num)
    if num < 0:
        raise ValueError(f"{op}: num must be an integer >= 0, not {num}")
    ends = [in_floats(v) for v in together(*ends, base)[:2]]
    dtype = subtract(*ends).dtype
    a, b = (v if v.dtype == dtype else v.astype(dtype) for v in ends)
    ndim = max(np.ndim(base), len(a.shape), len(b.shape))
    w = np.arange(num, like=plain(a)).reshape((num,) + (1,) * ndim) / (num - bool(endpoint) or 1)
    return a, b, ((1 - w).astype(dtype), w.astype(dtype))


# Of slices -----------------------------------------------------------------------------------------------


@serves(np.apply_along_axis)
def apply_along_axis(
    func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any
) -> Any:
    """func1d(slice, ...) of each 1-d slice along an axis; the axes of the results stand where that one stood."""
    x = in_array(arr)
    try:
        axis = normalize_axis_index(axis, len(x.shape), "apply_along_axis")
    except (TypeError, ValueError) as error:
        explain_axes(apply_along_axis, (func1d, axis, arr), {}, error)
        raise
    rows = moveaxis(x, axis, -1)
    lead = tuple(rows.shape[:-1])
    if not math.prod(lead):
        raise ValueError(
            f"apply_along_axis: an array of shape {tuple(x.shape)} has no slice along axis {axis}"
        )
    each = [func1d(row, *args, **kwargs) for row in unstack(reshape(rows, (-1, x.shape[axis])))]
    y = stack(arrays_of([x, *each])[1:])
    own = len(y.shape) - 1  # axes of a result
    y = reshape(y, (*lead, *y.shape[1:]))
    return moveaxis(y, range(len(lead), len(lead) + own), range(axis, axis + own))
