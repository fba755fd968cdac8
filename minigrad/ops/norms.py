"""Norms of vectors and matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.dtypes import narrowed, widened
from ..core.rows import primitive, serves
from .axes import Axis, axes_of, in_floats, kept_shape
from .elementwise import absolute, where
from .pytorch_words import says_our_words
from .reductions import max, min, sum
from .shapes import moveaxis, reshape, squeeze


def _norm(x: Any, p: Any, axis: Any, keepdims: bool) -> Any:
    if p == 2:
        return np.sqrt((x * x).sum(axis=axis, keepdims=keepdims))
    return (np.abs(x) ** p).sum(axis=axis, keepdims=keepdims) ** (1 / p)


def _norm_back(g: Any, x: Any, y: Any, p: Any, axis: Any) -> Any:
    """g * sign(x) * (|x| / y)^(p-1), and 0 where y is 0, at every order."""
    y = y.reshape(kept_shape(x.shape, axis))
    g, y = g.reshape(y.shape) * (y != 0), where(y == 0, 1, y)
    if p == 2:
        return g * (x / y)
    if p > 0 and p % 2 == 0:  # without |x|: exact at x = 0 at every order
        return g * (x / y) ** (p - 1)
    size = where(x == 0, 1, np.abs(x))  # any number will do, as sign(0) is 0
    return g * np.sign(x) * (size / y) ** (p - 1)


# a row: if composed, the root of 0 would give 0 * inf = nan. norm(0): 0, the subgradient of least norm
_norm_row = primitive(_norm, x=_norm_back)


@serves(np.linalg.norm)
@says_our_words
def norm(x: Any, ord: float | str | None = None, axis: Axis = None, keepdims: bool = False) -> Any:
    """(sum_i |x_i|^ord)^(1/ord) over one axis; ord=2 over all elements by default. float16: in float32.

    ord   inf: the largest |x_i|; -inf: the smallest; 0: the number of nonzero elements, without gradient. For a matrix
          (two axes, or a 2-d x when ord is given): None and "fro": the root of the sum of squares; 1 and -1: the
          largest and the smallest column sum of |x|; inf and -inf: those of the row sums; 2 and -2: the largest and
          the smallest singular value; "nuc": the sum of these
    axis  None, a number, or a pair: the axis of the rows and that of the columns

    At the kink: the norm of zeros has gradient 0, the subgradient of least norm. A singular value that is 0 too.
    At a tie: the largest and the smallest |x_i| share the gradient evenly, as max and min do; so do singular values.
    """
    y = _vector_or_matrix(widened(in_floats(x)), ord, axes_of(x, axis), keepdims)
    return narrowed(y, x)


def _vector_or_matrix(x: Any, ord: Any, axes: Any, keepdims: bool) -> Any:
    ndim = len(x.shape)
    if ord is None and (axes is None or not ndim):
        return _norm_row(x, 2, axes, keepdims)
    count = ndim if axes is None else 1 if type(axes) is int else len(axes)
    if count == 1:
        return _vector(x, 2 if ord is None else ord, axes, keepdims)
    if count == 2:
        return _matrix(x, ord, (0, 1) if axes is None else axes, keepdims)
    raise ValueError(
        f"norm: ord={ord!r} of x with shape {tuple(x.shape)} over {count} axes; a vector's norm has one axis, a "
        "matrix's two. Give axis, or ravel x"
    )


def _largest(x: Any, axis: Any, keepdims: bool = False) -> Any:
    """The maximum of sizes: of none, 0."""
    return max(x, axis, keepdims, initial=0 if 0 in x.shape else None)


def _vector(x: Any, ord: Any, axis: Any, keepdims: bool) -> Any:
    if not isinstance(ord, (int, float, np.number)):
        raise ValueError(f"norm: ord={ord!r} of a vector; it must be a number or None")
    if ord == 0:
        return sum((x != 0).astype(x.dtype), axis, keepdims)
    if ord == 1:
        return sum(absolute(x), axis, keepdims)
    if abs(ord) == math.inf:
        return (_largest if ord > 0 else min)(absolute(x), axis, keepdims)
    return _norm_row(x, float(ord), axis, keepdims)


def _matrix(x: Any, ord: Any, axes: tuple[int, int], keepdims: bool) -> Any:
    if ord is None or ord == "fro":
        return _norm_row(x, 2, axes, keepdims)
    if ord in ("nuc", 2, -2):
        # NumPy's word: ours is in a file of the table that is read later
        values = np.linalg.svdvals(moveaxis(x, axes, (-2, -1)))
        y = {"nuc": sum, 2: _largest, -2: min}[ord](values, -1)
        return reshape(y, kept_shape(x.shape, axes)) if keepdims else y
    if ord not in (1, -1, math.inf, -math.inf):
        raise ValueError(
            f"norm: ord={ord!r} of a matrix; it may be None, 'fro', 'nuc', 1, -1, 2, -2, inf or -inf. For the norm of "
            "all elements as one vector, ravel x"
        )
    rows, columns = axes
    inner, outer = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = sum(absolute(x), inner, keepdims=True)
    y = (_largest if ord > 0 else min)(sums, outer, keepdims=True)
    return y if keepdims else squeeze(y, axes)
