"""Optimisers: the update law in mathematics, then the code that does it in place."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

import minigrad
from minigrad import Tensor

from .module import Module


class Optimizer:
    """Updates parameters from their `.grad`; one whose grad is None is left exactly as it is.

    `lr` may be changed between steps, which is how a learning rate decays.
    """

    def __init__(self, params: Iterable[Tensor], lr: float) -> None:
        self.params: list[Tensor] = _parameters(self, params)
        if not self.params:
            raise ValueError(f"{type(self).__name__}: there are no parameters to update")
        self.lr = _not_negative(self, "lr", lr)
        self._state: list[dict[str, Any]] = [{} for _ in self.params]

    def step(self) -> None:
        """One update of every parameter that has a gradient."""
        written = []
        for p, state in zip(self.params, self._state, strict=True):
            grad = p.grad
            if grad is not None:
                w, g = p.data, grad.data
                if not w.ndim:  # a 0-d array cannot be updated in place
                    w, g = w.reshape(1), g.reshape(1)
                self._update(w, g, state)
                written.append(p)
        minigrad.touch(*written)

    def _update(self, w: Any, g: Any, state: dict[str, Any]) -> None:
        """Write the next w in place, from its gradient g and what was kept from the step before."""
        raise NotImplementedError

    def zero_grad(self) -> None:
        """Forget the gradients, so that the next backward starts from nothing."""
        for p in self.params:
            p.grad = None


class SGD(Optimizer):
    """Stochastic gradient descent with momentum.

        g <- g + weight_decay w
        v <- momentum v + (1 - dampening) g        (v = g in the first step)
        w <- w - lr (g + momentum v if nesterov else v)

    As in PyTorch, and unlike Sutskever et al. 2013, the learning rate is outside v.
    """

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

    def _update(self, w: Any, g: Any, state: dict[str, Any]) -> None:
        if self.weight_decay:
            g = g + self.weight_decay * w
        if self.momentum:
            if "v" not in state:
                state["v"] = g.copy()
            else:
                v = state["v"]
                v *= self.momentum
                v += g if self.dampening == 0 else (1 - self.dampening) * g
            g = g + self.momentum * state["v"] if self.nesterov else state["v"]
        w -= self.lr * g


class Adam(Optimizer):
    """Adam, from Kingma and Ba 2015, with L2 regularisation as in PyTorch.

    g <- g + weight_decay w
    m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2
    w <- w - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
    """

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

    def _update(self, w: Any, g: Any, state: dict[str, Any]) -> None:
        beta1, beta2 = self.betas
        if not state:
            state.update(t=0, m=np.zeros_like(w), v=np.zeros_like(w))
        state["t"] += 1
        t, m, v = state["t"], state["m"], state["v"]
        if self.weight_decay:
            g = g + self.weight_decay * w
        m *= beta1
        m += (1 - beta1) * g
        v *= beta2
        v += (1 - beta2) * np.square(g)
        scale = np.sqrt(v)
        scale /= math.sqrt(1 - beta2**t)
        scale += self.eps
        np.divide(m, scale, out=scale)
        scale *= self.lr / (1 - beta1**t)
        w -= scale


def _parameters(optimizer: Optimizer, params: Any) -> list[Tensor]:
    """The Tensors to update, each once however often it is shared."""
    name = type(optimizer).__name__
    if isinstance(params, (Module, Tensor, dict)) or not isinstance(params, Iterable):
        raise TypeError(f"{name}: params is a {type(params).__name__}; pass model.parameters()")
    tensors = list({id(p): p for p in params}.values())
    for i, p in enumerate(tensors):
        if not isinstance(p, Tensor):
            raise TypeError(
                f"{name}: params[{i}] is a {type(p).__name__}, not a Tensor; pass model.parameters()"
            )
        if not p.is_leaf:
            raise TypeError(
                f"{name}: params[{i}] is not a leaf: it was computed, so it cannot be learned"
            )
    return tensors


def _not_negative(optimizer: Optimizer, name: str, value: float) -> float:
    if not isinstance(value, (int, float, np.number)) or not value >= 0:
        raise ValueError(f"{type(optimizer).__name__}: {name} must be a number >= 0, not {value!r}")
    return value
