"""Fast paths for NumPy's own arrays. They import NumPy and each other only, no graph and no Tensor.

A kernel may take `into=`, an array of the shape, dtype and layout of its result, which it fills and returns: a compiled
program has such memory ready (program/plan.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

BITS = {"e": np.int16, "f": np.int32, "d": np.int64}
"""Code of a float dtype -> integers of its size: the bits of a times a bool are those of a or 0, even for inf and nan.

This is as fast as `a * mask`; np.where branches, and takes six times as long.
"""


def is_numpy(*arrays: Any) -> bool:
    """Return whether all are NumPy's own arrays, for which there are kernels."""
    return all(type(a) is np.ndarray for a in arrays)


def chosen(kernel: Callable[..., Any], plain: Callable[..., Any], *arrays: Any) -> Any:
    """The kernel for NumPy's own arrays, a function that notes its call for a tracing array, else the plain version."""
    if all(type(a) is np.ndarray for a in arrays):
        return kernel
    return noting(kernel, *arrays) or plain


def noting(kernel: Callable[..., Any], *arrays: Any) -> Any:
    """The function that notes a call of `kernel`, of the first array that traces; None if there is no such array."""
    return next((a.noting(kernel) for a in arrays if hasattr(a, "noting")), None)


def noted(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """The kernel for tracing arrays: each call is noted."""

    def call(*args: Any) -> Any:
        members = [m for a in args for m in (a if isinstance(a, tuple) else (a,))]
        return chosen(kernel, kernel, *members)(*args)

    return call
