"""RMSprop, Adagrad and Adadelta: each element's step in units of its own past gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from .blocks import Group, Pair, State
from .checks import flag, fraction, not_negative
from .optimizer import Law
from .options import option
from .parts import averaged, decayed, kept


class RMSprop(Law):
    """RMSprop, from Tieleman and Hinton 2012 (lecture 6.5 of their course), with the momentum of Graves 2013.

        g <- g + weight_decay w
        v <- alpha v + (1 - alpha) g^2,  centered: m <- alpha m + (1 - alpha) g, else m = 0
        b <- momentum b + g / (sqrt(v - m^2) + eps)
        w <- w - lr b

    As in PyTorch, eps is outside the root, and lr outside b; Graves has both inside. Where g hardly changes, rounding
    can make v - m^2 negative: here it is then 0; PyTorch's step is nan.
    """

    elementwise = True

    lr: float = option(not_negative, default=1e-2)
    alpha: float = option(fraction, default=0.99)
    eps: float = option(not_negative, default=1e-8)
    weight_decay: float = option(not_negative, default=0.0)
    momentum: float = option(not_negative, default=0.0)
    centered: bool = option(flag, default=False)
    maximize: bool = option(flag, default=False, kw_only=True)

    def _update(self, w: Any, g: Any, state: State, group: Group, room: Pair) -> None:
        u, s = room
        alpha = group["alpha"]
        if group["weight_decay"]:
            g = decayed(g, w, group, s)
        if not state:
            state["v"] = np.zeros_like(w)
        v = averaged(state["v"], np.multiply(g, g, out=u), alpha, u)
        if group["centered"]:
            m = averaged(kept(state, "m", w), g, alpha, u)
            np.multiply(m, m, out=u)
            np.subtract(v, u, out=u)
            np.maximum(u, 0, out=u)
            np.sqrt(u, out=u)
        else:
            np.sqrt(v, out=u)
        u += group["eps"]
        np.divide(g, u, out=u)
        if group["momentum"]:
            b = kept(state, "b", w)
            b *= group["momentum"]
            b += u
            np.multiply(b, float(group["lr"]), out=u)
        else:
            u *= float(group["lr"])
        w -= u


class Adagrad(Law):
    """Adagrad, from Duchi, Hazan and Singer 2011, with diagonal matrices.

        g <- g + weight_decay w
        v <- v + g^2        (from initial_accumulator_value)
        w <- w - lr / (1 + (t - 1) lr_decay) g / (sqrt(v) + eps)

    lr_decay and weight_decay are PyTorch's; the paper has neither.
    """

    elementwise = True

    lr: float = option(not_negative, default=1e-2)
    lr_decay: float = option(not_negative, default=0.0)
    weight_decay: float = option(not_negative, default=0.0)
    initial_accumulator_value: float = option(not_negative, default=0.0)
    eps: float = option(not_negative, default=1e-10)
    maximize: bool = option(flag, default=False, kw_only=True)

    def _update(self, w: Any, g: Any, state: State, group: Group, room: Pair) -> None:
        u, s = room
        if not state:
            state.update(t=0, v=np.full_like(w, group["initial_accumulator_value"]))
        state["t"] += 1
        t, v = state["t"], state["v"]
        if group["weight_decay"]:
            g = decayed(g, w, group, s)
        v += np.multiply(g, g, out=u)
        np.sqrt(v, out=u)
        u += group["eps"]
        np.divide(g, u, out=u)
        u *= float(group["lr"]) / (1 + (t - 1) * group["lr_decay"])
        w -= u


class Adadelta(Law):
    """Adadelta, from Zeiler 2012.

        g <- g + weight_decay w
        v <- rho v + (1 - rho) g^2
        d = g sqrt(a + eps) / sqrt(v + eps)
        a <- rho a + (1 - rho) d^2
        w <- w - lr d

    The paper has no lr: it is PyTorch's, and 1 by default.
    """

    elementwise = True

    lr: float = option(not_negative, default=1.0)
    rho: float = option(fraction, default=0.9)
    eps: float = option(not_negative, default=1e-6)
    weight_decay: float = option(not_negative, default=0.0)
    maximize: bool = option(flag, default=False, kw_only=True)

    def _update(self, w: Any, g: Any, state: State, group: Group, room: Pair) -> None:
        u, s = room
        rho, eps = group["rho"], group["eps"]
        if group["weight_decay"]:
            g = decayed(g, w, group, s)
        if not state:
            state.update(v=np.zeros_like(w), a=np.zeros_like(w))
        v, a = state["v"], state["a"]
        averaged(v, np.multiply(g, g, out=u), rho, u)
        np.add(v, eps, out=u)
        np.sqrt(u, out=u)
        np.divide(g, u, out=u)
        np.add(a, eps, out=s)
        np.sqrt(s, out=s)
        u *= s
        averaged(a, np.multiply(u, u, out=s), rho, s)
        u *= float(group["lr"])
        w -= u
