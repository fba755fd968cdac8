"""Functions of np.linalg that have a namesake in np, or another one of ours, and differ from it in arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import in_array
from ..core.rows import serves
from .axes import Axis, axes_of, kept_shape, tuple_of
from .norms import norm
from .products import outer
from .rearrange import diagonal
from .reductions import trace
from .shapes import moveaxis, ravel, reshape


@serves(np.linalg.trace)
def _numpy_trace(x: Any, *, offset: int = 0) -> Any:
    return trace(x, offset, -2, -1)


@serves(np.linalg.diagonal)
def _numpy_diagonal(x: Any, *, offset: int = 0) -> Any:
    return diagonal(x, offset, -2, -1)


@serves(np.linalg.outer)
def _numpy_outer(x1: Any, x2: Any) -> Any:
    x1, x2 = in_array(x1), in_array(x2)
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(
            f"np.linalg.outer: x1 has shape {x1.shape} and x2 {x2.shape}; both must be 1-d"
        )
    return outer(x1, x2)


@serves(np.linalg.vector_norm)
def _numpy_vector_norm(x: Any, *, axis: Axis = None, keepdims: bool = False, ord: Any = 2) -> Any:
    axes = tuple_of(axes_of(x, axis), len(x.shape))
    if len(axes) == 1:
        return norm(x, ord, axes[0], keepdims)
    kept = kept_shape(x.shape, axes)  # the axes together are one vector
    rest = [n for i, n in enumerate(x.shape) if i not in axes]
    x = moveaxis(x, axes, range(-len(axes), 0)) if axes else x
    y = norm(reshape(x, (*rest, -1)) if rest else ravel(x), ord, -1)
    return reshape(y, kept) if keepdims else y


@serves(np.linalg.matrix_norm)
def _numpy_matrix_norm(x: Any, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    return norm(x, ord, (-2, -1), keepdims)
