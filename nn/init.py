"""Laws by which parameters are drawn. Each returns a new array; `rng` is explicit or the package's default."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import minigrad


def uniform(
    shape: tuple[int, ...], bound: float, rng: np.random.Generator | None = None, dtype: Any = None
) -> Any:
    """uniform(-bound, bound)"""
    values = minigrad.generator(rng).uniform(-bound, bound, shape)
    return values.astype(np.float32 if dtype is None else dtype)


def fan_in_uniform(
    shape: tuple[int, ...], fan_in: int, rng: np.random.Generator | None = None, dtype: Any = None
) -> Any:
    """uniform(-k, k), k = 1 / sqrt(fan_in): PyTorch's law for the weights and biases of Linear and Conv2d."""
    return uniform(shape, 1 / math.sqrt(fan_in) if fan_in else 0.0, rng, dtype)


def normal(
    shape: tuple[int, ...], std: float, rng: np.random.Generator | None = None, dtype: Any = None
) -> Any:
    """normal(0, std^2)"""
    values = minigrad.generator(rng).normal(0.0, std, shape)
    return values.astype(np.float32 if dtype is None else dtype)


def zeros(shape: tuple[int, ...], dtype: Any = None) -> Any:
    """0 everywhere."""
    return constant(shape, 0.0, dtype)


def ones(shape: tuple[int, ...], dtype: Any = None) -> Any:
    """1 everywhere."""
    return constant(shape, 1.0, dtype)


def constant(shape: tuple[int, ...], value: float, dtype: Any = None) -> Any:
    """The value everywhere."""
    return np.full(shape, value, np.float32 if dtype is None else dtype)
