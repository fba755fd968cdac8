"""Scratch memory for kernels: arrays kept between calls, because making one costs more than filling it.

Scratch is free again when the kernel that asked for it returns: no output, saved value or gradient lives in it. Each
thread has its own, up to a limit; the least recently used arrays go first.
"""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np

LIMIT = 64 * 2**20  # bytes kept per thread


class _Scratch(threading.local):
    def __init__(self) -> None:
        self.arrays: dict[Any, np.ndarray[Any, Any]] = {}  # in the order of their last use
        self.bytes = 0


_scratch = _Scratch()


def scratch(role: str, shape: tuple[int, ...], dtype: Any) -> Any:
    """An array of undefined content, the same one for the same role, shape and dtype in this thread."""
    key = (role, shape, dtype)
    array = _scratch.arrays.pop(key, None)
    if array is None:
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if size > LIMIT:
            return np.empty(shape, dtype)
        while _scratch.bytes + size > LIMIT:
            oldest = next(iter(_scratch.arrays))
            _scratch.bytes -= _scratch.arrays.pop(oldest).nbytes
        array = np.empty(shape, dtype)
        _scratch.bytes += size
    _scratch.arrays[key] = array
    return array


def scratch_bytes() -> int:
    """Bytes of scratch that this thread keeps."""
    return _scratch.bytes


def release_scratch() -> None:
    """Give this thread's scratch back."""
    _scratch.arrays.clear()
    _scratch.bytes = 0
