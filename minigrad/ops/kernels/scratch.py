"""Scratch memory for kernels: arrays kept between calls, because making one costs more than filling it.

Scratch is in use as long as a kernel refers to it or to a view of it: no output, saved value or gradient lives in it,
so it is free again when the kernel returns. Whoever asks for it meanwhile, such as a signal handler that runs a model,
gets another array. Each thread has its own, up to a limit; the least recently used arrays go first.
"""

from __future__ import annotations

import math
import sys
import threading
from typing import Any

import numpy as np

LIMIT = 64 * 2**20  # bytes kept per thread


class _Scratch(threading.local):
    def __init__(self) -> None:
        self.arrays: dict[Any, np.ndarray[Any, Any]] = {}  # in the order of their last use


_scratch = _Scratch()


def scratch(role: str, shape: tuple[int, ...], dtype: Any) -> Any:
    """An array of undefined content that nobody uses: in this thread the last one of this role, shape and dtype."""
    kept = _scratch.arrays
    key = (role, shape, dtype)
    # until it is put back, a call that comes in between does not find it
    array = kept.pop(key, None)
    if array is None or _holders(array) != _ALONE:
        size = math.prod(shape) * np.dtype(dtype).itemsize
        array = np.empty(shape, dtype)
        if size > LIMIT:
            return array
        while kept and scratch_bytes() + size > LIMIT:
            kept.pop(next(iter(kept)), None)
    kept[key] = array
    return array


def _holders(array: Any) -> int:
    """The number of references to an array; each view of it has one."""
    return sys.getrefcount(array)


def _holders_of_free() -> int:
    array = {0: np.empty(1)}.pop(0, None)
    return 0 if array is None else _holders(array)


# the count in `scratch` of an array that nobody uses: measured, because interpreters differ
_ALONE = _holders_of_free()


def scratch_bytes() -> int:
    """Bytes of scratch that this thread keeps."""
    # counted anew each time: an interrupt could come between a change and its count
    return sum([array.nbytes for array in list(_scratch.arrays.values())])


def release_scratch() -> None:
    """Give this thread's scratch back."""
    _scratch.arrays.clear()
