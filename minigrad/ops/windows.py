"""Windows that move over the last two axes of (N, C, H, W): their arithmetic, and the pair unfold and fold."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import product
from operator import index
from typing import Any, NamedTuple

import numpy as np

from ..core.rows import Primitive, primitive
from .kernels.scratch import scratch
from .shapes import reshape

Pair = tuple[int, int]
Steps = int | Sequence[int]  # one number for all axes, or one per axis
Slices = tuple[slice, slice]
Place = tuple[slice, slice]  # along one axis: the windows, and the elements that they meet


class Phase(NamedTuple):
    """Along one axis: elements of the image a stride apart, which the same places of their windows meet.

    elements, places  which they are, as slices of the image and of the window
    pads              (before, after): the frame, negative for what is cut off, with which these places, turned
                      around and `dilation` apart, move over the windows and meet for each element what it is under
    """

    elements: slice
    places: slice
    pads: Pair
    dilation: int


ROWS_BYTES = 2**18  # of rows on their way, which a second-level cache holds
APART = 16  # elements between them, so that they do not meet in one line of a cache


class Window(NamedTuple):
    """How a window moves: `kernel` elements, `dilation` apart, in steps of `stride`; height first, then width.

    padding  (before, after) per axis
    """

    kernel: Pair
    stride: Pair = (1, 1)
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)

    def tiles(self, size: Sequence[int]) -> bool:
        """Whether every element lies under exactly one window, at one place in it."""
        return self == Window(self.kernel, self.kernel) and not any(
            n % k for n, k in zip(size, self.kernel, strict=True)
        )

    @property
    def extent(self) -> Pair:
        """d (k - 1) + 1 per axis: from the window's first element to its last."""
        (kh, kw), (dh, dw) = self.kernel, self.dilation
        return dh * (kh - 1) + 1, dw * (kw - 1) + 1

    def padded(self, size: Sequence[int]) -> Pair:
        """The image's size with its padding."""
        (top, bottom), (left, right) = self.padding
        return size[0] + top + bottom, size[1] + left + right

    def output_size(self, size: Sequence[int]) -> Pair:
        """floor((n + p + p' - d (k - 1) - 1) / s) + 1 per axis; a stride that does not divide drops the tail."""
        (h, w), (eh, ew), (sh, sw) = self.padded(size), self.extent, self.stride
        return (h - eh) // sh + 1, (w - ew) // sw + 1

    def places(self, size: Sequence[int]) -> tuple[tuple[int, Slices, Slices], ...]:
        """Per place in the window, in row-major order: its number, and where it meets the image.

        That is: the windows for which it lies in the image and not in the padding, as slices of the output, and
        the elements it meets there, as slices of the image. A place that is always in the padding is left out.
        """
        return _places(self, (size[0], size[1]))

    def along(self, size: Sequence[int]) -> tuple[tuple[Place | None, ...], ...]:
        """`places` along each axis alone; None for one that is always in the padding."""
        return _along(self, (size[0], size[1]))

    def phases(self, size: Sequence[int]) -> tuple[tuple[Phase, ...], ...]:
        """Per axis the phases into which a stride parts an image of `size`; what no window meets is in none."""
        return _phases(self, (size[0], size[1]))

    def _per_axis(self, size: Sequence[int]) -> Iterator[tuple[Any, ...]]:
        """Of each axis the image's size, the output's, kernel, stride, padding and dilation."""
        return zip(size, self.output_size(size), *self, strict=True)


@lru_cache(maxsize=256)
def _places(window: Window, size: Pair) -> tuple[tuple[int, Slices, Slices], ...]:
    rows, columns = window.along(size)
    return tuple(
        (k, (row[0], column[0]), (row[1], column[1]))
        for k, (row, column) in enumerate(product(rows, columns))
        if row and column
    )


@lru_cache(maxsize=256)
def _along(window: Window, size: Pair) -> tuple[tuple[Place | None, ...], ...]:
    return tuple(tuple(_along_axis(*of_axis)) for of_axis in window._per_axis(size))


