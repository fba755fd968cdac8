"""Layers that only move or repeat elements."""

from __future__ import annotations

import math
from typing import Any

from numpy.lib.array_utils import normalize_axis_index

import minigrad

from ..checks import Sizes, check_array, integer, integers, short
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


class Unfold(Module):
    """y[n, (c, u, v), (i, j)] = x[n, c, i s + u d - p, j s + v d - p], and 0 in the padding: a column per window.

    x (N, C, H, W), y (N, C kh kw, Ho Wo), with Ho as in `Conv2d`, of which this is the first half.
    """

    def __init__(
        self, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
    ) -> None:
        self.kernel_size = integers(self, "kernel_size", kernel_size, 2, 1)
        self.dilation = integers(self, "dilation", dilation, 2, 1)
        self.padding = integers(self, "padding", padding, 2, 0)
        self.stride = integers(self, "stride", stride, 2, 1)

    def _window(self) -> tuple[Any, ...]:
        return self.kernel_size, self.dilation, self.padding, self.stride

    def forward(self, x: Any) -> Any:
        check_array(self, x)
        return minigrad.unfold(x, *self._window())

    def describe(self) -> str:
        names = ("kernel_size", "dilation", "padding", "stride")
        return ", ".join(f"{name}={short(getattr(self, name))}" for name in names)


class Fold(Unfold):
    """y[n, c, i s + u d - p, j s + v d - p] += x[n, (c, u, v), (i, j)]: the columns of `Unfold` added up.

    x (N, C kh kw, L), y (N, C, *output_size)
    """

    def __init__(
        self,
        output_size: Sizes,
        kernel_size: Sizes,
        dilation: Sizes = 1,
        padding: Sizes = 0,
        stride: Sizes = 1,
    ) -> None:
        self.output_size = integers(self, "output_size", output_size, 2, 1)
        super().__init__(kernel_size, dilation, padding, stride)

    def forward(self, x: Any) -> Any:
        check_array(self, x)
        return minigrad.fold(x, self.output_size, *self._window())

    def describe(self) -> str:
        return f"output_size={short(self.output_size)}, {super().describe()}"


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


class PixelShuffle(Module):
    """y[n, c, h r + i, w r + j] = x[n, (c r + i) r + j, h, w]: x (..., C r^2, H, W), y (..., C, H r, W r).

    upscale_factor  r. From Shi et al. 2016: channels that a convolution computed become pixels
    """

    def __init__(self, upscale_factor: int) -> None:
        self.upscale_factor = integer(self, "upscale_factor", upscale_factor, 1)

    def forward(self, x: Any) -> Any:
        r = self.upscale_factor
        *lead, c, h, w = _image(self, x, r * r, 1)
        k = len(lead)
        x = minigrad.reshape(x, (*lead, c // (r * r), r, r, h, w))
        x = minigrad.transpose(x, (*range(k), k, k + 3, k + 1, k + 4, k + 2))
        return minigrad.reshape(x, (*lead, c // (r * r), h * r, w * r))

    def describe(self) -> str:
        return f"{self.upscale_factor}"


class PixelUnshuffle(Module):
    """y[n, (c r + i) r + j, h, w] = x[n, c, h r + i, w r + j]: x (..., C, H r, W r), y (..., C r^2, H, W).

    downscale_factor  r: the inverse of `PixelShuffle`
    """

    def __init__(self, downscale_factor: int) -> None:
        self.downscale_factor = integer(self, "downscale_factor", downscale_factor, 1)

    def forward(self, x: Any) -> Any:
        r = self.downscale_factor
        *lead, c, h, w = _image(self, x, 1, r)
        k = len(lead)
        x = minigrad.reshape(x, (*lead, c, h // r, r, w // r, r))
        x = minigrad.transpose(x, (*range(k), k, k + 2, k + 4, k + 1, k + 3))
        return minigrad.reshape(x, (*lead, c * r * r, h // r, w // r))

    def describe(self) -> str:
        return f"{self.downscale_factor}"


class ChannelShuffle(Module):
    """y[n, c g + i] = x[n, i C / g + c]: x (N, C, ...), its channels in g groups, of which y takes each in turn.

    groups  g. From Zhang, Zhou, Lin, Sun: ShuffleNet (2018), between convolutions with groups
    """

    def __init__(self, groups: int) -> None:
        self.groups = integer(self, "groups", groups, 1)

    def forward(self, x: Any) -> Any:
        check_array(self, x)
        shape = tuple(x.shape)
        if len(shape) < 3 or shape[1] % self.groups:
            raise ValueError(
                f"ChannelShuffle: the input has shape {shape}; (N, C, ...) is needed, with C in {self.groups} equal "
                "groups"
            )
        n, c, *rest = shape
        x = minigrad.reshape(x, (n, self.groups, c // self.groups, *rest))
        return minigrad.reshape(minigrad.swapaxes(x, 1, 2), shape)

    def describe(self) -> str:
        return f"{self.groups}"


def _image(layer: Module, x: Any, channels: int, pixels: int) -> tuple[int, ...]:
    """The shape of x, (..., C, H, W), with C divisible by `channels`, and H and W by `pixels`."""
    check_array(layer, x)
    shape = tuple(x.shape)
    if len(shape) < 3 or shape[-3] % channels or shape[-2] % pixels or shape[-1] % pixels:
        needed = f"C divisible by {channels}" if channels > 1 else f"H and W divisible by {pixels}"
        raise ValueError(
            f"{type(layer).__name__}: the input has shape {shape}; (..., C, H, W) is needed, with {needed}"
        )
    return shape
