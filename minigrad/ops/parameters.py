"""Values and parameters of distributions: in one dtype, nan where there is no such distribution, with a last axis."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.dtypes import DEFAULT_FLOAT, PYTHON_NUMBERS, in_array, unify
from ..core.graph import TensorBase
from .elementwise import astype, where
from .inspection import plain


def in_one_dtype(*values: Any, numbers: Any = np.float64) -> list[Any]:
    """The values in one float dtype, that of the arrays; `numbers` where there is no Tensor and no float array."""
    given = [v if type(v) in PYTHON_NUMBERS else in_array(v) for v in values]
    arrays = [plain(v) for v in given if type(v) not in PYTHON_NUMBERS]
    if not arrays:
        return [np.asarray(v, numbers)[()] for v in given]
    is_tensor = [isinstance(v, TensorBase) for v in given]
    default = DEFAULT_FLOAT if any(is_tensor) else np.dtype(numbers)
    if not any(is_tensor):  # NumPy's numbers are arrays then: np.float64 is computed in float64
        is_tensor = [type(v) not in PYTHON_NUMBERS for v in given]
    dtype = unify("stats", [plain(v) for v in given], is_tensor, False)[0].dtype
    if not any(a.dtype.kind == "f" for a in arrays):
        dtype = default

    def made(v: Any) -> Any:
        if type(v) in PYTHON_NUMBERS:
            return np.full_like(arrays[0], v, dtype, shape=())
        return v if v.dtype == dtype else astype(v, dtype)

    return list(map(made, given))


def valid(is_valid: Any, p: Any) -> Any:
    """p, and nan where it is not valid."""
    return where(is_valid, p, math.nan)


def positive(*parameters: Any) -> list[Any]:
    """The parameters, and nan for what is not above 0."""
    return [valid(plain(p) > 0, p) for p in parameters]


def check_last_axis(name: str, p: Any, *others: Any) -> None:
    """Raise ValueError unless p has a last axis, and the others one as long."""
    shapes = [tuple(v.shape) for v in (p, *others)]
    if not p.ndim or any(shape[-1:] != shapes[0][-1:] for shape in shapes):
        raise ValueError(
            f"{name} has one number for each part on its last axis, not shape "
            + " beside ".join(map(str, shapes))
        )
