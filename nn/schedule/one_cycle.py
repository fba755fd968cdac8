"""One cycle: the learning rate goes up and down once, the momentum the other way."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..optim import Optimizer
from ..optim.blocks import Group
from ..optim.checks import flag, fraction, natural, one_of, positive, share
from .scheduler import LRScheduler, per_group


class OneCycleLR(LRScheduler):
    """lr from max_lr / div_factor up to max_lr, then down to max_lr / (div_factor final_div_factor).

        from a to b with "cos": b + (a - b) (1 + cos(pi p)) / 2, with "linear": a + (b - a) p

    p runs from 0 to 1 in each phase. The first ends at step pct_start total_steps - 1, the last at total_steps - 1;
    with three_phase the rate is back at its first value in between, at 2 pct_start total_steps - 2. The momentum, or
    betas[0], goes the other way: from max_momentum to base_momentum and back. From Smith and Topin 2018, who have
    three phases. max_lr, base_momentum and max_momentum may be lists with one value per group.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        self.total_steps = _steps(total_steps, epochs, steps_per_epoch)
        self.max_lr, self.max_momentum, self.base_momentum = max_lr, max_momentum, base_momentum
        self.anneal_strategy = one_of("cos", "linear")(
            anneal_strategy, "OneCycleLR: anneal_strategy"
        )
        self.cycle_momentum = flag(cycle_momentum, "OneCycleLR: cycle_momentum")
        self.div_factor = positive(div_factor, "OneCycleLR: div_factor")
        self.final_div_factor = positive(final_div_factor, "OneCycleLR: final_div_factor")
        peak = share(pct_start, "OneCycleLR: pct_start") * self.total_steps - 1
        back = [2 * peak] if flag(three_phase, "OneCycleLR: three_phase") else []
        self._ends = [0.0, peak, *back, float(self.total_steps - 1)]
        super().__init__(optimizer)

    def apply(self, groups: Sequence[Group], t: int) -> None:
        if t > self.total_steps:
            raise ValueError(f"OneCycleLR: the cycle of {self.total_steps} steps is over")
        high = per_group(self.max_lr, groups, "OneCycleLR: max_lr")
        for group, top in zip(groups, high, strict=True):
            first = positive(top, "OneCycleLR: max_lr") / self.div_factor
            group["lr"] = self._between(t, first, top, first / self.final_div_factor)
        if self.cycle_momentum:
            self._cycle_momentum(groups, t)

    def _cycle_momentum(self, groups: Sequence[Group], t: int) -> None:
        high = per_group(self.max_momentum, groups, "OneCycleLR: max_momentum")
        low = per_group(self.base_momentum, groups, "OneCycleLR: base_momentum")
        for group, most, least in zip(groups, high, low, strict=True):
            momentum = fraction(self._between(t, most, least, most), "OneCycleLR: the momentum")
            if "betas" in group:
                group["betas"] = (momentum, group["betas"][1])
            elif "momentum" in group:
                group["momentum"] = momentum
            else:
                raise ValueError(
                    f"OneCycleLR: {type(self.optimizer).__name__} has neither momentum nor betas; "
                    "pass cycle_momentum=False"
                )

    def _between(self, t: int, first: float, peak: float, last: float) -> float:
        """The value at step t of one that goes from first to peak, back to first with three phases, then to last."""
        ends = self._ends
        levels = [first, peak, last] if len(ends) == 3 else [first, peak, first, last]
        t = min(t, self.total_steps - 1)  # one more step leaves things as they are
        k = next(k for k in range(1, len(ends)) if t <= ends[k] or k == len(ends) - 1)
        p = (t - ends[k - 1]) / (ends[k] - ends[k - 1]) if ends[k] != ends[k - 1] else 1.0
        a, b = levels[k - 1], levels[k]
        if self.anneal_strategy == "linear":
            return a + (b - a) * p
        return b + (a - b) * (1 + math.cos(math.pi * p)) / 2


def _steps(total: int | None, epochs: int | None, per_epoch: int | None) -> int:
    if total is not None:
        return natural(total, "OneCycleLR: total_steps")
    if epochs is None or per_epoch is None:
        raise ValueError("OneCycleLR: pass total_steps, or epochs and steps_per_epoch")
    found = natural(epochs, "OneCycleLR: epochs")
    return found * natural(per_epoch, "OneCycleLR: steps_per_epoch")
