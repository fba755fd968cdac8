"""Normalisation of each example by itself: over its last axes, or over groups of its channels."""

from __future__ import annotations

from typing import Any

import minigrad

from .. import init
from ..checks import check_array, float_input, integer
from ..module import Module, Parameter


class _OverLastAxes(Module):
    """The sizes of the axes that LayerNorm and RMSNorm normalise over."""

    def _take_shape(self, normalized_shape: int | tuple[int, ...]) -> tuple[int, ...]:
        sizes = (
            tuple(normalized_shape)
            if isinstance(normalized_shape, (tuple, list))
            else (normalized_shape,)
        )
        return tuple(integer(self, "normalized_shape", n, 1) for n in sizes)

    def _check_shape(self, x: Any, sizes: tuple[int, ...]) -> None:
        if tuple(x.shape[-len(sizes) :]) != sizes:
            wanted = f"{sizes[0]} features" if len(sizes) == 1 else f"last axes of {sizes}"
            raise ValueError(
                f"{type(self).__name__}: expected {wanted}, got an input of shape {tuple(x.shape)}"
            )


class LayerNorm(_OverLastAxes):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, with mean and biased var over the last axes of each example.

    x (..., *normalized_shape), weight and bias of normalized_shape, at first 1 and 0. Ba, Kiros, Hinton: Layer
    Normalization (2016).
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: Any = None,
    ) -> None:
        self.normalized_shape = shape = self._take_shape(normalized_shape)
        self.eps = float(eps)  # a float64 of NumPy would widen plain arrays
        self.weight = Parameter(init.ones(shape, dtype)) if elementwise_affine else None
        self.bias = Parameter(init.zeros(shape, dtype)) if elementwise_affine and bias else None

    def forward(self, x: Any) -> Any:
        x = float_input(self, x, self.weight)
        self._check_shape(x, self.normalized_shape)
        return minigrad.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def describe(self) -> str:
        text = f"{_one_or_all(self.normalized_shape)}"
        text += f", eps={self.eps}" if self.eps != 1e-5 else ""
        if self.weight is None:
            return text + ", elementwise_affine=False"
        return text + (", bias=False" if self.bias is None else "")


class RMSNorm(_OverLastAxes):
    """y = x / sqrt(mean(x^2) + eps) * weight, with the mean over the last axes of each example.

    x (..., *normalized_shape), weight of normalized_shape, at first 1; eps=None takes the eps of the dtype, for
    float16 that of float32. Zhang, Sennrich: Root Mean Square Layer Normalization (2019).
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        dtype: Any = None,
    ) -> None:
        self.normalized_shape = shape = self._take_shape(normalized_shape)
        self.eps = None if eps is None else float(eps)
        self.weight = Parameter(init.ones(shape, dtype)) if elementwise_affine else None

    def forward(self, x: Any) -> Any:
        x = float_input(self, x, self.weight)
        self._check_shape(x, self.normalized_shape)
        return minigrad.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def describe(self) -> str:
        text = f"{_one_or_all(self.normalized_shape)}"
        text += f", eps={self.eps}" if self.eps is not None else ""
        return text + (", elementwise_affine=False" if self.weight is None else "")


def _one_or_all(sizes: tuple[int, ...]) -> Any:
    return sizes[0] if len(sizes) == 1 else sizes


class GroupNorm(Module):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, with mean and biased var over each group of channels.

    x (N, C, ...), with its channels in num_groups groups of neighbours. Each group is normalised over its channels and
    all axes behind them; weight and bias (C,), at first 1 and 0. Wu, He: Group Normalization (2018).
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        bias: bool = True,
        dtype: Any = None,
    ) -> None:
        self.num_groups = integer(self, "num_groups", num_groups, 1)
        self.num_channels = n = integer(self, "num_channels", num_channels, 1)
        if num_channels % num_groups:
            raise ValueError(
                f"GroupNorm: {num_channels} channels do not divide into {num_groups} groups"
            )
        self.eps = float(eps)
        self.weight: Any = Parameter(init.ones((n,), dtype)) if affine else None
        self.bias: Any = Parameter(init.zeros((n,), dtype)) if affine and bias else None

    def forward(self, x: Any) -> Any:
        x = float_input(self, x, self.weight)
        shape = tuple(x.shape)
        if len(shape) < 2 or shape[1] != self.num_channels:
            raise ValueError(
                f"GroupNorm: expected {self.num_channels} channels on axis 1, got an input of shape {shape}"
            )
        return minigrad.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def describe(self) -> str:
        text = f"{self.num_groups}, {self.num_channels}"
        text += f", eps={self.eps}" if self.eps != 1e-5 else ""
        if self.weight is None:
            return text + ", affine=False"
        return text + (", bias=False" if self.bias is None else "")


class LocalResponseNorm(Module):
    """y = x / (k + alpha mean(x^2))^beta, with the mean over `size` neighbouring channels; those beyond the edge are 0.

    x (N, C, L, ...). Krizhevsky, Sutskever, Hinton (2012).
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        self.size = integer(self, "size", size, 1)
        self.alpha, self.beta, self.k = float(alpha), float(beta), float(k)

    def forward(self, x: Any) -> Any:
        check_array(self, x)
        return minigrad.local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def describe(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
