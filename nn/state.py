"""The Tensors of a model's state, and loading: arrays by name into all of them, or into none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from minigrad import Tensor, on_host, touch
from minigrad.devices import check_in_place, copy_of


class _Owned(Tensor):
    """A Tensor of a Module's state."""

    __slots__ = ()

    def _change_dtype(self, dtype: Any) -> None:
        """Convert the data; a graph that saved the old data refuses to go on, and `.grad` becomes None."""
        touch(self)
        self.grad = None
        self._data = self._data.astype(dtype)

    def _moved(self, library: Any) -> tuple[Any, Any]:
        """The data and the gradient, or None, as arrays of that library."""
        grad = None if self._grad is None else Tensor(moved(self._grad.data, library))
        return moved(self._data, library), grad

    def _put(self, data: Any, grad: Any) -> None:
        """Have this data and gradient from now on; a graph that saved the old data refuses to go on."""
        touch(self)
        self._data, self._grad = data, grad


class Parameter(_Owned):
    """A Tensor that a Module learns; `parameters()` finds it even if it is frozen."""

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True, dtype: Any = None) -> None:
        super().__init__(_copied(data, dtype), requires_grad)


class Buffer(_Owned):
    """A Tensor that belongs to a Module's state but is not learned, such as a running mean."""

    __slots__ = ()

    def __init__(self, data: Any, dtype: Any = None) -> None:
        super().__init__(_copied(data, dtype))


def _copied(data: Any, dtype: Any) -> Any:
    """A copy of the data: a Module that learns or loads must not write into the user's array."""
    return copy_of(Tensor(data, dtype=dtype).data)


def moved(array: Any, function: Any) -> Any:
    """function(array on the host), which may be a library: then its `asarray`; TypeError if that is no such array."""
    function = getattr(function, "asarray", function)
    found = function(on_host(array))
    is_kept = hasattr(found, "__array_function__") and (tuple(found.shape), found.dtype) == (
        array.shape,
        array.dtype,
    )
    if not is_kept or isinstance(found, Tensor):
        raise TypeError(
            f"to: {getattr(function, '__name__', function)} made a {type(found).__name__} of an array of {array.dtype} "
            f"and shape {tuple(array.shape)}; an array of the same kind is needed that speaks NumPy's protocols "
            "(__array_ufunc__ and __array_function__), as CuPy's do"
        )
    check_in_place("to", found)
    return found


class IncompatibleKeys(NamedTuple):
    """The names that `load_state_dict` passed over.

    missing_keys     the model's own that the state had not
    unexpected_keys  the state's that the model has not
    """

    missing_keys: list[str]
    unexpected_keys: list[str]


def load_into(
    kind: str, own: Mapping[str, Tensor], state: Mapping[str, Any], strict: bool
) -> IncompatibleKeys:
    """Do what `Module.load_state_dict` promises, for a model of that kind with these Tensors."""
    if not isinstance(state, Mapping):
        raise TypeError(
            f"load_state_dict: a {type(state).__name__} is no dict; pass model.state_dict()"
        )
    arrays: dict[str, Any] = {}
    problems = []
    for name in [name for name in own if name in state]:
        try:
            arrays[name] = _fitted(state[name], own[name])
        except (RuntimeError, TypeError, ValueError) as error:
            problems.append(f"{name}: {error}")
    missing = [name for name in own if name not in state]
    unexpected = [name for name in state if name not in own]
    if strict:
        problems += [f"{name}: missing" for name in missing]
        problems += [f"{name}: not in this {kind}" for name in unexpected]
    if problems:
        raise ValueError("load_state_dict: nothing was loaded.\n  " + "\n  ".join(problems))
    for name, array in arrays.items():
        own[name].assign(array)
    return IncompatibleKeys(missing, unexpected)


def _fitted(value: Any, own: Tensor) -> Any:
    """`value` as an array of own's shape and dtype; an error says why it cannot be."""
    array = on_host(value)  # checked here, whatever it came from
    if array.shape != own.shape:
        raise ValueError(f"shape {array.shape}, needed {own.shape}")
    if not np.can_cast(array.dtype, own.dtype, "same_kind"):
        raise TypeError(f"dtype {array.dtype} cannot become {own.dtype}")
    with np.errstate(over="ignore"):
        fitted = array.astype(own.dtype)
    if (np.isinf(fitted) & ~np.isinf(array)).any():
        raise ValueError(f"{array.dtype} values too large for {own.dtype}")
    return fitted
