"""The linear layer."""

from __future__ import annotations

from typing import Any

import numpy as np

import minigrad

from .. import init
from ..checks import check_input, integer
from ..module import Module, Parameter


class Linear(Module):
    """y = x W^T + b, with x (..., in_features), W (out_features, in_features), b (out_features,).

    W and b are drawn from uniform(-k, k), k = 1 / sqrt(in_features).
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.in_features = in_features = integer(self, "in_features", in_features, 0)
        self.out_features = out_features = integer(self, "out_features", out_features, 0)
        # (out, in) as in PyTorch, but laid out in memory as (in, out), which BLAS multiplies faster
        weight = init.fan_in_uniform((in_features, out_features), in_features, rng, dtype).T
        self.weight = Parameter(weight)
        self.bias = (
            Parameter(init.fan_in_uniform((out_features,), in_features, rng, dtype))
            if bias
            else None
        )

    def forward(self, x: Any) -> Any:
        if getattr(x, "dtype", None) is not self.weight.dtype:
            check_input(self, x, self.weight)
        return minigrad.linear(x, self.weight, self.bias)

    def describe(self) -> str:
        return f"{self.in_features}, {self.out_features}" + (
            "" if self.bias is not None else ", bias=False"
        )
