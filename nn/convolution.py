"""Convolution: each docstring begins with the formula, then shapes, then the law its parameters are drawn by."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import minigrad

from . import init
from .checks import Sizes, check_input, integer, integers, short
from .module import Module, Parameter


class Conv2d(Module):
    """y[n, o, i, j] = b[o] + sum_{c, u, v} W[o, c, u, v] x[n, c, i s + u - p, j s + v - p]

    x (N, in_channels, H, W), W (out_channels, in_channels, kh, kw), y (N, out_channels, Ho, Wo) with
    Ho = floor((H + 2 p - kh) / s) + 1. W and b are drawn from uniform(-k, k), k = 1 / sqrt(in_channels kh kw).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        *,
        bias: bool = True,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.in_channels = in_channels = integer(self, "in_channels", in_channels, 1)
        self.out_channels = out_channels = integer(self, "out_channels", out_channels, 1)
        self.kernel_size = integers(self, "kernel_size", kernel_size, 2, 1)
        self.stride = integers(self, "stride", stride, 2, 1)
        self.padding = integers(self, "padding", padding, 2, 0)
        shape = (out_channels, in_channels, *self.kernel_size)
        fan_in = math.prod(shape[1:])
        self.weight = Parameter(init.fan_in_uniform(shape, fan_in, rng, dtype))
        self.bias = (
            Parameter(init.fan_in_uniform((out_channels,), fan_in, rng, dtype)) if bias else None
        )

    def forward(self, x: Any) -> Any:
        check_input(self, x, self.weight)
        return minigrad.conv2d(x, self.weight, self.bias, self.stride, self.padding)

    def describe(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        text += f", stride={short(self.stride)}" if self.stride != (1, 1) else ""
        text += f", padding={short(self.padding)}" if self.padding != (0, 0) else ""
        return text + ("" if self.bias is not None else ", bias=False")
