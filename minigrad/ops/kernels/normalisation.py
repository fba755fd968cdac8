"""Elements of NumPy's own arrays, less their mean and over their spread, in as few passes as there can be.

`over` are the axes of one mean. weight and bias are None or broadcast to x; a `weight` that is one number for all
elements of a mean, as that of a channel in a batch norm, is combined with the scale first, and x multiplied once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

ROW = 4096  # a longer sum by BLAS, which adds in dozens of strands, would be less exact than one by NumPy


def moments(x: Any, over: tuple[int, ...]) -> tuple[Any, Any]:
    """The mean and the biased variance over the axes, which stay as axes of size 1."""
    mean = _mean(x, over)
    centred = x - mean
    return mean, _mean_product(centred, centred, over)


def standardise(
    x: Any, weight: Any, bias: Any, over: tuple[int, ...], eps: float, centred: bool, known: Any
) -> tuple[Any, Any, Any]:
    """y = (x - mean) scale weight + bias, mean, and scale = 1 / sqrt(mean((x - mean)^2) + eps).

    If not `centred`, the mean is left where it is, and None. `known` are the `moments` of x, if they are.
    """
    mean, var = known or ((_mean(x, over) if centred else None), None)
    y = x - mean if centred else x
    var = _mean_product(y, y, over) if var is None else var
    scale = 1 / np.sqrt(var + x.dtype.type(eps))
    is_one = _is_one_for_all(weight, scale)
    y = np.multiply(y, scale * weight if is_one else scale, out=y if centred else None)
    if weight is not None and not is_one:
        y *= weight
    if bias is not None:
        y += bias
    return y, mean, scale


def standardise_back(
    g: Any,
    x: Any,
    weight: Any,
    bias: Any,
    over: tuple[int, ...],
    mean: Any,
    scale: Any,
    needed: Any,
) -> list[Any]:
    """The gradients by x, weight and bias; None for one that is not needed.

    With h = (x - mean) scale and u = g weight, that by x is scale (u - mean(u) - h mean(u h)).
    """
    needs_x, needs_weight, needs_bias = needed
    gx = gw = gb = None
    h = x * scale if mean is None else x - mean
    if mean is not None:
        h *= scale
    is_one = weight is None or _is_one_for_all(weight, scale)
    u = g if is_one else g * weight
    # with such a weight the sums over the elements of a mean serve three gradients
    along = _dot(u, h, over)
    level = None if mean is None else _sum(u, over)
    if needs_weight:
        gw = _sum_to(along if is_one else g * h, weight)
    if needs_bias:
        has_sum = level is not None and is_one and _is_one_for_all(bias, scale)
        gb = _sum_to(level if has_sum else g, bias)
    if needs_x:
        n = _count(x, over)
        h *= along / n
        if level is not None:
            h += level / n
        gx = np.subtract(u, h, out=h)
        gx *= scale * weight if weight is not None and is_one else scale
    return [gx, gw, gb]


def _is_one_for_all(weight: Any, scale: Any) -> bool:
    return weight is not None and np.broadcast_shapes(weight.shape, scale.shape) == scale.shape


def _count(a: Any, axes: tuple[int, ...]) -> int:
    return math.prod(a.shape[i] for i in axes)


def _mean(a: Any, axes: tuple[int, ...]) -> Any:
    return _sum(a, axes) / _count(a, axes)


def _mean_product(a: Any, b: Any, axes: tuple[int, ...]) -> Any:
    return _dot(a, b, axes) / _count(a, axes)


def _sum_to(a: Any, small: Any) -> Any:
    """The sum of a that has the shape of `small`, which broadcasts to it."""
    before = a.ndim - small.ndim
    axes = (*range(before), *[before + i for i, n in enumerate(small.shape) if n == 1])
    return _sum(a, axes).reshape(small.shape)


def _sum(a: Any, axes: tuple[int, ...]) -> Any:
    """The sum over the axes, which stay as axes of size 1."""
    return _summed(_row_sums, axes, a)


def _dot(a: Any, b: Any, axes: tuple[int, ...]) -> Any:
    """The sum of a b over the axes, which stay as axes of size 1."""
    return _summed(np.vecdot, axes, a, b)


def _row_sums(rows: Any) -> Any:
    return rows @ np.ones(rows.shape[-1], rows.dtype)


def _summed(f: Callable[..., Any], axes: tuple[int, ...], *arrays: Any) -> Any:
    """The sum over the axes of one array or of the product of two, as f has it along the last axis.

    The axes stay, of size 1. They are taken in the order in which they lie in memory.
    """
    a, every = arrays[0], range(arrays[0].ndim)
    if not a.flags.c_contiguous:
        order = sorted(every, key=lambda i: -abs(a.strides[i]))
        if order != list(every):
            axes = tuple(sorted(order.index(i) for i in axes))
            found = _summed(f, axes, *[v.transpose(order) for v in arrays])
            return found.transpose([order.index(i) for i in every])
    shape = tuple(1 if i in axes else n for i, n in enumerate(a.shape))
    rest = (
        next((i for i in reversed(every) if i not in axes), -1) + 1
    )  # the axes behind are all summed
    if rest < a.ndim:
        sums = _by_rows(f, [v.reshape(*v.shape[:rest], -1) for v in arrays])
        before = tuple(i for i in axes if i < rest)
        return (sums.sum(axis=before) if before else sums).reshape(shape)
    product = reduce(np.multiply, arrays)
    if axes == tuple(range(len(axes))):
        return _by_columns(product.reshape(_count(a, axes), -1)).reshape(shape)
    return product.sum(axis=axes, keepdims=True)


def _by_rows(f: Callable[..., Any], arrays: list[Any]) -> Any:
    """f along the last axis: the sum of parts of at most ROW elements."""
    *lead, length = arrays[0].shape
    if length <= ROW:
        return f(*arrays)
    whole = length // ROW * ROW
    parts = f(*[a[..., :whole].reshape(*lead, -1, ROW) for a in arrays])
    return parts.sum(axis=-1) + f(*[a[..., whole:] for a in arrays])


def _by_columns(a: Any) -> Any:
    whole = len(a) // ROW * ROW
    total = np.ones(len(a) - whole, a.dtype) @ a[whole:]
    if whole:
        total += (np.ones(ROW, a.dtype) @ a[:whole].reshape(-1, ROW, a.shape[1])).sum(axis=0)
    return total
