"""Reads of values, for which the host has to wait if they lie on a device: range checks, and the switch for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from ..devices import is_elsewhere, on_host
from .kernels import noting
from .kernels.scatter import axes_of_part, check_indices, parts_of

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


def may_read(array: Any) -> bool:
    """Return whether to look into the array: NumPy's, or another library's outside `unchecked()`."""
    return not is_elsewhere(array) or not _unchecked.get()


def found(condition: Any) -> bool:
    """Return whether an element of the condition is true; of another library's array inside `unchecked()` False."""
    return may_read(condition) and bool(condition.any())


def check_range(op: str, indices: Any, low: int, high: int) -> None:
    """IndexError for the first index outside [low, high)."""
    if isinstance(indices, np.ndarray):
        check_indices(op, indices, low, high)
    elif not indices.size:
        return
    elif note := noting(check_indices, indices):
        note(op, indices, low, high)
    elif found((indices < low) | (indices >= high)):
        check_indices(op, on_host(indices), low, high)


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
    there = [(part, n) for part, n in bounded if is_elsewhere(part) and part.size]
    here = [(part, n) for part, n in bounded if not is_elsewhere(part)]
    if there and found(
        np.stack([((p < -n) | (p >= n)).any() for p, n in there])
    ):  # one read for all
        here = bounded
    for part, n in here:
        check_indices(op, on_host(part), -n, n)
