"""Checks of layers' arguments and inputs; the errors begin with the layer's class."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

import minigrad

from .module import Module

Sizes = int | tuple[int, ...]  # one number for every axis, or one per axis


def integer(owner: Any, name: str, value: Any, least: int) -> int:
    if not hasattr(value, "__index__") or index(value) < least:
        raise ValueError(
            f"{type(owner).__name__}: {name} must be an integer >= {least}, not {value!r}"
        )
    return index(value)


def integers(layer: Module, name: str, value: Any, axes: int, least: int) -> tuple[int, ...]:
    """A number per axis, given as one for all or as one each."""
    each = value if isinstance(value, (tuple, list)) else (value,) * axes
    if len(each) != axes:
        some = ("one integer", "an integer or a pair", "an integer or three of them")[axes - 1]
        raise ValueError(f"{type(layer).__name__}: {name} must be {some}, not {value!r}")
    return tuple(integer(layer, name, n, least) for n in each)


def probability(owner: Any, name: str, value: float) -> float:
    if not isinstance(value, (int, float, np.integer, np.floating)) or not 0 <= value <= 1:
        raise ValueError(
            f"{type(owner).__name__}: {name} is a probability in [0, 1], not {value!r}"
        )
    return float(value)  # a float64 of NumPy would widen plain arrays


def not_in_place(layer: Module, inplace: bool) -> None:
    """Refuse PyTorch's inplace=True."""
    if inplace:
        raise ValueError(
            f"{type(layer).__name__}: inplace=True is not offered: it would write over what backward needs, and every "
            "op here makes a new array; leave it out"
        )


def check_array(layer: Module, x: Any, what: str = "the input") -> None:
    try:
        if x.dtype.kind in "biufc":
            return
        met = f"an array of {x.dtype}"
    except AttributeError:  # a list, or a tensor of PyTorch
        module = type(x).__module__.removeprefix("builtins")
        met = f"a {module}{'.' * bool(module)}{type(x).__name__}"
    raise TypeError(
        f"{type(layer).__name__}: {what} is {met}; an array of NumPy, or a Tensor, of numbers or bools is needed"
    )


def check_input(
    layer: Module, x: Any, weight: minigrad.Tensor | None, what: str = "the input"
) -> None:
    """Refuse an input of another float dtype: it would silently widen or narrow everything that follows."""
    check_array(layer, x, what)
    if weight is not None and x.dtype.kind == "f" and x.dtype != weight.dtype:
        raise TypeError(
            f"{type(layer).__name__}: {what} is {x.dtype}, the parameters are {weight.dtype}; "
            f"convert {what} with x.astype('{weight.dtype}')"
        )


def float_input(layer: Module, x: Any, weight: minigrad.Tensor | None) -> Any:
    """x checked as by `check_input`; integers become floats of the parameters' dtype."""
    check_input(layer, x, weight)
    if x.dtype.kind == "f":
        return x
    if x.dtype.kind == "c":
        raise TypeError(
            f"{type(layer).__name__}: the input is {x.dtype}; pass the real and imaginary parts"
        )
    return x.astype("float32" if weight is None else weight.dtype)


def short(numbers: tuple[int, ...]) -> Any:
    """Equal numbers as one, for a repr."""
    return numbers[0] if len(set(numbers)) == 1 else numbers
