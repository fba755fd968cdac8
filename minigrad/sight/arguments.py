"""The Tensors and arrays that a call was given, wherever they stand in its arguments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..core.dtypes import PYTHON_NUMBERS, as_array, is_array
from ..core.graph import TensorBase
from .origins import origin_of


def _tensors_of(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """(name, Tensor) of each Tensor in an argument: itself, or an item of a tuple or list."""
    if isinstance(value, TensorBase):
        yield name, value
    elif isinstance(value, (tuple, list)):
        for i, item in enumerate(value):
            yield from _tensors_of(f"{name}[{i}]", item)


def sources_in(given: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The origins of the Tensors among the arguments, by name."""
    return {at: origin_of(t) for name, value in given for at, t in _tensors_of(name, value)}


def arrays_in(given: Iterable[tuple[str, Any]], with_numbers: bool) -> dict[str, Any]:
    """The arrays among the arguments, by name; also those in a tuple, such as an index, and lists as arrays."""
    inputs = {}
    for name, value in given:
        bare = plain(value)
        if is_array(bare) or (with_numbers and bare.__class__ in PYTHON_NUMBERS):
            inputs[name] = bare
        elif isinstance(bare, list) or (with_numbers and isinstance(bare, np.generic)):
            inputs[name] = as_array(bare)
        elif isinstance(bare, tuple):
            inputs |= arrays_in([(f"{name}[{i}]", v) for i, v in enumerate(bare)], False)
    return inputs


def plain(value: Any) -> Any:
    """The value with the arrays of its Tensors in their place."""
    if value.__class__ in (tuple, list):
        return value.__class__([plain(v) for v in value])
    return value._data if isinstance(value, TensorBase) else value
