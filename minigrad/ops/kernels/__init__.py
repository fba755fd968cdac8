"""Fast paths for NumPy's own arrays. They import NumPy and each other only, no graph and no Tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

BITS = {"e": np.int16, "f": np.int32, "d": np.int64}
"""Code of a float dtype -> integers of its size: the bits of a times a bool are those of a or 0, even for inf and nan.

This is as fast as `a * mask`; np.where branches, and takes six times as long.
"""


def is_numpy(*arrays: Any) -> bool:
    """Return whether all are NumPy's own arrays, for which there are kernels."""
    return all(type(a) is np.ndarray for a in arrays)
