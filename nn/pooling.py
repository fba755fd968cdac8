"""Pooling: the maximum or the mean of windows."""

from __future__ import annotations

from typing import Any

import minigrad

from .checks import Sizes, integers, short
from .module import Module


class MaxPool2d(Module):
    """y[n, c, i, j] = max_{u, v} x[n, c, i s + u, j s + v]

    Windows of kernel_size, `stride` s apart, by default side by side.
    """

    def __init__(self, kernel_size: Sizes, stride: Sizes | None = None) -> None:
        self.kernel_size = integers(self, "kernel_size", kernel_size, 2, 1)
        self.stride = self.kernel_size if stride is None else integers(self, "stride", stride, 2, 1)

    def forward(self, x: Any) -> Any:
        return minigrad.max_pool2d(x, self.kernel_size, self.stride)

    def describe(self) -> str:
        stride = f", stride={short(self.stride)}" if self.stride != self.kernel_size else ""
        return f"{short(self.kernel_size)}{stride}"
