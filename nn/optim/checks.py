"""What an optimiser may be given: parameters, and options of a group. Errors say what was met and what is needed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from minigrad import Tensor

from ..module import Module


def parameters(params: Any, where: str) -> tuple[Tensor, ...]:
    """The Tensors to work on, each once however often it is shared."""
    if isinstance(params, (Module, Tensor, dict)) or not isinstance(params, Iterable):
        raise TypeError(f"{where}: params is a {type(params).__name__}; pass model.parameters()")
    tensors = tuple({id(p): p for p in params}.values())
    for i, p in enumerate(tensors):
        if not isinstance(p, Tensor):
            raise TypeError(
                f"{where}: params[{i}] is a {type(p).__name__}, not a Tensor; pass model.parameters()"
            )
        if not p.is_leaf:
            raise TypeError(
                f"{where}: params[{i}] is not a leaf: it was computed, so it cannot be learned"
            )
    return tensors


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number))


def not_negative(options: dict[str, Any], *names: str, where: str = "") -> None:
    """Each is a number >= 0, and becomes a Python float: NumPy's float64 would make arrays of float32 wide."""
    for name in names:
        value = options[name]
        if not is_number(value) or not value >= 0:
            raise ValueError(f"{where}{name} must be a number >= 0, not {value!r}")
        options[name] = float(value)


def naturals(options: dict[str, Any], *names: str) -> None:
    """Each is an integer >= 1."""
    for name in names:
        value = options[name]
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name} must be an integer >= 1, not {value!r}")
        options[name] = int(value)


def fraction(options: dict[str, Any], name: str) -> None:
    """A number in [0, 1)."""
    if not is_number(options[name]) or not 0 <= options[name] < 1:
        raise ValueError(f"{name} must be a number in [0, 1), not {options[name]!r}")
    options[name] = float(options[name])


def fractions(options: dict[str, Any], name: str) -> None:
    """Two numbers in [0, 1), which become a tuple."""
    values = options[name]
    if not (isinstance(values, (tuple, list)) and len(values) == 2):
        raise ValueError(f"{name} must be two numbers, not {values!r}")
    parts = {f"{name}[{i}]": value for i, value in enumerate(values)}
    for part in parts:
        fraction(parts, part)
    options[name] = tuple(parts.values())


def flags(options: dict[str, Any], *names: str) -> None:
    """Each is True or False."""
    for name in names:
        if not isinstance(options[name], (bool, np.bool_)):
            raise ValueError(f"{name} must be True or False, not {options[name]!r}")
        options[name] = bool(options[name])
