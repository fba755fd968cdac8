"""What minigrad and PyTorch share word for word: the step, its time layer by layer, a chain and a fan-out of nodes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

CHAIN = 1000  # nodes
FAN = 10_000  # branches, two nodes each: the branch and the sum that it joins


class Training(NamedTuple):
    model: Any  # a Sequential
    loss_of: Callable[[Any, Any], Any]
    optimizer: Any
    x: Any
    y: Any
    clip: Callable[[], object] | None = None  # makes gradients smaller

    def step(self) -> Any:
        loss = self.loss_of(self.model(self.x), self.y)
        self.optimizer.zero_grad()
        loss.backward()
        self.update()
        return loss

    def update(self) -> None:
        if self.clip is not None:
            self.clip()
        self.optimizer.step()

    def seconds_by_layer(self, layers: Iterable[object]) -> dict[str, float]:
        """The seconds of each part of one step; the layers' names come from `layers`.

        A hook on a layer's output is called when its gradient has arrived, before the layer's own backward begins:
        what passes until the hook of the layer before is called is this layer's.
        """
        names = [f"{place} {layer}" for place, layer in enumerate(layers)]
        clock = time.perf_counter
        seconds: dict[str, float] = {}
        arrived: list[float] = []
        h = self.x
        for name, layer in zip(names, self.model, strict=True):
            began = clock()
            h = layer(h)
            seconds[f"{name}, forward"] = clock() - began
            h.register_hook(lambda g: arrived.append(clock()))
        began = clock()
        loss = self.loss_of(h, self.y)
        seconds["cross-entropy, forward"] = clock() - began
        forgetting = clock()
        self.optimizer.zero_grad()
        began = clock()
        loss.backward()
        ended = clock()
        self.update()
        stepped = clock()
        seconds["cross-entropy, backward"] = arrived[0] - began
        ends = [*arrived[1:], ended]
        for name, start, end in zip(reversed(names), arrived, ends, strict=True):
            seconds[f"{name}, backward"] = end - start
        seconds["update"] = began - forgetting + stepped - ended
        return seconds


def chain(x: Any) -> None:
    """h = h + 1, a thousand times, forward and backward."""
    h = x
    for _ in range(CHAIN):
        h = h + 1
    h.sum().backward()


def fan(x: Any) -> None:
    """x + 1, ten thousand times from the same x, summed; forward and backward."""
    total = x
    for _ in range(FAN):
        total = total + (x + 1)
    total.sum().backward()
