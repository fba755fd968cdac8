"""step: written by minigrad; it needs NumPy alone."""

from __future__ import annotations

import numpy as np
from functools import reduce
import math


DEFAULT_FLOAT = np.dtype(np.float32)


FLOAT16 = np.dtype(np.float16)


def widened(x):
    """float16 as float32; anything else as it is."""
    return x.astype(DEFAULT_FLOAT) if getattr(x, "dtype", None) == FLOAT16 else x


def _viewed(x, weight, bias, shape, affine):
    """x as `shape`, weight and bias as `affine`, in floats that can be summed."""
    return [
        widened(x).reshape(shape),
        *[None if v is None else widened(v).reshape(affine) for v in (weight, bias)],
    ]


ROW = 4096


def _by_rows(f, arrays):
    """f along the last axis: the sum of parts of at most ROW elements."""
    *lead, length = arrays[0].shape
    if length <= ROW:
        return f(*arrays)
    whole = length // ROW * ROW
    parts = f(*[a[..., :whole].reshape(*lead, -1, ROW) for a in arrays])
    return parts.sum(axis=-1) + f(*[a[..., whole:] for a in arrays])


def _by_columns(a):
    whole = len(a) // ROW * ROW
    total = np.ones(len(a) - whole, a.dtype) @ a[whole:]
    if whole:
        total += (np.ones(ROW, a.dtype) @ a[:whole].reshape(-1, ROW, a.shape[1])).sum(axis=0)
    return total


def _count(a, axes):
    return math.prod(a.shape[i] for i in axes)


def _summed(f, axes, *arrays):
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


def _row_sums(rows):
    return rows @ np.ones(rows.shape[-1], rows.dtype)


def _sum(a, axes):
    """The sum over the axes, which stay as axes of size 1."""
    return _summed(_row_sums, axes, a)


def _mean(a, axes):
    return _sum(a, axes) / _count(a, axes)


def _dot(a, b, axes):
    """The sum of a b over the axes, which stay as axes of size 1."""
    return _summed(np.vecdot, axes, a, b)


def _mean_product(a, b, axes):
    return _dot(a, b, axes) / _count(a, axes)


def _is_one_for_all(weight, scale):
    return weight is not None and np.broadcast_shapes(weight.shape, scale.shape) == scale.shape


def standardise_2(
    x, weight, bias, over, eps, centred, known
):
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


def narrowed(y, x):
    """y, computed from `widened(x)`, in the dtype of x: here it is rounded, once."""
    return y.astype(FLOAT16) if x.dtype == FLOAT16 else y


def standardise(
    x, weight, bias, shape, over, affine, eps, centred, known = None
):  # fmt: skip
    wide, w, b = _viewed(x, weight, bias, shape, affine)
    y, mean, scale = standardise_2(wide, w, b, over, eps, centred, known)
    return narrowed(y.reshape(x.shape), x), mean, scale


def _sum_to(a, small):
    """The sum of a that has the shape of `small`, which broadcasts to it."""
    before = a.ndim - small.ndim
    axes = (*range(before), *[before + i for i, n in enumerate(small.shape) if n == 1])
    return _sum(a, axes).reshape(small.shape)


def standardise_back_2(
    g,
    x,
    weight,
    bias,
    over,
    mean,
    scale,
    needed,
):
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


def standardise_back(
    g, x, weight, bias, shape, over, affine, eps, centred, known,
    mean, scale, needed,
):  # fmt: skip
    wide, w, b = _viewed(x, weight, bias, shape, affine)
    g = widened(g).reshape(shape)
    found = standardise_back_2(g, wide, w, b, over, mean, scale, needed)
    return tuple(
        None if c is None else narrowed(c.reshape(of.shape), x)
        for c, of in zip(found, (x, weight, bias), strict=True)
    )


def step(x, y, W0, b0, W1, b1, W3, b3):
    """x (32, 64) float32, y (32,) int64; W0 (32, 64), b0 (32,), W1 (32,), b1 (32,), W3 (10, 32),
    b3 (10,)"""
    # forward of 0
    a = x @ W0.T + b0                                               # (32, 32)
    # forward of 1
    a_2, a_3, a_4 = standardise(a, W1, b1, (32, 32), (1,), (32,), 1e-05, True, None)  # (32, 32)
    # forward of 2
    h = np.maximum(a_2, 0)                                          # (32, 32)
    # forward
    assert y.min() >= 0 and y.max() < 10, "cross_entropy: a label is outside [0, 10)"
    a_5 = (h @ W3.T + b3).copy(order='F')                           # (32, 10)
    a_6 = a_5 - a_5.max(axis=1, keepdims=True)                      # (32, 10)
    e = np.exp(a_6)                                                 # (32, 10)
    s = e.sum(axis=1, keepdims=True)                                # (32, 1)
    loss = ((1 / 32) * (np.log(s[:, 0]) - a_6[np.arange(32), y])).sum()  # ()
    # backward
    g = e / s * (1 / 32)                                            # (32, 10)
    g[np.arange(32), y] -= (1 / 32)                                 # (32, 10)
    # backward of 3
    dW3 = (h.T @ g).T                                               # (10, 32)
    db3 = g.sum(axis=0)                                             # (10,)
    # backward of 2
    g_2 = np.where(h > 0, g @ W3, 0)                                # (32, 32)
    # backward of 1
    g_3, dW1, db1 = standardise_back(g_2, a, W1, b1, (32, 32), (1,), (32,), 1e-05, True, None, a_3,
        a_4, (True, True, True))                                    # (32, 32)
    # backward of 0
    dW0 = (x.T @ g_3).T                                             # (32, 64)
    db0 = g_3.sum(axis=0)                                           # (32,)
    return loss, dW0, db0, dW1, db1, dW3, db3


def checked(step, **expected):
    """The step, which refuses arrays of other shapes and dtypes."""

    def call(*arrays):
        assert len(arrays) == len(expected), f"{len(arrays)} arrays given, {len(expected)} needed"
        for (name, kind), a in zip(expected.items(), arrays, strict=True):
            met = f"{a.shape} {a.dtype}" if hasattr(a, "dtype") else type(a).__name__
            assert met == kind, f"{name} is {met}; the script was written for {kind}"
        return step(*arrays)

    call.__doc__ = step.__doc__
    return call


step = checked(
    step,
    x="(32, 64) float32",
    y="(32,) int64",
    W0="(32, 64) float32",
    b0="(32,) float32",
    W1="(32,) float32",
    b1="(32,) float32",
    W3="(10, 32) float32",
    b3="(10,) float32",
)
