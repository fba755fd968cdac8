"""Batch normalisation by the mean and variance of the rows of all ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import minigrad
from minigrad.devices import is_elsewhere

if TYPE_CHECKING:
    from ..parallel import Ranks


def _over_ranks(x: Any, ranks: Ranks, rows: int, given: float = 1.0, taken: float = 1.0) -> Any:
    """y_k = sum_r given_r x_r / taken_k on rank k"""
    if is_elsewhere(x):
        return minigrad.placed(_over_ranks(minigrad.on_host(x), ranks, rows, given, taken), x)
    if type(x) is not np.ndarray:
        raise TypeError(
            f"BatchNorm over all ranks: a sum over ranks is of NumPy arrays, not of a {type(x).__name__}; leave it out "
            "of compiled functions"
        )
    ranks.meet("sum")
    # what a rank without rows has, which may be nan, is not read
    total = ranks.sum(np.array(x * given, order="C") if given else np.zeros_like(x, order="C"))
    return total / taken if taken else np.zeros_like(total)


def _quotient(a: float, b: float) -> float:
    return a / b if b else 0.0


# Each rank walks back from the mean over its own w_k rows, and `average` multiplies what it finds by w_k / sum_r w_r:
# so what comes back from rank r is multiplied by w_r / w_k here.
sum_over_ranks: Any = minigrad.primitive(
    _over_ranks,
    x=lambda g, ranks, rows, given, taken: sum_over_ranks(
        g, ranks, rows, _quotient(rows, taken), _quotient(rows, given)
    ),
)


def batch_norm(
    x: Any, ranks: Ranks, running_mean: Any, running_var: Any, weight: Any, bias: Any, momentum: float, eps: float
) -> Any:  # fmt: skip
    """`minigrad.batch_norm` in training, with mean and var over the rows of x (N, C, ...) on all ranks."""
    over = (0, *range(2, x.ndim))
    per_channel = (-1, *[1] * (x.ndim - 2))
    here = x.size // x.shape[1]
    n = int(ranks.meet("sum", here).sum())
    if n < 2:
        raise ValueError(
            f"BatchNorm: x of shape {tuple(x.shape)} has {n} values per channel on all ranks together, which have no "
            "variance to learn from"
        )
    wide = x.astype(np.promote_types(x.dtype, np.float32))

    def mean(values: Any) -> Any:
        return sum_over_ranks(values.sum(over, keepdims=True), ranks, len(x)) / n

    average = mean(wide)
    centred = wide - average
    var = mean(minigrad.square(centred))
    y = centred / minigrad.sqrt(var + eps)
    y = y if weight is None else y * weight.reshape(per_channel)
    y = y if bias is None else y + bias.reshape(per_channel)
    if running_mean is not None:
        for running, now in ((running_mean, average), (running_var, var * (n / (n - 1)))):
            now = now.detach().data.reshape(-1)
            running.assign(((1 - momentum) * running.data + momentum * now).astype(running.dtype))
    return y.astype(x.dtype)
