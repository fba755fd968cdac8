"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import numpy as np

from .blocks import Group, Pair, State
from .checks import flag, not_negative
from .optimizer import Law
from .options import option
from .parts import decayed


class SGD(Law):
    """Stochastic gradient descent with momentum.

        g <- g + weight_decay w
        v <- momentum v + (1 - dampening) g        (v = g in the first step)
        w <- w - lr (g + momentum v if nesterov else v)

    As in PyTorch, and unlike Sutskever et al. 2013, the learning rate is outside v.
    """

    elementwise = True

    lr: float = option(not_negative, default=1e-3)
    momentum: float = option(not_negative, default=0.0)
    dampening: float = option(not_negative, default=0.0)
    weight_decay: float = option(not_negative, default=0.0)
    nesterov: bool = option(flag, default=False)
    maximize: bool = option(flag, default=False, kw_only=True)

    def _check(self, options: Group) -> None:
        super()._check(options)
        if options["nesterov"] and (options["momentum"] == 0 or options["dampening"] != 0):
            raise ValueError("nesterov needs momentum > 0 and dampening = 0")

    def _update(self, w: Any, g: Any, state: State, group: Group, room: Pair) -> None:
        u, s = room
        momentum = group["momentum"]
        if group["weight_decay"]:
            g = decayed(g, w, group, u)
        if momentum:
            if "v" not in state:
                state["v"] = v = g.copy()
            else:
                v = state["v"]
                v *= momentum
                dampening = group["dampening"]
                v += g if dampening == 0 else np.multiply(g, 1 - dampening, out=s)
            g = np.add(g, np.multiply(v, momentum, out=s), out=s) if group["nesterov"] else v
        w -= np.multiply(g, float(group["lr"]), out=u)
