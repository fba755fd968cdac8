"""Pooling over the last axes of (N, C, L), (N, C, H, W) or (N, C, D, H, W): the maximum or the mean of windows.

A maximum is one of the elements. Its place (`pool_argmax`) is found on the data, without gradient; scattering the
gradient to this place is linear, as a mean is. Padding is never stored: for each place in the window, one strided view
of the image has the elements that all windows meet there, without the padding.

A volume is pooled plane by plane, then along its depth: a maximum of maxima, a mean of means. So the first maximum in
row-major order is that of the first plane that has one.

Some plain versions have a kernel beside them, in kernels/pooling.py, which is faster for NumPy's own arrays. The tests
compare the two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from ..core.dtypes import in_float32, narrowed, widened
from ..core.graph import TensorBase, wrap
from ..core.rows import Primitive, primitive
from .elementwise import where
from .inspection import plain
from .kernels import BITS, chosen
from .kernels import pooling as kernels
from .kernels.windows import Pair, Place, Window
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
    image = images_of(op, axes, x)
    window = _pool_window(op, x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    if axes < 3 and not return_indices:
        return lowered(max_pool2d_row(image, window), axes)
    pool = with_indices if return_indices else _maxima
    if axes < 3:
        y, found = pool(image, window)
    else:
        y, found = of_volume(pool, image, window.planes, window.depth)
    if not return_indices:
        return y
    return lowered(y, axes), lowered(wrap(found) if isinstance(x, TensorBase) else found, axes)


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


@over_axes(3, _max_pool)
def max_pool3d() -> Any:
    """y[n, c, i, j, k] = max_{t, u, v} x[n, c, i s + t d - p, j s + u d - p, k s + v d - p]

    x (N, C, D, H, W) or (C, D, H, W): `max_pool2d` of volumes, with its options.

    At a tie: the first in row-major order gets the gradient; nan wins.
    """


def of_volume(pool: Any, x: Any, planes: Any, depth: Any) -> tuple[Any, Any]:
    """pool(images, planes) of the planes of a volume (N, C, D, H, W), then pool(images, depth) along its depth.

    pool gives (y, index of each element of y in its image, or None), and so does this
    """
    n, c, d, h, w = x.shape
    y, inner = pool(reshape(x, (n, c * d, h, w)), planes)
    size, area = y.shape[2:], math.prod(y.shape[2:])
    y, found = pool(reshape(y, (n, c, d, area)), depth)
    shape = (n, c, y.shape[2], *size)
    if found is not None:
        # a window that met padding alone, -inf, has an index beyond its image
        at = np.clip(found.reshape(n, c, y.shape[2] * area), 0, d * area - 1)
        inner = np.take_along_axis(inner.reshape(n, c, d * area), at, axis=2)
        found = (at // area * (h * w) + inner).reshape(shape)
    return reshape(y, shape), found


def _maxima(x: Any, window: Window) -> tuple[Any, None]:
    return max_pool2d_row(x, window), None


def with_indices(x: Any, window: Window) -> tuple[Any, Any]:
    """The maximum of each window and its index in its image, counted in row-major order, a plain array."""
    y = max_pool2d_row(x, window)
    data, (sh, sw), (dh, dw) = plain(x), window.stride, window.dilation
    ((top, _), (left, _)), (ho, wo) = window.padding, y.shape[2:]
    place = pool_argmax(x, y, window).astype(np.int64)
    rows = np.arange(ho, like=data)[:, None] * sh - top + place // window.kernel[1] * dh
    columns = np.arange(wo, like=data) * sw - left + place % window.kernel[1] * dw
    return y, rows * x.shape[3] + columns


def _pool_window(
    op: str, size: Sequence[int], kernel: Any, stride: Any, padding: Any, dilation: Any, is_ceil: bool
) -> Window:  # fmt: skip
    kernel = numbers(f"{op}: kernel_size", kernel, len(size), 1)
    padding = numbers(f"{op}: padding", padding, len(size), 0)
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        raise ValueError(
            f"{op}: padding {padding} is more than half of the window {kernel}: some windows would hold nothing else"
        )
    stride = kernel if stride is None else stride
    return window_of(op, size, kernel, stride, padding, dilation, is_ceil)


def images_of(op: str, axes: int, x: Any) -> Any:
    """x as (N, C, H, W) or (N, C, D, H, W); ValueError if it has another number of axes."""
    if len(x.shape) != 2 + axes:
        raise ValueError(f"{op}: x has shape {tuple(x.shape)}; {forms(axes)} is needed")
    return raised(x)


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
    """The number of elements that each window averages, with the `counted` padding; one number if all agree.

    counted  None: 1, which leaves the sum
    """
    if counted is None:
        return 1
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
    divisor_override: int | None = None,
) -> Any:
    op = f"avg_pool{axes}d"
    image = images_of(op, axes, x)
    window = _pool_window(op, x.shape[2:], kernel_size, stride, padding, 1, ceil_mode)
    # what ceil_mode adds after the image does not count
    counted: Any = tuple(
        (before, min(before, after)) if count_include_pad else (0, 0)
        for before, after in window.padding
    )
    if divisor_override is not None:
        (divisor,) = numbers(f"{op}: divisor_override", divisor_override, 1, 1)
        counted = None
    wide = widened(image)
    if axes < 3:
        y = _avg_pool2d_row(wide, window, counted)
    else:
        each = (None, None) if counted is None else (counted[1:], (counted[0], (0, 0)))
        y, _ = of_volume(_means, wide, (window.planes, each[0]), (window.depth, each[1]))
    y = y if divisor_override is None else y / divisor
    return lowered(narrowed(y, x), axes)


def _means(x: Any, how: tuple[Window, Any]) -> tuple[Any, None]:
    return _avg_pool2d_row(x, *how), None


@over_axes(2, _avg_pool)
def avg_pool2d() -> Any:
    """y[n, c, i, j] = sum_{u, v} x[n, c, i s + u - p, j s + v - p] / count

    x (N, C, H, W) or (C, H, W), kernel_size kh or (kh, kw), stride the kernel_size by default, y as in `max_pool2d`.
    The padding is 0, at most half of the window. float16 is summed in float32.

    count_include_pad  True: the padding counts as elements; what ceil_mode adds beyond it never does
    divisor_override   a number that takes the place of the count; with 1, y is the sum

    At the edge: as count_include_pad is the default, the mean of ones is below 1 where a window meets padding.
    """


@over_axes(1, _avg_pool)
def avg_pool1d() -> Any:
    """y[n, c, i] = sum_u x[n, c, i s + u - p] / count

    x (N, C, L) or (C, L): `avg_pool2d` on images of height 1, with its options.
    """


@over_axes(3, _avg_pool)
def avg_pool3d() -> Any:
    """y[n, c, i, j, k] = sum_{t, u, v} x[n, c, i s + t - p, j s + u - p, k s + v - p] / count

    x (N, C, D, H, W) or (C, D, H, W): `avg_pool2d` of volumes, with its options.
    """
