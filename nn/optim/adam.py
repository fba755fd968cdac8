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
    maximize: bool = option(flag, default=False, kw_only=True)

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


class Adamax(Law):
    """Adam with the largest gradient in place of their mean square, from Kingma and Ba 2015 (section 7.1).

        g <- g + weight_decay w
        m <- beta1 m + (1 - beta1) g,  v <- max(beta2 v, |g| + eps)
        w <- w - lr / (1 - beta1^t) m / v

    eps is PyTorch's: in the paper v is 0 until the first gradient that is not.
    """

    elementwise = True

    lr: float = option(not_negative, default=2e-3)
    betas: tuple[float, float] = option(fractions, default=(0.9, 0.999))
    eps: float = option(not_negative, default=1e-8)
    weight_decay: float = option(not_negative, default=0.0)
    maximize: bool = option(flag, default=False, kw_only=True)

    def _update(self, w: Any, g: Any, state: State, group: Group, room: Pair) -> None:
        beta1, beta2 = group["betas"]
        u, s = room
        if group["weight_decay"]:
            g = decayed(g, w, group, s)
        if not state:
            state.update(t=0, m=np.zeros_like(w), v=np.zeros_like(w))
        state["t"] += 1
        m, v = averaged(state["m"], g, beta1, u), state["v"]
        np.abs(g, out=u)
        u += group["eps"]
        v *= beta2
        np.maximum(v, u, out=v)
        np.divide(m, v, out=u)
        u *= float(group["lr"]) / (1 - beta1 ** state["t"])
        w -= u


class RAdam(Law):
    """Adam whose rate is rectified while v is the mean of few gradients, from Liu et al. 2020.

        g <- g + weight_decay w, or w <- w - lr weight_decay w with decoupled_weight_decay
        m and v as in Adam,  a = m / (1 - beta1^t)
        r = 2 / (1 - beta2) - 1,  r_t = r - 2 t beta2^t / (1 - beta2^t)        (how many gradients v is the mean of)
        w <- w - lr a ((r_t - 4) (r_t - 2) r / ((r - 4) (r - 2) r_t))^(1/2) (1 - beta2^t)^(1/2) / (sqrt(v) + eps)
        w <- w - lr a        instead while r_t <= 5

    The paper has no eps, and 4 for 5: it is PyTorch's, as in the authors' code.
    """

    elementwise = True

    lr: float = option(not_negative, default=1e-3)
    betas: tuple[float, float] = option(fractions, default=(0.9, 0.999))
    eps: float = option(not_negative, default=1e-8)
    weight_decay: float = option(not_negative, default=0.0)
    decoupled_weight_decay: bool = option(flag, default=False)
    maximize: bool = option(flag, default=False, kw_only=True)

    def _update(self, w: Any, g: Any, state: State, group: Group, room: Pair) -> None:
        (beta1, beta2), rate = group["betas"], float(group["lr"])
        u, s = room
        if group["weight_decay"]:
            g = decayed(g, w, group, s, group["decoupled_weight_decay"])
        t, m, v = moments(state, w, g, group["betas"], u)
        rate /= 1 - beta1**t
        correction = 1 - beta2**t
        most = 2 / (1 - beta2) - 1
        r = most - 2 * t * beta2**t / correction
        if r > 5:
            rectified = (r - 4) * (r - 2) * most / ((most - 4) * (most - 2) * r)
            np.sqrt(v, out=u)
            u += group["eps"]
            np.divide(m, u, out=u)
            u *= rate * math.sqrt(correction * rectified)
        else:
            np.multiply(m, rate, out=u)
        w -= u


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
    maximize: bool = option(flag, default=False, kw_only=True)

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
