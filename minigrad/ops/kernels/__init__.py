"""Fast paths for NumPy's own arrays. They know NumPy and each other, no graph and no Tensor."""

from __future__ import annotations

from typing import Any

import numpy as np


def is_numpy(*arrays: Any) -> bool:
    """Tell whether all are NumPy's own arrays, for which there are kernels."""
    return all(type(a) is np.ndarray for a in arrays)
