"""Shapes and axes: reshape, transpose, broadcast, and what is made of them. No element is computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..core.graph import TensorBase, wrap
from ..core.op import sum_to_shape
from ..core.rows import Primitive, primitive, serves
from .axes import arrays_of, explain_axes
from .indexing import getitem
from .pytorch_words import says_our_words


def _reshape(x: Any, shape: Any) -> Any:
    return x.reshape(shape)


_reshape_row = primitive(_reshape, x=lambda g, x_shape: g.reshape(x_shape))


@serves(np.reshape)
def reshape(x: Any, shape: int | Sequence[int], order: str = "C") -> Any:
    """The same elements as an array of `shape`, in row-major order, or with "F" column-major; one -1 is inferred."""
    if order != "C":
        _check_order("reshape", order)
        backwards: Any = shape if hasattr(shape, "__index__") else tuple(shape)[::-1]
        return transpose(_reshape_row(transpose(x), backwards))
    return _reshape_row(x, shape)


def _check_order(op: str, order: str) -> None:
    if order != "F":
        raise ValueError(
            f'{op}: order must be "C", row-major, or "F", column-major, not {order!r}: a result never depends on how '
            "its argument lies in memory"
        )


def _transpose(x: Any, axes: Any) -> Any:
    return x.transpose(axes)


def _inverse(axes: Any) -> Any:
    return None if axes is None else tuple(axes.index(i) for i in range(len(axes)))


_transpose_row: Primitive = primitive(
    _transpose, x=lambda g, axes: _transpose_row(g, _inverse(axes))
)


@serves(np.transpose)
@says_our_words
def transpose(x: Any, axes: Sequence[int] | None = None) -> Any:
    """x with its axes in another order: axis k of the result is axis axes[k] of x; reversed by default."""
    if axes is None:
        return _transpose_row(x, None)
    axes = normalize_axis_tuple(axes, len(x.shape))
    if len(axes) != len(x.shape):
        swap = f"; to exchange two, write swapaxes{axes}" if len(axes) == 2 else ""
        raise ValueError(
            f"transpose: axes {axes} must name each of the {len(x.shape)} axes once{swap}"
        )
    return _transpose_row(x, axes)


@serves(np.swapaxes)
@says_our_words
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """x with two of its axes exchanged."""
    axis1, axis2 = (normalize_axis_index(a, len(x.shape)) for a in (axis1, axis2))
    axes = list(range(len(x.shape)))
    axes[axis1], axes[axis2] = axes[axis2], axes[axis1]
    return _transpose_row(x, tuple(axes))


@serves(np.moveaxis)
@says_our_words
def moveaxis(x: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Any:
    """x with the axes at `source` moved to `destination`; the others keep their order."""
    ndim = len(x.shape)
    source = normalize_axis_tuple(source, ndim, "moveaxis: source")
    destination = normalize_axis_tuple(destination, ndim, "moveaxis: destination")
    if len(source) != len(destination):
        raise ValueError(
            f"moveaxis: {len(source)} axes at source, {len(destination)} at destination; they must be as many"
        )
    axes = [a for a in range(ndim) if a not in source]
    for place, axis in sorted(zip(destination, source, strict=True)):
        axes.insert(place, axis)
    return _transpose_row(x, tuple(axes))


@serves(np.rollaxis)
def _numpy_rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    ndim = len(a.shape)
    axis = normalize_axis_index(axis, ndim, "rollaxis")
    before = ndim if start == ndim else normalize_axis_index(start, ndim, "rollaxis: start")
    return moveaxis(a, axis, before - (axis < before))


@serves(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x: Any) -> Any:
    """x with its last two axes exchanged."""
    return swapaxes(x, -1, -2)


def _broadcast_to(x: Any, shape: Any) -> Any:
    return np.broadcast_to(x, shape)


_broadcast_row = primitive(_broadcast_to, x=lambda g, x_shape: sum_to(g, x_shape))


@serves(np.broadcast_to)
def broadcast_to(x: Any, shape: int | Sequence[int]) -> Any:
    """x repeated along new leading axes and along axes of size 1, without a copy. Its gradient is `sum_to`."""
    shape = (int(shape),) if hasattr(shape, "__index__") else tuple(shape)
    try:
        return _broadcast_row(x, shape)
    except ValueError:
        if -1 in shape:  # in PyTorch's expand, the size that x has
            raise ValueError(
                f"broadcast_to: {shape} has -1 in it, and each size must be given: for the axes of x, of shape "
                f"{tuple(x.shape)}, write x.shape[i]"
            ) from None
        raise


_sum_to_row = primitive(sum_to_shape, ("x", "shape"), x=lambda g, x_shape: broadcast_to(g, x_shape))


def sum_to(x: Any, shape: Sequence[int]) -> Any:
    """x summed over the axes along which `shape` broadcasts to x's shape: the gradient of broadcast_to."""
    shape = tuple(shape)
    if shape == x.shape:
        return x
    lead = len(x.shape) - len(shape)
    if lead < 0 or any(n not in (1, m) for n, m in zip(shape, x.shape[lead:], strict=True)):
        raise ValueError(f"sum_to: {shape} does not broadcast to the shape {tuple(x.shape)} of x")
    return _sum_to_row(x, shape)


