"""Products of vectors, matrices and tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..core.op import sum_
from ..core.rows import primitive, serves
from .axes import arrays_of
from .pytorch_words import says_our_words
from .shapes import expand_dims, ravel, reshape, squeeze, sum_to, transpose


def _broadcast(a_shape: Sequence[int], b_shape: Sequence[int]) -> bool:
    try:
        np.broadcast_shapes(tuple(a_shape), tuple(b_shape))
    except ValueError:
        return False
    return True


# Matrices ------------------------------------------------------------------------------------------------


def _matmul(a: Any, b: Any) -> Any:
    try:
        return np.matmul(a, b)
    except ValueError:
        raise ValueError(
            f"matmul: a has shape {a.shape} and b {b.shape}; the last axis of a ({a.shape[-1]}) must equal the one "
            f"before the last of b ({b.shape[-2]}), and the leading axes must broadcast. Is one of them transposed?"
        ) from None


_matmul_row = primitive(
    _matmul,
    a=lambda g, b, a_shape: sum_to(g @ b.mT, a_shape),
    b=lambda g, a, b_shape: sum_to(a.mT @ g, b_shape),
)


@serves(np.matmul, np.linalg.matmul)
def matmul(a: Any, b: Any) -> Any:
    """y = a b, the matrix product over the last two axes, leading axes broadcast.

    A 1-d a counts as a row, a 1-d b as a column; the axis so added is dropped from the result, as in NumPy.
    """
    a, b = arrays_of((a, b))
    if a.ndim > 1 and b.ndim > 1:
        return _matmul_row(a, b)
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError("matmul: a 0-d operand has no axis to sum over; use * for a scalar")
    if a.ndim == 1 and a.shape[0] != b.shape[-2 if b.ndim > 1 else 0]:
        raise ValueError(
            f"matmul: a has shape {a.shape} and b {b.shape}; the summed axes differ in size"
        )
    y = _matmul_row(
        expand_dims(a, 0) if a.ndim == 1 else a, expand_dims(b, 1) if b.ndim == 1 else b
    )
    return squeeze(y, tuple(axis for axis, x in ((-2, a), (-1, b)) if x.ndim == 1))


def _linear(x: Any, w: Any, b: Any) -> Any:
    if w.ndim != 2:
        raise ValueError(f"linear: the weight has shape {w.shape}; (out, in) is needed")
    try:
        y = np.matmul(x, w.T) if x.ndim <= 2 else _rows_times(x, w.T)
    except ValueError:
        raise ValueError(
            f"linear: x has shape {x.shape} and the weight {w.shape}; the last axis of x must have the size of the "
            f"weight's last axis, {w.shape[-1]} input features"
        ) from None
    if b is not None:
        if b.shape != w.shape[:1]:
            raise ValueError(
                f"linear: the bias has shape {b.shape}; one per output of the weight {w.shape} is needed, "
                f"{w.shape[:1]}"
            )
        y += b
    return y


def _rows(x: Any) -> Any:
    """(..., n) as (m, n)."""
    return x if len(x.shape) == 2 else x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))


def _rows_times(x: Any, w: Any) -> Any:
    """x w for x (..., n), w (n, k) as one product of all rows; `@` would make one per leading index."""
    return (_rows(x) @ w).reshape((*x.shape[:-1], w.shape[-1]))


# one row for product and bias: it saves a node, and a pass over the output each way
_linear_row = primitive(
    _linear,
    x=lambda g, w: g @ w if len(g.shape) <= 2 else _rows_times(g, w),
    w=lambda g, x: (x.T @ g if len(x.shape) == 2 else _rows(x).T @ _rows(g)).T,  # the faster order
    b=lambda g: sum_(_rows(g), 0),
)


def linear(x: Any, w: Any, b: Any = None) -> Any:
    """y = x w^T + b, with x (..., in), w (out, in), b (out,) or None, y (..., out)."""
    return _linear_row(x, w, b)


def matvec(a: Any, x: Any) -> Any:
    """y_i = sum_j a_ij x_j over the last axes of a (..., m, n) and x (..., n), leading axes broadcast."""
    a, x = arrays_of((a, x))
    if (
        a.ndim < 2
        or x.ndim < 1
        or a.shape[-1] != x.shape[-1]
        or not _broadcast(a.shape[:-2], x.shape[:-1])
    ):
        raise ValueError(
            f"matvec: a has shape {a.shape} and x {x.shape}; (..., m, n) and (..., n) are needed, with leading axes "
            "that broadcast"
        )
    return squeeze(_matmul_row(a, expand_dims(x, -1)), -1)


def vecmat(x: Any, a: Any) -> Any:
    """y_j = sum_i x_i a_ij over the last axis of x (..., m) and the one before the last of a (..., m, n)."""
    x, a = arrays_of((x, a))
    if (
        x.ndim < 1
        or a.ndim < 2
        or x.shape[-1] != a.shape[-2]
        or not _broadcast(x.shape[:-1], a.shape[:-2])
    ):
        raise ValueError(
            f"vecmat: x has shape {x.shape} and a {a.shape}; (..., m) and (..., m, n) are needed, with leading axes "
            "that broadcast"
        )
    return squeeze(_matmul_row(expand_dims(x, -2), a), -2)


if hasattr(np, "matvec"):  # since NumPy 2.2
    serves(np.matvec)(matvec)
    serves(np.vecmat)(vecmat)

# Sums over other axes ------------------------------------------------------------------------------------


@serves(np.dot)
def dot(a: Any, b: Any) -> Any:
    """sum_k a[..., k] b[..., k, :]: over the last axis of a and the second to last of b, or b's only axis.

    The result has the other axes of a, then those of b (`a @ b` broadcasts them). 0-d: the product a b.
    """
    a, b = arrays_of((a, b))
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    of_b = max(b.ndim - 2, 0)
    if a.ndim <= 2 and b.ndim <= 2 and a.shape[-1] == b.shape[of_b]:
        return matmul(a, b)
    return _tensordot("dot", a, b, (a.ndim - 1,), (of_b,))


@serves(np.inner)
def inner(a: Any, b: Any) -> Any:
    """sum_k a[..., k] b[..., k] over the last axes; the result has the others, a's first. 0-d: the product a b."""
    a, b = arrays_of((a, b))
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    return _tensordot("inner", a, b, (a.ndim - 1,), (b.ndim - 1,))


