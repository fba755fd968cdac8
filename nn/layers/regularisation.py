"""Dropout: noise in training that keeps units from relying on each other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import minigrad
from minigrad.devices import uniform

from ..checks import check_array, not_in_place, probability
from ..module import Module


class _Dropout(Module):
    """The layer behind all dropouts, which say what is dropped or kept as one unit."""

    def __init__(
        self, p: float = 0.5, inplace: bool = False, *, rng: np.random.Generator | None = None
    ) -> None:
        not_in_place(self, inplace)
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


class _ChannelDropout(_Dropout):
    """`Dropout` of whole channels; subclasses say what inputs they take."""

    inputs: dict[int, str]  # number of axes -> their names; with a batch first

    def _units(self, x: Any) -> tuple[int, ...]:
        if len(x.shape) not in self.inputs:
            raise ValueError(
                f"{type(self).__name__}: the input has shape {tuple(x.shape)}; "
                f"{' or '.join(self.inputs.values())} is needed"
            )
        inner = max(self.inputs) - 2
        return (*x.shape[:-inner], *[1] * inner)


class Dropout1d(_ChannelDropout):
    """`Dropout` of whole channels of x (N, C, L) or (C, L). Tompson et al. 2015."""

    inputs = {3: "(N, C, L)", 2: "(C, L)"}


class Dropout2d(_ChannelDropout):
    """`Dropout` of whole channels of x (N, C, H, W). Tompson et al. 2015.

    PyTorch takes (C, H, W) too, as (N, C, L): that is `Dropout1d`.
    """

    inputs = {4: "(N, C, H, W)"}


class Dropout3d(_ChannelDropout):
    """`Dropout` of whole channels of x (N, C, D, H, W) or (C, D, H, W). Tompson et al. 2015."""

    inputs = {5: "(N, C, D, H, W)", 4: "(C, D, H, W)"}


# Dropout that keeps mean and variance ----------------------------------------------------------------------

DROPPED = -1.7580993408473766  # -scale alpha of SELU: its limit far below 0


class _AlphaDropout(_Dropout):
    """y = a d + b where a unit is dropped, with d = -scale alpha of SELU, and a x + b elsewhere."""

    def forward(self, x: Any) -> Any:
        check_array(self, x)
        if not self.training or self.p == 0:
            return x
        kept = uniform(minigrad.generator(self.rng), self._units(x), x) >= self.p
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
