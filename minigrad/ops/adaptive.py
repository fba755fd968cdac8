"""Adaptive pooling: the maximum or the mean of bins, whose number is given and whose sizes follow.

An axis of n elements has `out` bins, from floor(i n / out) to ceil((i + 1) n / out): neighbours may share elements.
As in `pooling`, a volume is pooled plane by plane, then along its depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.dtypes import narrowed, widened
from ..core.graph import TensorBase, wrap
from .elementwise import where
from .indexing import getitem, of_known
from .inspection import plain
from .kernels.windows import Pair, Window
from .pooling import images_of, lowest, max_pool2d_row, of_volume, with_indices
from .reductions import mean, sum
from .shapes import reshape
from .windows import lowered, numbers, over_axes

Sizes = int | Sequence[int | None] | None


def _pooled(axes: int, name: str, x: Any, output_size: Any, pool: Any) -> tuple[Any, Any]:
    """pool(images, out) of x, by planes and depth for a volume, as `of_volume`."""
    image, out = _bins(f"{name}{axes}d", axes, x, output_size)
    if axes < 3:
        y, found = pool(image, out)
    else:
        y, found = of_volume(pool, image, out[1:], (out[0], out[1] * out[2]))
    return lowered(y, axes), found if found is None else lowered(found, axes)


# Means ---------------------------------------------------------------------------------------------------


def _adaptive_avg_pool(axes: int, x: Any, output_size: Sizes) -> Any:
    y, _ = _pooled(axes, "adaptive_avg_pool", widened(x), output_size, _means)
    return narrowed(y, x)


def _means(x: Any, out: Pair) -> tuple[Any, None]:
    (n, c, h, w), (ho, wo) = x.shape, out
    if not h % ho and not w % wo:  # the blocks of a grid
        return mean(reshape(x, (n, c, ho, h // ho, wo, w // wo)), (3, 5)), None
    cells, inside, kernel = _gathered(x, out)
    blocks = reshape(where(inside, cells, 0), (n, c, ho, kernel[0], wo, kernel[1]))
    count = inside.astype(cells.dtype).reshape(ho, kernel[0], wo, kernel[1]).sum(axis=(1, 3))
    return sum(blocks, (3, 5)) / count, None


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


@over_axes(3, _adaptive_avg_pool)
def adaptive_avg_pool3d() -> Any:
    """y[n, c, i, j, k] = the mean of x[n, c] over planes floor(i D / Do) to ceil((i + 1) D / Do), others likewise

    x (N, C, D, H, W) or (C, D, H, W), output_size one number for all three or (Do, Ho, Wo): `adaptive_avg_pool2d` of
    volumes.
    """


# Maxima --------------------------------------------------------------------------------------------------


def _adaptive_max_pool(axes: int, x: Any, output_size: Sizes, return_indices: bool = False) -> Any:
    pool = _maxima_with_indices if return_indices else _maxima
    y, found = _pooled(axes, "adaptive_max_pool", x, output_size, pool)
    if not return_indices:
        return y
    return y, wrap(found) if isinstance(x, TensorBase) else found


def _maxima(x: Any, out: Pair) -> tuple[Any, None]:
    return max_pool2d_row(*_side_by_side(x, out)), None


def _maxima_with_indices(x: Any, out: Pair) -> tuple[Any, Any]:
    h, w = x.shape[2:]
    numbered = np.arange(h * w, like=plain(x)).reshape(1, 1, h, w)
    y, found = with_indices(*_side_by_side(x, out))
    return y, _side_by_side(numbered, out)[0].reshape(-1)[found]


def _side_by_side(x: Any, out: Pair) -> tuple[Any, Window]:
    """The bins of x as the windows of a grid."""
    (h, w), (ho, wo) = x.shape[2:], out
    if not h % ho and not w % wo:
        return x, Window((h // ho, w // wo), (h // ho, w // wo))
    cells, inside, kernel = _gathered(x, out)
    # the filling comes after the first element of a bin, and so never gets a gradient
    return where(inside, cells, lowest(x.dtype)), Window(kernel, kernel)


@over_axes(2, _adaptive_max_pool)
def adaptive_max_pool2d() -> Any:
    """y[n, c, i, j] = the maximum of x[n, c] over rows floor(i H / Ho) to ceil((i + 1) H / Ho), columns likewise

    x (N, C, H, W) or (C, H, W), y (N, C, Ho, Wo) or (C, Ho, Wo) with output_size one number for both or (Ho, Wo); None
    keeps the size of x.

    return_indices  gives (y, i), with i the index of each maximum in its image, counted in row-major order

    At a tie: the first in row-major order gets the gradient; nan wins.
    """


@over_axes(1, _adaptive_max_pool)
def adaptive_max_pool1d() -> Any:
    """y[n, c, i] = the maximum of x[n, c, floor(i L / Lo) : ceil((i + 1) L / Lo)]

    x (N, C, L) or (C, L), y (N, C, Lo) or (C, Lo) with Lo = output_size; None keeps the size of x.

    At a tie: the first gets the gradient; nan wins.
    """


@over_axes(3, _adaptive_max_pool)
def adaptive_max_pool3d() -> Any:
    """y[n, c, i, j, k] = the maximum of x[n, c] over planes floor(i D / Do) to ceil((i + 1) D / Do), others likewise

    x (N, C, D, H, W) or (C, D, H, W), output_size one number for all three or (Do, Ho, Wo): `adaptive_max_pool2d` of
    volumes.

    At a tie: the first in row-major order gets the gradient; nan wins.
    """


# Bins ----------------------------------------------------------------------------------------------------


def _bins(op: str, axes: int, x: Any, output_size: Any) -> tuple[Any, tuple[int, ...]]:
    """x as images or volumes, and the number of bins along each of their axes."""
    image = images_of(op, axes, x)
    sizes = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * axes
    if len(sizes) == axes:
        sizes = tuple(n if out is None else out for n, out in zip(x.shape[2:], sizes, strict=True))
    out = numbers(f"{op}: output_size", sizes, axes, 1)
    if min(x.shape[2:]) < 1:
        raise ValueError(f"{op}: x of shape {tuple(x.shape)} has no elements to pool")
    return image, out if axes > 1 else (1, *out)


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
    cells = of_known(getitem, x, (slice(None), slice(None), rows[:, None], columns))
    return cells, high[:, None] & wide, (kernel[0], kernel[1])