def _as_arrays(arrays: Sequence[Any]) -> list[Any]:
    """The arguments as arrays, numbers and lists too; all of them as Tensors if one is a Tensor."""
    arrays = arrays_of(arrays)
    if not any(isinstance(a, TensorBase) for a in arrays):
        return arrays
    return [a if isinstance(a, TensorBase) else wrap(a) for a in arrays]


@serves(np.broadcast_arrays)
def broadcast_arrays(*arrays: Any) -> tuple[Any, ...]:
    """The arrays, broadcast to their common shape, as views."""
    arrays = tuple(_as_arrays(arrays))
    shapes = [tuple(a.shape) for a in arrays]
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError:
        raise ValueError(
            f"broadcast_arrays: shapes {' and '.join(map(str, shapes))} do not broadcast: from the last axis on, "
            "sizes must be equal or one of them 1. Use reshape or expand_dims to line the axes up"
        ) from None
    return tuple(a if tuple(a.shape) == shape else broadcast_to(a, shape) for a in arrays)


@serves(np.expand_dims)
@says_our_words
def expand_dims(x: Any, axis: int | Sequence[int]) -> Any:
    """x with axes of size 1 inserted, so that they stand at `axis` in the result."""
    count = len(axis) if isinstance(axis, (tuple, list)) else 1
    ndim = len(x.shape) + count
    places = normalize_axis_tuple(axis, ndim)
    sizes = iter(x.shape)
    return reshape(x, tuple(1 if i in places else next(sizes) for i in range(ndim)))


@serves(np.squeeze)
@says_our_words
def squeeze(x: Any, axis: int | Sequence[int] | None = None) -> Any:
    """x without the axes of size 1, or without those in `axis`, which must have size 1."""
    if axis is None:
        return reshape(x, tuple(n for n in x.shape if n != 1))
    axes = normalize_axis_tuple(axis, len(x.shape) or 1, "squeeze")
    if not len(x.shape):
        return x  # as in NumPy, a 0-d array may be squeezed along axis 0
    if any(x.shape[a] != 1 for a in axes):
        raise ValueError(f"squeeze: axis {axis} of shape {tuple(x.shape)} does not have size 1")
    return reshape(x, tuple(n for i, n in enumerate(x.shape) if i not in axes))


def _concatenate(*xs: Any, axis: int, starts: tuple[int, ...]) -> Any:
    return np.concatenate(xs, axis)


def _concatenate_member(g: Any, i: int, xs_shape: Any, axis: int, starts: Any) -> Any:
    return getitem(g, (slice(None),) * axis + (slice(starts[i], starts[i] + xs_shape[axis]),))


_concatenate_row = primitive(_concatenate, xs=_concatenate_member)


