"""Batches: arrays in tuples, lists and dicts, moved as one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import minigrad


def moved(batch: Any, transfer: Callable[[Any], Any]) -> Any:
    """The batch with each of its arrays of NumPy's moved."""
    if isinstance(batch, minigrad.Tensor) and isinstance(batch.data, np.ndarray):
        return minigrad.Tensor(transfer(batch.data))
    if isinstance(batch, (np.ndarray, np.generic)):
        return transfer(batch)
    if isinstance(batch, dict):
        return {name: moved(part, transfer) for name, part in batch.items()}
    if isinstance(batch, (tuple, list)):
        parts = [moved(part, transfer) for part in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    return batch
