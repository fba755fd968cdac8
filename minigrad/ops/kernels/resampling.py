"""Values between the elements of an axis: each is a sum of two or four of them, with weights by their distance."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

Law = tuple[float, float, str]  # (step, offset, kind)


@functools.lru_cache(64)
def _neighbours(n: int, size: int, law: Law) -> tuple[tuple[Any, Any], ...]:
    """(places, weights) for each neighbour of the positions step (i + offset) - offset, i < size, on an axis of n."""
    step, offset, kind = law
    at = step * (np.arange(size) + offset) - offset
    if kind == "linear":
        at = np.maximum(at, 0)
    first = np.floor(at)
    t = at - first
    if kind == "linear":
        weights = [1 - t, t]
    else:  # the cubic convolution of Keys 1981, with a = -3/4 as in PyTorch
        first, near = first - 1, [t, 1 - t]
        inner = [(1.25 * d - 2.25) * d * d + 1 for d in near]
        outer = [((-0.75 * (d + 1) + 3.75) * (d + 1) - 6) * (d + 1) + 3 for d in near]
        weights = [outer[0], *inner, outer[1]]
    places = [np.clip(first + i, 0, n - 1).astype(np.intp) for i in range(len(weights))]
    return tuple(zip(places, weights, strict=True))


def _matrix(n: int, size: int, law: Law) -> Any:
    """(size, n): the weight of each element in each value."""
    matrix = np.zeros((size, n))
    for places, weights in _neighbours(n, size, law):
        matrix[np.arange(size), places] += weights
    return matrix


def _sides(n: int, size: int, law: Law, back: bool) -> Any:
    """The matrix (size, n) of `resample`: `back` is the transpose of that from `size` to n elements."""
    return _matrix(size, n, law).T if back else _matrix(n, size, law)


def resample(x: Any, axis: int, size: int, law: Law, back: bool) -> Any:
    """The product with the matrix along the axis: dense, it takes a third of the time of a sum of neighbours."""
    n, rest = x.shape[axis], x.shape[axis + 1 :]
    matrix = _sides(n, size, law, back).astype(x.dtype)
    columns = math.prod(rest)
    with np.errstate(invalid="ignore"):
        y = x.reshape(-1, n) @ matrix.T if columns == 1 else matrix @ x.reshape(-1, n, columns)
    y = y.reshape(*x.shape[:axis], size, *rest)
    # an inf or nan would be in every sum, as 0 times it is nan
    return y if np.isfinite(y).all() else summed(x, axis, size, law, back)


def summed(x: Any, axis: int, size: int, law: Law, back: bool) -> Any:
    """The sum of the elements that have a weight, in functions that every array library has."""
    matrix = _sides(x.shape[axis], size, law, back)
    most = int((matrix != 0).sum(1).max(initial=1))
    places = np.argsort(matrix == 0, axis=1, kind="stable")[:, :most]
    y: Any = 0
    shape = (-1,) + (1,) * (len(x.shape) - axis - 1)
    for column in places.T:
        weights = matrix[np.arange(size), column].reshape(shape)
        w = np.asarray(weights.tolist(), x.dtype, like=x)
        element = x[(slice(None),) * axis + (np.asarray(column.tolist(), like=x),)]
        y = y + w * np.where(w == 0, 0, element)
    return y
