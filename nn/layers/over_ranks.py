"""Batch normalisation by the mean and variance of the rows of all ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import minigrad
from minigrad.devices import is_elsewhere

if TYPE_CHECKING:
    from ..parallel import Ranks


def _over_ranks(
    x: Any, ranks: Ranks, place: int, share: float, given: float = 1.0, taken: float = 1.0
) -> Any:
    """y_k = sum_r given_r x_r / taken_k on rank k"""
    if is_elsewhere(x):
        return minigrad.placed(
            _over_ranks(minigrad.on_host(x), ranks, place, share, given, taken), x
        )
    if type(x) is not np.ndarray:
        raise TypeError(
            f"BatchNorm over the rows of all ranks: they add NumPy arrays, not a {type(x).__name__}; leave it out of "
            "compiled functions (fit's compile=False), or each rank to its own rows (synchronised=False)"
        )
    ranks.meet("norm", which=place)
    # what a rank without rows has, which may be nan, is not read
    total = ranks.sum(np.array(x * given, order="C") if given else np.zeros_like(x, order="C"))
    return total / taken if taken else np.zeros_like(total)


def _quotient(a: float, b: float) -> float:
    return a / b if b else 0.0


# Each rank walks back from a mean over its own rows, and `average` multiplies what it finds by w_k / sum_r w_r: so what
# comes back from rank r is multiplied by w_r / w_k here, with w_k as `share` on rank k.
sum_over_ranks: Any = minigrad.primitive(
    _over_ranks,
    x=lambda g, ranks, place, share, given, taken: sum_over_ranks(
        g, ranks, place, share, _quotient(share, taken), _quotient(share, given)
    ),
)


def batch_norm(
    x: Any, ranks: Ranks, place: int, running_mean: Any, running_var: Any, weight: Any, bias: Any, momentum: float,
    eps: float,
) -> Any:  # fmt: skip
    """`minigrad.batch_norm` in training, with mean and var over the rows of x (N, C, ...) on all ranks."""
    over = (0, *range(2, x.ndim))
    # a rank without rows has nothing that the others would take
    share = float(len(x) if ranks.weight is None or not len(x) else ranks.weight)
    told = ranks.meet("norm", x.size // x.shape[1], share, which=place)
    n = int(told[:, 0].sum())
    if n < 2:
        raise ValueError(
            f"BatchNorm: x of shape {tuple(x.shape)} has {n} values per channel on all ranks together, which have no "
            "variance to learn from"
        )
    wide = x.astype(np.promote_types(x.dtype, np.float32))

    def mean(values: Any) -> Any:
        return sum_over_ranks(values.sum(over, keepdims=True), ranks, place, share) / n

    average = mean(wide)
    var = mean(minigrad.square(wide - average))
    if isinstance(var, minigrad.Tensor) and var.requires_grad:
        ranks.shares.add(tuple(told[:, 1]))
    moments = average.reshape(-1), var.reshape(-1), n
    return minigrad.batch_norm(
        x, running_mean, running_var, weight, bias, True, momentum, eps, moments
    )
