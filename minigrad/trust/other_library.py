"""A stand-in for an array of another library: it computes like NumPy's, but refuses to become one of NumPy's."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from ..core.graph import TensorBase

_METHODS = frozenset((
    "all", "any", "argmax", "astype", "copy", "max", "min", "mT", "reshape", "sum", "T", "transpose", "view",
))  # fmt: skip
_ATTRIBUTES = frozenset(("dtype", "itemsize", "nbytes", "ndim", "shape", "size"))


class Opaque(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that works through NumPy's protocols only: a rule that needs NumPy's own arrays fails on it."""

    def __init__(self, array: Any) -> None:
        self.array = np.asarray(array)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if any(isinstance(a, TensorBase) for a in inputs):
            return NotImplemented
        return _wrapped(getattr(ufunc, method)(*_inside(inputs), **_inside(options)))

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        if any(issubclass(t, TensorBase) for t in types):
            return NotImplemented
        return _wrapped(function(*_inside(args), **_inside(options)))

    def __getattr__(self, name: str) -> Any:
        if name in _ATTRIBUTES:
            return getattr(self.array, name)
        if name not in _METHODS:
            raise AttributeError(f"this array has no attribute {name}")
        found = getattr(self.array, name)
        if not callable(found):
            return Opaque(found)
        return lambda *args, **options: _wrapped(found(*_inside(args), **_inside(options)))

    def __getitem__(self, index: Any) -> Any:
        return Opaque(self.array[_inside(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        self.array[_inside(index)] = _inside(value)

    def __len__(self) -> int:
        return len(self.array)

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("this array does not become a NumPy array or a number")

    __array__ = __float__ = __int__ = __index__ = __bool__ = __complex__ = __iter__ = _refuse


def _inside(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        raise TypeError("this array does not compute with one of NumPy's")
    if isinstance(value, Opaque):
        return value.array
    if isinstance(value, dict):
        return {name: _inside(v) for name, v in value.items()}
    return type(value)(map(_inside, value)) if isinstance(value, (tuple, list)) else value


def _wrapped(value: Any) -> Any:
    """A result of NumPy as an array of this library, or a tuple or list of them."""
    if isinstance(value, (np.ndarray, np.generic)):
        return Opaque(value)
    if isinstance(value, tuple) and type(value) is not tuple:  # a named tuple of arrays
        return type(value)(*map(_wrapped, value))
    return type(value)(map(_wrapped, value)) if isinstance(value, (tuple, list)) else value
