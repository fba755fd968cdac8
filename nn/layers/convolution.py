"""Convolutions and their transposes: the formula, the shapes, and how the parameters are drawn.

Where x and y are written with a batch, one example without it will do: (C, L), (C, H, W) or (C, D, H, W).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import minigrad

from .. import init
from ..checks import Sizes, check_input, integer, integers, short
from ..module import Module, Parameter
from .padding import MODES, framed


class _Convolution(Module):
    """The sizes that all six have, and a weight and bias from uniform(-k, k), k = 1 / sqrt(fan_in)."""

    axes: int
    _op: Callable[..., Any]

    def _set_sizes(
        self, channels: tuple[int, int], kernel_size: Any, stride: Any, dilation: Any, groups: Any
    ) -> None:
        self.in_channels = integer(self, "in_channels", channels[0], 1)
        self.out_channels = integer(self, "out_channels", channels[1], 1)
        self.kernel_size = integers(self, "kernel_size", kernel_size, self.axes, 1)
        self.stride = integers(self, "stride", stride, self.axes, 1)
        self.dilation = integers(self, "dilation", dilation, self.axes, 1)
        self.groups = integer(self, "groups", groups, 1)
        for name, count in zip(("in_channels", "out_channels"), channels, strict=True):
            if count % self.groups:
                raise ValueError(
                    f"{type(self).__name__}: {name} {count} does not divide into {groups} groups"
                )

    def _draw(self, outer: int, inner: int, bias: bool, rng: Any, dtype: Any) -> None:
        shape = (outer, inner // self.groups, *self.kernel_size)
        fan_in = math.prod(shape[1:])
        self.weight = Parameter(init.fan_in_uniform(shape, fan_in, rng, dtype))
        drawn = init.fan_in_uniform((self.out_channels,), fan_in, rng, dtype) if bias else None
        self.bias = None if drawn is None else Parameter(drawn)

    def _described(self, **more: Any) -> str:
        """The arguments for a repr, without those that have PyTorch's defaults."""
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        for name, value in {"stride": self.stride, **more, "dilation": self.dilation}.items():
            least = 0 if "padding" in name else 1
            value = short(value) if isinstance(value, tuple) else value
            text += f", {name}={value!r}" if value != least else ""
        text += f", groups={self.groups}" if self.groups > 1 else ""
        return text + ("" if self.bias is not None else ", bias=False")


