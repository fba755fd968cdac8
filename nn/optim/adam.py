"""Adam and its relatives: steps along the mean gradient, in units of the gradient's own size."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .blocks import Group, Pair, State
from .checks import flag, fractions, not_negative
from .optimizer import Law
from .options import option
from .parts import averaged, decayed


class Adam(Law):
    """Adam, from Kingma and Ba 2015, with L2 regularisation as in PyTorch.

        g <- g + weight_decay w
        m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2
        w <- w - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    amsgrad divides by the largest v so far, from Reddi, Kale and Kumar 2018; they leave out both corrections by t.
    """

    elementwise = True
    decoupled = False
    """True if weights decay apart from the gradient."""

    lr: float = option(not_negative, default=1e-3)
    betas: tuple[float, float] = option(fractions, default=(0.9, 0.999))
    eps: float = option(not_negative, default=1e-8)
    weight_decay: float = option(not_negative, default=0.0)
    amsgrad: bool = option(flag, default=False)

    def _update(self, w: Any, g: Any, state: State, group: Group, room: Pair) -> None:
        (beta1, beta2), lr = group["betas"], float(group["lr"])
        u, s = room
        if group["weight_decay"]:
            g = decayed(g, w, group, s, self.decoupled)
        t, m, v = moments(state, w, g, group["betas"], u)
        if group["amsgrad"]:
            if "largest" not in state:
                state["largest"] = v.copy()
            v = np.maximum(state["largest"], v, out=state["largest"])
        # as in section 2 of the paper: both corrections are applied to numbers instead of arrays
        correction = math.sqrt(1 - beta2**t)
        np.sqrt(v, out=u)
        u += group["eps"] * correction
        np.divide(m, u, out=u)
        u *= lr * correction / (1 - beta1**t)
        w -= u


class AdamW(Adam):
    """Adam with weights that decay apart from the gradient, from Loshchilov and Hutter 2019.

        w <- w - lr weight_decay w
        then Adam's step, with g, m and v free of the decay

    As in PyTorch, the decay is proportional to lr; in the paper, only to the schedule's factor.
    """

    decoupled = True

    weight_decay: float = option(not_negative, default=1e-2)


class NAdam(Law):
    """Adam with Nesterov's momentum, from Dozat 2016.

        g <- g + weight_decay w, or w <- w - lr weight_decay w with decoupled_weight_decay
        m and v as in Adam,  mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2),  p_t = mu_1 ... mu_t
        w <- w - lr (mu_(t+1) m / (1 - p_(t+1)) + (1 - mu_t) g / (1 - p_t)) / (sqrt(v / (1 - beta2^t)) + eps)

    As in PyTorch, m decays by the constant beta1; in the paper, by mu_t.
    """

    elementwise = True

    lr: float = option(not_negative, default=2e-3)
    betas: tuple[float, float] = option(fractions, default=(0.9, 0.999))
    eps: float = option(not_negative, default=1e-8)
    weight_decay: float = option(not_negative, default=0.0)
    momentum_decay: float = option(not_negative, default=4e-3)
    decoupled_weight_decay: bool = option(flag, default=False)

    def _update(self, w: Any, g: Any, state: State, group: Group, room: Pair) -> None:
        (beta1, beta2), lr, decay = group["betas"], float(group["lr"]), group["momentum_decay"]
        u, s = room
        if group["weight_decay"]:
            g = decayed(g, w, group, s, group["decoupled_weight_decay"])
        t, m, v = moments(state, w, g, group["betas"], u)
        mu = beta1 * (1 - 0.96 ** (t * decay) / 2)
        after = beta1 * (1 - 0.96 ** ((t + 1) * decay) / 2)
        if t == 1:
            state["p"] = 1.0
        p = state["p"] = state["p"] * mu
        np.multiply(g, lr * (1 - mu) / (1 - p), out=s)
        s += np.multiply(m, lr * after / (1 - p * after), out=u)
        np.divide(v, 1 - beta2**t, out=u)
        np.sqrt(u, out=u)
        u += group["eps"]
        s /= u
        w -= s


def moments(
    state: State, w: Any, g: Any, betas: tuple[float, float], room: Any
) -> tuple[int, Any, Any]:
    """The step's number t, and the running means m of g and v of g^2."""
    if not state:
        state.update(t=0, m=np.zeros_like(w), v=np.zeros_like(w))
    state["t"] += 1
    m = averaged(state["m"], g, betas[0], room)
    v = averaged(state["v"], np.multiply(g, g, out=room), betas[1], room)
    return state["t"], m, v
