"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from minigrad import Tensor

from .optimizer import Optimizer, _not_negative


class SGD(Optimizer):
    """Stochastic gradient descent with momentum.

        g <- g + weight_decay w
        v <- momentum v + (1 - dampening) g        (v = g in the first step)
        w <- w - lr (g + momentum v if nesterov else v)

    As in PyTorch, and unlike Sutskever et al. 2013, the learning rate is outside v.
    """

    elementwise = True

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(params, lr)
        self.momentum = _not_negative(self, "momentum", momentum)
        self.dampening = _not_negative(self, "dampening", dampening)
        self.weight_decay = _not_negative(self, "weight_decay", weight_decay)
        self.nesterov = nesterov
        if nesterov and (momentum == 0 or dampening != 0):
            raise ValueError("SGD: nesterov needs momentum > 0 and dampening = 0")

    def _update(self, w: Any, g: Any, state: dict[str, Any], room: tuple[Any, Any]) -> None:
        u, s = room
        if self.weight_decay:
            np.multiply(w, self.weight_decay, out=u)
            g = np.add(g, u, out=u)
        if self.momentum:
            if "v" not in state:
                state["v"] = v = g.copy()
            else:
                v = state["v"]
                v *= self.momentum
                v += g if self.dampening == 0 else np.multiply(g, 1 - self.dampening, out=s)
            g = np.add(g, np.multiply(v, self.momentum, out=s), out=s) if self.nesterov else v
        w -= np.multiply(g, float(self.lr), out=u)
