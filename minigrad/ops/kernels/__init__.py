"""Fast paths for NumPy's own arrays. They know NumPy and each other, no graph and no Tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

BITS = {"e": np.int16, "f": np.int32, "d": np.int64}
"""Code of a float dtype -> integers of its size: the bits of a times a truth value are a or 0, exact for inf and nan.

That is as fast as `a * mask`; np.where branches, and takes six times as long.
"""


def is_numpy(*arrays: Any) -> bool:
    """Return whether all are NumPy's own arrays, for which there are kernels."""
    return all(type(a) is np.ndarray for a in arrays)
