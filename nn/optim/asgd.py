"""Averaged stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import numpy as np

from .blocks import Group, Pair, State
from .checks import flag, not_negative
from .optimizer import Law
from .options import option
from .parts import decayed


class ASGD(Law):
    """Stochastic gradient descent that keeps the mean of its weights, from Polyak and Juditsky 1992, in Bottou's form.

        g <- g + weight_decay w
        w <- w - eta (g + lambd w)
        a <- a + mu (w - a)
        eta = lr / (1 + lambd lr t)^alpha,  mu = 1 / max(1, t - t0)        (from the second step on; before, lr and 1)

    a, the mean from step t0 on, is what to use in the end: `state_dict()["state"][i]["a"]`. As in PyTorch, a change
    of lr takes effect one step later.
    """

    elementwise = True

    lr: float = option(not_negative, default=1e-2)
    lambd: float = option(not_negative, default=1e-4)
    alpha: float = option(not_negative, default=0.75)
    t0: float = option(not_negative, default=1e6)
    weight_decay: float = option(not_negative, default=0.0)
    maximize: bool = option(flag, default=False, kw_only=True)

    def _update(self, w: Any, g: Any, state: State, group: Group, room: Pair) -> None:
        u, s = room
        lr, lambd = float(group["lr"]), group["lambd"]
        if not state:
            state.update(t=0, eta=lr, mu=1.0, a=np.zeros_like(w))
        state["t"] += 1
        t, eta, a = state["t"], state["eta"], state["a"]
        if group["weight_decay"]:
            g = decayed(g, w, group, s)
        np.multiply(g, eta, out=u)
        w *= 1 - lambd * eta
        w -= u
        if state["mu"] == 1:
            a[...] = w
        else:
            np.subtract(w, a, out=u)
            u *= state["mu"]
            a += u
        state["eta"] = lr / (1 + lambd * lr * t) ** group["alpha"]
        state["mu"] = 1 / max(1.0, t - group["t0"])
