"""Elements of NumPy's own arrays, less their mean and over their spread, in as few passes as there can be.

`over` are the axes of one mean. weight and bias are None or broadcast to x; a `weight` that is one number for all
elements of a mean, as that of a channel in a batch norm, is combined with the scale first, and x multiplied once.
"""

from __future__ import annotations

import math
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
    """The gradients by x, weight and bias; None for one that is not needed."""
    needs_x, needs_weight, needs_bias = needed
    gx = gw = None
    gb = _sum(g, _axes_of(bias, g)).reshape(bias.shape) if needs_bias else None
    if needs_x or needs_weight:
        if mean is None:
            h = x * scale
        else:
            h = x - mean
            h *= scale
        if needs_weight:
            gw = _dot(g, h, _axes_of(weight, g)).reshape(weight.shape)
        if needs_x:
            is_one = _is_one_for_all(weight, scale)
            u = g if weight is None or is_one else g * weight
            gx = _through(u, h, over, scale * weight if is_one else scale, mean is not None)
    return [gx, gw, gb]


def _through(u: Any, h: Any, over: Any, scale: Any, centred: bool) -> Any:
    """scale (u - mean(u) - h mean(u h)), the gradient through h = (x - mean) scale; h is overwritten."""
    h *= _mean_product(u, h, over)
    if centred:
        h += _mean(u, over)
    gx = np.subtract(u, h, out=h)
    gx *= scale
    return gx


def _is_one_for_all(weight: Any, scale: Any) -> bool:
    return weight is not None and np.broadcast_shapes(weight.shape, scale.shape) == scale.shape


def _axes_of(small: Any, large: Any) -> tuple[int, ...]:
    """The axes over which `large` is summed to become `small`, which broadcasts to it."""
    before = large.ndim - small.ndim
    return (*range(before), *[before + i for i, n in enumerate(small.shape) if n == 1])


def _mean(a: Any, axes: tuple[int, ...]) -> Any:
    return _sum(a, axes) / math.prod(a.shape[i] for i in axes)


def _mean_product(a: Any, b: Any, axes: tuple[int, ...]) -> Any:
    return _dot(a, b, axes) / math.prod(a.shape[i] for i in axes)


def _sum(a: Any, axes: tuple[int, ...]) -> Any:
    """The sum over the axes, which stay as axes of size 1."""
    if not a.flags.c_contiguous:  # such as channels last: in the order of memory
        order = sorted(range(a.ndim), key=lambda i: -abs(a.strides[i]))
        if order != list(range(a.ndim)):
            found = _sum(a.transpose(order), tuple(sorted(order.index(i) for i in axes)))
            return found.transpose([order.index(i) for i in range(a.ndim)])
    shape = tuple(1 if i in axes else n for i, n in enumerate(a.shape))
    rest, count = a.ndim - len(axes), math.prod(a.shape[i] for i in axes)
    if a.flags.c_contiguous and axes == tuple(range(rest, a.ndim)) and count <= ROW:
        return (a.reshape(-1, count) @ np.ones(count, a.dtype)).reshape(shape)
    if a.flags.c_contiguous and axes == tuple(range(len(axes))):
        rows, whole = a.reshape(count, -1), count // ROW * ROW
        total = np.ones(count - whole, a.dtype) @ rows[whole:]
        if whole:
            total += (np.ones(ROW, a.dtype) @ rows[:whole].reshape(-1, ROW, rows.shape[1])).sum(0)
        return total.reshape(shape)
    return a.sum(axis=axes, keepdims=True)


def _dot(a: Any, b: Any, axes: tuple[int, ...]) -> Any:
    """The sum of a b over the axes, which stay as axes of size 1."""
    if axes == tuple(range(len(axes))) or not a.flags.c_contiguous:
        return _sum(a * b, axes)
    shape = tuple(1 if i in axes else n for i, n in enumerate(a.shape))
    every = list(range(a.ndim))
    return np.einsum(a, every, b, every, [i for i in every if i not in axes]).reshape(shape)
