"""Convolution and pooling over the last two axes of (N, C, H, W).

<g, conv2d(x, w)> is linear in each of g, x and w. Its three partial derivatives are conv2d, conv2d_input and
conv2d_weight, a closed family: the rules of each are the other two, which is all the calculus at every order.

Each op has a plain version in NumPy words that dispatch to any array type, which the tests use as oracle, and a
kernel for NumPy's own arrays. A kernel copies a block of images at a time into columns (N Ho Wo, kh kw C), channels
last so that the copied runs are long, and multiplies them while they are in cache. Results are channels-last in
memory under an (N, C, H, W) view; NumPy's elementwise functions keep that layout.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import index
from typing import Any

import numpy as np

from ..rows import Primitive, primitive
from ..scratch import scratch
from .elementwise import where
from .inspection import plain

Pair = tuple[int, int]
BLOCK_BYTES = 2**20  # columns that stay in a second-level cache


def output_size(size: Pair, kernel: Pair, stride: Pair, padding: Pair) -> Pair:
    """floor((n + 2 p - k) / s) + 1 per axis; a stride that does not divide drops the tail."""
    (h, w), (kh, kw), (sh, sw), (ph, pw) = size, kernel, stride, padding
    return (h + 2 * ph - kh) // sh + 1, (w + 2 * pw - kw) // sw + 1


def _windows(x: Any, kernel: Pair, stride: Pair) -> Any:
    """All windows of x as a view (N, C, Ho, Wo, kh, kw)."""
    views = np.lib.stride_tricks.sliding_window_view(x, kernel, axis=(2, 3))
    return views[:, :, :: stride[0], :: stride[1]]


def _framed(x: Any, padding: Pair) -> Any:
    (ph, pw) = padding
    return np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw))) if ph or pw else x


def _spread(g: Any, kernel: Pair, stride: Pair, size: Pair) -> Any:
    """g with its elements `stride` apart and a frame of kernel - 1, sized so that a valid convolution gives `size`."""
    n, c, ho, wo = g.shape
    (kh, kw), (sh, sw) = kernel, stride
    y = np.zeros_like(g, shape=(n, c, size[0] + kh - 1, size[1] + kw - 1))
    y[:, :, kh - 1 : kh - 1 + sh * ho : sh, kw - 1 : kw - 1 + sw * wo : sw] = g
    return y


# Plain versions ------------------------------------------------------------------------------------------


def conv2d_plain(x: Any, w: Any, b: Any, stride: Pair, padding: Pair) -> Any:
    """y[n, o, i, j] = b[o] + sum_{c, u, v} w[o, c, u, v] x[n, c, i s + u - p, j s + v - p]"""
    y = np.tensordot(
        _windows(_framed(x, padding), w.shape[2:], stride), w, axes=((1, 4, 5), (1, 2, 3))
    )
    return (y if b is None else y + b).transpose((0, 3, 1, 2))  # (N, Ho, Wo, O) -> (N, O, Ho, Wo)


def conv2d_input_plain(g: Any, w: Any, size: Pair, stride: Pair, padding: Pair) -> Any:
    """The gradient of <g, conv2d(x, w)> by x, for x of height and width `size`."""
    (h, wd), (ph, pw) = size, padding
    spread = _spread(g, w.shape[2:], stride, (h + 2 * ph, wd + 2 * pw))
    flipped = w[:, :, ::-1, ::-1].transpose((1, 0, 2, 3))
    return conv2d_plain(spread, flipped, None, (1, 1), (0, 0))[:, :, ph : ph + h, pw : pw + wd]


def conv2d_weight_plain(g: Any, x: Any, kernel: Pair, stride: Pair, padding: Pair) -> Any:
    """The gradient of <g, conv2d(x, w)> by w, for w of height and width `kernel`."""
    windows = _windows(_framed(x, padding), kernel, stride)
    return np.tensordot(g, windows, axes=((0, 2, 3), (0, 2, 3)))


# Kernels -------------------------------------------------------------------------------------------------


def _columns(
    x: Any, kernel: Pair, stride: Pair, padding: Pair, out_size: Pair
) -> Iterator[tuple[slice, Any]]:
    """Blocks of images with their columns (n Ho Wo, kh kw C), in scratch memory that the next block overwrites."""
    n, c, h, w = x.shape
    (kh, kw), (ph, pw), (ho, wo) = kernel, padding, out_size
    per_image = ho * wo * kh * kw * c * x.itemsize
    block = max(1, min(n, BLOCK_BYTES // max(per_image, 1)))
    channels_last = x.transpose(0, 2, 3, 1)  # (N, H, W, C)
    framed = scratch("framed", (block, h + 2 * ph, w + 2 * pw, c), x.dtype)
    framed[...] = 0
    columns = scratch("columns", (block, ho, wo, kh, kw, c), x.dtype)
    views = np.lib.stride_tricks.sliding_window_view(
        framed, kernel, axis=(1, 2)
    )  # (n, H', W', C, kh, kw)
    views = views[:, :: stride[0], :: stride[1]][:, :ho, :wo].transpose(0, 1, 2, 4, 5, 3)
    for start in range(0, n, block):
        images = slice(start, min(start + block, n))
        count = images.stop - start
        framed[:count, ph : ph + h, pw : pw + w] = channels_last[images]
        columns[:count] = views[:count]
        yield images, columns[:count].reshape(count * ho * wo, kh * kw * c)


def _conv2d_kernel(x: Any, w: Any, b: Any, stride: Pair, padding: Pair) -> Any:
    out_size = output_size(x.shape[2:], w.shape[2:], stride, padding)
    filters = w.transpose(2, 3, 1, 0).reshape(-1, w.shape[0])  # (kh kw C, O)
    y = np.empty((len(x), *out_size, w.shape[0]), np.result_type(x, w))
    for images, columns in _columns(x, w.shape[2:], stride, padding, out_size):
        block = y[images].reshape(len(columns), -1)
        np.matmul(columns, filters, out=block)
        if b is not None:
            block += b
    return y.transpose(0, 3, 1, 2)


def _conv2d_input_kernel(g: Any, w: Any, size: Pair, stride: Pair, padding: Pair) -> Any:
    flipped = w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
    (kh, kw), (ph, pw) = w.shape[2:], padding
    if stride == (1, 1) and ph < kh and pw < kw:
        return _conv2d_kernel(g, flipped, None, stride, (kh - 1 - ph, kw - 1 - pw))
    (h, wd) = size
    spread = _spread(g, w.shape[2:], stride, (h + 2 * ph, wd + 2 * pw))
    return _conv2d_kernel(spread, flipped, None, (1, 1), (0, 0))[:, :, ph : ph + h, pw : pw + wd]


def _conv2d_weight_kernel(g: Any, x: Any, kernel: Pair, stride: Pair, padding: Pair) -> Any:
    filters, channels = g.shape[1], x.shape[1]
    g_last = g.transpose(0, 2, 3, 1)  # (N, Ho, Wo, O)
    total = np.zeros((kernel[0] * kernel[1] * channels, filters), np.result_type(g, x))
    for images, columns in _columns(x, kernel, stride, padding, g.shape[2:]):
        total += columns.T @ g_last[images].reshape(len(columns), filters)
    return total.reshape(*kernel, channels, filters).transpose(3, 2, 0, 1)


def _is_numpy(*arrays: Any) -> bool:
    return all(type(a) is np.ndarray for a in arrays)


# The closed family ---------------------------------------------------------------------------------------


def _conv2d(x: Any, w: Any, b: Any, stride: Pair, padding: Pair) -> Any:
    return (_conv2d_kernel if _is_numpy(x, w) else conv2d_plain)(x, w, b, stride, padding)


def _conv2d_input(g: Any, w: Any, size: Pair, stride: Pair, padding: Pair) -> Any:
    kernel = _conv2d_input_kernel if _is_numpy(g, w) else conv2d_input_plain
    return kernel(g, w, size, stride, padding)


def _conv2d_weight(g: Any, x: Any, kernel: Pair, stride: Pair, padding: Pair) -> Any:
    function = _conv2d_weight_kernel if _is_numpy(g, x) else conv2d_weight_plain
    return function(g, x, kernel, stride, padding)


_conv2d_row = primitive(
    _conv2d,
    x=lambda g, w, x_shape, stride, padding: conv2d_input(g, w, x_shape[2:], stride, padding),
    w=lambda g, x, w_shape, stride, padding: conv2d_weight(g, x, w_shape[2:], stride, padding),
    b=lambda g: g.sum(axis=(0, 2, 3)),
)
conv2d_input: Primitive = primitive(
    _conv2d_input,
    g=lambda G, w, stride, padding: _conv2d_row(G, w, None, stride, padding),
    w=lambda G, g, w_shape, stride, padding: conv2d_weight(g, G, w_shape[2:], stride, padding),
)
conv2d_weight: Primitive = primitive(
    _conv2d_weight,
    g=lambda G, x, stride, padding: _conv2d_row(x, G, None, stride, padding),
    x=lambda G, g, x_shape, stride, padding: conv2d_input(g, G, x_shape[2:], stride, padding),
)


def _pair(name: str, value: Any, least: int) -> Pair:
    """A size along height and width, given as one number for both or as two."""
    pair = value if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2 or any(not hasattr(n, "__index__") or index(n) < least for n in pair):
        raise ValueError(f"{name} must be an integer >= {least} or a pair of them, not {value!r}")
    return index(pair[0]), index(pair[1])


def conv2d(x: Any, w: Any, b: Any = None, stride: int | Pair = 1, padding: int | Pair = 0) -> Any:
    """y[n, o, i, j] = b[o] + sum_{c, u, v} w[o, c, u, v] x[n, c, i s + u - p, j s + v - p]

    x (N, C, H, W), w (O, C, kh, kw), b (O,) or None; y (N, O, Ho, Wo), Ho = floor((H + 2 p - kh) / s) + 1.
    """
    stride, padding = _pair("conv2d: stride", stride, 1), _pair("conv2d: padding", padding, 0)
    if len(x.shape) != 4 or len(w.shape) != 4:
        raise ValueError(
            f"conv2d: x has shape {x.shape} and the weight {w.shape}; (N, C, H, W) and (O, C, kh, kw) are needed"
        )
    if x.shape[1] != w.shape[1]:
        raise ValueError(
            f"conv2d: x of shape {x.shape} has {x.shape[1]} channels, the weight of shape {w.shape} takes {w.shape[1]}"
        )
    if b is not None and b.shape != (w.shape[0],):
        raise ValueError(
            f"conv2d: the bias has shape {b.shape}; one per filter is needed, ({w.shape[0]},)"
        )
    _check_window("conv2d", x.shape[2:], w.shape[2:], padding)
    return _conv2d_row(x, w, b, stride, padding)


def _check_window(op: str, size: Any, kernel: Any, padding: Pair) -> None:
    if min(kernel) < 1:
        raise ValueError(f"{op}: the window {tuple(kernel)} is empty; its sizes must be at least 1")
    padded = (size[0] + 2 * padding[0], size[1] + 2 * padding[1])
    if kernel[0] > padded[0] or kernel[1] > padded[1]:
        raise ValueError(
            f"{op}: the window {tuple(kernel)} is larger than the input {tuple(size)}, {padded} with its padding; "
            "use a smaller window, more padding or fewer layers that shrink the input"
        )


# Pooling -------------------------------------------------------------------------------------------------


def _offsets(x: Any, window: Pair, stride: Pair) -> Iterator[tuple[int, Any]]:
    """Per place in the window, in row-major order: its number, and the view of x there in all windows."""
    ho, wo = output_size(x.shape[2:], window, stride, (0, 0))
    for k in range(window[0] * window[1]):
        i, j = divmod(k, window[1])
        yield k, x[:, :, i : i + stride[0] * ho : stride[0], j : j + stride[1] * wo : stride[1]]


def _pool_argmax(x: Any, y: Any, window: Pair, stride: Pair) -> Any:
    """Per window the place of its maximum y; of several the first in row-major order, of nans the first."""
    place = np.zeros_like(y, dtype=np.int32)
    undecided = np.ones_like(y, dtype=bool)
    for k, at in _offsets(x, window, stride):
        hit = undecided & ((at == y) | (at != at))
        place += k * hit
        undecided &= ~hit
    return place


def _pool_gather(x: Any, place: Any, window: Pair, stride: Pair) -> Any:
    y = np.zeros_like(x, shape=place.shape)
    for k, at in _offsets(x, window, stride):
        y += where(place == k, at, 0)
    return y


def _pool_scatter(g: Any, place: Any, size: Pair, window: Pair, stride: Pair) -> Any:
    y = np.zeros_like(g, shape=(*g.shape[:2], *size))
    for k, at in _offsets(y, window, stride):
        at += where(place == k, g, 0)  # overlapping windows accumulate
    return y


def _max_pool2d(x: Any, window: Pair, stride: Pair) -> Any:
    views = [at for _, at in _offsets(x, window, stride)]
    y = views[0].copy() if len(views) == 1 else np.maximum(views[0], views[1])
    for at in views[2:]:
        y = np.maximum(y, at)
    return y


_max_pool2d_row = primitive(
    _max_pool2d,
    x=lambda g, x, y, window, stride: pool_scatter(
        g, pool_argmax(x, y, window, stride), x.shape[2:], window, stride
    ),
)
pool_gather = primitive(
    _pool_gather,
    x=lambda g, place, x_shape, window, stride: pool_scatter(g, place, x_shape[2:], window, stride),
)
pool_scatter: Primitive = primitive(
    _pool_scatter, g=lambda G, place, window, stride: pool_gather(G, place, window, stride)
)


def pool_argmax(x: Any, y: Any, window: Pair, stride: Pair) -> Any:
    """Where in its window each maximum is, as a plain array: it acts on the data and has no gradient."""
    return _pool_argmax(plain(x), plain(y), window, stride)


def max_pool2d(x: Any, window: int | Pair, stride: int | Pair | None = None) -> Any:
    """y[n, c, i, j] = max_{u, v} x[n, c, i s + u, j s + v]

    x (N, C, H, W), window kh or (kh, kw), stride the window by default; y (N, C, Ho, Wo) with
    Ho = floor((H - kh) / s) + 1. Where several elements tie, the first in row-major order gets the gradient.
    """
    window = _pair("max_pool2d: window", window, 1)
    stride = window if stride is None else _pair("max_pool2d: stride", stride, 1)
    if len(x.shape) != 4:
        raise ValueError(f"max_pool2d: x has shape {x.shape}; (N, C, H, W) is needed")
    _check_window("max_pool2d", x.shape[2:], window, (0, 0))
    return _max_pool2d_row(x, window, stride)
