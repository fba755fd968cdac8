"""Tools of linear algebra: which matrices an op takes, how LAPACK is called, where there is no slope."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.dtypes import FLOAT16, in_array, widened
from ..core.rows import primitive
from .elementwise import where
from .inspection import plain
from .products import _broadcast
from .shapes import expand_dims, squeeze


def in_lapack(op: str, f: Any, a: Any, *more: Any) -> Any:
    """f(a, ...) for square a; LinAlgError for others. float16 is computed in float32."""
    return computed_widely(f, check_square(op, a), *more)


def check_square(op: str, a: Any) -> Any:
    """a as an array; LinAlgError if it is no square matrix nor a stack of them."""
    a = in_array(a)
    if len(a.shape) < 2 or a.shape[-1] != a.shape[-2]:
        raise np.linalg.LinAlgError(
            f"{op}: a has shape {a.shape}; a square matrix or a stack of them, (..., n, n), is needed"
        )
    return a


def computed_widely(f: Any, a: Any, *more: Any) -> Any:
    """f(a, ...), one array or a tuple of them; float16 is computed in float32, in gradients too if f is a row."""
    if a.dtype != FLOAT16:
        return f(a, *more)
    y = f(*map(widened, (a, *more)))
    return tuple(part.astype(a.dtype) for part in y) if isinstance(y, tuple) else y.astype(a.dtype)


def places(a: Any) -> tuple[Any, Any]:
    """The row (n, 1) and the column (1, n) of each element of a matrix, as plain arrays."""
    numbers = np.arange(a.shape[-1], like=plain(a))
    return numbers[:, None], numbers[None, :]


def check_matrices(op: str, a: Any) -> Any:
    """a as an array; LinAlgError if it has no two axes."""
    a = in_array(a)
    if len(a.shape) < 2:
        raise np.linalg.LinAlgError(
            f"{op}: a has shape {a.shape}; a matrix or a stack of them, (..., m, n), is needed"
        )
    return a


def in_columns(op: str, f: Any, a: Any, b: Any) -> Any:
    """f(a, b), with a 1-d b as one column; ValueError for shapes that do not fit."""
    a, b = (in_array(x) for x in (a, b))
    columns = expand_dims(b, 1) if b.ndim == 1 else b
    if (
        a.ndim < 2
        or columns.ndim < 2
        or columns.shape[-2] != a.shape[-1]
        or not _broadcast(a.shape[:-2], columns.shape[:-2])
    ):
        raise ValueError(
            f"{op}: a has shape {a.shape} and b {b.shape}; (..., n, n) and (n,) or (..., n, k) are needed, with "
            "leading axes that broadcast"
        )
    y = f(a, columns)
    return squeeze(y, -1) if b.ndim == 1 else y


def _mirrored(a: Any) -> Any:
    row, column = places(a)
    return np.where(row >= column, a, a.mT)


# a row, as the gradient is symmetric like the matrix, although only one triangle is read
_mirrored_row = primitive(_mirrored, a=lambda g: 0.5 * (g + g.mT))


def mirrored(a: Any) -> Any:
    """A symmetric matrix from the lower triangle of a."""
    return _mirrored_row(a)


def over_gap(turn: Any, gap: Any, depends: Any) -> Any:
    """turn / gap; where vectors share one value, gap = 0: nan if the result depends on either along the other, else 0.

    Whether it depends is not asked of turn: of V f(w) V^T, which is the same for any choice of vectors, turn is 0 at a
    tie, but turn / gap tends to a slope of f, which is not known here.
    """
    at_tie = gap == 0
    return where(at_tie & (depends | depends.mT), math.nan, turn / where(at_tie, 1, gap))


def nan_if_singular(triangle: Any, m: int) -> Any:
    """The triangular matrix, all nan where an element of its diagonal is 0 up to rounding for m rows."""
    if 0 in triangle.shape:
        return triangle
    size = np.abs(np.diagonal(triangle, 0, -2, -1))
    bound = m * float(np.finfo(triangle.dtype).eps) * np.max(size, axis=-1, keepdims=True)
    is_singular = np.any(size <= bound, axis=-1)
    return where(is_singular[..., None, None], math.nan, triangle)
