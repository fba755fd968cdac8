"""Losses as modules: options in the constructor, then `loss(input, target)`.

Each is minigrad's function of the same name, whose docstring says what it does at the edges. reduction is "mean",
"sum" or "none"; a loss does not broadcast: input and target have the same shape, unless the target holds labels.
"""

from __future__ import annotations

from typing import Any

import minigrad

from ..module import Buffer, Module
from ..optim.checks import flag, integer, not_negative, number, one_of, positive, share


class Loss(Module):
    """The base of losses: what is set as an option of one is checked at once, in the constructor or later."""

    checks = {
        "reduction": one_of("mean", "sum", "none"),
        "ignore_index": integer,
        "label_smoothing": share,
        "margin": number,
        **dict.fromkeys(("beta", "eps", "p"), not_negative),
        "delta": positive,
        **dict.fromkeys(("full", "log_input", "log_target", "swap", "zero_infinity"), flag),
    }
    """Option -> its check; a loss that asks for something else says so."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.checks:
            value = self.checks[name](value, f"{type(self).__name__}: {name}")
        super().__setattr__(name, value)


# Class scores against labels -----------------------------------------------------------------------------


class CrossEntropyLoss(Loss):
    """-log softmax(x)[target], averaged over the rows that are not ignored, weighted by class.

    x       logits (N, C, ...); no softmax before this loss
    target  integer labels (N, ...), as array or Tensor, or probabilities of x's shape
    weight  one per class, (C,)
    """

    def __init__(
        self,
        weight: Any = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        self.weight = _buffer(weight)
        self.ignore_index = ignore_index
        self.reduction = reduction
        self.label_smoothing = label_smoothing

    def forward(self, x: Any, target: Any) -> Any:
        return minigrad.cross_entropy(
            x, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing
        )


class NLLLoss(Loss):
    """-x[target], averaged over the rows that are not ignored, weighted by class.

    x       log-probabilities (N, C, ...), as LogSoftmax gives them
    target  integer labels (N, ...)
    weight  one per class, (C,)
    """

    def __init__(
        self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        self.weight = _buffer(weight)
        self.ignore_index = ignore_index
        self.reduction = reduction

    def forward(self, x: Any, target: Any) -> Any:
        return minigrad.nll_loss(x, target, self.weight, self.ignore_index, self.reduction)


class HingeLoss(Loss):
    """sum_{j != t} max(0, x_j - x_t + margin), averaged over the rows: the loss of a multiclass SVM.

    x       scores (N, C, ...)
    target  integer labels (N, ...)

    It has another name than PyTorch's MultiMarginLoss, which is this divided by C. Weston, Watkins 1998.
    """

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        self.margin = margin
        self.reduction = reduction

    def forward(self, x: Any, target: Any) -> Any:
        return minigrad.hinge_loss(x, target, self.margin, self.reduction)


# Distances -----------------------------------------------------------------------------------------------


class MSELoss(Loss):
    """mean((x - target)^2)"""

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction

    def forward(self, x: Any, target: Any) -> Any:
        return minigrad.mse_loss(x, target, self.reduction)


class L1Loss(Loss):
    """mean(|x - target|)"""

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction

    def forward(self, x: Any, target: Any) -> Any:
        return minigrad.l1_loss(x, target, self.reduction)


class SmoothL1Loss(Loss):
    """mean of (x - t)^2 / (2 beta) where |x - t| < beta and |x - t| - beta / 2 elsewhere."""

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        self.reduction = reduction
        self.beta = beta

    def forward(self, x: Any, target: Any) -> Any:
        return minigrad.smooth_l1_loss(x, target, self.reduction, self.beta)


class HuberLoss(Loss):
    """mean of (x - t)^2 / 2 where |x - t| < delta and delta (|x - t| - delta / 2) elsewhere."""

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        self.reduction = reduction
        self.delta = delta

    def forward(self, x: Any, target: Any) -> Any:
        return minigrad.huber_loss(x, target, self.reduction, self.delta)


# Probabilities -------------------------------------------------------------------------------------------


class BCELoss(Loss):
    """mean of -w (t log x + (1 - t) log(1 - x)) for probabilities x in [0, 1]; logarithms are at least -100.

    weight  w: a number, or an array that broadcasts to x's shape
    """

    def __init__(self, weight: Any = None, reduction: str = "mean") -> None:
        self.weight = _buffer(weight)
        self.reduction = reduction

    def forward(self, x: Any, target: Any) -> Any:
        return minigrad.binary_cross_entropy(x, target, self.weight, self.reduction)


class BCEWithLogitsLoss(Loss):
    """mean of -w (p t log s(x) + (1 - t) log(1 - s(x))), with s the sigmoid, exact for large logits x.

    weight, pos_weight  w and p: numbers or arrays that broadcast to x's shape
    """

    def __init__(self, weight: Any = None, reduction: str = "mean", pos_weight: Any = None) -> None:
        self.weight = _buffer(weight)
        self.reduction = reduction
        self.pos_weight = _buffer(pos_weight)

    def forward(self, x: Any, target: Any) -> Any:
        return minigrad.binary_cross_entropy_with_logits(
            x, target, self.weight, self.reduction, self.pos_weight
        )


class KLDivLoss(Loss):
    """mean of t (log t - x), with t probabilities and x log-probabilities: the divergence of x from t.

    reduction   also "batchmean": the sum divided by x.shape[0], the mean divergence if each row is a distribution
    log_target  the target holds log-probabilities too
    """

    checks = Loss.checks | {"reduction": one_of("mean", "sum", "none", "batchmean")}

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        self.reduction = reduction
        self.log_target = log_target

    def forward(self, x: Any, target: Any) -> Any:
        return minigrad.kl_div(x, target, self.reduction, self.log_target)


def _buffer(weight: Any) -> Buffer | None:
    return None if weight is None else Buffer(weight)
