"""Losses as modules: options in the constructor, then `loss(input, target)`."""

from __future__ import annotations

from typing import Any

import minigrad

from .module import Buffer, Module


class CrossEntropyLoss(Module):
    """-log softmax(x)[target], averaged over the rows that are not ignored, weighted by class.

    x       logits (N, C, ...); no softmax before this loss
    target  integer labels (N, ...), as array or Tensor, or probabilities of x's shape
    """

    def __init__(
        self,
        weight: Any = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        self.weight = None if weight is None else Buffer(weight)
        self.ignore_index = ignore_index
        self.reduction = reduction
        self.label_smoothing = label_smoothing

    def forward(self, x: Any, target: Any) -> Any:
        return minigrad.cross_entropy(
            x, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing
        )


class MSELoss(Module):
    """mean((x - target)^2); x and target have one shape."""

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction

    def forward(self, x: Any, target: Any) -> Any:
        return minigrad.mse_loss(x, target, self.reduction)
