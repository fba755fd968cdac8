"""Products of matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtypes import as_array, is_array
from ..rows import primitive, serves
from .shapes import expand_dims, squeeze, sum_to


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


@serves(np.matmul)
def matmul(a: Any, b: Any) -> Any:
    """y = a b, the matrix product over the last two axes, leading axes broadcast.

    A 1-d a is a row and a 1-d b a column, and the axis so added is dropped from the result, as in NumPy.
    """
    a, b = (x if is_array(x) else as_array(x) for x in (a, b))
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
        y = np.matmul(x, w.T)
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


# one row for product and bias: a node and a pass over the output less each way
_linear_row = primitive(
    _linear,
    x=lambda g, w: g @ w,
    w=lambda g, x: (x.T @ g if len(x.shape) == 2 else _rows(x).T @ _rows(g)).T,  # the faster order
    b=lambda g: _rows(g).sum(axis=0),
)


def linear(x: Any, w: Any, b: Any = None) -> Any:
    """y = x w^T + b, with x (..., in), w (out, in), b (out,) or None, y (..., out)."""
    return _linear_row(x, w, b)