@serves(np.vdot)
def vdot(a: Any, b: Any) -> Any:
    """sum_k a_k b_k over all elements of two arrays of the same size, flattened."""
    a, b = arrays_of((a, b))
    if math.prod(a.shape) != math.prod(b.shape):
        raise ValueError(
            f"vdot: a has shape {a.shape} and b {b.shape}; as many elements in one as in the other are needed"
        )
    return matmul(ravel(a), ravel(b))


@serves(np.vecdot, np.linalg.vecdot)
@says_our_words
def vecdot(a: Any, b: Any, axis: int = -1) -> Any:
    """sum_k a_k b_k along one axis of both, the other axes broadcast."""
    a, b = (_last(x, axis) for x in arrays_of((a, b)))
    if a.shape[-1] != b.shape[-1] or not _broadcast(a.shape[:-1], b.shape[:-1]):
        raise ValueError(
            f"vecdot: with the summed axis last a has shape {a.shape} and b {b.shape}; that axis must have one size, "
            "and the others broadcast"
        )
    return squeeze(_matmul_row(expand_dims(a, -2), expand_dims(b, -1)), (-2, -1))


def _last(x: Any, axis: int) -> Any:
    axis = normalize_axis_index(axis, x.ndim, f"vecdot, an operand of shape {x.shape}")
    return (
        x if axis == x.ndim - 1 else transpose(x, [i for i in range(x.ndim) if i != axis] + [axis])
    )


