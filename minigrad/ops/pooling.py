"""Pooling over the last two axes of (N, C, H, W) or the last one of (N, C, L): the maximum or the mean of windows.

A maximum is one of the elements. Its place (`pool_argmax`) is found on the data, without gradient; scattering the
gradient to this place is linear, as a mean is. Padding is never stored: for each place in the window, one strided view
of the image has the elements that all windows meet there, without the padding.

Some plain versions have a kernel beside them, in kernels/pooling.py, which is faster for NumPy's own arrays. The tests
compare the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from ..core.dtypes import in_float32, narrowed, widened
from ..core.graph import TensorBase, wrap
from ..core.rows import Primitive, primitive
from .elementwise import where
from .indexing import getitem
from .inspection import plain
from .kernels import BITS, chosen
from .kernels import pooling as kernels
from .kernels.windows import Pair, Place, Window
from .reductions import mean, sum
from .shapes import reshape
from .windows import Steps, forms, lowered, numbers, over_axes, raised, window_of

# Maxima: the rows ----------------------------------------------------------------------------------------


def _max_pool2d(x: Any, window: Window) -> Any:
    """Maxima along one axis, then of these along the other: kh + kw comparisons instead of kh kw."""
    size = x.shape[2:]
    for axis, (places, count) in enumerate(
        zip(window.along(size), window.output_size(size), strict=True), start=2
    ):
        x = _max_along(x, axis, places, count)
    return x


def _max_along(x: Any, axis: int, places: tuple[Place | None, ...], count: int) -> Any:
    lead = (slice(None),) * axis
    views = [(x[(*lead, place[1])], (*lead, place[0])) for place in places if place]
    if len(views) == len(places) and all(at.shape[axis] == count for at, _ in views):
        only, *others = [at for at, _ in views]
        return reduce(np.maximum, others, only) if others else only.copy()
    # padding is -inf; a window that meets nothing else keeps it
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    y = np.full_like(x, lowest(x.dtype), shape=shape)
    for at, here in views:
        y[here] = np.maximum(y[here], at)
    return y


def lowest(dtype: Any) -> Any:
    """The least value of a dtype, -inf for floats."""
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min if dtype.kind in "iu" else False


def pool_argmax_plain(x: Any, y: Any, window: Window) -> Any:
    """The place of the maximum y in each window: the first in row-major order, or the first nan."""
    place = np.zeros_like(y, dtype=np.int32)
    for k, here, there in reversed(window.places(x.shape[2:])):  # so that the first one stays
        at, top = x[:, :, *there], y[:, :, *here]
        place[:, :, *here] = where((at == top) | (at != at), k, place[:, :, *here])
    return place


def pool_argmax(x: Any, y: Any, window: Window) -> Any:
    """The place of each maximum in its window, a plain array: it acts on the data and has no gradient."""
    x, y = plain(x), plain(y)
    return chosen(kernels.pool_argmax, pool_argmax_plain, x, y)(x, y, window)


def _pool_gather(x: Any, place: Any, window: Window) -> Any:
    y = np.zeros_like(x, shape=place.shape)
    for k, here, there in window.places(x.shape[2:]):
        y[:, :, *here] += where(place[:, :, *here] == k, x[:, :, *there], 0)
    return y


def pool_scatter_plain(g: Any, place: Any, size: Pair, window: Window) -> Any:
    """Zeros with each g added at its place in its window."""
    y = np.zeros_like(g, shape=(*g.shape[:2], *size))
    for k, here, there in window.places(size):
        y[:, :, *there] += where(place[:, :, *here] == k, g[:, :, *here], 0)
    return y


def _pool_scatter(g: Any, place: Any, size: Pair, window: Window) -> Any:
    kernel = kernels.pool_scatter if g.dtype.char in BITS else pool_scatter_plain
    f = chosen(kernel, pool_scatter_plain, g, place)
    return in_float32(f, g, place, size, window)


max_pool2d_row = primitive(
    _max_pool2d,
    x=lambda g, x, y, window: pool_scatter(g, pool_argmax(x, y, window), x.shape[2:], window),
)
pool_gather = primitive(
    _pool_gather,
    x=lambda g, place, x_shape, window: pool_scatter(g, place, x_shape[2:], window),
)
pool_scatter: Primitive = primitive(
    _pool_scatter, g=lambda G, place, window: pool_gather(G, place, window)
)

# Maxima: what users call ---------------------------------------------------------------------------------


def _max_pool(
    axes: int,
    x: Any,
    kernel_size: Steps,
    stride: Steps | None = None,
    padding: Steps = 0,
    dilation: Steps = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    op = f"max_pool{axes}d"
    image = _image(op, axes, x)
    window = _pool_window(op, x.shape[2:], kernel_size, stride, padding, dilation)
    if ceil_mode:
        window = _rounded_up(window, image.shape[2:])
    y = max_pool2d_row(image, window)
    if not return_indices:
        return lowered(y, axes)
    return lowered(y, axes), lowered(_indices(image, y, window), axes)


@over_axes(2, _max_pool)
def max_pool2d() -> Any:
    """y[n, c, i, j] = max_{u, v} x[n, c, i s + u d - p, j s + v d - p]

    x (N, C, H, W) or (C, H, W), kernel_size kh or (kh, kw), stride the kernel_size by default; y (N, C, Ho, Wo) or
    (C, Ho, Wo) with Ho = floor((H + 2 p - d (kh - 1) - 1) / s) + 1. The padding, at most half of the window, is -inf.

    ceil_mode       rounds Ho up, so that no element is left over; a window must start in the image or before it
    return_indices  gives (y, i), with i the index of each maximum in its image, counted in row-major order

    At a tie: the first in row-major order gets the gradient; nan wins.
    """


@over_axes(1, _max_pool)
def max_pool1d() -> Any:
    """y[n, c, i] = max_u x[n, c, i s + u d - p]

    x (N, C, L) or (C, L): `max_pool2d` on images of height 1, with its options.

    At a tie: the first gets the gradient; nan wins.
    """


def _indices(x: Any, y: Any, window: Window) -> Any:
    """The index of each maximum in its image, counted in row-major order; a Tensor if x is one."""
    data, (sh, sw), (dh, dw) = plain(x), window.stride, window.dilation
    ((top, _), (left, _)), (ho, wo) = window.padding, y.shape[2:]
    place = pool_argmax(x, y, window).astype(np.int64)
    rows = np.arange(ho, like=data)[:, None] * sh - top + place // window.kernel[1] * dh
    columns = np.arange(wo, like=data) * sw - left + place % window.kernel[1] * dw
    found = rows * x.shape[3] + columns
    return wrap(found) if isinstance(x, TensorBase) else found


def _pool_window(
    op: str, size: Sequence[int], kernel: Any, stride: Any, padding: Any, dilation: Any = 1
) -> Window:
    kernel = numbers(f"{op}: kernel_size", kernel, len(size), 1)
    padding = numbers(f"{op}: padding", padding, len(size), 0)
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        raise ValueError(
            f"{op}: padding {padding} is more than half of the window {kernel}: some windows would hold nothing else"
        )
    return window_of(op, size, kernel, kernel if stride is None else stride, padding, dilation)


def _image(op: str, axes: int, x: Any) -> Any:
    """x as (N, C, H, W); ValueError if it has another number of axes."""
    if len(x.shape) != 2 + axes:
        raise ValueError(f"{op}: x has shape {tuple(x.shape)}; {forms(axes)} is needed")
    return raised(x)


def _rounded_up(window: Window, size: Pair) -> Window:
    """The window with enough padding after the image that no element is left over.

    As in PyTorch, a window that would start beyond the image is left out.
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
    """The number of elements that each window averages, with the `counted` padding; one number if all agree."""
    per_axis = []
    for (n, out, k, s, pads, _), (left, right) in zip(window.per_axis(size), counted, strict=True):
        starts = [i * s - pads[0] for i in range(out)]
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


