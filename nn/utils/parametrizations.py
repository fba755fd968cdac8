"""Weights computed from others: by their length and direction, or divided by their largest singular value."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

import minigrad

from .. import init
from ..checks import integer
from ..float16 import widened
from ..layers.convolution import _ConvTranspose
from ..module import Buffer, Module, Parameter
from .parametrize import compute, parameter_of

M = TypeVar("M", bound=Module)


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """w = g v / |v|, with |v| over all axes but `dim`, or over all if it is None; returns the module.

    g and v, at first |w| and w, are learned in the place of w: `parametrizations.weight.original0` and `original1`.
    Make the optimiser after that. Salimans, Kingma: Weight Normalization (2016).
    """
    w = parameter_of(module, name, "weight_norm")
    return compute(module, name, _WeightNorm(w, _axis("weight_norm", dim, w)))


class _WeightNorm(Module):
    """g v / |v|"""

    def __init__(self, v: Parameter, dim: int | None) -> None:
        self.dim = dim
        self.original0 = Parameter(self._length(v).detach(), v.requires_grad)
        self.original1 = v

    def _length(self, v: Any) -> Any:
        if self.dim is None:
            return minigrad.norm(v)
        shape = [n if axis == self.dim else 1 for axis, n in enumerate(v.shape)]
        return minigrad.norm(_matrix(v, self.dim), axis=1).reshape(shape)

    def forward(self) -> Any:
        return self.original1 * (self.original0 / self._length(self.original1))

    def describe(self) -> str:
        return f"dim={self.dim}"


def spectral_norm(
    module: M,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
    *,
    rng: np.random.Generator | None = None,
) -> M:
    """w / sigma, sigma = u^T W v, its largest singular value; returns the module.

        u <- W v / |W v|,  v <- W^T u / |W^T u|        n_power_iterations times in each forward in training

    W is w with the axis `dim` (by default 0, for ConvTranspose 1) as rows and all others as columns. Gradients take u
    and v as constants. w is learned as `parametrizations.weight.original`; u and v are buffers, drawn from `rng`, and
    begin after 15 iterations. Miyato et al.: Spectral Normalization (2018).
    """
    w = parameter_of(module, name, "spectral_norm")
    dim = int(isinstance(module, _ConvTranspose)) if dim is None else dim
    by = _SpectralNorm(w, n_power_iterations, float(eps), _axis("spectral_norm", dim, w), rng)
    return compute(module, name, by)


class _SpectralNorm(Module):
    """w / (u^T W v)"""

    def __init__(self, w: Parameter, iterations: int, eps: float, dim: Any, rng: Any) -> None:
        self.iterations = integer(self, "n_power_iterations", iterations, 1)
        self.eps, self.dim = eps, dim
        self.original = w
        if w.ndim > 1:
            setattr(self, "0", _Vectors(_matrix(w.data, dim), rng))
            self._iterate(15)

    @property
    def vectors(self) -> _Vectors:
        return getattr(self, "0")

    def _iterate(self, times: int) -> None:
        matrix, v = widened(_matrix(self.original.data, self.dim)), widened(self.vectors._v.data)
        for _ in range(times):
            u = self._unit(matrix @ v)
            v = self._unit(matrix.T @ u)
        self.vectors._u.assign(u)
        self.vectors._v.assign(v)

    def _unit(self, x: Any) -> Any:
        return x / np.maximum(np.sqrt((x * x).sum()), self.eps)

    def forward(self) -> Any:
        w = self.original
        if w.ndim == 1:
            return w / minigrad.maximum(minigrad.norm(w), self.eps)
        if self.training and not minigrad.recomputing():
            self._iterate(self.iterations)
        # copies, as the next forward writes into the buffers
        u, v = self.vectors._u.data.copy(), self.vectors._v.data.copy()
        return w / minigrad.sum(u * (_matrix(w, self.dim) @ v))

    def describe(self) -> str:
        return f"dim={self.dim}"


class _Vectors(Module):
    """u and v, under the names that PyTorch has for them."""

    def __init__(self, matrix: Any, rng: Any) -> None:
        self._u, self._v = (Buffer(init.normal((n,), 1.0, rng, matrix.dtype)) for n in matrix.shape)


def _matrix(w: Any, dim: int) -> Any:
    """(n, all others), n being the size of that axis."""
    return np.moveaxis(w, dim, 0).reshape((w.shape[dim], -1))


def _axis(where: str, dim: int | None, w: Parameter) -> int | None:
    if dim is None:
        return None
    if not -w.ndim <= dim < w.ndim:
        raise ValueError(f"{where}: dim {dim} is no axis of a weight of shape {w.shape}")
    return dim % w.ndim
