"""Values that go from one process to another: their arrays in shared memory, which is named, all else as a pickle."""

from __future__ import annotations

import pickle
import signal
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO
from itertools import pairwise
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np

making = threading.Lock()
"""Held while memory is made: a worker that ends by itself, its parent being gone, leaves nothing half made."""


class _Pickler(pickle.Pickler):
    """Hands over the contents of all arrays apart (protocol 5), also of views with gaps."""

    def reducer_override(self, value: Any) -> Any:
        if type(value) is np.ndarray and not value.flags.forc:
            return value.copy().__reduce_ex__(5)
        return NotImplemented


def put(value: Any, name: str) -> tuple[bytes, list[int]]:
    """The value without its arrays' contents, and the sizes of these, which go into memory of that name in a row."""
    file, found = BytesIO(), list[pickle.PickleBuffer]()
    _Pickler(file, 5, buffer_callback=found.append).dump(value)
    parts = [buffer.raw() for buffer in found]
    sizes = [part.nbytes for part in parts]
    if sizes:
        with making, _segment(name, max(sum(sizes), 1)) as memory:
            for part, place in zip(parts, _places(sizes), strict=True):
                memory[place] = part
    return file.getvalue(), sizes


def taken(name: str, head: bytes, sizes: Sequence[int]) -> Any:
    """The value that `put` left, its arrays copied into memory of their own; the shared memory is freed."""
    buffers = [np.empty(size, np.uint8) for size in sizes]
    if sizes:
        with _segment(name) as memory:
            for buffer, place in zip(buffers, _places(sizes), strict=True):
                buffer[:] = memory[place]
    return pickle.loads(head, buffers=buffers)


def told(error: Exception) -> tuple[Exception, list[int], str]:
    """The error, or one with its name and words if no pickle brings it back; no sizes; and its traceback as text."""
    trace = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = RuntimeError(f"{type(error).__name__}: {error}")
    return error, [], trace


def freed(name: str) -> None:
    """Free the memory of that name, if there is any."""
    try:
        with suppress(FileNotFoundError), _segment(name):
            pass
    except ValueError:  # it is empty, as its worker was killed between the name and the size
        import _posixshmem  # type: ignore[import-not-found, unused-ignore]

        _posixshmem.shm_unlink(f"/{name}")


def _places(sizes: Sequence[int]) -> list[slice]:
    ends = np.cumsum([0, *sizes]).tolist()
    return [slice(*pair) for pair in pairwise(ends)]


@contextmanager
def _segment(name: str, size: int = 0) -> Iterator[Any]:
    """Shared memory as bytes: made, if a size is given; else used for the last time, and then gone."""
    memory = SharedMemory(name, create=size > 0, size=size)
    try:
        yield memory.buf
    finally:
        if not size:
            memory.unlink()
        memory.close()


@contextmanager
def blocked(*numbers: int) -> Iterator[None]:
    """A block in which this thread, and what it starts, gets no such signals."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
