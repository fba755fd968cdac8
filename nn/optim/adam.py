"""Adam."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from minigrad import Tensor

from .optimizer import Optimizer, _not_negative


class Adam(Optimizer):
    """Adam, from Kingma and Ba 2015, with L2 regularisation as in PyTorch.

    g <- g + weight_decay w
    m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2
    w <- w - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
    """

    elementwise = True

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr)
        if not (isinstance(betas, (tuple, list)) and len(betas) == 2):
            raise ValueError(f"Adam: betas must be two numbers, not {betas!r}")
        for i, beta in enumerate(betas):
            if not 0 <= beta < 1:
                raise ValueError(f"Adam: betas[{i}] must be in [0, 1), not {beta}")
        self.betas = betas
        self.eps = _not_negative(self, "eps", eps)
        self.weight_decay = _not_negative(self, "weight_decay", weight_decay)

    def _update(self, w: Any, g: Any, state: dict[str, Any], room: tuple[Any, Any]) -> None:
        beta1, beta2 = self.betas
        if not state:
            state.update(t=0, m=np.zeros_like(w), v=np.zeros_like(w))
        state["t"] += 1
        t, m, v = state["t"], state["m"], state["v"]
        u, s = room
        if self.weight_decay:
            np.multiply(w, self.weight_decay, out=s)
            g = np.add(g, s, out=s)
        m *= beta1
        m += np.multiply(g, 1 - beta1, out=u)
        v *= beta2
        np.multiply(g, g, out=u)
        u *= 1 - beta2
        v += u
        # As the paper's section 2 computes it: the corrections are numbers, so they are taken out of the arrays.
        correction = math.sqrt(1 - beta2**t)
        np.sqrt(v, out=u)
        u += self.eps * correction
        np.divide(m, u, out=u)
        u *= float(self.lr) * correction / (1 - beta1**t)
        w -= u