def _avg_pool(
    axes: int,
    x: Any,
    kernel_size: Steps,
    stride: Steps | None = None,
    padding: Steps = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    op = f"avg_pool{axes}d"
    image = _image(op, axes, x)
    given = _pool_window(op, x.shape[2:], kernel_size, stride, padding)
    window = _rounded_up(given, image.shape[2:]) if ceil_mode else given
    counted = given.padding if count_include_pad else ((0, 0), (0, 0))
    return lowered(narrowed(_avg_pool2d_row(widened(image), window, counted), x), axes)


@over_axes(2, _avg_pool)
def avg_pool2d() -> Any:
    """y[n, c, i, j] = sum_{u, v} x[n, c, i s + u - p, j s + v - p] / count

    x (N, C, H, W) or (C, H, W), kernel_size kh or (kh, kw), stride the kernel_size by default, y as in `max_pool2d`.
    The padding is 0, at most half of the window. float16 is summed in float32.

    count_include_pad  True: the padding counts as elements; what ceil_mode adds beyond it never does

    At the edge: as count_include_pad is the default, the mean of ones is below 1 where a window meets padding.
    """


@over_axes(1, _avg_pool)
def avg_pool1d() -> Any:
    """y[n, c, i] = sum_u x[n, c, i s + u - p] / count

    x (N, C, L) or (C, L): `avg_pool2d` on images of height 1, with its options.
    """


# Adaptive windows ----------------------------------------------------------------------------------------


def _adaptive_avg_pool(axes: int, x: Any, output_size: int | Sequence[int | None] | None) -> Any:
    image, (ho, wo), is_uniform = _bins(f"adaptive_avg_pool{axes}d", axes, x, output_size)
    n, c, h, w = image.shape
    if is_uniform:  # the blocks of a grid
        return lowered(mean(reshape(image, (n, c, ho, h // ho, wo, w // wo)), (3, 5)), axes)
    cells, inside, kernel = _gathered(widened(image), (ho, wo))
    blocks = reshape(where(inside, cells, 0), (n, c, ho, kernel[0], wo, kernel[1]))
    count = inside.astype(cells.dtype).reshape(ho, kernel[0], wo, kernel[1]).sum(axis=(1, 3))
    return lowered(narrowed(sum(blocks, (3, 5)) / count, x), axes)


@over_axes(2, _adaptive_avg_pool)
def adaptive_avg_pool2d() -> Any:
    """y[n, c, i, j] = the mean of x[n, c] over rows floor(i H / Ho) to ceil((i + 1) H / Ho), columns likewise

    x (N, C, H, W) or (C, H, W), y (N, C, Ho, Wo) or (C, Ho, Wo) with output_size one number for both or (Ho, Wo); None
    keeps the size of x.
    """


@over_axes(1, _adaptive_avg_pool)
def adaptive_avg_pool1d() -> Any:
    """y[n, c, i] = the mean of x[n, c, floor(i L / Lo) : ceil((i + 1) L / Lo)]

    x (N, C, L) or (C, L), y (N, C, Lo) or (C, Lo) with Lo = output_size; None keeps the size of x.
    """


def _adaptive_max_pool(axes: int, x: Any, output_size: int | Sequence[int | None] | None) -> Any:
    image, (ho, wo), is_uniform = _bins(f"adaptive_max_pool{axes}d", axes, x, output_size)
    if is_uniform:
        kernel = image.shape[2] // ho, image.shape[3] // wo
        return lowered(max_pool2d_row(image, Window(kernel, kernel)), axes)
    cells, inside, kernel = _gathered(image, (ho, wo))
    # the filling comes after the first element of a bin, and so never gets a gradient
    filled = where(inside, cells, lowest(x.dtype))
    return lowered(max_pool2d_row(filled, Window(kernel, kernel)), axes)


@over_axes(2, _adaptive_max_pool)
def adaptive_max_pool2d() -> Any:
    """y[n, c, i, j] = the maximum of x[n, c] over rows floor(i H / Ho) to ceil((i + 1) H / Ho), columns likewise

    x (N, C, H, W) or (C, H, W), y (N, C, Ho, Wo) or (C, Ho, Wo) with output_size one number for both or (Ho, Wo); None
    keeps the size of x.

    At a tie: the first in row-major order gets the gradient; nan wins.
    """


@over_axes(1, _adaptive_max_pool)
def adaptive_max_pool1d() -> Any:
    """y[n, c, i] = the maximum of x[n, c, floor(i L / Lo) : ceil((i + 1) L / Lo)]

    x (N, C, L) or (C, L), y (N, C, Lo) or (C, Lo) with Lo = output_size; None keeps the size of x.

    At a tie: the first gets the gradient; nan wins.
    """


def _bins(op: str, axes: int, x: Any, output_size: Any) -> tuple[Any, Pair, bool]:
    """x as images, the size of the output, and whether it divides that of x."""
    image = _image(op, axes, x)
    sizes = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * axes
    if len(sizes) == axes:
        sizes = tuple(n if out is None else out for n, out in zip(x.shape[2:], sizes, strict=True))
    out = numbers(f"{op}: output_size", sizes, axes, 1)
    if min(x.shape[2:]) < 1:
        raise ValueError(f"{op}: x of shape {tuple(x.shape)} has no elements to pool")
    is_uniform = not any(n % o for n, o in zip(x.shape[2:], out, strict=True))
    return image, (1, *out)[-2:], is_uniform  # type: ignore[return-value]


def _gathered(x: Any, out_size: Pair) -> tuple[Any, Any, Pair]:
    """The elements of each bin side by side, filled up to one size; a mask of those not filled in; that size."""
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
