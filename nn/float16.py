"""float16 computed in float32 and rounded once: squares from 256^2 on are beyond its range, their root is not."""

from __future__ import annotations

from typing import Any

import numpy as np

FLOAT16 = np.dtype(np.float16)


def wide_dtype(x: Any) -> Any:
    """The dtype to compute in: float32 for float16, else that of x."""
    return np.dtype(np.float32) if x.dtype == FLOAT16 else x.dtype


def widened(x: Any) -> Any:
    return x.astype(np.float32) if x.dtype == FLOAT16 else x