@serves(np.concatenate)
@says_our_words
def concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Any:
    """The arrays one after another along an existing axis; flattened first if axis is None."""
    if axis is None:
        arrays, axis = [ravel(a) for a in arrays_of(arrays)], 0
    if not len(arrays):
        raise ValueError("concatenate: at least one array is needed")
    shapes = [np.shape(a) for a in arrays]
    ndim = len(shapes[0])
    axis = normalize_axis_index(axis, ndim)
    rest = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}
    if len(rest) > 1 or any(len(shape) != ndim for shape in shapes):
        raise ValueError(
            f"concatenate: shapes {', '.join(map(str, shapes))} differ in more than axis {axis}"
        )
    starts = tuple(accumulate((shape[axis] for shape in shapes), initial=0))
    return _concatenate_row(*arrays, axis=axis, starts=starts)


def _stack(*xs: Any, axis: int) -> Any:
    return np.stack(xs, axis)


_stack_row = primitive(_stack, xs=lambda g, i, axis: getitem(g, (slice(None),) * axis + (i,)))


@serves(np.stack)
@says_our_words
def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """The arrays, all of one shape, side by side along a new axis."""
    shapes = [np.shape(a) for a in arrays]
    if len(set(shapes)) != 1:
        raise ValueError(f"stack: one or more arrays of one shape are needed, not {shapes}")
    return _stack_row(*arrays, axis=normalize_axis_index(axis, len(shapes[0]) + 1))


@serves(np.ravel)
def ravel(x: Any, order: str = "C") -> Any:
    """x as one axis, in row-major order, or with "F" in column-major order."""
    return reshape(x, -1, order)


def flatten(x: Any, start_axis: int = 0, order: str = "C") -> Any:
    """x with the axes from `start_axis` on made into one: (N, C, H, W) with start_axis=1 gives (N, C H W).

    order  of the elements of these axes: "C", row-major, or "F", column-major
    """
    try:
        start_axis = normalize_axis_index(start_axis, len(x.shape) or 1)
    except (TypeError, ValueError) as error:
        explain_axes(flatten, (x, start_axis), {}, error)
        raise
    if order != "C":
        _check_order("flatten", order)
        x = transpose(x, [*range(start_axis), *reversed(range(start_axis, len(x.shape)))])
    return reshape(x, (*x.shape[:start_axis], math.prod(x.shape[start_axis:])))


def _each(arrays: tuple[Any, ...], shape_of: Any) -> Any:
    """Each array reshaped to what `shape_of` makes of its shape; a tuple for several arrays."""
    shaped = [
        a if len(shape_of(a.shape)) == len(a.shape) else reshape(a, shape_of(a.shape))
        for a in _as_arrays(arrays)
    ]
    return shaped[0] if len(shaped) == 1 else tuple(shaped)


@serves(np.atleast_1d)
def atleast_1d(*arrays: Any) -> Any:
    """() becomes (1,); a tuple for several arrays."""
    return _each(arrays, lambda shape: shape or (1,))


@serves(np.atleast_2d)
def atleast_2d(*arrays: Any) -> Any:
    """() becomes (1, 1) and (n,) becomes (1, n), a row; a tuple for several arrays."""
    return _each(arrays, lambda shape: (1,) * (2 - len(shape)) + tuple(shape))


@serves(np.atleast_3d)
def atleast_3d(*arrays: Any) -> Any:
    """() becomes (1, 1, 1), (n,) becomes (1, n, 1), (m, n) becomes (m, n, 1); a tuple for several arrays."""
    return _each(
        arrays,
        lambda shape: (
            (1,) * (2 - len(shape)) + tuple(shape) + (1,) if len(shape) < 3 else tuple(shape)
        ),
    )


@serves(np.meshgrid)
def meshgrid(*arrays: Any, sparse: bool = False, indexing: str = "xy") -> tuple[Any, ...]:
    """The coordinates of a grid, as views: each of n arrays becomes n-d and varies along one axis only.

    Array k varies along axis k; with indexing="xy" the first two are exchanged, so that x runs along the columns.
    With sparse=True the arrays are not repeated along the other axes, but have size 1 there.
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing must be 'xy' or 'ij', not {indexing!r}")
    ndim = len(arrays)
    along = list(range(ndim))
    if indexing == "xy":
        along[:2] = reversed(along[:2])
    lines = [
        reshape(a, (1,) * axis + (-1,) + (1,) * (ndim - 1 - axis))
        for a, axis in zip(_as_arrays(arrays), along, strict=True)
    ]
    return tuple(lines) if sparse else broadcast_arrays(*lines)
