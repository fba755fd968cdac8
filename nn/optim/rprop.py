"""Rprop: a step size for each element, which the signs of its gradients alone adapt."""

from __future__ import annotations

from typing import Any

import numpy as np

from .blocks import Group, Pair, State
from .checks import flag, not_negative, numbers
from .optimizer import Law
from .options import option


class Rprop(Law):
    """Rprop, from Riedmiller and Braun 1993, in the form that Igel and Hüsken 2000 call iRprop-.

        d <- clip(d (etas[1] if g g' > 0 else etas[0] if g g' < 0 else 1), step_sizes[0], step_sizes[1])
        g <- 0 where g g' < 0,  w <- w - d sign(g),  g' <- g        (d = lr and g' = 0 before the first step)

    For gradients of all data: those of small batches change their signs by chance. lr is only the first step size.
    """

    elementwise = True

    lr: float = option(not_negative, default=1e-2)
    etas: tuple[float, float] = option(numbers(2), default=(0.5, 1.2))
    step_sizes: tuple[float, float] = option(numbers(2), default=(1e-6, 50))
    maximize: bool = option(flag, default=False, kw_only=True)

    def _check(self, options: Group) -> None:
        super()._check(options)
        down, up = options["etas"]
        least, most = options["step_sizes"]
        if not 0 < down < 1 < up:
            raise ValueError(f"etas must be in (0, 1) and above 1, not {options['etas']}")
        if not 0 <= least <= most:
            raise ValueError(f"step_sizes must be 0 <= least <= most, not {options['step_sizes']}")

    def _update(self, w: Any, g: Any, state: State, group: Group, room: Pair) -> None:
        down, up = group["etas"]
        u, s = room
        if not state:
            state.update(g=np.zeros_like(w), d=np.full_like(w, float(group["lr"])))
        last, d = state["g"], state["d"]
        np.multiply(g, last, out=u)
        d *= np.where(u > 0, up, np.where(u < 0, down, 1.0))
        np.clip(d, *group["step_sizes"], out=d)
        last[...] = np.where(u < 0, 0, g)
        np.sign(last, out=s)
        s *= d
        w -= s
