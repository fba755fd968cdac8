"""Distances of vectors along an axis, their angle, and vectors of length 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import in_array, narrowed, widened
from .axes import in_floats
from .elementwise import maximum
from .loss_terms import rounded_once
from .norms import norm
from .pytorch_words import says_our_words
from .reductions import sum
from .shapes import broadcast_arrays, expand_dims


def _floats(*arrays: Any) -> list[Any]:
    return [in_floats(in_array(a)) for a in arrays]


def _check_order(op: str, p: float) -> None:
    if not isinstance(p, (int, float, np.number)) or not p >= 0:
        raise ValueError(f"{op}: p must be a number >= 0, the order of a norm, not {p!r}")


@says_our_words
@rounded_once
def cosine_similarity(x1: Any, x2: Any, axis: int = 1, eps: float = 1e-8) -> Any:
    """sum(x1 x2) / (max(|x1|, eps) max(|x2|, eps)) over an axis of x1 and x2, which broadcast.

    At the edge: a vector shorter than eps is divided by eps, a constant; for PyTorch's gradient it still is the norm.
    """
    x1, x2 = _floats(x1, x2)
    if x1.shape != x2.shape:
        x1, x2 = broadcast_arrays(x1, x2)
    lengths = [maximum(norm(x, axis=axis), eps) for x in (x1, x2)]
    return sum(x1 * x2, axis) / (lengths[0] * lengths[1])


@says_our_words
def normalize(x: Any, p: float = 2.0, axis: int = 1, eps: float = 1e-12) -> Any:
    """x / max(|x|_p, eps) over an axis: vectors of length 1."""
    _check_order("normalize", p)
    (x,) = _floats(x)
    wide = widened(x)  # eps is 0 in float16
    return narrowed(wide / maximum(norm(wide, p, axis, keepdims=True), eps), x)


@says_our_words
def pairwise_distance(
    x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdims: bool = False
) -> Any:
    """|x1 - x2 + eps|_p over the last axis of x1 and x2, which broadcast.

    At the kink: eps keeps x1 = x2 away from it.
    """
    _check_order("pairwise_distance", p)
    x1, x2 = _floats(x1, x2)
    return norm(x1 - x2 + eps, p, -1, keepdims)


def cdist(x1: Any, x2: Any, p: float = 2.0) -> Any:
    """|x1_i - x2_j|_p of each vector of x1 (..., P, M) and each of x2 (..., R, M), as (..., P, R).

    All P R M differences are computed and kept: sums of squares less products, as PyTorch has them from 25 vectors on,
    lose half of the digits of a small distance.

    At the kink: equal vectors have gradient 0, of least norm.
    """
    _check_order("cdist", p)
    x1, x2 = _floats(x1, x2)
    shapes = tuple(x1.shape), tuple(x2.shape)
    if min(map(len, shapes)) < 2 or shapes[0][-1] != shapes[1][-1]:
        raise ValueError(
            f"cdist: x1 has shape {shapes[0]} and x2 {shapes[1]}; (..., P, M) and (..., R, M) are needed, with the "
            "vectors along the last axis"
        )
    return norm(expand_dims(x1, -2) - expand_dims(x2, -3), p, -1)
