"""Nested lists, tuples and dicts of arrays: taken apart, put together again, and mapped over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .core.dtypes import as_array, is_array
from .core.graph import TensorBase

_LEAF = object()


def as_outputs(result: Any) -> tuple[Any, ...]:
    """The result of a function of one or of several outputs, as a tuple."""
    return result if isinstance(result, tuple) else (result,)


def flattened(value: Any, where: str, floats: bool = False) -> tuple[list[Any], Any]:
    """The arrays in nested lists, tuples and dicts, and the structure without them, which holds None as it is."""
    if value is None:
        return [], None
    if value.__class__ is np.ndarray and value.dtype.kind == "f":
        return [value], _LEAF
    if isinstance(value, (float, np.floating)):
        return [np.asarray(value)], _LEAF
    if isinstance(value, dict):
        keys = list(value)
        parts = [flattened(value[k], f"{where}[{k!r}]", floats) for k in keys]
        return [x for found, _ in parts for x in found], (dict, keys, [s for _, s in parts])
    if isinstance(value, (list, tuple)):
        parts = [flattened(v, f"{where}[{i}]", floats) for i, v in enumerate(value)]
        return [x for found, _ in parts for x in found], (type(value), None, [s for _, s in parts])
    return [_leaf(value, where, floats)], _LEAF


def _leaf(value: Any, where: str, floats: bool) -> Any:
    """A Tensor as it is, an array or a number as an array."""
    is_number = is_array(value) or isinstance(value, (int, float, np.generic))
    if is_number or (floats and hasattr(value, "__array__")):
        array = array_of(value, where)
    elif floats:
        raise TypeError(
            f"{where} is a {type(value).__name__}, and only floats have a gradient; pass it as an argument that is not "
            "differentiated"
        )
    else:
        raise TypeError(
            f"{where} is a {type(value).__name__}; a Tensor is needed, or lists, tuples and dicts of Tensors"
        )
    if floats and array.dtype.kind != "f":
        raise TypeError(
            f"{where} is of dtype {array.dtype}, and only floats have a gradient; pass it as an argument that is not "
            "differentiated, or convert it: x.astype(float), float(x)"
        )
    return array


def array_of(value: Any, where: str) -> Any:
    """A Tensor as it is; anything else as an array, in which Python floats are float64."""
    if isinstance(value, TensorBase):
        return value
    is_whole = is_array(value) or hasattr(value, "__array__") or isinstance(value, int)
    return as_array(value, None if is_whole else np.float64, where)


def matched(structure: Any, value: Any, where: str) -> list[Any]:
    """The arrays in a value of a structure that `flattened` found, in its order; Python floats are float64."""
    keys: Any
    if structure is _LEAF:
        return [array_of(value, where)]
    kind, keys, members = structure or (None, (), ())
    if kind is None:
        fits, needed = value is None, "None"
    elif kind is dict:
        fits = isinstance(value, dict) and value.keys() == set(keys)
        needed = f"a dict of {keys}"
    else:
        fits = isinstance(value, (list, tuple)) and len(value) == len(members)
        needed = f"a {kind.__name__} of {len(members)}"
    if not fits:
        raise ValueError(f"{where} must be {needed} like what it belongs to, not {value!r:.80}")
    parts = zip(range(len(members)) if keys is None else keys, members, strict=True)
    return [x for at, part in parts for x in matched(part, value[at], f"{where}[{at!r}]")]


def rebuilt(structure: Any, values: list[Any]) -> Any:
    """The values in a structure that `flattened` found."""
    remaining = iter(values)

    def build(part: Any) -> Any:
        if part is _LEAF:
            return next(remaining)
        if part is None:
            return None
        kind, keys, members = part
        built = [build(member) for member in members]
        if kind is dict:
            return dict(zip(keys, built, strict=True))
        return kind(*built) if hasattr(kind, "_fields") else kind(built)

    return build(structure)


def mapped(value: Any, f: Callable[[Any], Any]) -> Any:
    """Nested lists, tuples and dicts with f of each Tensor in them; all else as it is."""
    if isinstance(value, TensorBase):
        return f(value)
    if not holds_tensor(value):
        return value
    if isinstance(value, dict):
        return {key: mapped(v, f) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        parts = [mapped(v, f) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value


def holds_tensor(value: Any) -> bool:
    """Return whether a value is a Tensor, or nested lists, tuples and dicts in which there is one."""
    if isinstance(value, TensorBase):
        return True
    if isinstance(value, dict):
        return any(map(holds_tensor, value.values()))
    return isinstance(value, (list, tuple)) and any(map(holds_tensor, value))
