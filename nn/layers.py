"""Layers: each docstring begins with the formula, then shapes, then the law its parameters are drawn by."""

from __future__ import annotations

from collections.abc import Iterator
from operator import index
from typing import Any

import numpy as np

import minigrad

from . import init
from .module import Module, Parameter

Pair = int | tuple[int, int]


def _integer(layer: Module, name: str, value: Any, least: int) -> int:
    if not hasattr(value, "__index__") or index(value) < least:
        raise ValueError(
            f"{type(layer).__name__}: {name} must be an integer >= {least}, not {value!r}"
        )
    return index(value)


def _pair(layer: Module, name: str, value: Any, least: int) -> tuple[int, int]:
    """A size along height and width, given as one number for both or as two."""
    numbers = value if isinstance(value, (tuple, list)) else (value, value)
    if len(numbers) != 2:
        raise ValueError(
            f"{type(layer).__name__}: {name} must be an integer or a pair, not {value!r}"
        )
    return _integer(layer, name, numbers[0], least), _integer(layer, name, numbers[1], least)


def _short(pair: tuple[int, int]) -> int | tuple[int, int]:
    return pair[0] if pair[0] == pair[1] else pair


def _check_array(layer: Module, x: Any) -> None:
    if not hasattr(x, "dtype"):
        raise TypeError(
            f"{type(layer).__name__}: the input is a {type(x).__name__}; an array or Tensor is needed"
        )


def _check_input(layer: Module, x: Any, weight: Parameter) -> None:
    """Refuse an input of another float dtype: it would widen or narrow everything behind it unseen."""
    _check_array(layer, x)
    if x.dtype.kind == "f" and x.dtype != weight.dtype:
        raise TypeError(
            f"{type(layer).__name__}: the input is {x.dtype}, the parameters are {weight.dtype}; "
            f"convert the input with x.astype('{weight.dtype}')"
        )


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
        self.in_features = in_features = _integer(self, "in_features", in_features, 0)
        self.out_features = out_features = _integer(self, "out_features", out_features, 0)
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
            _check_input(self, x, self.weight)
        return minigrad.linear(x, self.weight, self.bias)

    def describe(self) -> str:
        return f"{self.in_features}, {self.out_features}" + (
            "" if self.bias is not None else ", bias=False"
        )


class Conv2d(Module):
    """y[n, o, i, j] = b[o] + sum_{c, u, v} W[o, c, u, v] x[n, c, i s + u - p, j s + v - p]

    x (N, in_channels, H, W), W (out_channels, in_channels, kh, kw), y (N, out_channels, Ho, Wo) with
    Ho = floor((H + 2 p - kh) / s) + 1. W and b are drawn from uniform(-k, k), k = 1 / sqrt(in_channels kh kw).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair = 0,
        *,
        bias: bool = True,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.in_channels = in_channels = _integer(self, "in_channels", in_channels, 1)
        self.out_channels = out_channels = _integer(self, "out_channels", out_channels, 1)
        self.kernel_size = _pair(self, "kernel_size", kernel_size, 1)
        self.stride = _pair(self, "stride", stride, 1)
        self.padding = _pair(self, "padding", padding, 0)
        shape = (out_channels, in_channels, *self.kernel_size)
        fan_in = in_channels * self.kernel_size[0] * self.kernel_size[1]
        self.weight = Parameter(init.fan_in_uniform(shape, fan_in, rng, dtype))
        self.bias = (
            Parameter(init.fan_in_uniform((out_channels,), fan_in, rng, dtype)) if bias else None
        )

    def forward(self, x: Any) -> Any:
        if getattr(x, "dtype", None) is not self.weight.dtype:
            _check_input(self, x, self.weight)
        return minigrad.conv2d(x, self.weight, self.bias, self.stride, self.padding)

    def describe(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        text += f", stride={_short(self.stride)}" if self.stride != (1, 1) else ""
        text += f", padding={_short(self.padding)}" if self.padding != (0, 0) else ""
        return text + ("" if self.bias is not None else ", bias=False")


class MaxPool2d(Module):
    """y[n, c, i, j] = max_{u, v} x[n, c, i s + u, j s + v]

    Windows of kernel_size, `stride` s apart, by default side by side.
    """

    def __init__(self, kernel_size: Pair, stride: Pair | None = None) -> None:
        self.kernel_size = _pair(self, "kernel_size", kernel_size, 1)
        self.stride = self.kernel_size if stride is None else _pair(self, "stride", stride, 1)

    def forward(self, x: Any) -> Any:
        return minigrad.max_pool2d(x, self.kernel_size, self.stride)

    def describe(self) -> str:
        stride = f", stride={_short(self.stride)}" if self.stride != self.kernel_size else ""
        return f"{_short(self.kernel_size)}{stride}"


class ReLU(Module):
    """max(x, 0)"""

    def forward(self, x: Any) -> Any:
        return minigrad.relu(x)


class Tanh(Module):
    """tanh(x)"""

    def forward(self, x: Any) -> Any:
        return minigrad.tanh(x)


class Sigmoid(Module):
    """1 / (1 + exp(-x))"""

    def forward(self, x: Any) -> Any:
        return minigrad.sigmoid(x)


class Flatten(Module):
    """x (N, C, H, W) as (N, C H W): the axes from `start_dim` on made into one."""

    def __init__(self, start_dim: int = 1) -> None:
        self.start_dim = start_dim

    def forward(self, x: Any) -> Any:
        return minigrad.flatten(x, self.start_dim)


class Dropout(Module):
    """In training each element is 0 with probability p, else x / (1 - p); in evaluation y = x.

    The mask comes from `rng`, or the package's default generator (`minigrad.seed`). From Hinton et al. 2012, scaled
    in training instead of evaluation, as everyone does today.
    """

    def __init__(self, p: float = 0.5, *, rng: np.random.Generator | None = None) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: p is a probability in [0, 1], not {p}")
        self.p = p
        self.rng = rng

    def forward(self, x: Any) -> Any:
        _check_array(self, x)
        if not self.training or self.p == 0:
            return x
        kept = minigrad.generator(self.rng).random(x.shape, dtype=np.float32) >= self.p
        scale = 1 / (1 - self.p) if self.p < 1 else 0.0
        return minigrad.where(kept, x, 0) * scale

    def describe(self) -> str:
        return f"p={self.p}"


class Sequential(Module):
    """x -> layer_n(... layer_1(layer_0(x))); the layers' names are 0, 1, 2, ..."""

    def __init__(self, *layers: Module) -> None:
        layer: Any
        for i, layer in enumerate(layers):
            if not isinstance(layer, Module):
                met = (
                    f"the class {layer.__name__}"
                    if isinstance(layer, type)
                    else f"a {type(layer).__name__}"
                )
                raise TypeError(
                    f"Sequential: layer {i} is {met}; a Module is needed, such as nn.ReLU()"
                )
            setattr(self, str(i), layer)

    def forward(self, x: Any) -> Any:
        for i, layer in enumerate(self):
            try:
                x = layer(x)
            except Exception as error:
                error.add_note(
                    f"in layer {i} of {type(self).__name__}: {type(layer).__name__}({layer.describe()})"
                )
                raise
        return x

    def __iter__(self) -> Iterator[Module]:
        return (layer for layer in vars(self).values() if isinstance(layer, Module))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __getitem__(self, i: int | slice) -> Any:
        """Layer i, or a Sequential of the layers of a slice, which shares their parameters."""
        layers = list(self)
        return Sequential(*layers[i]) if isinstance(i, slice) else layers[i]
