"""Schedules made of schedules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..optim import Optimizer
from ..optim.blocks import Group
from ..optim.checks import natural
from .scheduler import LRScheduler


class ChainedScheduler(LRScheduler):
    """lr = f_n(... f_2(f_1(base, t), t) ..., t), f_1, f_2, ... being the schedules' rates.

    So factors of base, such as a warm-up and a decay, are multiplied. In PyTorch, a schedule that is more than a factor
    (LambdaLR, restarts, a cosine with eta_min) overrides those before it, or mixes with them.
    """

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        self.schedulers = _together(schedulers, optimizer, "ChainedScheduler")
        super().__init__(self.schedulers[0].optimizer)

    def apply(self, groups: Sequence[Group], t: int) -> None:
        for scheduler in self.schedulers:
            scheduler.apply(groups, t)


class SequentialLR(LRScheduler):
    """lr = f_k(base, t - m_k), f_k being the schedule that began last, at its milestone m_k <= t; m_0 = 0."""

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int]
    ) -> None:
        self.schedulers = _together(schedulers, optimizer, "SequentialLR")
        self.milestones = [natural(m, "SequentialLR: milestones") for m in milestones]
        if self.milestones != sorted(set(self.milestones)):
            raise ValueError(f"SequentialLR: milestones must rise, not {self.milestones}")
        if len(self.milestones) != len(self.schedulers) - 1:
            raise ValueError(
                f"SequentialLR: {len(self.schedulers)} schedules need {len(self.schedulers) - 1} milestones, "
                f"not {len(self.milestones)}"
            )
        super().__init__(optimizer)

    def apply(self, groups: Sequence[Group], t: int) -> None:
        k = sum(m <= t for m in self.milestones)
        self.schedulers[k].apply(groups, t - self.milestones[k - 1] if k else t)


def _together(schedulers: Any, optimizer: Optimizer | None, where: str) -> list[LRScheduler]:
    """The schedules as a list, checked: all are functions of t, and of one optimiser."""
    found = list(schedulers)
    if not found:
        raise ValueError(f"{where}: there are no schedules")
    for i, scheduler in enumerate(found):
        if not isinstance(scheduler, LRScheduler):
            raise TypeError(
                f"{where}: schedulers[{i}] is a {type(scheduler).__name__}, no schedule"
            )
        if scheduler.goes_on:
            raise TypeError(
                f"{where}: schedulers[{i}] is a {type(scheduler).__name__}, which {scheduler.goes_on}"
            )
        if scheduler.optimizer is not (optimizer or found[0].optimizer):
            raise ValueError(f"{where}: schedulers[{i}] is of another optimiser")
    return found