def _along_axis(
    n: int, out: int, kernel: int, stride: int, padding: Pair, dilation: int
) -> Iterator[Place | None]:
    """`places` along one axis."""
    for u in range(kernel):
        offset = u * dilation - padding[0]
        first = max(0, -(offset // stride))  # the first window with first * stride + offset >= 0
        count = min(out, (n - 1 - offset) // stride + 1) - first
        start = first * stride + offset
        yield (
            (slice(first, first + count), slice(start, start + (count - 1) * stride + 1, stride))
            if count > 0
            else None
        )


@lru_cache(maxsize=256)
def _phases(window: Window, size: Pair) -> tuple[tuple[Phase, ...], ...]:
    return tuple(tuple(_phases_along_axis(*of_axis)) for of_axis in window._per_axis(size))


def _phases_along_axis(
    n: int, out: int, kernel: int, stride: int, padding: Pair, dilation: int
) -> Iterator[Phase]:
    """`phases` along one axis: element h lies under place u of window i where h + p = i s + u d."""
    common = math.gcd(stride, dilation)
    # so many places further in the window are as far as so many windows
    step, spread = stride // common, dilation // common
    for first in range(min(step, kernel)):
        places = slice(first, kernel, step)
        ahead, residue = divmod(first * dilation, stride)
        begin = -((residue - padding[0]) // stride)  # the first q with h = q s + residue - p >= 0
        start = begin * stride + residue - padding[0]
        count = -((start - n) // stride)
        before = ahead + (len(range(kernel)[places]) - 1) * spread - begin
        after = begin + count - ahead - out
        if count > 0 and min(before, after) > -out:
            elements = slice(start, start + (count - 1) * stride + 1, stride)
            yield Phase(elements, places, (before, after), spread)


def numbers(name: str, value: Any, axes: int, least: int) -> tuple[int, ...]:
    """A number per axis, given as one for all or as one each; ValueError otherwise."""
    each = value if isinstance(value, (tuple, list)) else (value,) * axes
    if len(each) != axes or any(not hasattr(n, "__index__") or index(n) < least for n in each):
        pair = " or a pair of them" if axes == 2 else ""
        raise ValueError(f"{name} must be an integer >= {least}{pair}, not {value!r}")
    return tuple(map(index, each))


def window_of(
    op: str, size: Sequence[int], kernel: Any, stride: Any, padding: Any = 0, dilation: Any = 1
) -> Window:
    """The window, checked, for an image of `size`; one that has one axis only gets a height of 1.

    padding  as `conv2d` takes it. ValueError for a kernel larger than the padded image.
    """
    axes = len(size)
    kernel = numbers(f"{op}: kernel_size", kernel, axes, 1)
    stride = numbers(f"{op}: stride", stride, axes, 1)
    dilation = numbers(f"{op}: dilation", dilation, axes, 1)
    extent = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    pads = _padding(f"{op}: padding", padding, size, extent, stride)
    padded = tuple(n + before + after for n, (before, after) in zip(size, pads, strict=True))
    if any(e > n for e, n in zip(extent, padded, strict=True)):
        spread = f", {tuple(extent)} with its dilation," if max(dilation) > 1 else ""
        raise ValueError(
            f"{op}: the window {kernel}{spread} is larger than the input {tuple(size)}, {padded} with its padding; "
            "use a smaller window, more padding or fewer layers that shrink the input"
        )
    lead = (1,) * (2 - axes)
    return Window(lead + kernel, lead + stride, ((0, 0),) * (2 - axes) + pads, lead + dilation)  # type: ignore[arg-type]


def _padding(
    name: str, given: Any, size: Sequence[int], extent: Sequence[int], stride: Sequence[int]
) -> tuple[Pair, ...]:
    """(before, after) per axis; "same" gives ceil(n / s) windows, an odd element going after."""
    axes = len(size)
    if isinstance(given, str) and given == "valid":
        return ((0, 0),) * axes
    if isinstance(given, str) and given == "same":
        totals = [
            max((-(-n // s) - 1) * s + e - n, 0)
            for n, e, s in zip(size, extent, stride, strict=True)
        ]
        return tuple((total // 2, total - total // 2) for total in totals)
    each = given if isinstance(given, (tuple, list)) else (given,) * axes
    try:
        if len(each) == axes:
            return tuple(numbers(name, n, 2, 0) for n in each)  # type: ignore[misc]
    except ValueError:
        pass  # said below, of the whole
    raise ValueError(
        f"{name} must be an integer >= 0, {'a pair of them, ' if axes == 2 else ''}(before, after) per axis, "
        f"'same' or 'valid', not {given!r}"
    )


def is_numpy(*arrays: Any) -> bool:
    """Whether all are NumPy's own arrays, for which there are kernels."""
    return all(type(a) is np.ndarray for a in arrays)


def copy_images(x: Any, y: Any) -> Any:
    """y[...] = x for (N, C, H, W) arrays of NumPy's that may lie in memory in different orders; returns y.

    Where the images of x come one after the other, and in y all images of a pixel, some pixels at a time go through
    rows of their own: the images of x may lie a power of two apart, so that a cache holds only a few of them at once.
    """
    last = y.transpose(1, 2, 3, 0)
    if not (x.flags.c_contiguous and last.flags.c_contiguous and x.size):
        y[...] = x
        return y
    images = len(x)
    pixels, turned = x.reshape(images, -1), last.reshape(-1, images)
    step = min(max(ROWS_BYTES // (images * x.itemsize), APART), len(turned))
    rows = scratch("rows", (images, step + APART), x.dtype)
    for start in range(0, len(turned), step):
        some = slice(start, min(start + step, len(turned)))
        part = rows[:, : some.stop - start]
        part[...] = pixels[:, some]
        turned[some] = part.T
    return y


def raised(x: Any) -> Any:
    """(N, C, L) as (N, C, 1, L): signals as images of height 1."""
    return reshape(x, (*x.shape[:2], 1, x.shape[2]))


def lowered(x: Any) -> Any:
    """(N, C, 1, L) as (N, C, L)."""
    return reshape(x, (*x.shape[:2], x.shape[3]))


# Unfold and fold -----------------------------------------------------------------------------------------


def _unfold(x: Any, window: Window) -> Any:
    (n, c, *size), (kh, kw) = x.shape, window.kernel
    ho, wo = window.output_size(size)
    y = np.zeros_like(x, shape=(n, c, kh * kw, ho, wo))
    for k, here, there in window.places(size):
        y[:, :, k, *here] = x[:, :, *there]
    return y.reshape(n, c * kh * kw, ho * wo)


def _fold(x: Any, output_size: Pair, window: Window) -> Any:
    kh, kw = window.kernel
    n, c = x.shape[0], x.shape[1] // (kh * kw)
    columns = x.reshape(n, c, kh * kw, *window.output_size(output_size))
    y = np.zeros_like(x, shape=(n, c, *output_size))
    for k, here, there in window.places(output_size):
        y[:, :, *there] += columns[:, :, k, *here]  # overlapping windows accumulate
    return y


_unfold_row = primitive(_unfold, x=lambda g, x_shape, window: _fold_row(g, x_shape[2:], window))
_fold_row: Primitive = primitive(_fold, x=lambda g, window: _unfold_row(g, window))


def unfold(
    x: Any, kernel_size: Steps, dilation: Steps = 1, padding: Any = 0, stride: Steps = 1
) -> Any:
    """y[n, (c, u, v), (i, j)] = x[n, c, i s + u d - p, j s + v d - p], and 0 in the padding

    x (N, C, H, W), y (N, C kh kw, Ho Wo) with Ho = floor((H + 2 p - d (kh - 1) - 1) / s) + 1: a column per window.
    Its partner is `fold`. The options are those of `conv2d`.
    """
    if len(x.shape) != 4:
        raise ValueError(f"unfold: x has shape {tuple(x.shape)}; (N, C, H, W) is needed")
    return _unfold_row(x, window_of("unfold", x.shape[2:], kernel_size, stride, padding, dilation))


def fold(
    x: Any,
    output_size: Steps,
    kernel_size: Steps,
    dilation: Steps = 1,
    padding: Any = 0,
    stride: Steps = 1,
) -> Any:
    """y[n, c, i s + u d - p, j s + v d - p] += x[n, (c, u, v), (i, j)]: the windows' columns added up

    x (N, C kh kw, L), y (N, C, *output_size): `unfold` backwards. Elements that no window meets are 0.
    """
    size = numbers("fold: output_size", output_size, 2, 1)
    window = window_of("fold", size, kernel_size, stride, padding, dilation)
    (kh, kw), (ho, wo) = window.kernel, window.output_size(size)
    if len(x.shape) != 3 or x.shape[1] % (kh * kw) or x.shape[2] != ho * wo:
        raise ValueError(
            f"fold: x has shape {tuple(x.shape)}; for the window {window.kernel} and the output_size {size} "
            f"(N, C * {kh * kw}, {ho * wo}) is needed"
        )
    return _fold_row(x, size, window)
