"""Arrays of other libraries: the only ways on and off a device, and what an array must do to be trained.

The host has to wait where it reads from a device. So a range check there is put off: `settle` reads all that were, at
once, before values leave the device or are written into a Tensor in place.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from .core.dtypes import is_array
from .core.graph import ON, TensorBase, mode

__all__ = [
    "check_in_place", "copy_of", "is_elsewhere", "library_name", "on_host", "placed", "refuse_later", "settle",
    "together_on_host", "uniform",
]  # fmt: skip


def placed(value: Any, like: Any) -> Any:
    """value as an array of the library of `like`: itself if it is one, else a copy where `like` lies.

    value  an array of any library, a number or nested lists
    like   an array or a Tensor

    Another library must take `np.asarray(value, like=array)`, as CuPy, dask and others do (NEP 35).
    """
    value, like = _data(value), _data(like)
    if value.__class__ is like.__class__ or hasattr(like, "noting") or hasattr(value, "noting"):
        return value
    if isinstance(like, ndarray) or not is_array(like):
        return on_host(value)
    moved = np.asarray(on_host(value), like=like)
    if moved.__class__ is not like.__class__:
        raise TypeError(
            f"placed: np.asarray(value, like={library_name(like)} array) gave a {library_name(moved)} array; pass the "
            "value as an array of that library"
        )
    return moved


def on_host(array: Any) -> Any:
    """array as one of NumPy's: itself if it is one, else a copy of what another library holds.

    What is no array of NumPy's is asked for `.get()` (CuPy), then `.cpu()` (PyTorch), then `__array__` (dask, JAX).
    With it come the checks that were put off, which raise here what they find.
    """
    array = _data(array)
    if isinstance(array, ndarray) or hasattr(array, "noting"):
        return array
    return settle(array)[0] if _put_off and is_elsewhere(array) else _read(array)


def together_on_host(arrays: list[Any]) -> list[Any]:
    """The arrays as NumPy's, None as None; those of another library come with one read, if they are of one dtype."""
    there = [a for a in arrays if is_elsewhere(a)]
    kinds = {(a.__class__, a.dtype) for a in there}
    if not there or len(kinds) > 1:
        return [a if a is None else on_host(a) for a in arrays]
    found = iter(settle(*there))
    return [next(found) if is_elsewhere(a) else a for a in arrays]


def _read(array: Any) -> Any:
    if is_array(array) and callable(getattr(array, "get", None)):
        return np.asarray(array.get())
    if callable(getattr(array, "cpu", None)):
        array = array.cpu()
    if is_array(array) and not hasattr(array, "__array__"):
        raise TypeError(
            f"on_host: a {type(array).__name__} has none of .get(), .cpu() and __array__, which give NumPy's array; "
            "convert it by the words of its library"
        )
    return np.asarray(array)


def _data(value: Any) -> Any:
    return value._data if isinstance(value, TensorBase) else value


# Checks that are put off ---------------------------------------------------------------------------------


class _Check(NamedTuple):
    """A check that has not been read yet: a 0-d array, true if the error must be raised, and what makes the error."""

    is_wrong: Any
    error: Callable[[], Exception]


MOST_PUT_OFF = 1000  # of checks: each holds an array, and a program might never read
_put_off: deque[_Check] = deque()


def refuse_later(is_wrong: Any, error: Callable[[], Exception]) -> None:
    """Raise error() if this 0-d array of another library is true: at the next read, or now inside `debug()`."""
    _put_off.append(_Check(is_wrong, error))
    if len(_put_off) > MOST_PUT_OFF or mode.get() > ON:
        settle()


