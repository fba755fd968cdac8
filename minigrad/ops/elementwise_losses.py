"""Losses with a term per element of x and its target: distances, logistic losses, divergence."""

from __future__ import annotations

from typing import Any

from ..core.dtypes import in_array
from ..devices import on_host
from .activations import softplus
from .axes import in_floats
from .elementwise import absolute, clip, exp, log, maximum, where
from .inspection import plain
from .loss_terms import (
    Reduction,
    check_reduction,
    check_same_shape,
    fitting,
    reduced,
    rounded_once,
    weighted,
)
from .reads import refuse
from .reductions import sum


def _checked(op: str, x: Any, target: Any, reduction: str, *more: str) -> tuple[Any, Any]:
    """x and its target as floats; ValueError if their shapes differ or the reduction is unknown."""
    check_reduction(op, reduction, *more)
    check_same_shape(op, x, target)
    return in_floats(in_array(x)), in_floats(in_array(target))


@rounded_once
def mse_loss(x: Any, target: Any, reduction: Reduction = "mean") -> Any:
    """mean((x - target)^2); x and target must have one shape."""
    x, target = _checked("mse_loss", x, target, reduction)
    return reduced((x - target) ** 2, reduction)


@rounded_once
def l1_loss(x: Any, target: Any, reduction: Reduction = "mean") -> Any:
    """mean(|x - target|); x and target must have one shape.

    At the kink: x = target has gradient 0, of least norm.
    """
    x, target = _checked("l1_loss", x, target, reduction)
    return reduced(absolute(x - target), reduction)


@rounded_once
def smooth_l1_loss(x: Any, target: Any, reduction: Reduction = "mean", beta: float = 1.0) -> Any:
    """mean of (x - t)^2 / (2 beta) where |x - t| < beta and |x - t| - beta / 2 elsewhere; l1_loss if beta is 0."""
    x, target = _checked("smooth_l1_loss", x, target, reduction)
    if not beta >= 0:
        raise ValueError(f"smooth_l1_loss: beta must be >= 0, not {beta}")
    d = x - target
    return reduced(_huber(d, beta) / beta if beta else absolute(d), reduction)


@rounded_once
def huber_loss(x: Any, target: Any, reduction: Reduction = "mean", delta: float = 1.0) -> Any:
    """mean of (x - t)^2 / 2 where |x - t| < delta and delta (|x - t| - delta / 2) elsewhere."""
    x, target = _checked("huber_loss", x, target, reduction)
    if not delta > 0:
        raise ValueError(f"huber_loss: delta must be > 0, not {delta}")
    return reduced(_huber(x - target, delta), reduction)


def _huber(d: Any, bound: float) -> Any:
    near = clip(d, -bound, bound)  # far elements are not squared, which might overflow
    return near * (d - 0.5 * near)


@rounded_once
def binary_cross_entropy_with_logits(
    x: Any,
    target: Any,
    weight: Any = None,
    reduction: Reduction = "mean",
    pos_weight: Any = None,
) -> Any:
    """mean of -w (p t log s(x) + (1 - t) log(1 - s(x))), with s the sigmoid, exact for large logits.

    target      probabilities of x's shape; 0 and 1 for labels
    weight, pos_weight  w and p above: numbers or arrays that broadcast to x's shape

    At the edge: a logit of inf with target 1, or of -inf with target 0, has loss 0 and gradient 0.
    """
    op = "binary_cross_entropy_with_logits"
    x, target = _checked(op, x, target, reduction)
    positive = target if pos_weight is None else target * fitting(op, "pos_weight", pos_weight, x)
    negative = 1 - target
    if weight is not None:
        weight = fitting(op, "weight", weight, x)
        positive, negative = positive * weight, negative * weight
    # -log s(x) = softplus(-x) and -log(1 - s(x)) = softplus(x): nothing is lost to rounding at either end
    return reduced(weighted(positive, softplus(-x)) + weighted(negative, softplus(x)), reduction)


@rounded_once
def binary_cross_entropy(
    x: Any, target: Any, weight: Any = None, reduction: Reduction = "mean"
) -> Any:
    """mean of -w (t log x + (1 - t) log(1 - x)) for probabilities x in [0, 1].

    target  probabilities of x's shape; 0 and 1 for labels
    weight  w above: a number or an array that broadcasts to x's shape

    At the edge: logarithms below -100, also that of 0, become -100 and have gradient 0. For logits use
    binary_cross_entropy_with_logits, which needs no such bound.
    """
    op = "binary_cross_entropy"
    x, target = _checked(op, x, target, reduction)
    outside = (plain(x) < 0) | (plain(x) > 1)
    refuse(
        outside,
        lambda: ValueError(
            f"{op}: x has the element {on_host(x)[on_host(outside)][0]}; probabilities are in [0, 1]. For logits use "
            "binary_cross_entropy_with_logits"
        ),
    )
    terms = -(target * _bounded_log(x) + (1 - target) * _bounded_log(1 - x))
    return reduced(terms if weight is None else terms * fitting(op, "weight", weight, x), reduction)


def _bounded_log(x: Any) -> Any:
    return where(x == 0, -100, maximum(log(where(x == 0, 1, x)), -100))


@rounded_once
def kl_div(x: Any, target: Any, reduction: Reduction = "mean", log_target: bool = False) -> Any:
    """mean of t (log t - x), with t probabilities and x log-probabilities: the divergence of x from t.

    reduction   also "batchmean": the sum divided by x.shape[0], the mean divergence if each row is a distribution
    log_target  the target holds log-probabilities too

    At the edge: where t is 0 (its logarithm -inf) the term and its gradients are 0, whatever x is.
    """
    x, target = _checked("kl_div", x, target, reduction, "batchmean")
    if reduction == "batchmean" and not x.shape:
        raise ValueError("kl_div: reduction 'batchmean' divides by x.shape[0], but x is 0-d")
    t = exp(target) if log_target else target
    is_zero = t == 0
    log_t = where(is_zero, 0, target) if log_target else log(where(is_zero, 1, target))
    terms = t * (log_t - where(is_zero, 0, x))
    return sum(terms) / x.shape[0] if reduction == "batchmean" else reduced(terms, reduction)
