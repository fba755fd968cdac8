"""Arrays of other libraries: the only ways on and off a device, and what an array must do to be trained."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy import ndarray

from .core.dtypes import is_array
from .core.graph import TensorBase

__all__ = [
    "check_in_place", "copy_of", "is_elsewhere", "library_name", "on_host", "placed", "uniform",
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
    """
    array = _data(array)
    if isinstance(array, ndarray) or hasattr(array, "noting"):
        return array
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


_in_place: set[type] = {ndarray}


def check_in_place(where: str, array: Any) -> None:
    """Raise TypeError if `array += 1` makes a new array, so that nothing that is trained or loaded would change."""
    kind = array.__class__
    if kind in _in_place or isinstance(array, ndarray) or hasattr(array, "noting"):
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
