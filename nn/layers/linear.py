"""The linear layer."""

from __future__ import annotations

from typing import Any

import numpy as np

import minigrad

from .. import init
from ..checks import check_input, float_input, integer
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


class Bilinear(Module):
    """y_k = x1^T A_k x2 + b_k, with x1 (..., in1_features), x2 (..., in2_features), y (..., out_features).

    A is (out_features, in1_features, in2_features), b (out_features,); both are drawn from uniform(-k, k),
    k = 1 / sqrt(in1_features).
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.in1_features = n = integer(self, "in1_features", in1_features, 1)
        self.in2_features = m = integer(self, "in2_features", in2_features, 1)
        self.out_features = k = integer(self, "out_features", out_features, 1)
        self.weight = Parameter(init.fan_in_uniform((k, n, m), n, rng, dtype))
        self.bias = Parameter(init.fan_in_uniform((k,), n, rng, dtype)) if bias else None

    def forward(self, x1: Any, x2: Any) -> Any:
        x1, x2 = (float_input(self, x, self.weight) for x in (x1, x2))
        sizes = (self.in1_features, self.in2_features)
        shapes = tuple(x1.shape), tuple(x2.shape)
        if (shapes[0][-1:], shapes[1][-1:]) != ((sizes[0],), (sizes[1],)) or (
            shapes[0][:-1] != shapes[1][:-1]
        ):
            raise ValueError(
                f"Bilinear: the inputs have shapes {shapes[0]} and {shapes[1]}; (..., {sizes[0]}) and "
                f"(..., {sizes[1]}) with the same leading axes are needed"
            )
        y = minigrad.einsum("...i,kij,...j->...k", x1, self.weight, x2)
        return y if self.bias is None else y + self.bias

    def describe(self) -> str:
        text = f"{self.in1_features}, {self.in2_features}, {self.out_features}"
        return text + ("" if self.bias is not None else ", bias=False")
