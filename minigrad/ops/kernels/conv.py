"""Fast convolution for NumPy's own arrays; ops/conv.py has the plain versions, which say what is computed.

Im2col copies every element once for each window over it: kh kw times the image. Here an image is copied only once for
each column of the window, into strips: the elements that the columns meet while the window moves down the padded
image. The elements under all windows of an output row are then neighbouring rows of the strips, a matrix that BLAS
takes as it is (memory-efficient convolution, Cho and Brand 2017). A bias is multiplied with one more row, of ones:
adding it after the product would take another pass over the output.

Images lie in memory as (C, H, W, N) under an (N, C, H, W) view: the same pixel of all images is one run, and moving a
window shifts whole runs. So strips are copied in runs of whole output rows, pooling finds long runs, NumPy's
elementwise functions keep the order, and `flatten` is a view.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .scratch import scratch
from .windows import Pair, Phase, Place, Window

SUMS = 2**16  # elements of the products that are added at once; they fit a second-level cache
# of strips at a time, in one buffer for all layers: half as much makes small products, which take 1.02 to 1.17 of the
# time with OpenBLAS's kernels for AVX2 and lose more with two threads; twice as much gains
# little more
STRIP_BYTES = 2**21
ROWS_BYTES = 2**18  # of the rows through which `copy_images` goes; they fit a second-level cache
APART = 16  # elements between these rows, so that they do not compete for the same lines of a cache


def images_last(x: Any) -> Any:
    """(N, C, H, W) as (C, H, W, N): a view."""
    return x.transpose(1, 2, 3, 0)


def images_first(x: Any) -> Any:
    """The way back: a view."""
    return x.transpose(3, 0, 1, 2)


def copy_images(x: Any, y: Any) -> Any:
    """y[...] = x for (N, C, H, W) arrays that may lie in memory in different orders; returns y.

    If x holds image after image and y pixel after pixel, some pixels at a time go through rows that lie a little apart:
    the images of x may lie a power of two apart, and then a cache holds only a few of them at once.
    """
    last = images_last(y)
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


def _turned(role: str, x: Any) -> Any:
    """(N, C, H, W) as a contiguous (C, H, W, N), in scratch if x lies in memory in another order."""
    last = images_last(x)
    if last.flags.c_contiguous:
        return last
    last = scratch(role, last.shape, x.dtype)
    copy_images(x, images_first(last))
    return last


class Strips:
    """The strips of images (N, C, H, W) with C in groups: (G, d, H/d, kw C/G, columns, N), in scratch.

    They are made for some groups and some of their output columns at a time. Padded rows are sorted by their index
    modulo the dilation d, so that the rows under a dilated window are neighbours.

    ones  True: each padded row has one more line behind its kw C/G, of ones, for the bias
    """

    def __init__(self, x: Any, window: Window, groups: int, dtype: Any, ones: bool = False) -> None:
        n, c, h, w = x.shape
        self.window, self.dtype = window, dtype
        self.height, self.width = window.output_size((h, w))
        self.images = _turned("images", x).reshape(groups, c // groups, h, w, n).swapaxes(1, 2)
        _, self.columns = window.along((h, w))
        dilation, padded = window.dilation[0], window.padded((h, w))[0]
        self.channels, self.ones = c // groups, ones
        lines = window.kernel[1] * self.channels + ones
        self.shape = groups, dilation, -(-padded // dilation), lines

    def blocks(self) -> Iterator[tuple[slice, slice, Any]]:
        """(groups, columns, strips): as many groups as fit, or some columns of one group, whose products are larger."""
        (groups, *shape), n = self.shape, self.images.shape[-1]
        per_column = max(math.prod(shape) * n, 1)
        room = STRIP_BYTES // np.dtype(self.dtype).itemsize
        # parts of about the same size: the last is not much smaller than the others
        width = -(-self.width // -(-self.width // (room // per_column or 1)))
        some = -(-groups // -(-groups // (room // (self.width * per_column) or 1)))
        # of one size, so that all layers share it
        memory = scratch("strips", (max(some * width * per_column, room),), self.dtype)
        for first, start in product(range(0, groups, some), range(0, self.width, width)):
            of_groups = slice(first, min(first + some, groups))
            columns = slice(start, min(start + width, self.width))
            g, size = of_groups.stop - first, columns.stop - start
            strips = memory[: g * math.prod(shape) * size * n].reshape(g, *shape, size, n)
            self._fill(strips, of_groups, columns)
            yield of_groups, columns, strips

    def _fill(self, strips: Any, groups: slice, columns: slice) -> None:
        top, dilation, c = self.window.padding[0][0], self.window.dilation[0], self.channels
        for residue in range(dilation):
            rows = self.images[groups, (residue - top) % dilation :: dilation]
            before = -((residue - top) // dilation)  # rows of padding above, with this residue
            of_image = slice(before, before + rows.shape[1])
            of_residue = strips[:, residue]
            _clear_around(of_residue.swapaxes(0, 1), of_image)
            inside = of_residue[:, of_image]
            for v, place in enumerate(self.columns):
                _copy_columns(rows, inside[:, :, v * c : (v + 1) * c], place, columns)
            if self.ones:
                of_residue[:, :, -1] = 1

    def under(self, strips: Any) -> Iterator[tuple[slice, Any]]:
        """(output rows, what their windows meet): a view (G, output rows, kh lines, columns N) of the strips.

        Output rows whose windows begin at the same place modulo the dilation come together: all rows, if it is 1.
        """
        (kh, _), (stride, _), _, (dilation, _) = self.window
        groups, _, per_residue, lines = strips.shape[:4]
        matrix = strips.reshape(
            groups, dilation * per_residue * lines, math.prod(strips.shape[-2:])
        )
        of_group, of_row, of_element = matrix.strides
        step = dilation // math.gcd(stride, dilation)
        hop = stride * step // dilation * lines
        for first in range(min(step, self.height)):
            start = first * stride % dilation * per_residue + first * stride // dilation
            rows = slice(first, self.height, step)
            shape = groups, len(range(self.height)[rows]), kh * lines, matrix.shape[2]
            strides = of_group, hop * of_row, of_row, of_element
            yield rows, as_strided(matrix[:, start * lines :], shape, strides)

    def parts(self) -> Iterator[tuple[tuple[slice, slice, slice], Any]]:
        """((groups, output rows, columns N), what their windows meet), all of them."""
        n = self.images.shape[-1]
        for groups, columns, strips in self.blocks():
            for rows, under in self.under(strips):
                yield (groups, rows, slice(columns.start * n, columns.stop * n)), under


def _clear_around(strips: Any, kept: slice) -> None:
    """Write zeros before and after `kept` along the first axis."""
    if kept.start > 0:
        strips[: kept.start] = 0
    if kept.stop < len(strips):
        strips[kept.stop :] = 0


def _copy_columns(rows: Any, strips: Any, place: Place | None, columns: slice) -> None:
    """Copy to (..., columns, N) the elements of (..., W, N) that one column of the window meets; padding is 0."""
    windows, elements = place or (slice(0, 0), slice(0, 0, 1))
    first, last = max(windows.start, columns.start), min(windows.stop, columns.stop)
    if first >= last:
        strips[...] = 0
        return
    begin = elements.start + (first - windows.start) * elements.step
    end = begin + (last - first - 1) * elements.step + 1
    inside = slice(first - columns.start, last - columns.start)
    strips[..., inside, :] = rows[..., begin : end : elements.step, :]
    _clear_around(strips.swapaxes(0, -2), inside)


def _by_rows(y: Any, groups: int) -> Any:
    """A contiguous (C, H, W, N) as (G, H, C/G, W N): a view, with a matrix for each row."""
    c, h, w, n = y.shape
    return y.reshape(groups, c // groups, h, w * n).swapaxes(1, 2)


def conv2d(x: Any, w: Any, b: Any, window: Window, groups: int, *, into: Any = None) -> Any:
    dtype = np.result_type(x, w)
    shape = len(w), *window.output_size(x.shape[2:]), len(x)
    y = np.empty(shape, dtype) if into is None else images_last(into)
    rows_of_y, filters = _by_rows(y, groups), _lines_of_filters(w, b, groups, dtype)
    for (some, rows, columns), under in Strips(x, window, groups, dtype, b is not None).parts():
        part = rows_of_y[some, rows, :, columns]
        if filters.shape[2] == part.shape[2]:
            np.matmul(filters[some], under, out=part)
        else:
            part[...] = np.matmul(filters[some], under)[:, :, : part.shape[2]]
    return images_first(y)


def _lines_of_filters(w: Any, b: Any, groups: int, dtype: Any) -> Any:
    """(G, 1, O/G, kh lines): the filters in the order of the strips' lines, the bias at the first line of ones.

    Two or three filters get zeros behind them: OpenBLAS takes twice as long for them as for four.
    """
    _, c, kh, kw = w.shape
    o = len(w) // groups
    lines = np.zeros((groups, 4 if 1 < o < 4 else o, kh, kw * c + (b is not None)), dtype)
    each = w.reshape(groups, o, c, kh, kw).transpose(0, 1, 3, 4, 2)
    lines[:, :o, :, : kw * c] = each.reshape(groups, o, kh, kw * c)
    if b is not None:
        lines[:, :o, 0, -1] = b.reshape(groups, o)
    return lines.reshape(groups, 1, lines.shape[1], kh * lines.shape[-1])


def conv2d_weight(g: Any, x: Any, window: Window, groups: int) -> Any:
    (kh, kw), dtype = window.kernel, np.result_type(g, x)
    o, c = g.shape[1], x.shape[1] // groups
    rows_of_g = _by_rows(_turned("gradient", g), groups).swapaxes(2, 3)
    total = np.zeros((groups, kh * kw * c, o // groups), dtype)
    for (some, rows, columns), under in Strips(x, window, groups, dtype).parts():
        given, sums = rows_of_g[some, rows, columns], total[some]
        at_once = max(1, SUMS // max(sums.size, 1))  # output rows whose products are added at once
        for first in range(0, given.shape[1], at_once):
            part = slice(first, first + at_once)
            sums += (under[:, part] @ given[:, part]).sum(axis=1)
    filters = total.reshape(groups, kh, kw, c, o // groups).transpose(0, 4, 3, 1, 2)
    return filters.reshape(o, c, kh, kw)


def conv2d_input(
    g: Any, w: Any, size: Pair, window: Window, groups: int, *, into: Any = None
) -> Any:
    """One convolution of stride 1 for each phase, with those places of the filters that meet it."""
    high, wide = window.phases(size)
    if window.stride == (1, 1) and high and wide:  # there is one phase only
        return _conv2d_phase(g, w, high[0], wide[0], groups, into)
    shape = w.shape[1] * groups, *size, len(g)
    y = np.empty(shape, np.result_type(g, w)) if into is None else images_last(into)
    y[...] = 0
    for rows, columns in product(high, wide):
        part = _conv2d_phase(g, w, rows, columns, groups, None)
        y[:, rows.elements, columns.elements] = images_last(part)
    return images_first(y)


def _conv2d_phase(g: Any, w: Any, rows: Phase, columns: Phase, groups: int, into: Any) -> Any:
    filters = flipped(w[:, :, rows.places, columns.places], groups)
    (top, bottom), (left, right) = rows.pads, columns.pads
    frame = (max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0))
    (ho, wo), dilation = g.shape[2:], (rows.dilation, columns.dilation)
    met = g[:, :, max(-top, 0) : ho + min(bottom, 0), max(-left, 0) : wo + min(right, 0)]
    window = Window(filters.shape[2:], (1, 1), frame, dilation)
    return conv2d(met, filters, None, window, groups, into=into)


def flipped(w: Any, groups: int) -> Any:
    """The filters (C, O/G, kh, kw) of the way back: each rotated by 180 degrees, input and output exchanged."""
    o, c, kh, kw = w.shape
    turned = w[:, :, ::-1, ::-1].reshape(groups, o // groups, c, kh, kw)
    return turned.transpose((0, 2, 1, 3, 4)).reshape(groups * c, o // groups, kh, kw)
