"""Layers that only move or repeat elements."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

import minigrad

from ..checks import check_array, integer
from ..module import Module


class Identity(Module):
    """y = x"""

    def forward(self, x: Any) -> Any:
        return x


class Flatten(Module):
    """The axes from start_dim to end_dim made into one: x (N, C, H, W) as (N, C H W) by default."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x: Any) -> Any:
        if self.end_dim == -1 and hasattr(x, "dtype"):
            return minigrad.flatten(x, self.start_dim)
        check_array(self, x)
        shape = tuple(x.shape)
        start = normalize_axis_index(self.start_dim, len(shape) or 1)
        end = normalize_axis_index(self.end_dim, len(shape) or 1)
        if start > end:
            raise ValueError(
                f"Flatten: of an input of shape {shape} start_dim {self.start_dim} is behind end_dim {self.end_dim}"
            )
        size = math.prod(shape[start : end + 1])
        return minigrad.reshape(x, (*shape[:start], size, *shape[end + 1 :]))

    def describe(self) -> str:
        return "" if (self.start_dim, self.end_dim) == (1, -1) else f"{self.start_dim}, {self.end_dim}"  # fmt: skip


class Unflatten(Module):
    """The axis `dim` made into axes of the sizes `unflattened_size`, one of which may be -1 and is inferred."""

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]) -> None:
        self.dim = dim
        self.unflattened_size = tuple(
            integer(self, "unflattened_size", n, -1) for n in unflattened_size
        )

    def forward(self, x: Any) -> Any:
        check_array(self, x)
        shape, sizes = tuple(x.shape), self.unflattened_size
        axis = normalize_axis_index(self.dim, len(shape))
        known = math.prod(n for n in sizes if n != -1)
        fits = not shape[axis] % known if sizes.count(-1) == 1 and known else known == shape[axis]
        if not fits or sizes.count(-1) > 1:
            raise ValueError(
                f"Unflatten: axis {self.dim} of an input of shape {shape} cannot become {sizes}"
            )
        sizes = tuple(shape[axis] // known if n == -1 else n for n in sizes)
        return minigrad.reshape(x, (*shape[:axis], *sizes, *shape[axis + 1 :]))

    def describe(self) -> str:
        return f"{self.dim}, {self.unflattened_size}"


class Upsample(Module):
    """y[n, c, i, ...] = x[n, c, floor(i L / Lo), ...]: elements repeated along all axes behind (N, C).

    size          Lo for all of these axes, or one number per axis
    scale_factor  instead of size: Lo = floor(L scale_factor), and x's index is floor(i / scale_factor). As in PyTorch,
                  the index is floor(i L / Lo) again if x has more than three axes and Lo is L or 2 L
    """

    def __init__(
        self,
        size: int | tuple[int, ...] | None = None,
        scale_factor: float | tuple[float, ...] | None = None,
        mode: str = "nearest",
    ) -> None:
        if mode != "nearest":
            raise ValueError(f"Upsample: mode {mode!r} is not offered, only 'nearest'")
        if (size is None) == (scale_factor is None):
            raise ValueError("Upsample: one of size and scale_factor is needed, and only one")
        each = size if isinstance(size, (tuple, list)) else () if size is None else (size,)
        for n in each:
            integer(self, "size", n, 1)
        self.size = size
        self.scale_factor = scale_factor

    def forward(self, x: Any) -> Any:
        check_array(self, x)
        inner = tuple(x.shape[2:])
        given = self.scale_factor if self.size is None else self.size
        each = given if isinstance(given, (tuple, list)) else (given,) * len(inner)
        if not inner or len(each) != len(inner):
            raise ValueError(
                f"Upsample: {self.describe()} does not fit an input of shape {tuple(x.shape)}, which has "
                f"{len(inner)} axes behind (N, C)"
            )
        for axis, (n, asked) in enumerate(zip(inner, each, strict=True), 2):
            x = self._grown(x, axis, n, asked)
        return x

    def _grown(self, x: Any, axis: int, n: int, asked: Any) -> Any:
        out = math.floor(n * asked) if self.size is None else asked
        if out < 1:
            raise ValueError(f"Upsample: {self.describe()} leaves nothing of axis {axis}, of {n}")
        times = out // n if n and not out % n else 0
        if times and (self.size is not None or asked == times or (times <= 2 and x.ndim > 3)):
            return x if times == 1 else minigrad.repeat(x, times, axis)
        i = np.arange(out)
        places = i * n // out if self.size is not None else np.floor(i / asked).astype(np.int64)
        return minigrad.take(x, np.minimum(places, n - 1), axis)

    def describe(self) -> str:
        return f"scale_factor={self.scale_factor}" if self.size is None else f"size={self.size}"
