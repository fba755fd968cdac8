"""Nested lists, tuples and dicts of arrays: taken apart, put together again, and mapped over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .core.dtypes import as_array, is_array
from .core.graph import TensorBase

_LEAF = object()


def as_outputs(result: Any) -> tuple[Any, ...]:
    """The result of a function of one or of several outputs, as a tuple."""
    return result if isinstance(result, tuple) else (result,)


def flattened(value: Any, where: str, floats: bool = False) -> tuple[list[Any], Any]:
    """The arrays in nested lists, tuples and dicts, and the structure without them."""
    if isinstance(value, dict):
        keys = list(value)
        parts = [flattened(value[k], f"{where}[{k!r}]", floats) for k in keys]
        return [x for found, _ in parts for x in found], (dict, keys, [s for _, s in parts])
    if isinstance(value, (list, tuple)):
        parts = [flattened(v, f"{where}[{i}]", floats) for i, v in enumerate(value)]
        return [x for found, _ in parts for x in found], (type(value), None, [s for _, s in parts])
    if not floats and not isinstance(value, TensorBase) and not is_array(value):
        raise TypeError(
            f"{where} is a {type(value).__name__}; a Tensor is needed, or lists, tuples and dicts of Tensors"
        )
    array = value if isinstance(value, TensorBase) else as_array(value)
    if floats and array.dtype.kind != "f":
        raise TypeError(
            f"{where} is of dtype {array.dtype}, and only floats have a gradient; pass it as an argument that is not "
            "differentiated, or convert it"
        )
    return [array], _LEAF


def rebuilt(structure: Any, values: list[Any]) -> Any:
    """The values in a structure that `flattened` found."""
    remaining = iter(values)

    def build(part: Any) -> Any:
        if part is _LEAF:
            return next(remaining)
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
    if isinstance(value, dict):
        return {key: mapped(v, f) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        parts = [mapped(v, f) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value
