"""The learning rate of weights that are averaged: from the present one to one that stays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..optim import Optimizer
from ..optim.checks import natural, not_negative, one_of
from .scheduler import LRScheduler, per_group


class SWALR(LRScheduler):
    """lr = (1 - a) first + a swa_lr, a from 0 to 1 in anneal_epochs steps, `first` being the rate that it meets.

        "cos": a = (1 - cos(pi p)) / 2, "linear": a = p, with p = min(t / anneal_epochs, 1)

    It is made at the start, beside the schedule that comes before, and stepped in its place when the averaging begins:
    t counts its own steps. As in PyTorch, each rate follows from the one before. swa_lr may be a list with one value
    per group. From Izmailov et al. 2018; see `nn.optim.swa_utils.AveragedModel`.
    """

    goes_on = "goes on from the rate that it meets; step it after the others"

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
    ) -> None:
        self.swa_lr = swa_lr
        self.anneal_epochs = natural(anneal_epochs, "SWALR: anneal_epochs", least=0)
        self.anneal_strategy = one_of("cos", "linear")(anneal_strategy, "SWALR: anneal_strategy")
        super().__init__(optimizer)

    def _set(self, t: int) -> None:
        groups = self.optimizer.param_groups
        lasts = [
            not_negative(rate, "SWALR: swa_lr")
            for rate in per_group(self.swa_lr, groups, "SWALR: swa_lr")
        ]
        before, part = self._part(t - 1), self._part(t)
        for group, last in zip(groups, lasts, strict=True):
            group.setdefault("initial_lr", group["lr"])
            first = (group["lr"] - before * last) / (1 - before) if before < 1 else last
            group["lr"] = (1 - part) * first + part * last
        self.last_epoch = t

    def _part(self, t: int) -> float:
        p = min(max(t, 0) / self.anneal_epochs, 1.0) if self.anneal_epochs else 1.0
        return p if self.anneal_strategy == "linear" else (1 - math.cos(math.pi * p)) / 2

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`; the optimiser's state has the rates."""
        self.last_epoch = self._checked(state)["last_epoch"]
