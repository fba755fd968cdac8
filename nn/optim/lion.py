"""Lion: steps of one size, in the direction of the sign of a mean gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from .blocks import Group, Pair, State
from .checks import fractions, not_negative
from .optimizer import Law
from .options import option
from .parts import averaged, decayed, kept


class Lion(Law):
    """Lion, which a search over programs found, from Chen et al. 2023 (algorithm 2).

        w <- w - lr (sign(beta1 m + (1 - beta1) g) + weight_decay w)
        m <- beta2 m + (1 - beta2) g

    Every element moves by lr, whatever the size of its gradient; the sign of 0 is 0. PyTorch has no Lion; names and
    defaults are those of the authors' own code.
    """

    elementwise = True

    lr: float = option(not_negative, default=1e-4)
    betas: tuple[float, float] = option(fractions, default=(0.9, 0.99))
    weight_decay: float = option(not_negative, default=0.0)

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
