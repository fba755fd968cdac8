"""Checks of parameters, and of the options of optimisers and schedules; errors say what is given and what is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import NoneType
from typing import Any

import numpy as np

from minigrad import Tensor

from ..module import Module


def parameters(params: Any, where: str) -> tuple[Tensor, ...]:
    """The Tensors to work on, each once even if it is shared."""
    if not can_be_listed(params):
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


def can_be_listed(params: Any) -> bool:
    """True for a collection of parameters, but not for a Module, Tensor or dict."""
    return isinstance(params, Iterable) and not isinstance(params, (Module, Tensor, dict))


def is_number(value: Any) -> bool:
    """True for a number that is no bool: `lr=True` is a slip."""
    kinds = (int, float, np.integer, np.floating)
    return isinstance(value, kinds) and not isinstance(value, bool)


def number(value: Any, name: str) -> float:
    """A number, and not nan."""
    if not is_number(value) or value != value:
        raise ValueError(f"{name} must be a number, not {value!r}")
    return float(value)


def not_negative(value: Any, name: str) -> float:
    """A number >= 0, as a Python float: NumPy's float64 would widen float32 arrays."""
    if not is_number(value) or not value >= 0:
        raise ValueError(f"{name} must be a number >= 0, not {value!r}")
    return float(value)


def positive(value: Any, name: str) -> float:
    """A number > 0."""
    if not is_number(value) or not value > 0:
        raise ValueError(f"{name} must be a number > 0, not {value!r}")
    return float(value)


def share(value: Any, name: str) -> float:
    """A number in [0, 1]."""
    if not is_number(value) or not 0 <= value <= 1:
        raise ValueError(f"{name} must be a number in [0, 1], not {value!r}")
    return float(value)


def fraction(value: Any, name: str) -> float:
    """A number in [0, 1)."""
    if not is_number(value) or not 0 <= value < 1:
        raise ValueError(f"{name} must be a number in [0, 1), not {value!r}")
    return float(value)


def fractions(values: Any, name: str) -> tuple[float, float]:
    """Two numbers in [0, 1)."""
    if not (isinstance(values, (tuple, list)) and len(values) == 2):
        raise ValueError(f"{name} must be two numbers, not {values!r}")
    return fraction(values[0], f"{name}[0]"), fraction(values[1], f"{name}[1]")


def numbers(count: int) -> Callable[[Any, str], tuple[float, ...]]:
    """A check for that many numbers."""

    def check(values: Any, name: str) -> tuple[float, ...]:
        is_sequence = isinstance(values, (tuple, list)) and len(values) == count
        if not is_sequence or not all(is_number(v) and v == v for v in values):
            raise ValueError(f"{name} must be {count} numbers, not {values!r}")
        return tuple(map(float, values))

    return check


def integer(value: Any, name: str) -> int:
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
        raise ValueError(f"{name} must be an integer, not {value!r}")
    return int(value)


def natural(value: Any, name: str, least: int = 1) -> int:
    """An integer >= least."""
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be an integer >= {least}, not {value!r}")
    return int(value)


def flag(value: Any, name: str) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be True or False, not {value!r}")
    return bool(value)


def one_of(*texts: str | int | None) -> Callable[[Any, str], Any]:
    def check(value: Any, name: str) -> Any:
        plain = isinstance(value, (str, int, np.integer, NoneType)) and not isinstance(value, bool)
        if not plain or value not in texts:
            raise ValueError(f"{name} must be {' or '.join(map(repr, texts))}, not {value!r}")
        return value

    return check


def optional(check: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    """None, or what the check makes of the value."""
    return lambda value, name: None if value is None else check(value, name)
