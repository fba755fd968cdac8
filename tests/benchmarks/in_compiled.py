"""minigrad, with forward and backward compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import in_minigrad
from workloads import Workload

import minigrad


def start(workload: Workload) -> tuple[Callable[[], Any], Callable[[], dict[str, Any]]]:
    begun = in_minigrad.training(workload)
    model, loss_of = begun.model, begun.loss_of

    @minigrad.compile
    def gradients(x: Any, y: Any) -> Any:
        loss = loss_of(model(x), y)
        loss.backward()
        return loss

    def step() -> Any:
        begun.optimizer.zero_grad()
        loss = gradients(begun.x, begun.y)
        begun.update()
        return loss

    return step, model.state_dict
