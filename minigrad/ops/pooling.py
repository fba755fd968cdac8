"""Pooling over the last two axes of (N, C, H, W) or the last one of (N, C, L): the maximum or the mean of windows.

The rows of the maximum are in max_pooling.py; a mean is linear, and its rows are here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.graph import TensorBase, wrap
from ..core.rows import Primitive, primitive
from .axes import narrowed, widened
from .elementwise import where
from .indexing import getitem
from .inspection import plain
from .max_pooling import lowest, max_pool2d_row, pool_argmax
from .reductions import mean, sum
from .shapes import reshape
from .windows import Pair, Steps, Window, lowered, numbers, raised, window_of

# Maxima --------------------------------------------------------------------------------------------------


def _indices(x: Any, y: Any, window: Window) -> Any:
    """Which element of the image, counted in row-major order, each maximum is; a Tensor if x is one."""
    data, (sh, sw), (dh, dw) = plain(x), window.stride, window.dilation
    ((top, _), (left, _)), (ho, wo) = window.padding, y.shape[2:]
    place = pool_argmax(x, y, window).astype(np.int64)
    rows = np.arange(ho, like=data)[:, None] * sh - top + place // window.kernel[1] * dh
    columns = np.arange(wo, like=data) * sw - left + place % window.kernel[1] * dw
    found = rows * x.shape[3] + columns
    return wrap(found) if isinstance(x, TensorBase) else found


def max_pool2d(
    x: Any,
    kernel_size: Steps,
    stride: Steps | None = None,
    padding: Steps = 0,
    dilation: Steps = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """y[n, c, i, j] = max_{u, v} x[n, c, i s + u d - p, j s + v d - p]

    x (N, C, H, W), kernel_size kh or (kh, kw), stride the kernel_size by default; y (N, C, Ho, Wo) with
    Ho = floor((H + 2 p - d (kh - 1) - 1) / s) + 1. The padding, at most half of the window, is -inf.

    ceil_mode       rounds Ho up, so that no element is left over; a window must start in the image or before it
    return_indices  gives (y, i): i is which element of its image, counted in row-major order, each maximum is

    At a tie: the first in row-major order gets the gradient; nan wins.
    """
    return _max_pool(
        "max_pool2d", 2, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


def max_pool1d(
    x: Any,
    kernel_size: Steps,
    stride: Steps | None = None,
    padding: Steps = 0,
    dilation: Steps = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """y[n, c, i] = max_u x[n, c, i s + u d - p]

    x (N, C, L): `max_pool2d` on images of height 1, with its options.

    At a tie: the first gets the gradient; nan wins.
    """
    return _max_pool(
        "max_pool1d", 1, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


def _max_pool(
    op: str, axes: int, x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, places: bool
) -> Any:  # fmt: skip
    window = _pool_window(op, axes, x, kernel, stride, padding, dilation, ceil_mode)
    image = x if axes == 2 else raised(x)
    y = max_pool2d_row(image, window)
    result = y if axes == 2 else lowered(y)
    if not places:
        return result
    found = _indices(image, y, window)
    return result, found if axes == 2 else lowered(found)


def _pool_window(
    op: str, axes: int, x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Window:  # fmt: skip
    _check_image(op, axes, x)
    kernel = numbers(f"{op}: kernel_size", kernel, axes, 1)
    padding = numbers(f"{op}: padding", padding, axes, 0)
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        raise ValueError(
            f"{op}: padding {padding} is more than half of the window {kernel}: some windows would hold nothing else"
        )
    stride = kernel if stride is None else stride
    window = window_of(op, x.shape[2:], kernel, stride, padding, dilation)
    return _rounded_up(window, (1, 1, *x.shape[2:])[-2:]) if ceil_mode else window


def _check_image(op: str, axes: int, x: Any) -> None:
    if len(x.shape) != 2 + axes:
        needed = "(N, C, H, W)" if axes == 2 else "(N, C, L)"
        raise ValueError(f"{op}: x has shape {tuple(x.shape)}; {needed} is needed")


def _rounded_up(window: Window, size: Pair) -> Window:
    """The window with so much more padding after the image that no element is left over.

    As in PyTorch a window that would start behind the image and its padding before is left out.
    """
    pads = []
    for n, e, s, (before, after) in zip(
        size, window.extent, window.stride, window.padding, strict=True
    ):
        out = -((e - n - before - after) // s) + 1
        if (out - 1) * s >= n + before:
            out -= 1
        pads.append((before, max((out - 1) * s + e - n - before, 0)))
    return window._replace(padding=(pads[0], pads[1]))


# Means ---------------------------------------------------------------------------------------------------


def _avg_pool2d(x: Any, window: Window, counted: Any) -> Any:
    size = x.shape[2:]
    y = np.zeros_like(x, shape=(*x.shape[:2], *window.output_size(size)))
    for _, here, there in window.places(size):
        y[:, :, *here] += x[:, :, *there]
    return y / _divisor(y, size, window, counted)


def _avg_pool2d_input(g: Any, size: Pair, window: Window, counted: Any) -> Any:
    share = g / _divisor(g, size, window, counted)
    y = np.zeros_like(g, shape=(*g.shape[:2], *size))
    for _, here, there in window.places(size):
        y[:, :, *there] += share[:, :, *here]
    return y


def _divisor(like: Any, size: Pair, window: Window, counted: Any) -> Any:
    """How many elements each window averages, those in the `counted` padding with them; one number if all do so."""
    per_axis = []
    for n, out, k, s, (before, _), (left, right) in zip(
        size, window.output_size(size), window.kernel, window.stride, window.padding, counted, strict=True
    ):  # fmt: skip
        starts = [i * s - before for i in range(out)]
        per_axis.append([min(start + k, n + right) - max(start, -left) for start in starts])
    rows, columns = per_axis
    if len({*rows}) == len({*columns}) == 1:
        return rows[0] * columns[0]
    # the counts have the dtype of what they divide, so that they do not widen it
    return np.asarray([[r * c for c in columns] for r in rows], dtype=like.dtype, like=like)


_avg_pool2d_row = primitive(
    _avg_pool2d,
    x=lambda g, x_shape, window, counted: avg_pool2d_input(g, x_shape[2:], window, counted),
    floats=True,
)
avg_pool2d_input: Primitive = primitive(
    _avg_pool2d_input, g=lambda G, window, counted: _avg_pool2d_row(G, window, counted)
)


def avg_pool2d(
    x: Any,
    kernel_size: Steps,
    stride: Steps | None = None,
    padding: Steps = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """y[n, c, i, j] = sum_{u, v} x[n, c, i s + u - p, j s + v - p] / count

    x (N, C, H, W), kernel_size kh or (kh, kw), stride the kernel_size by default, y as of `max_pool2d`. The padding
    is 0, at most half of the window. float16 is summed in float32.

    count_include_pad  whether the padding counts among the elements averaged; what ceil_mode adds beyond never does

    At the edge: with count_include_pad (the default) the mean over a corner of ones with padding 1 is below 1.
    """
    return _avg_pool("avg_pool2d", 2, x, kernel_size, stride, padding, ceil_mode, count_include_pad)


def avg_pool1d(
    x: Any,
    kernel_size: Steps,
    stride: Steps | None = None,
    padding: Steps = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """y[n, c, i] = sum_u x[n, c, i s + u - p] / count

    x (N, C, L): `avg_pool2d` on images of height 1, with its options.
    """
    return _avg_pool("avg_pool1d", 1, x, kernel_size, stride, padding, ceil_mode, count_include_pad)


def _avg_pool(
    op: str, axes: int, x: Any, kernel: Any, stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool
) -> Any:  # fmt: skip
    given = _pool_window(op, axes, x, kernel, stride, padding, 1, False)
    window = _rounded_up(given, (1, 1, *x.shape[2:])[-2:]) if ceil_mode else given
    counted = given.padding if count_include_pad else ((0, 0), (0, 0))
    image = widened(x if axes == 2 else raised(x))
    y = narrowed(_avg_pool2d_row(image, window, counted), x)
    return y if axes == 2 else lowered(y)


# Windows made to measure ---------------------------------------------------------------------------------


def adaptive_avg_pool2d(x: Any, output_size: int | Sequence[int | None] | None) -> Any:
    """y[n, c, i, j] = the mean of x[n, c] over rows floor(i H / Ho) to ceil((i + 1) H / Ho), columns likewise

    x (N, C, H, W), y (N, C, Ho, Wo) with output_size one number for both or (Ho, Wo); None keeps that of x.
    """
    return _adaptive_avg_pool("adaptive_avg_pool2d", 2, x, output_size)


def adaptive_avg_pool1d(x: Any, output_size: int | Sequence[int | None] | None) -> Any:
    """y[n, c, i] = the mean of x[n, c, floor(i L / Lo) : ceil((i + 1) L / Lo)]

    x (N, C, L), y (N, C, Lo) with Lo = output_size; None keeps that of x.
    """
    return lowered(_adaptive_avg_pool("adaptive_avg_pool1d", 1, x, output_size))


def _adaptive_avg_pool(op: str, axes: int, x: Any, output_size: Any) -> Any:
    image, (ho, wo), uniform = _bins(op, axes, x, output_size)
    n, c, h, w = image.shape
    if uniform:  # the blocks of a grid
        return mean(reshape(image, (n, c, ho, h // ho, wo, w // wo)), (3, 5))
    cells, inside, kernel = _gathered(widened(image), (ho, wo))
    blocks = reshape(where(inside, cells, 0), (n, c, ho, kernel[0], wo, kernel[1]))
    count = inside.astype(cells.dtype).reshape(ho, kernel[0], wo, kernel[1]).sum(axis=(1, 3))
    return narrowed(sum(blocks, (3, 5)) / count, x)


def adaptive_max_pool2d(x: Any, output_size: int | Sequence[int | None] | None) -> Any:
    """y[n, c, i, j] = the maximum of x[n, c] over rows floor(i H / Ho) to ceil((i + 1) H / Ho), columns likewise

    x (N, C, H, W), y (N, C, Ho, Wo) with output_size one number for both or (Ho, Wo); None keeps that of x.

    At a tie: the first in row-major order gets the gradient; nan wins.
    """
    x, (ho, wo), uniform = _bins("adaptive_max_pool2d", 2, x, output_size)
    if uniform:
        kernel = x.shape[2] // ho, x.shape[3] // wo
        return max_pool2d_row(x, Window(kernel, kernel))
    cells, inside, kernel = _gathered(x, (ho, wo))
    # what fills a bin up is never its first element, so that it never gets a gradient
    return max_pool2d_row(where(inside, cells, lowest(x.dtype)), Window(kernel, kernel))


def _bins(op: str, axes: int, x: Any, output_size: Any) -> tuple[Any, Pair, bool]:
    """x as images, the output's size, and whether it divides theirs."""
    _check_image(op, axes, x)
    sizes = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * axes
    if len(sizes) == axes:
        sizes = tuple(n if out is None else out for n, out in zip(x.shape[2:], sizes, strict=True))
    out = numbers(f"{op}: output_size", sizes, axes, 1)
    if min(x.shape[2:]) < 1:
        raise ValueError(f"{op}: x of shape {tuple(x.shape)} has no elements to pool")
    uniform = not any(n % o for n, o in zip(x.shape[2:], out, strict=True))
    image = x if axes == 2 else raised(x)
    return image, (1, *out)[-2:], uniform  # type: ignore[return-value]


def _gathered(x: Any, out_size: Pair) -> tuple[Any, Any, Pair]:
    """The elements of each bin next to each other, bins filled up to one size; which are of the bin; that size."""
    data = plain(x)
    places, inside, kernel = [], [], []
    for n, out in zip(x.shape[2:], out_size, strict=True):
        bins = [range(i * n // out, -(-(i + 1) * n // out)) for i in range(out)]
        most = max(map(len, bins))
        kernel.append(most)
        places.append([min(b.start + k, n - 1) for b in bins for k in range(most)])
        inside.append([k < len(b) for b in bins for k in range(most)])
    rows, columns = (np.asarray(p, dtype=np.int64, like=data) for p in places)
    high, wide = (np.asarray(m, dtype=bool, like=data) for m in inside)
    cells = getitem(x, (slice(None), slice(None), rows[:, None], columns))
    return cells, high[:, None] & wide, (kernel[0], kernel[1])
