"""Stand-ins for arrays of other libraries: one that never becomes NumPy's, and one with the manners of CuPy's.

They compute by NumPy, so that every value can be compared, and refuse what the other library would not do.
"""

from __future__ import annotations

import operator
from types import SimpleNamespace
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..core.graph import TensorBase

_METHODS = frozenset((
    "all", "any", "argmax", "astype", "copy", "max", "mean", "min", "mT", "reshape", "sum", "T", "transpose", "view",
))  # fmt: skip
_ATTRIBUTES = frozenset(("dtype", "itemsize", "nbytes", "ndim", "shape", "size"))


class Opaque(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that works through NumPy's protocols only: a rule that needs NumPy's own arrays fails on it."""

    def __init__(self, array: Any) -> None:
        self.array = np.asarray(array)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if any(isinstance(a, TensorBase) for a in inputs):
            return NotImplemented
        found = self._wrapped(getattr(ufunc, method)(*_inside(inputs), **_inside(options)))
        return _given(options.get("out"), found)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        if any(issubclass(t, TensorBase) for t in types):
            return NotImplemented
        found = self._wrapped(function(*_inside(args), **_inside(options)))
        return _given(options.get("out"), found)

    def __getattr__(self, name: str) -> Any:
        if name in _ATTRIBUTES:
            return getattr(self.array, name)
        if name not in _METHODS:
            raise AttributeError(f"this array has no attribute {name}")
        found = getattr(self.array, name)
        if not callable(found):
            return self._wrapped(found)
        return lambda *args, **options: self._wrapped(found(*_inside(args), **_inside(options)))

    def __getitem__(self, index: Any) -> Any:
        return type(self)(self.array[_inside(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        self.array[_inside(index)] = _inside(value)

    def __len__(self) -> int:
        return len(self.array)

    def _wrapped(self, value: Any) -> Any:
        """A result of NumPy as an array of this library, or a tuple or list of them."""
        if isinstance(value, (np.ndarray, np.generic)):
            return type(self)(value)
        if isinstance(value, tuple) and type(value) is not tuple:  # a named tuple of arrays
            return type(value)(*map(self._wrapped, value))
        return type(value)(map(self._wrapped, value)) if isinstance(value, (tuple, list)) else value

    def _refuse(self, *_: Any, **__: Any) -> Any:
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


def _given(out: Any, found: Any) -> Any:
    """The array that `a += b` wrote, not another on its memory; else the result."""
    out = out[0] if isinstance(out, tuple) and len(out) == 1 else out
    return found if out is None or isinstance(out, tuple) else out


# CuPy's manners ------------------------------------------------------------------------------------------

_METHODS_OF_UFUNCS = {
    "reduce": (np.add, np.multiply),
    "accumulate": (np.add, np.multiply),
    "at": (np.add, np.subtract, np.maximum, np.minimum),
}
_GATHER = (np.take, np.take_along_axis)
_WAITS = (
    np.argwhere, np.compress, np.extract, np.flatnonzero, np.nonzero, np.unique, np.allclose, np.array_equal,
)  # fmt: skip
"""Functions whose result, or its size, depends on values, so that the host has to wait for them."""


class _Flags(NamedTuple):
    """Order in memory, which nobody can set."""

    c_contiguous: bool
    f_contiguous: bool


class _Generator:
    """A generator of the device; it is not NumPy's of the same seed."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng((seed, 1))

    def random(self, shape: Any, dtype: Any = np.float64) -> Any:
        return OnDevice(self._rng.random(shape, dtype=dtype))


def _refuse_words(options: dict[str, Any]) -> None:
    for word in ("initial", "where", "casting"):
        if word in options:
            raise TypeError(f"this array knows no {word}=")


def _axes_of(part: Any) -> int:
    if part is None or part is Ellipsis:
        return 0
    return part.ndim if getattr(getattr(part, "dtype", None), "kind", "") == "b" else 1


class OnDevice(Opaque):
    """An array with CuPy's manners, as its documentation and sources tell them.

    - `ufunc.reduce` and `.accumulate` for add and multiply only; no `initial=`, `where=` and `casting=`
    - it refuses NumPy's arrays beside it, also in `copyto`, an index and `asarray(a)`; numbers are welcome
    - an index array that is out of range wraps round, silently; of several values written to one place any stays
    - `.get()` copies it to the host, and flags cannot be set; nan and inf come without a warning
    - bool, int, float, `.item()`, `.get()`, a mask as an index: each time the host waits, `OnDevice.waits` grows by one
    """

    waits: ClassVar[int] = 0

    @classmethod
    def asarray(cls, array: Any, dtype: Any = None) -> OnDevice:
        """The way onto the device, as cupy.asarray is."""
        if isinstance(array, cls):
            return array if dtype is None else array.astype(dtype, copy=False)
        return cls(np.array(array, dtype))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        _refuse_words(options)
        if method != "__call__" and ufunc not in _METHODS_OF_UFUNCS.get(method, ()):
            return NotImplemented
        if method == "at":
            target, index, value = inputs
            return ufunc.at(target.array, self._within(index, target.shape), _inside(value))
        with np.errstate(all="ignore"):
            return super().__array_ufunc__(ufunc, method, *inputs, **options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        _refuse_words({} if function is np.copyto else options)
        if function is np.asarray:
            return self.asarray(*args, **options)
        if function in _WAITS:
            OnDevice.waits += 1
        if function in _GATHER:
            x, index, *rest = args
            axis = rest[0] if rest else options.get("axis")
            index = np.mod(index, x.size if axis is None else x.shape[axis])
            args = x, index, *rest
        with np.errstate(all="ignore"):
            return super().__array_function__(function, types, args, options)

    def __getattr__(self, name: str) -> Any:
        if name == "flags":
            return _Flags(self.array.flags.c_contiguous, self.array.flags.f_contiguous)
        found = super().__getattr__(name)
        if not callable(found) or isinstance(found, Opaque):
            return found

        def call(*args: Any, **options: Any) -> Any:
            _refuse_words(options)
            return found(*args, **options)

        return call

    def _within(self, index: Any, shape: tuple[int, ...]) -> Any:
        """The index with each array of integers wrapped into its axis, and masks counted as waits."""
        parts = index if isinstance(index, tuple) else (index,)
        used = sum(_axes_of(part) for part in parts)
        found, axis = [], 0
        for part in parts:
            if part is Ellipsis:
                axis += len(shape) - used
                found.append(part)
                continue
            kind = getattr(getattr(part, "dtype", None), "kind", "")
            if kind == "b":
                OnDevice.waits += 1
            is_whole = isinstance(part, list) or (kind and kind in "iu" and part.ndim > 0)
            part_inside = _inside(part)
            found.append(
                np.mod(part_inside, shape[axis]) if is_whole and shape[axis] else part_inside
            )
            axis += _axes_of(part)
        return tuple(found) if isinstance(index, tuple) else found[0]

    def __getitem__(self, index: Any) -> Any:
        return type(self)(self.array[self._within(index, self.shape)])

    def __setitem__(self, index: Any, value: Any) -> None:
        index = self._within(index, self.shape)
        places = np.arange(self.array.size).reshape(self.shape)[index]
        if np.unique(places).size == places.size:
            self.array[index] = _inside(value)
        else:  # CuPy does not say which of several values stays: here the first
            values = np.broadcast_to(_inside(value), places.shape)
            self.array.reshape(-1)[places.reshape(-1)[::-1]] = values.reshape(-1)[::-1]

    def get(self) -> Any:
        """A copy on the host."""
        OnDevice.waits += 1
        return self.array.copy()

    def item(self) -> Any:
        return self.get().item()

    def tolist(self) -> Any:
        return self.get().tolist()

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.get())

    def __int__(self) -> int:
        return int(self.get())

    def __float__(self) -> float:
        return float(self.get())

    def __index__(self) -> int:
        return operator.index(self.get())

    def __array_namespace__(self) -> Any:
        return SimpleNamespace(random=SimpleNamespace(default_rng=_Generator))