def settle(*beside: Any) -> list[Any]:
    """The arrays of one library and dtype `beside`, as NumPy's; raises what the checks find that were put off.

    All of it is one read. Call `minigrad.devices.settle()` before you use raw arrays that never go through a Tensor.
    """
    checks: list[_Check] = []
    while _put_off:
        checks.append(_put_off.popleft())
    kinds = {c.is_wrong.__class__: c for c in checks} | {a.__class__: a for a in beside}
    found: list[Any] = []
    for kind in kinds:
        mine = [c for c in checks if c.is_wrong.__class__ is kind]
        wanted = [a for a in beside if a.__class__ is kind]
        try:
            wrong, values = _read_together([c.is_wrong for c in mine], wanted)
        except TypeError:
            if wanted:
                raise
            continue  # arrays of a library that lets nobody read them
        for check, is_wrong in zip(mine, wrong, strict=True):
            if is_wrong:
                error = check.error()
                error.add_note(
                    "It is told now that values are read, which on a device are checked together; inside "
                    "minigrad.debug() each call is checked at once"
                )
                raise error
        found += values
    return found


def _read_together(conditions: list[Any], arrays: list[Any]) -> tuple[Any, list[Any]]:
    """0-d conditions of one library, and arrays of one dtype, with one read."""
    if not conditions and len(arrays) == 1:
        return [], [_read(arrays[0])]
    dtype = arrays[0].dtype if arrays else np.dtype(bool)
    parts = [a.reshape(-1) for a in arrays]
    if conditions:
        parts.append(np.stack(conditions).astype(dtype))
    flat = _read(np.concatenate(parts) if len(parts) > 1 else parts[0])
    *values, wrong = np.split(flat, np.cumsum([a.size for a in arrays]))
    shaped = [v.reshape(a.shape) for v, a in zip(values, arrays, strict=True)]
    return wrong, shaped


# What an array is, and makes -----------------------------------------------------------------------------


def is_elsewhere(array: Any) -> bool:
    """Return whether this is an array of another library, which may lie on a device, where a read has to wait."""
    if isinstance(array, (ndarray, TensorBase)) or hasattr(array, "noting"):
        return False
    return is_array(array)


def library_name(array: Any) -> str:
    """The library of an array as errors name it: numpy, cupy, dask."""
    return type(array).__module__.partition(".")[0]


def copy_of(array: Any) -> Any:
    """A copy; of NumPy's own in the same order in memory, which other libraries do not all know."""
    return array.copy(order="K") if isinstance(array, ndarray) else array.copy()


def uniform(rng: np.random.Generator, shape: tuple[int, ...], like: Any) -> Any:
    """Numbers of float32 in [0, 1), of the library of `like`, drawn by its own generator if it has `default_rng`.

    One number of `rng` seeds that generator anew, so that the state of `rng` alone says what comes next.
    """
    like = _data(like)
    make = _generators(like) if is_elsewhere(like) else None
    if make is None:
        return placed(rng.random(shape, dtype=np.float32), like)
    return make(int(rng.integers(2**63))).random(shape, dtype=np.float32)


def _generators(array: Any) -> Any:
    """The `random.default_rng` of an array's library, or None."""
    libraries = [sys.modules.get(library_name(array))]
    if hasattr(array, "__array_namespace__"):
        libraries.append(array.__array_namespace__())
    found = (getattr(getattr(v, "random", None), "default_rng", None) for v in libraries)
    return next((make for make in found if make is not None), None)


_in_place: set[type] = set()


def check_in_place(where: str, array: Any) -> None:
    """Raise TypeError if `array += 1` makes a new array, so that nothing that is trained or loaded would change.

    Before something is written there, the checks that were put off raise what they find.
    """
    kind = array.__class__
    if isinstance(array, ndarray) or hasattr(array, "noting"):
        return
    settle()
    if kind in _in_place:
        return
    probe = before = np.zeros_like(array, shape=(1,))
    probe += 1
    if probe is not before:
        raise TypeError(
            f"{where}: `a += 1` makes a new {library_name(array)} array ({kind.__name__}) and leaves a as it was, so "
            "that the parameter would never change; compute gradients by minigrad.grad and make new arrays of them, or "
            "keep the parameters in NumPy's arrays (minigrad.on_host)"
        )
    _in_place.add(kind)
