"""Negative log-likelihoods as modules: of normal and Poisson distributions, and of labels without an alignment."""

from __future__ import annotations

from functools import partial
from typing import Any

import minigrad

from ..optim.checks import natural, positive
from .losses import Loss


class GaussianNLLLoss(Loss):
    """mean of (log v + (x - target)^2 / v) / 2 with v = max(var, eps): a normal distribution of mean x, variance var.

    var   of x's shape, or one per row
    full  adds the constant log(2 pi) / 2

    Nix, Weigend 1994.
    """

    checks = Loss.checks | {"eps": positive}

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        self.full = full
        self.eps = eps
        self.reduction = reduction

    def forward(self, x: Any, target: Any, var: Any) -> Any:
        return minigrad.gaussian_nll_loss(x, target, var, self.full, self.eps, self.reduction)


class PoissonNLLLoss(Loss):
    """mean of exp(x) - target x, or of x - target log(x + eps) if not log_input: counts of a Poisson distribution.

    full  adds Stirling's approximation of log(target!)
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        eps: float = 1e-8,
        reduction: str = "mean",
    ) -> None:
        self.log_input = log_input
        self.full = full
        self.eps = eps
        self.reduction = reduction

    def forward(self, x: Any, target: Any) -> Any:
        return minigrad.poisson_nll_loss(
            x, target, self.log_input, self.full, self.eps, self.reduction
        )


class CTCLoss(Loss):
    """-log(sum over the paths of prod_t p_t): paths that are the target once repetitions, then blanks, are left out.

    log_probs       (T, N, C), as LogSoftmax gives them
    targets         labels without blanks, (N, S), filled up with anything; or all sequences in a row
    input_lengths, target_lengths  how many steps and labels count, (N,)
    zero_infinity   a target that is too long has loss 0 instead of inf

    Graves et al. 2006.
    """

    checks = Loss.checks | {"blank": partial(natural, least=0)}

    def __init__(
        self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False
    ) -> None:
        self.blank = blank
        self.reduction = reduction
        self.zero_infinity = zero_infinity

    def forward(self, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any) -> Any:
        return minigrad.ctc_loss(
            log_probs,
            targets,
            input_lengths,
            target_lengths,
            self.blank,
            self.reduction,
            self.zero_infinity,
        )
