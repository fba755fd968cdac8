"""Fast convolution for NumPy's own arrays; conv.py has the plain versions, which say what is computed.

Im2col copies every element under every window: kh kw times the image. Here an image is copied once per column of the
window only, into strips: what the window's columns meet while it moves down the padded image, row by row. Under an
output row the elements of each window are then neighbours, and the strips, cut at that row, are a matrix that BLAS
takes as it is (memory-efficient convolution, Cho and Brand 2017). The gradient by x is the same backwards.

Results lie in memory as (H, W, N, C) under an (N, C, H, W) view. NumPy's elementwise functions keep that layout, and
pooling finds long runs in it: all images of a pixel are neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..scratch import scratch
from .windows import Pair, Phase, Window, copy_images

SUMS = 2**16  # elements of the products that are added at once, which a second-level cache holds
STRIP_BYTES = 2**22  # of strips at a time: fewer make the products small, more were not faster


def pixels_first(x: Any) -> Any:
    """(N, C, H, W) as (H, W, N, C), or back: a view."""
    return x.transpose(2, 3, 0, 1)


class Strips:
    """The strips of an image of `shape` (N, C, H, W), C in groups: scratch that the next ones write.

    ones     whether each row of a strip ends in a 1, for what is added everywhere: `row` is how long it is then
    framed   (G, N, H, W, C/G) with its padding
    windows  a view of it (G, Wo, N, d, H/d, kw, C/G): what the strips of each output column are a copy of. Their rows
             are sorted by h modulo the dilation d, which makes the rows under a dilated window neighbours
    """

    def __init__(
        self, shape: tuple[int, ...], window: Window, groups: int, dtype: Any, ones: bool = False
    ) -> None:
        n, c, h, w = shape
        (top, _), (left, _) = window.padding
        kw, channels = window.kernel[1], c // groups
        self.window, self.ones, self.row = window, ones, kw * channels + ones
        self.height, self.width = window.output_size((h, w))
        hp, wp = window.padded((h, w))
        (_, step), (dilation, spread) = window.stride, window.dilation
        self.per_residue = -(-hp // dilation)
        size = groups, n, self.per_residue * dilation, wp, channels
        self.framed = scratch("framed", size, dtype)
        self.inner = self.framed[:, :, top : top + h, left : left + w]
        of_group, of_image, of_row, of_column, of_channel = self.framed.strides
        self.windows = as_strided(
            self.framed,
            (groups, self.width, n, dilation, self.per_residue, kw, channels),
            (of_group, step * of_column, of_image, of_row, dilation * of_row, spread * of_column, of_channel),
        )  # fmt: skip

    def blocks(self) -> Iterator[tuple[slice, Any, Any]]:
        """(columns, strips, cells) for some output columns at a time.

        strips (G, columns N, rows of a strip) is the matrix to cut, cells (G, columns, N, d, H/d, kw, C/G) its view
        of what a window has from an image; both are of any content.
        """
        groups, _, *lengths, kw, c = self.windows.shape
        per_column = groups * math.prod(lengths) * self.row
        count = -(-self.width * per_column * self.framed.itemsize // STRIP_BYTES)
        width = -(-self.width // max(count, 1))  # of about one size
        memory = scratch("strips", (width * per_column,), self.framed.dtype)
        for start in range(0, self.width, width):
            columns = slice(start, min(start + width, self.width))
            size = columns.stop - columns.start
            strips = memory[: size * per_column].reshape(groups, size, *lengths, self.row)
            if self.ones:
                strips[..., -1] = 1
            cells = strips[..., : kw * c].reshape(groups, size, *lengths, kw, c)
            n, *in_strip = lengths
            yield columns, strips.reshape(groups, size * n, math.prod(in_strip) * self.row), cells

    def under(self, strips: Any) -> Iterator[tuple[slice, Any]]:
        """(output rows, what their windows meet): a view (G, output rows, columns N, kh rows) of the strips.

        Windows overlap, so what is written through one output row shows under the next. Output rows come together
        whose windows begin at the same place modulo the dilation: all of them, if it is 1.
        """
        (kh, _), (stride, _), _, (dilation, _) = self.window
        groups, rows, _ = strips.shape
        of_group, of_row, of_element = strips.strides
        step = dilation // math.gcd(stride, dilation)
        hop = stride * step // dilation * self.row
        for first in range(min(step, self.height)):
            start = first * stride % dilation * self.per_residue + first * stride // dilation
            found = slice(first, self.height, step)
            shape = groups, len(range(self.height)[found]), rows, kh * self.row
            strides = of_group, hop * of_element, of_row, of_element
            yield found, as_strided(strips[:, :, start * self.row :], shape, strides)


def _rows(g: Any) -> Any:
    """(N, C, H, W) as a contiguous (H, W, N, C)."""
    rows = pixels_first(g)
    if not rows.flags.c_contiguous:
        rows = np.empty(rows.shape, g.dtype)
        copy_images(g, pixels_first(rows))
    return rows


def _grouped(rows: Any, groups: int) -> Any:
    """(rows, columns, N, C) as (G, rows, columns N, C/G), a view."""
    high, wide, n, c = rows.shape
    return rows.reshape(high, wide * n, groups, c // groups).transpose(2, 0, 1, 3)


def _filled(
    x: Any, window: Window, groups: int, dtype: Any, ones: bool = False
) -> Iterator[tuple[tuple[slice, slice], Any]]:
    """((output rows, columns), what their windows meet in x, (G, rows, columns N, kh rows of a strip))."""
    strips_of = Strips(x.shape, window, groups, dtype, ones)
    n, c, h, w = x.shape
    strips_of.framed[...] = 0
    strips_of.inner[...] = x.reshape(n, groups, c // groups, h, w).transpose(1, 0, 3, 4, 2)
    for columns, strips, cells in strips_of.blocks():
        cells[...] = strips_of.windows[:, columns]
        for rows, under in strips_of.under(strips):
            yield (rows, columns), under


def _matrix(w: Any, b: Any, groups: int, dtype: Any) -> Any:
    """The filters (O, C/G, kh, kw) as (G, kh (kw C/G), O/G); with a bias, beside the 1 of each window's first row."""
    o, c, kh, kw = w.shape
    filters = w.reshape(groups, o // groups, c, kh, kw).transpose(0, 3, 4, 2, 1)
    filters = filters.reshape(groups, kh, kw * c, o // groups)
    if b is not None:
        rows, filters = filters, np.zeros((groups, kh, kw * c + 1, o // groups), dtype)
        filters[:, :, :-1] = rows
        filters[:, 0, -1] = b.reshape(groups, o // groups)
    return filters.reshape(groups, kh * filters.shape[2], o // groups)


def conv2d(x: Any, w: Any, b: Any, window: Window, groups: int) -> Any:
    dtype = np.result_type(x, w)
    filters = _matrix(w, b, groups, dtype)[:, None]
    y = np.empty((*window.output_size(x.shape[2:]), len(x), len(w)), dtype)
    for part, under in _filled(x, window, groups, dtype, ones=b is not None):
        np.matmul(under, filters, out=_grouped(y[part], groups))
    return pixels_first(y)


def conv2d_weight(g: Any, x: Any, window: Window, groups: int) -> Any:
    (kh, kw), dtype = window.kernel, np.result_type(g, x)
    o, c = g.shape[1], x.shape[1] // groups
    g = _rows(g)
    total = np.zeros((groups, kh * kw * c, o // groups), dtype)
    some = max(1, SUMS // max(total.size, 1))  # output rows whose products are added at once
    for part, under in _filled(x, window, groups, dtype):
        given = _grouped(g[part], groups)
        for first in range(0, given.shape[1], some):
            rows = slice(first, first + some)
            total += (under[:, rows].transpose(0, 1, 3, 2) @ given[:, rows]).sum(axis=1)
    filters = total.reshape(groups, kh, kw, c, o // groups).transpose(0, 4, 3, 1, 2)
    return filters.reshape(o, c, kh, kw)


def conv2d_input(g: Any, w: Any, size: Pair, window: Window, groups: int) -> Any:
    """As many convolutions of stride 1 as there are phases, each with the places of the filters that meet it."""
    high, wide = window.phases(size)
    c = w.shape[1] * groups
    if window.stride == (1, 1) and high and wide:  # the one phase is all there is
        return _conv2d_phase(g, w, high[0], wide[0], groups)
    y = np.zeros((*size, len(g), c), np.result_type(g, w))
    for rows, columns in product(high, wide):
        part = _conv2d_phase(g, w, rows, columns, groups)
        y[rows.elements, columns.elements] = pixels_first(part)
    return pixels_first(y)


def _conv2d_phase(g: Any, w: Any, rows: Phase, columns: Phase, groups: int) -> Any:
    filters = flipped(w[:, :, rows.places, columns.places], groups)
    (top, bottom), (left, right) = rows.pads, columns.pads
    frame = (max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0))
    (ho, wo), dilation = g.shape[2:], (rows.dilation, columns.dilation)
    met = g[:, :, max(-top, 0) : ho + min(bottom, 0), max(-left, 0) : wo + min(right, 0)]
    window = Window(filters.shape[2:], (1, 1), frame, dilation)
    return conv2d(met, filters, None, window, groups)


def flipped(w: Any, groups: int) -> Any:
    """The filters (C, O/G, kh, kw) that lead back: each turned by 180 degrees, input and output exchanged."""
    o, c, kh, kw = w.shape
    turned = w[:, :, ::-1, ::-1].reshape(groups, o // groups, c, kh, kw)
    return turned.transpose((0, 2, 1, 3, 4)).reshape(groups * c, o // groups, kh, kw)
