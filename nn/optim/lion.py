"""Lion."""

from __future__ import annotations

from typing import Any

import numpy as np

from .blocks import Group, Pair, State
from .checks import each, fractions, not_negative
from .optimizer import Optimizer, Params
from .parts import averaged, decayed, kept


class Lion(Optimizer):
    """Lion, the law that a search over programs found, from Chen et al. 2023 (algorithm 2).

        w <- w - lr (sign(beta1 m + (1 - beta1) g) + weight_decay w)
        m <- beta2 m + (1 - beta2) g

    Every element moves by lr, whatever the size of its gradient; the sign of 0 is 0. PyTorch has no Lion; names and
    defaults are those of the authors' own code.
    """

    elementwise = True

    def __init__(
        self,
        params: Params,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr, betas=betas, weight_decay=weight_decay)

    def _check(self, options: Group) -> None:
        each(options, not_negative, "lr", "weight_decay")
        each(options, fractions, "betas")

    def _update(self, w: Any, g: Any, state: State, group: Group, room: Pair) -> None:
        beta1, beta2 = group["betas"]
        u, s = room
        m = kept(state, "m", w)
        if group["weight_decay"]:
            decayed(g, w, group, s, decoupled=True)
        np.multiply(m, beta1, out=u)
        u += np.multiply(g, 1 - beta1, out=s)
        np.sign(u, out=u)
        u *= float(group["lr"])
        w -= u
        averaged(m, g, beta2, s)
