"""Losses with a margin as modules: of rankings, triplets, angles, classes and sets of classes; see `losses`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import minigrad

from ..optim.checks import one_of, positive
from .distances import PairwiseDistance
from .losses import Loss, _buffer

# Several inputs ------------------------------------------------------------------------------------------


class MarginRankingLoss(Loss):
    """mean of max(0, margin - target (x1 - x2)); target is 1 where x1 should be the larger, -1 where x2 should."""

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        self.margin = margin
        self.reduction = reduction

    def forward(self, x1: Any, x2: Any, target: Any) -> Any:
        return minigrad.margin_ranking_loss(x1, x2, target, self.margin, self.reduction)


class TripletMarginLoss(Loss):
    """mean of max(0, d(anchor, positive) - d(anchor, negative) + margin), with d the PairwiseDistance of p and eps.

    swap  d(positive, negative) in place of d(anchor, negative) where it is smaller

    Schroff, Kalenichenko, Philbin 2015; swap: Balntas et al. 2016.
    """

    checks = Loss.checks | {"margin": positive}

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap
        self.reduction = reduction

    def forward(self, anchor: Any, positive: Any, negative: Any) -> Any:
        return minigrad.triplet_margin_loss(
            anchor, positive, negative, self.margin, self.p, self.eps, self.swap, self.reduction
        )


def _function(value: Any, name: str) -> Any:
    if not callable(value):
        raise ValueError(f"{name} must be a function of two batches, not {value!r}")
    return value


class TripletMarginWithDistanceLoss(Loss):
    """mean of max(0, d(anchor, positive) - d(anchor, negative) + margin), with d the distance_function.

    distance_function  of two batches (N, ...), a function or a Module; by default `nn.PairwiseDistance()`
    swap               d(positive, negative) in place of d(anchor, negative) where it is smaller
    """

    checks = Loss.checks | {"margin": positive, "distance_function": _function}

    def __init__(
        self,
        *,
        distance_function: Callable[[Any, Any], Any] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        self.distance_function = (
            PairwiseDistance() if distance_function is None else distance_function
        )
        self.margin = margin
        self.swap = swap
        self.reduction = reduction

    def forward(self, anchor: Any, positive: Any, negative: Any) -> Any:
        return minigrad.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )


class HingeEmbeddingLoss(Loss):
    """mean of x where the target is 1, and of max(0, margin - x) where it is -1; x holds distances, of any shape."""

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        self.margin = margin
        self.reduction = reduction

    def forward(self, x: Any, target: Any) -> Any:
        return minigrad.hinge_embedding_loss(x, target, self.margin, self.reduction)


class CosineEmbeddingLoss(Loss):
    """mean of 1 - cos(x1, x2) where the target is 1, and of max(0, cos(x1, x2) - margin) where it is -1.

    x1, x2  vectors (N, D) or (D,)
    target  1 and -1, (N,) or ()
    """

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        self.margin = margin
        self.reduction = reduction

    def forward(self, x1: Any, x2: Any, target: Any) -> Any:
        return minigrad.cosine_embedding_loss(x1, x2, target, self.margin, self.reduction)


# Scores --------------------------------------------------------------------------------------------------


class SoftMarginLoss(Loss):
    """mean of log(1 + exp(-target x)), for targets 1 and -1 of x's shape."""

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction

    def forward(self, x: Any, target: Any) -> Any:
        return minigrad.soft_margin_loss(x, target, self.reduction)


class MultiMarginLoss(Loss):
    """sum_{j != t} w_t max(0, x_j - x_t + margin)^p / C, averaged over the rows; HingeLoss is C times that of p = 1.

    x       scores (N, C, ...)
    target  integer labels (N, ...)
    weight  w: one per class, (C,)

    Crammer, Singer 2001.
    """

    checks = Loss.checks | {"p": one_of(1, 2)}

    def __init__(
        self, p: int = 1, margin: float = 1.0, weight: Any = None, reduction: str = "mean"
    ) -> None:
        self.p = p
        self.margin = margin
        self.weight = _buffer(weight)
        self.reduction = reduction

    def forward(self, x: Any, target: Any) -> Any:
        return minigrad.multi_margin_loss(
            x, target, self.p, self.margin, self.weight, self.reduction
        )


class MultiLabelMarginLoss(Loss):
    """sum_j sum_i max(0, 1 - x_j + x_i) / C over the classes j of a row's target and i not of it, averaged.

    x       scores (N, C) or (C,)
    target  of x's shape, integers: the labels of a row, then -1
    """

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction

    def forward(self, x: Any, target: Any) -> Any:
        return minigrad.multilabel_margin_loss(x, target, self.reduction)


class MultiLabelSoftMarginLoss(Loss):
    """mean over the classes of -w (t log s(x) + (1 - t) log(1 - s(x))), with s the sigmoid, averaged over the rows.

    x       logits (..., C)
    target  0 and 1, of x's shape
    weight  w: one per class, (C,)
    """

    def __init__(self, weight: Any = None, reduction: str = "mean") -> None:
        self.weight = _buffer(weight)
        self.reduction = reduction

    def forward(self, x: Any, target: Any) -> Any:
        return minigrad.multilabel_soft_margin_loss(x, target, self.weight, self.reduction)