@serves(np.tensordot, np.linalg.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Sum of products over pairs of axes; the result has the remaining axes of a, then those of b.

    axes   n: the last n of a with the first n of b; or (of a, of b): the axes, each a number or a sequence
    """
    a, b = arrays_of((a, b))
    if isinstance(axes, (int, np.integer)):
        if not 0 <= axes <= min(a.ndim, b.ndim):
            raise ValueError(f"tensordot: axes={axes}, but a has shape {a.shape} and b {b.shape}")
        return _tensordot("tensordot", a, b, range(a.ndim - axes, a.ndim), range(axes))
    try:
        of_a, of_b = axes
        of_a, of_b = normalize_axis_tuple(of_a, a.ndim), normalize_axis_tuple(of_b, b.ndim)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"tensordot: axes must be a number or (of a, of b), not {axes!r}: {error}"
        ) from None
    return _tensordot("tensordot", a, b, of_a, of_b)


def _tensordot(op: str, a: Any, b: Any, of_a: Sequence[int], of_b: Sequence[int]) -> Any:
    """The product as one of matrices, with the summed axes last in a and first in b."""
    sizes, others = [a.shape[i] for i in of_a], [b.shape[i] for i in of_b]
    if sizes != others:
        raise ValueError(
            f"{op}: the axes {tuple(of_a)} of a, of shape {a.shape}, and {tuple(of_b)} of b, of shape {b.shape}, are "
            "summed in pairs and must agree in number and size"
        )
    rows, columns = _without(a.ndim, of_a), _without(b.ndim, of_b)
    count = math.prod(sizes)
    left, right = [a.shape[i] for i in rows], [b.shape[i] for i in columns]
    y = _matmul_row(
        reshape(_in_order(a, [*rows, *of_a]), (math.prod(left), count)),
        reshape(_in_order(b, [*of_b, *columns]), (count, math.prod(right))),
    )
    return reshape(y, (*left, *right))


def _without(ndim: int, axes: Sequence[int]) -> list[int]:
    return [i for i in range(ndim) if i not in axes]


def _in_order(x: Any, axes: list[int]) -> Any:
    return x if axes == list(range(len(axes))) else transpose(x, axes)


@serves(np.outer)
def outer(a: Any, b: Any) -> Any:
    """y_ij = a_i b_j, with a and b flattened."""
    a, b = arrays_of((a, b))
    return reshape(a, (-1, 1)) * reshape(b, (1, -1))


@serves(np.kron)
def kron(a: Any, b: Any) -> Any:
    """y[i m + k, j n + l] = a[i, j] b[k, l] for b (m, n): each element of a becomes a block, a[i, j] times b.

    The array with fewer axes gets leading axes of size 1.
    """
    a, b = arrays_of((a, b))
    ndim = max(a.ndim, b.ndim)
    a_shape, b_shape = ((1,) * (ndim - x.ndim) + tuple(x.shape) for x in (a, b))
    y = reshape(a, [n for size in a_shape for n in (size, 1)]) * reshape(
        b, [n for size in b_shape for n in (1, size)]
    )
    return reshape(y, [m * n for m, n in zip(a_shape, b_shape, strict=True)])


@serves(np.linalg.multi_dot)
def multi_dot(arrays: Sequence[Any]) -> Any:
    """a b c ...: the product of two or more matrices, in the order that costs the fewest multiplications.

    The first may be 1-d, a row, and the last 1-d, a column; these axes are dropped from the result.
    """
    xs = arrays_of(arrays)
    shapes = [tuple(x.shape) for x in xs]
    if len(xs) < 2:
        raise ValueError(f"multi_dot: at least two arrays are needed, not {len(xs)}")
    inner_ndims = {len(shape) for shape in shapes[1:-1]}
    if not inner_ndims <= {2} or not {len(shapes[0]), len(shapes[-1])} <= {1, 2}:
        raise ValueError(
            f"multi_dot: shapes {', '.join(map(str, shapes))}; matrices are needed, of which the first and the last "
            "may be 1-d. Use @ for stacks of matrices"
        )
    for left, right in pairwise(shapes):
        if left[-1] != right[0]:
            raise ValueError(f"multi_dot: {left} and {right} do not fit: {left[-1]} != {right[0]}")
    sides = [1 if len(shapes[0]) == 1 else shapes[0][0], *[shape[0] for shape in shapes[1:]]]
    sides.append(1 if len(shapes[-1]) == 1 else shapes[-1][1])
    return _product(xs, _cheapest_splits(sides), 0, len(xs) - 1)


def _cheapest_splits(sides: list[int]) -> dict[tuple[int, int], int]:
    """(first, last) -> the matrix after which to split; matrix i is (sides[i], sides[i + 1]). Cormen et al., 14.2."""
    count = len(sides) - 1
    cost = {(i, i): 0 for i in range(count)}
    splits = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            costs = [
                cost[i, k] + cost[k + 1, j] + sides[i] * sides[k + 1] * sides[j + 1]
                for k in range(i, j)
            ]
            cost[i, j] = min(costs)
            splits[i, j] = i + costs.index(cost[i, j])
    return splits


def _product(xs: list[Any], splits: dict[tuple[int, int], int], i: int, j: int) -> Any:
    if i == j:
        return xs[i]
    k = splits[i, j]
    return matmul(_product(xs, splits, i, k), _product(xs, splits, k + 1, j))
