"""Small questions about what ops take and give, for arrays of any library."""

from __future__ import annotations

from typing import Any

import numpy as np

from .dtypes import is_array
from .graph import Sketch, TensorBase

# classes of options that hold no Tensor
PLAIN = frozenset((type(None), bool, int, float, str, type, np.ndarray))


def unwrap(value: Any, op: str, name: str) -> Any:
    """An option without Tensors in it; one that requires grad has no rule there and may not pass unseen."""
    if isinstance(value, TensorBase):
        if value._requires_grad:
            raise TypeError(
                f"{op}: `{name}` is a Tensor that requires grad, but has no gradient rule; "
                "pass it as .detach() if none is wanted"
            )
        return value._data
    if value.__class__ in (tuple, list):
        return value.__class__([unwrap(v, op, name) for v in value])
    return value


def as_output(y: Any) -> Any:
    """What f returned, as an array or a tuple of arrays: NumPy gives scalars where the result is 0-d."""
    if isinstance(y, (tuple, list)):
        return tuple([as_output(part) for part in y])
    return np.asarray(y) if isinstance(y, (np.generic, bool, int, float)) else y


def has_float(y: Any) -> bool:
    """Whether an output, or one of several, is made of floats, so that a gradient can flow through it."""
    return any(map(has_float, y)) if y.__class__ is tuple else y.dtype.kind == "f"


def shape_and_dtype(y: Any) -> tuple[Any, Any]:
    if y.__class__ is tuple:
        return tuple([part.shape for part in y]), tuple([part.dtype for part in y])
    return y.shape, y.dtype


def sketch(option: Any) -> Any:
    """An argument as a node keeps it: arrays with axes are described, not held."""
    kind = option.__class__
    if kind is np.ndarray:
        return Sketch(option.shape, option.dtype) if option.ndim else option.item()
    if kind in PLAIN:
        return option
    if kind in (tuple, list):
        return tuple([sketch(v) for v in option])
    if isinstance(option, np.generic):
        return option.item()
    return Sketch(option.shape, option.dtype) if is_array(option) else option


def sum_to_shape(c: Any, shape: tuple[int, ...]) -> Any:
    """c summed over the axes along which an array of `shape` was broadcast to c's shape."""
    lead = len(c.shape) - len(shape)
    stretched = [lead + i for i, n in enumerate(shape) if n == 1 and c.shape[lead + i] != 1]
    return c.sum(axis=(*range(lead), *stretched)).reshape(shape)
