"""A learning rate that is reduced when a metric gets no better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from minigrad import Tensor

from ..optim import Optimizer
from ..optim.checks import fraction, natural, not_negative, one_of
from .scheduler import LRScheduler, per_group


class ReduceLROnPlateau(LRScheduler):
    """lr <- max(factor lr, min_lr) when a metric has not become better for more than `patience` steps.

    mode            "min": lower is better, "max": higher is
    threshold       better means below best (1 - threshold) or, with mode "max", above best (1 + threshold); with
                    threshold_mode "abs", below best - threshold or above best + threshold. nan is never better
    cooldown        steps after a reduction that do not count
    min_lr          one number for all groups, or a list of one each
    eps             a reduction by no more than this is left out

    It works beside a schedule of t: "initial_lr", from which that computes its rates, is reduced by the same factor.
    """

    goes_on = "goes by a metric; step it beside the others"

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        law = type(self).__name__
        self.mode = one_of("min", "max")(mode, f"{law}: mode")
        self.factor = fraction(factor, f"{law}: factor")
        self.patience = natural(patience, f"{law}: patience", least=0)
        self.threshold = not_negative(threshold, f"{law}: threshold")
        self.threshold_mode = one_of("rel", "abs")(threshold_mode, f"{law}: threshold_mode")
        self.cooldown = natural(cooldown, f"{law}: cooldown", least=0)
        self.min_lr = min_lr
        self.eps = not_negative(eps, f"{law}: eps")
        self.best: float | None = None
        self.num_bad_epochs = self.cooldown_counter = 0
        super().__init__(optimizer)
        self._least_rates()

    def step(self, metrics: float | Tensor) -> None:  # type: ignore[override]
        """Look at the metric after an epoch, and reduce the rates if it is time."""
        metric = metrics.item() if isinstance(metrics, Tensor) else float(metrics)
        least = self._least_rates()
        self._set(self.last_epoch + 1)
        self.num_bad_epochs += 1
        if self._is_better(metric):
            self.best, self.num_bad_epochs = metric, 0
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
            self._reduce(least)

    def _is_better(self, metric: float) -> bool:
        sign = 1 if self.mode == "max" else -1
        best = -sign * math.inf if self.best is None else self.best
        by = sign * self.threshold
        scale, shift = (1 + by, 0.0) if self.threshold_mode == "rel" else (1.0, by)
        return sign * metric > sign * (best * scale + shift)

    def _reduce(self, least: list[float]) -> None:
        for group, low in zip(self.optimizer.param_groups, least, strict=True):
            old = group["lr"]
            new = max(old * self.factor, low)
            if old - new > self.eps:
                group["lr"] = new
                if "initial_lr" in group:
                    group["initial_lr"] *= new / old

    def _least_rates(self) -> list[float]:
        name = f"{type(self).__name__}: min_lr"
        rates = per_group(self.min_lr, self.optimizer.param_groups, name)
        return [not_negative(rate, name) for rate in rates]

    def _set(self, t: int) -> None:
        self.last_epoch = t  # the rates do not depend on it, and stay as they are

    # State -------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """The schedule's name and the numbers from which it goes on; the optimiser's state has the reduced rates."""
        return super().state_dict() | {
            "best": self.best,
            "num_bad_epochs": self.num_bad_epochs,
            "cooldown_counter": self.cooldown_counter,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`. Everything is checked before anything is written."""
        found = self._checked(state)
        self.last_epoch, self.best = found["last_epoch"], found["best"]
        self.num_bad_epochs = found["num_bad_epochs"]
        self.cooldown_counter = found["cooldown_counter"]
