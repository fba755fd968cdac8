"""Dropout: noise in training that keeps units from relying on each other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import minigrad

from ..checks import check_array, probability
from ..module import Module


class _Dropout(Module):
    """The layer behind all dropouts, which say what is dropped or kept as one unit."""

    def __init__(self, p: float = 0.5, *, rng: np.random.Generator | None = None) -> None:
        self.p = probability(self, "p", p)
        self.rng = rng

    def forward(self, x: Any) -> Any:
        check_array(self, x)
        if not self.training or self.p == 0:
            return x
        return minigrad.dropout(x, self.p, True, self._units(x), rng=self.rng)

    def _units(self, x: Any) -> tuple[int, ...]:
        """The number of units along each axis; a unit is dropped or kept as one."""
        raise NotImplementedError

    def describe(self) -> str:
        return f"p={self.p}"


class Dropout(_Dropout):
    """y = 0 with probability p, else x / (1 - p), for each element in training; in evaluation y = x.

    The mask comes from `rng`, or the package's default generator (`minigrad.seed`). From Hinton et al. 2012, but
    scaled in training instead of evaluation, as is usual today. `minigrad.dropout` is its function.
    """

    def _units(self, x: Any) -> tuple[int, ...]:
        return tuple(x.shape)


class Dropout2d(_Dropout):
    """`Dropout` of whole channels of x (N, C, H, W). Tompson et al. 2015."""

    def _units(self, x: Any) -> tuple[int, ...]:
        if len(x.shape) != 4:
            raise ValueError(
                f"Dropout2d: the input has shape {tuple(x.shape)}; (N, C, H, W) is needed"
            )
        return (*x.shape[:2], 1, 1)


# Dropout that keeps mean and variance ----------------------------------------------------------------------

DROPPED = -1.7580993408473766  # -scale alpha of SELU: its limit far below 0


class _AlphaDropout(_Dropout):
    """y = a d + b where a unit is dropped, with d = -scale alpha of SELU, and a x + b elsewhere."""

    def forward(self, x: Any) -> Any:
        check_array(self, x)
        if not self.training or self.p == 0:
            return x
        kept = minigrad.generator(self.rng).random(self._units(x), dtype=np.float32) >= self.p
        if self.p == 1:
            return minigrad.where(kept, x, 0)
        a = 1 / math.sqrt((1 - self.p) * (1 + self.p * DROPPED**2))
        return minigrad.where(kept, x, DROPPED) * a - a * self.p * DROPPED


class AlphaDropout(_AlphaDropout):
    """y = a d + b with probability p, else a x + b, for each element in training; in evaluation y = x.

    d = -1.7581, the limit of SELU; a = ((1 - p) (1 + p d^2))^(-1/2) and b = -a p d keep mean 0 and variance 1. All is
    0 for p = 1. Klambauer et al. 2017.
    """

    def _units(self, x: Any) -> tuple[int, ...]:
        return tuple(x.shape)


class FeatureAlphaDropout(_AlphaDropout):
    """`AlphaDropout` of whole channels of x (N, C, ...)."""

    def _units(self, x: Any) -> tuple[int, ...]:
        if len(x.shape) < 2:
            raise ValueError(
                f"FeatureAlphaDropout: the input has shape {tuple(x.shape)}; (N, C, ...) is needed"
            )
        return (*x.shape[:2], *[1] * (len(x.shape) - 2))
