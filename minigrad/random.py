"""The package's default random generator, used where no `rng=` is passed."""

from __future__ import annotations

import numpy as np

_default: np.random.Generator | None = None  # made at first use: importing numpy.random takes time


def seed(n: int) -> None:
    """Start the default generator from `n`, so that a run can be repeated."""
    global _default
    _default = np.random.default_rng(n)


def generator(rng: np.random.Generator | None = None) -> np.random.Generator:
    """`rng`, or the default generator."""
    global _default
    if rng is not None:
        return rng
    if _default is None:
        _default = np.random.default_rng()
    return _default
