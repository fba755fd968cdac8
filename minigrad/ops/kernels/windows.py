"""The arithmetic of windows that move over the last axes of (N, C, H, W): which elements their places meet.

A window over the three axes of (N, C, D, H, W) is taken apart into one over its planes and one along its depth.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

Pair = tuple[int, int]
Slices = tuple[slice, slice]
Place = tuple[slice, slice]  # along one axis: the windows, and the elements that they meet


class Phase(NamedTuple):
    """Elements of the image, a stride apart along one axis, which the same places of the window meet.

    elements, places  these, as slices of the image and of the window
    pads              (before, after): the frame around the output, negative where it is cut. There these places,
                      reversed and `dilation` apart, make a window that meets for each element the windows over it
    """

    elements: slice
    places: slice
    pads: Pair
    dilation: int


class Window(NamedTuple):
    """A window of `kernel` elements, `dilation` apart, that moves in steps of `stride`; a number per axis, in order.

    padding  (before, after) per axis
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...] = (1, 1)
    padding: tuple[Pair, ...] = ((0, 0), (0, 0))
    dilation: tuple[int, ...] = (1, 1)

    @property
    def planes(self) -> Window:
        """The window over the planes of a volume, (H, W), if this is one over (D, H, W)."""
        moves: Any = [each[1:] for each in self]
        return Window(*moves)

    @property
    def depth(self) -> Window:
        """The window along the depth of a volume, over (D, H W)."""
        alone = (1,), (1,), ((0, 0),), (1,)
        moves: Any = [each[:1] + still for each, still in zip(self, alone, strict=True)]
        return Window(*moves)

    def tiles(self, size: Sequence[int]) -> bool:
        """Tell whether every element lies under exactly one window, at one place in it."""
        return self == Window(self.kernel, self.kernel) and not any(
            n % k for n, k in zip(size, self.kernel, strict=True)
        )

    @property
    def extent(self) -> tuple[int, ...]:
        """d (k - 1) + 1 per axis: from the window's first element to its last."""
        if len(self.kernel) == 3:
            return self.depth.extent[:1] + self.planes.extent
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
        """(number, windows, elements) for each place in the window, in row-major order.

        windows   those for which the place lies in the image, not in the padding, as slices of the output
        elements  those that it meets there, as slices of the image

        A place that is always in the padding is left out.
        """
        return _places(self, (size[0], size[1]))

    def along(self, size: Sequence[int]) -> tuple[tuple[Place | None, ...], ...]:
        """`places` along each axis alone; None for one that is always in the padding."""
        return _along(self, (size[0], size[1]))

    def phases(self, size: Sequence[int]) -> tuple[tuple[Phase, ...], ...]:
        """The phases, for each axis, of an image of `size`; elements that no window meets are in none."""
        return _phases(self, (size[0], size[1]))

    def per_axis(self, size: Sequence[int]) -> Iterator[tuple[Any, ...]]:
        """The image's size, the output's, kernel, stride, padding and dilation of each axis."""
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
    return tuple(tuple(_along_axis(*of_axis)) for of_axis in window.per_axis(size))


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
    return tuple(tuple(_phases_along_axis(*of_axis)) for of_axis in window.per_axis(size))


def _phases_along_axis(
    n: int, out: int, kernel: int, stride: int, padding: Pair, dilation: int
) -> Iterator[Phase]:
    """`phases` along one axis: element h lies under place u of window i where h + p = i s + u d."""
    common = math.gcd(stride, dilation)
    # `step` places further in the window are as far as `spread` windows
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
