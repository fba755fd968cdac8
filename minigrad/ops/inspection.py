"""Functions without a gradient: comparisons, rounding, questions about arrays. Listed once; they act on the data.

Their results are Tensors that require no grad where NumPy gives an array, and plain Python values otherwise.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import TensorBase, wrap

# fmt: off
UFUNCS = frozenset((
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
    np.logical_and, np.logical_or, np.logical_xor, np.logical_not,
    np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert,
    np.isnan, np.isinf, np.isfinite, np.sign, np.signbit,
    np.floor, np.ceil, np.trunc, np.rint,
))

FUNCTIONS = frozenset((
    np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.iscomplexobj,
    np.argmax, np.argmin, np.any, np.all, np.count_nonzero, np.round,
    np.isclose, np.allclose, np.array_equal,
    np.zeros_like, np.ones_like, np.full_like, np.empty_like,
))
# fmt: on


def plain(value: Any) -> Any:
    """value with the Tensors in it, also inside tuples and lists, replaced by their data."""
    if isinstance(value, TensorBase):
        return value._data
    if value.__class__ in (tuple, list):
        return value.__class__([plain(v) for v in value])
    return value


def inspect(function: Any, *args: Any, **kwargs: Any) -> Any:
    """`function` on the data; an array it returns becomes a Tensor without history if a Tensor went in."""
    result = function(*plain(args), **{name: plain(value) for name, value in kwargs.items()})
    if isinstance(result, np.generic):
        return wrap(np.asarray(result))
    return wrap(result) if hasattr(result, "__array_function__") else result
