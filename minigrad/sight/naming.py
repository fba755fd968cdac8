"""The names that arrays have in the functions of the user: those of the variables that hold them."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..core.dtypes import is_array
from ..core.graph import TensorBase

_COMPARED = 100_000  # elements of an array that is compared with others by its values

Named = tuple[str, Any]


def arrays_around(frame: Any) -> list[Named]:
    """The arrays among the variables of a frame."""
    return among(frame, arrays_in)


def among(frame: Any, choose: Callable[[Iterable[Named]], list[Named]]) -> list[Named]:
    """The variables of a frame that are chosen of all; it keeps none of them alive for having been asked."""
    variables = frame.f_locals
    found = choose(variables.items())
    # Before Python 3.13 a function's frame keeps the dict that it made for this, with all that is in it. If nobody
    # else holds the dict, it may go: the frame, this variable and the call below are three references.
    is_copy = bool(frame.f_code.co_flags & inspect.CO_OPTIMIZED) and type(variables) is dict
    if is_copy and sys.getrefcount(variables) <= 3:
        variables.clear()
    return found


def arrays_in(variables: Iterable[Named]) -> list[Named]:
    """The arrays, those of Tensors, and the lists among variables that are not private."""
    found = []
    for name, value in variables:
        plain = value._data if isinstance(value, TensorBase) else value
        if (isinstance(plain, list) or is_array(plain)) and not name.startswith("_"):
            found.append((name, plain))
    return found


def name_of(array: Any, around: list[Named], given: list[Named] | None = None) -> str:
    """The name of an array, among those given or else the variables around; "" for none, and for a single number.

    An array is known again if it is the same one or has the same memory. What is given, and labels, which are often
    converted on their way into an op, are also known by their values.
    """
    if not is_array(array) or not array.ndim:
        return ""
    given = given or []
    for named in given + around:
        if _is_one(named[1], array):
            return named[0]
    for named in given + (around if array.dtype.kind in "iu" else []):
        if _is_equal(named[1], array):
            return named[0]
    return ""


def is_same(found: Any, array: Any) -> bool:
    """Return whether one name may stand for both: they are one array, or have the same numbers."""
    return _is_one(found, array) or _is_equal(found, array)


def _is_one(found: Any, array: Any) -> bool:
    if found is array:
        return True
    if not (isinstance(found, np.ndarray) and isinstance(array, np.ndarray)):
        return False
    same = all(getattr(found, k) == getattr(array, k) for k in ("shape", "strides", "dtype"))
    return same and found.ctypes.data == array.ctypes.data


def _is_equal(found: Any, array: Any) -> bool:
    """Compare values, with those of a list too if it is as long."""
    if not isinstance(array, np.ndarray) or not 0 < array.size <= _COMPARED:
        return False
    if isinstance(found, list) and len(found) == len(array):
        try:
            found = np.asarray(found)
        except (TypeError, ValueError):  # of Tensors that require grad, of rows of several lengths
            return False
    is_like = isinstance(found, np.ndarray) and found.shape == array.shape
    return is_like and bool(np.all(found == array))
