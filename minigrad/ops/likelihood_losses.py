"""Negative log-likelihoods: of a normal and a Poisson distribution."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.dtypes import in_array
from .axes import in_floats
from .elementwise import exp, log, maximum, where
from .elementwise_losses import _checked
from .inspection import plain
from .loss_terms import Reduction, reduced, rounded_once
from .reads import refuse
from .shapes import expand_dims


@rounded_once
def gaussian_nll_loss(
    x: Any,
    target: Any,
    var: Any,
    full: bool = False,
    eps: float = 1e-6,
    reduction: Reduction = "mean",
) -> Any:
    """mean of (log v + (x - target)^2 / v) / 2 with v = max(var, eps): a normal distribution of mean x, variance var.

    target  of x's shape
    var     of x's shape, or one per row: with a last axis of 1, or without a last axis; or a number
    full    adds the constant log(2 pi) / 2

    Nix, Weigend 1994.

    At the edge: a var below eps has gradient 0, and at eps one half; for PyTorch's gradient v still is var.
    """
    op = "gaussian_nll_loss"
    x, target = _checked(op, x, target, reduction)
    if isinstance(var, (int, float)):
        var = np.full_like(plain(x), var)
    var = in_floats(in_array(var))
    shape, given = tuple(x.shape), tuple(var.shape)
    if given == shape[:-1] and given != shape and given:
        var = expand_dims(var, -1)
    elif given not in (shape, (*shape[:-1], 1), ()):
        raise ValueError(
            f"{op}: var has shape {given} and x {shape}; x's own shape, or one variance per row, is needed"
        )
    message = f"{op}: var has negative elements; pass exp of what a net gives, or softplus"
    refuse(plain(var) < 0, lambda: ValueError(message))
    if not eps > 0:
        raise ValueError(f"{op}: eps must be > 0, not {eps!r}")
    var = maximum(var, eps)
    terms = 0.5 * (log(var) + (x - target) ** 2 / var)
    return reduced(terms + 0.5 * math.log(2 * math.pi) if full else terms, reduction)


@rounded_once
def poisson_nll_loss(
    x: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: Reduction = "mean",
) -> Any:
    """mean of exp(x) - target x, or of x - target log(x + eps) if not log_input: counts of a Poisson distribution.

    x       the logarithm of the rate, or the rate
    target  counts, of x's shape
    full    adds Stirling's t log t - t + log(2 pi t) / 2 for log(t!) where the target t is above 1
    """
    x, target = _checked("poisson_nll_loss", x, target, reduction)
    terms = exp(x) - target * x if log_input else x - target * log(x + eps)
    if full:
        is_many = plain(target) > 1
        t = where(is_many, target, 1)
        terms = terms + where(is_many, t * log(t) - t + 0.5 * log(2 * math.pi * t), 0)
    return reduced(terms, reduction)
