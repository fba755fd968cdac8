"""Arguments of a call that need no gradient: as the op computes with them, and as a node saves them.

Their owner may change them before backward. So containers are rebuilt, and small arrays are copied; larger arrays are
watched, see `writes`.
"""

from __future__ import annotations

from collections import UserList, deque
from operator import index
from typing import Any

import numpy as np
from numpy import ndarray

from .dtypes import plain_array
from .graph import ATOMS, TensorBase
from .writes import owner

SMALL = 2**16  # bytes of an array that is copied rather than watched


def unwrap(value: Any, op: str, name: str) -> Any:
    """An option with arrays in place of Tensors; one that requires grad raises, as its gradient would be lost."""
    if isinstance(value, TensorBase):
        if value._requires_grad:
            raise TypeError(
                f"{op}: `{name}` is a Tensor that requires grad, but has no gradient rule; "
                "pass it as .detach() if none is wanted"
            )
        return value._data
    if isinstance(value, ndarray):
        return plain_array(value, op)
    if isinstance(value, slice):
        ends = value.start, value.stop, value.step
        if all(end is None or end.__class__ is int for end in ends):
            return value
        ends = tuple([unwrap(end, op, name) for end in ends])
        return slice(*[index(end) if hasattr(end, "__index__") else end for end in ends])
    if isinstance(value, (tuple, list)):
        return _rebuilt(value, [unwrap(v, op, name) for v in value])
    if value.__class__ is dict:
        return {key: unwrap(v, op, name) for key, v in value.items()}
    if isinstance(value, (deque, UserList)):
        return [unwrap(v, op, name) for v in value]
    is_buffer = isinstance(value, memoryview) or value.__class__.__module__ == "array"
    return np.array(value) if is_buffer else value


def _rebuilt(value: Any, items: list[Any]) -> Any:
    """The same kind of tuple, or a list, of other items."""
    if isinstance(value, tuple):
        return value.__class__(*items) if hasattr(value, "_fields") else tuple(items)
    return items


def settled(value: Any) -> Any:
    """An unwrapped argument as a node saves it: with copies of small arrays, which may be filled again."""
    if value.__class__ is ndarray:
        if not 0 < value.nbytes <= SMALL:
            return value
        is_fixed = value.base is not None and isinstance(owner(value), bytes)
        return value if is_fixed else value.copy("K")
    if value.__class__ is dict:
        return {key: settled(v) for key, v in value.items()}
    if not isinstance(value, (tuple, list)) or ATOMS.issuperset(map(type, value)):
        return value
    items = {id(item): settled(item) for item in value}  # an index may hold an array twice
    return _rebuilt(value, [items[id(item)] for item in value])
