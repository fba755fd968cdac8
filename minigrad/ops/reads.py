"""Range checks, for which the host has to wait if the values lie on a device: put off there, or switched off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from ..core.dtypes import is_array
from ..devices import is_elsewhere, on_host, refuse_later
from .kernels import noting
from .kernels.scatter import axes_of_part, check_indices, outside, parts_of

_unchecked: ContextVar[bool] = ContextVar("minigrad_unchecked", default=False)


@contextmanager
def unchecked() -> Iterator[None]:
    """Read no values of another library to check them: `with unchecked(): loss(model(x), y)` never waits for a device.

    A label or an index that is out of range then wraps round, as CuPy has it, or gives anything. Arrays of NumPy are
    checked all the same.
    """
    before = _unchecked.get()
    try:
        _unchecked.set(True)
        yield
    finally:
        _unchecked.set(before)


def refuse(wrong: Any, error: Callable[[], Exception]) -> None:
    """Raise error() if an element of `wrong` is true.

    Of another library's array at the next read, and never within `unchecked()`.
    """
    if not is_elsewhere(wrong):
        if wrong.any():
            raise error()
    elif not _unchecked.get():
        refuse_later(wrong.any(), error)


def check_range(op: str, indices: Any, low: int, high: int) -> None:
    """IndexError for the first index outside [low, high)."""
    if isinstance(indices, np.ndarray):
        check_indices(op, indices, low, high)
    elif not indices.size:
        return
    elif note := noting(check_indices, indices):
        note(op, indices, low, high)
    elif not _unchecked.get():
        wrong = (indices < low) | (indices >= high)
        refuse(wrong, lambda: outside(op, on_host(indices), low, high))


def check_index(op: str, index: Any, shape: Any) -> None:
    """IndexError for an index array outside its axis of an array of another library, which may wrap it round."""
    if _unchecked.get():
        return
    parts, axis, bounded = parts_of(index), 0, []
    unused = len(shape) - sum(axes_of_part(part) for part in parts)
    for part in parts:
        if part is Ellipsis:
            axis += unused
            continue
        is_whole = (
            isinstance(part, (list, range)) or getattr(part, "dtype", np.dtype(bool)).kind in "iu"
        )
        if is_whole and axis < len(shape):
            bounded.append((part, shape[axis]))
        axis += axes_of_part(part)
    for part, n in bounded:
        check_range(op, part if is_array(part) else np.asarray(part), -n, n)
