"""The order of frequencies of a Fourier transform. The transforms themselves are complex, and have no rule here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..core.rows import serves
from .pytorch_words import says_our_words
from .rearrange import roll


@serves(np.fft.fftshift)
@says_our_words
def fftshift(x: Any, axes: int | Sequence[int] | None = None) -> Any:
    """y[(i + n // 2) mod n] = x[i] along each axis of n elements: frequency 0 moves to the middle."""
    return _shifted(x, axes, 1)


@serves(np.fft.ifftshift)
@says_our_words
def ifftshift(x: Any, axes: int | Sequence[int] | None = None) -> Any:
    """y[(i - n // 2) mod n] = x[i] along each axis of n elements: the inverse of fftshift."""
    return _shifted(x, axes, -1)


def _shifted(x: Any, axes: Any, sign: int) -> Any:
    ndim = len(x.shape)
    axes = range(ndim) if axes is None else normalize_axis_tuple(axes, ndim, "axes")
    return roll(x, [sign * (x.shape[axis] // 2) for axis in axes], tuple(axes))
