"""Dropout: noise in training that keeps units from relying on each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.dtypes import in_array
from ..devices import uniform
from ..random import generator
from .elementwise import where


def dropout(
    x: Any,
    p: float = 0.5,
    training: bool = True,
    units: Sequence[int] | None = None,
    *,
    rng: np.random.Generator | None = None,
) -> Any:
    """0 with probability p, else x / (1 - p), for each element in training; without training x.

    units  how many units x has along each axis: its size there, or 1. A unit is dropped or kept as one; by default
           every element is one, (N, C, 1, 1) drops whole channels of x (N, C, H, W)
    rng    draws the mask; by default the package's generator (`minigrad.seed`)

    Hinton et al. 2012, but scaled in training instead of evaluation, as is usual today.
    """
    x = in_array(x)
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p is a probability in [0, 1], not {p!r}")
    if not training or p == 0:
        return x
    shape = tuple(x.shape) if units is None else tuple(units)
    if len(shape) != len(x.shape) or any(
        n not in (1, m) for n, m in zip(shape, x.shape, strict=False)
    ):
        raise ValueError(
            f"dropout: units {shape} do not fit x of shape {tuple(x.shape)}; along each axis its size, or 1, is needed"
        )
    kept = uniform(generator(rng), shape, x) >= p
    return where(kept, x, 0) * (1 / (1 - float(p)) if p < 1 else 0.0)
