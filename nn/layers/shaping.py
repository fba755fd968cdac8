"""Layers that only move or repeat elements."""

from __future__ import annotations

import math
from typing import Any

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
    """y[n, c, i, ...] = x[n, c, s(i), ...] along all axes behind (N, C): `minigrad.interpolate` with its arguments.

    By default elements are repeated, s(i) = floor(i L / Lo); "linear", "bilinear", "trilinear" and "bicubic" are what
    stands between them.
    """

    def __init__(
        self,
        size: int | tuple[int, ...] | None = None,
        scale_factor: float | tuple[float, ...] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
    ) -> None:
        if (size is None) == (scale_factor is None):
            raise ValueError("Upsample: one of size and scale_factor is needed, and only one")
        each = size if isinstance(size, (tuple, list)) else () if size is None else (size,)
        for n in each:
            integer(self, "size", n, 1)
        self.size = size
        self.scale_factor = scale_factor
        self.mode = mode
        self.align_corners = align_corners

    def forward(self, x: Any) -> Any:
        check_array(self, x)
        return minigrad.interpolate(x, self.size, self.scale_factor, self.mode, self.align_corners)

    def describe(self) -> str:
        given = "scale_factor" if self.size is None else "size"
        text = f"{given}={getattr(self, given)}"
        text += f", mode={self.mode!r}" if self.mode != "nearest" else ""
        return text + (f", align_corners={self.align_corners}" if self.align_corners else "")
