"""Learning rates in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from ..optim import Optimizer
from ..optim.blocks import Group
from ..optim.checks import natural, not_negative
from .scheduler import LRScheduler, per_group


class LambdaLR(LRScheduler):
    """lr = base lr_lambda(t); lr_lambda may be a list of functions, one for each group.

    Functions are code, and not part of the state.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
    ) -> None:
        self.lr_lambda = lr_lambda
        super().__init__(optimizer)

    def apply(self, groups: Sequence[Group], t: int) -> None:
        functions = per_group(self.lr_lambda, groups, "LambdaLR: lr_lambda")
        for group, function in zip(groups, functions, strict=True):
            group["lr"] *= function(t)


class MultiplicativeLR(LRScheduler):
    """lr = base lr_lambda(1) lr_lambda(2) ... lr_lambda(t); lr_lambda may be a list of functions, one for each group.

    Functions are code, and not part of the state.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
    ) -> None:
        self.lr_lambda = lr_lambda
        self._products: dict[int, list[float]] = {}  # of each group, as far as they were asked for
        super().__init__(optimizer)

    def apply(self, groups: Sequence[Group], t: int) -> None:
        functions = per_group(self.lr_lambda, groups, "MultiplicativeLR: lr_lambda")
        for i, (group, function) in enumerate(zip(groups, functions, strict=True)):
            products = self._products.setdefault(i, [1.0])
            while len(products) <= t:
                products.append(products[-1] * function(len(products)))
            group["lr"] *= products[t]


class StepLR(LRScheduler):
    """lr = base gamma^floor(t / step_size)."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self.step_size = natural(step_size, "StepLR: step_size")
        self.gamma = not_negative(gamma, "StepLR: gamma")
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        return base * self.gamma ** (t // self.step_size)


class MultiStepLR(LRScheduler):
    """lr = base gamma^k, k being the number of milestones <= t; one that is listed twice counts twice."""

    def __init__(self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1) -> None:
        self.milestones = [natural(m, "MultiStepLR: milestones", least=0) for m in milestones]
        self.gamma = not_negative(gamma, "MultiStepLR: gamma")
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        return base * self.gamma ** sum(m <= t for m in self.milestones)


class ExponentialLR(LRScheduler):
    """lr = base gamma^t."""

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = not_negative(gamma, "ExponentialLR: gamma")
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        return base * self.gamma**t


class ConstantLR(LRScheduler):
    """lr = base factor for t < total_iters, then base."""

    def __init__(self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5) -> None:
        self.factor = not_negative(factor, "ConstantLR: factor")
        self.total_iters = natural(total_iters, "ConstantLR: total_iters", least=0)
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        return base * self.factor if t < self.total_iters else base


class LinearLR(LRScheduler):
    """lr = base (start_factor + (end_factor - start_factor) min(t / total_iters, 1)).

    By default this is a warm-up; with start_factor=1, end_factor=0 it is a linear decay.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
    ) -> None:
        self.start_factor = not_negative(start_factor, "LinearLR: start_factor")
        self.end_factor = not_negative(end_factor, "LinearLR: end_factor")
        self.total_iters = natural(total_iters, "LinearLR: total_iters")
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        part = min(t, self.total_iters) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * part)


class PolynomialLR(LRScheduler):
    """lr = base (1 - min(t / total_iters, 1))^power."""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0) -> None:
        self.total_iters = natural(total_iters, "PolynomialLR: total_iters")
        self.power = not_negative(power, "PolynomialLR: power")
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        return base * (1 - min(t / self.total_iters, 1)) ** self.power


class CosineAnnealingLR(LRScheduler):
    """lr = eta_min + (base - eta_min) (1 + cos(pi t / T_max)) / 2.

    From Loshchilov and Hutter 2017, without their restarts: beyond T_max the rate rises again, as in PyTorch.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        self.T_max = natural(T_max, "CosineAnnealingLR: T_max")
        self.eta_min = not_negative(eta_min, "CosineAnnealingLR: eta_min")
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * t / self.T_max)) / 2


class CosineAnnealingWarmRestarts(LRScheduler):
    """lr = eta_min + (base - eta_min) (1 + cos(pi s / T)) / 2, s being the steps since the last restart.

    The first restart is after T = T_0 steps; each period after it is T_mult times as long as the one before. From
    Loshchilov and Hutter 2017 (SGDR).
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0
    ) -> None:
        self.T_0 = natural(T_0, "CosineAnnealingWarmRestarts: T_0")
        self.T_mult = natural(T_mult, "CosineAnnealingWarmRestarts: T_mult")
        self.eta_min = not_negative(eta_min, "CosineAnnealingWarmRestarts: eta_min")
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        period, since = self.T_0, t % self.T_0 if self.T_mult == 1 else t
        while since >= period:
            since -= period
            period *= self.T_mult
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * since / period)) / 2