class _Conv(_Convolution):
    """The arguments that Conv1d, 2d and 3d share; these add the number of axes and the op."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes | str = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        self._set_sizes((in_channels, out_channels), kernel_size, stride, dilation, groups)
        self.padding = self._padding(padding, padding_mode)
        self.padding_mode = padding_mode
        self._draw(self.out_channels, self.in_channels, bias, rng, dtype)

    def _padding(self, padding: Sizes | str, mode: str) -> tuple[int, ...] | str:
        name = type(self).__name__
        if mode not in MODES:
            modes = ", ".join(map(repr, MODES))
            raise ValueError(f"{name}: padding_mode must be one of {modes}, not {mode!r}")
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(
                    f"{name}: padding must be 'same', 'valid' or numbers, not {padding!r}"
                )
            return padding
        return integers(self, "padding", padding, self.axes, 0)

    def forward(self, x: Any) -> Any:
        if getattr(x, "dtype", None) is not self.weight.dtype:
            check_input(self, x, self.weight)
        padding: Any = self.padding
        is_fit = len(x.shape) in (self.axes + 1, self.axes + 2)  # other shapes the op refuses
        if self.padding_mode != "zeros" and is_fit:
            x, padding = framed(self, x, self._widths(x), self.padding_mode), 0
        return self._op(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def _widths(self, x: Any) -> list[tuple[int, int]]:
        """(before, after) along each axis, of "same" as the op has them for zeros."""
        if not isinstance(self.padding, str):
            return [(p, p) for p in self.padding]
        if self.padding == "valid":
            return [(0, 0)] * self.axes
        sizes = zip(
            x.shape[-self.axes :], self.kernel_size, self.stride, self.dilation, strict=True
        )
        totals = [max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0) for n, k, s, d in sizes]
        return [(total // 2, total - total // 2) for total in totals]

    def describe(self) -> str:
        mode = {} if self.padding_mode == "zeros" else {"padding_mode": self.padding_mode}
        return self._described(padding=self.padding, **mode)


class Conv2d(_Conv):
    """y[n, o, i, j] = b[o] + sum_{c, u, v} W[o, c, u, v] x[n, c, i s + u d - p, j s + v d - p]

    x (N, in_channels, H, W), W (out_channels, in_channels / groups, kh, kw), y (N, out_channels, Ho, Wo) with
    Ho = floor((H + 2 p - d (kh - 1) - 1) / s) + 1.

    padding       p; or "valid" for none, "same" for Ho = ceil(H / s)
    groups        the number of groups of channels, each with out_channels / groups filters of its own
    padding_mode  what stands in the padding: "zeros", or elements of x as in ReflectionPad2d, "reflect",
                  ReplicationPad2d, "replicate", or CircularPad2d, "circular"

    W and b are drawn from uniform(-k, k), k = 1 / sqrt(fan_in), fan_in = in_channels / groups kh kw.
    """

    axes = 2
    _op = staticmethod(minigrad.conv2d)


class Conv1d(_Conv):
    """y[n, o, i] = b[o] + sum_{c, u} W[o, c, u] x[n, c, i s + u d - p]

    x (N, in_channels, L), W (out_channels, in_channels / groups, k), y (N, out_channels, Lo): `Conv2d` along one axis,
    with its options, its parameters drawn likewise.
    """

    axes = 1
    _op = staticmethod(minigrad.conv1d)


class Conv3d(_Conv):
    """y[n, o, i, j, k] = b[o] + sum_{c, t, u, v} W[o, c, t, u, v] x[n, c, i s + t d - p, j s + u d - p, k s + v d - p]

    x (N, in_channels, D, H, W), W (out_channels, in_channels / groups, kd, kh, kw), y (N, out_channels, Do, Ho, Wo):
    `Conv2d` over three axes, with its options, its parameters drawn likewise.
    """

    axes = 3
    _op = staticmethod(minigrad.conv3d)


class _ConvTranspose(_Convolution):
    """The arguments that ConvTranspose1d, 2d and 3d share; these add the number of axes and the op."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        *,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        self._set_sizes((in_channels, out_channels), kernel_size, stride, dilation, groups)
        self.padding = integers(self, "padding", padding, self.axes, 0)
        self.output_padding = integers(self, "output_padding", output_padding, self.axes, 0)
        self._draw(self.in_channels, self.out_channels, bias, rng, dtype)

    def forward(self, x: Any) -> Any:
        if getattr(x, "dtype", None) is not self.weight.dtype:
            check_input(self, x, self.weight)
        return self._op(
            x, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups, self.dilation
        )  # fmt: skip

    def describe(self) -> str:
        return self._described(padding=self.padding, output_padding=self.output_padding)


class ConvTranspose2d(_ConvTranspose):
    """y[n, o, i s + u d - p, j s + v d - p] += W[c, o, u, v] x[n, c, i, j], and b[o] everywhere

    x (N, in_channels, H, W), W (in_channels, out_channels / groups, kh, kw), y (N, out_channels, Ho, Wo) with
    Ho = (H - 1) s - 2 p + d (kh - 1) + 1 + output_padding: the gradient of `Conv2d` by its input, used as a layer.

    output_padding  extra rows and columns on the far side; fewer than the stride or the dilation

    W and b are drawn from uniform(-k, k), k = 1 / sqrt(fan_in), fan_in = out_channels / groups kh kw as in PyTorch.
    """

    axes = 2
    _op = staticmethod(minigrad.conv_transpose2d)


class ConvTranspose1d(_ConvTranspose):
    """y[n, o, i s + u d - p] += W[c, o, u] x[n, c, i], and b[o] everywhere

    x (N, in_channels, L), W (in_channels, out_channels / groups, k), y (N, out_channels, Lo): `ConvTranspose2d` along
    one axis, with its options, its parameters drawn likewise.
    """

    axes = 1
    _op = staticmethod(minigrad.conv_transpose1d)


class ConvTranspose3d(_ConvTranspose):
    """y[n, o, i s + t d - p, j s + u d - p, k s + v d - p] += W[c, o, t, u, v] x[n, c, i, j, k], and b[o] everywhere

    x (N, in_channels, D, H, W), W (in_channels, out_channels / groups, kd, kh, kw), y (N, out_channels, Do, Ho, Wo):
    `ConvTranspose2d` over three axes, with its options, its parameters drawn likewise.
    """

    axes = 3
    _op = staticmethod(minigrad.conv_transpose3d)
