"""Optimizer: what every optimiser does with its parameters; a law of one's own is one method."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from minigrad import Tensor

from ..module import Module
from .blocks import Blocks


class Optimizer:
    """Updates parameters from their `.grad`; one whose grad is None is left exactly as it is.

    `lr` may be changed between steps, which is how a learning rate decays. A new optimiser is a class with its law:

    >>> class SignDescent(Optimizer):
    ...     elementwise = True
    ...     def _update(self, w, g, state, room):
    ...         w -= self.lr * np.sign(g)
    """

    elementwise = False
    """Whether each element's update depends on that element alone: small parameters are then updated together."""

    def __init__(self, params: Iterable[Tensor], lr: float) -> None:
        self.params = _parameters(self, params)
        if not self.params:
            raise ValueError(f"{type(self).__name__}: there are no parameters to update")
        self.lr = _not_negative(self, "lr", lr)
        self._blocks = Blocks(self.params, self.elementwise)

    def step(self) -> None:
        """One update of every parameter that has a gradient."""
        self._blocks.step(self._update)

    def _update(self, w: Any, g: Any, state: dict[str, Any], room: tuple[Any, Any]) -> None:
        """Write the next w in place.

        w      one parameter; where the law is `elementwise` also several in a row, or a part of one
        g      its gradient, only to be read; to keep it, copy it
        state  what the law keeps from step to step, empty at first: numbers, and arrays like w
        room   two arrays like w to compute in, of any content: a fresh one costs more than filling it
        """
        raise NotImplementedError

    def zero_grad(self) -> None:
        """Forget the gradients, so that the next backward starts from nothing."""
        for p in self.params:
            p.grad = None


def _parameters(optimizer: Optimizer, params: Any) -> tuple[Tensor, ...]:
    """The Tensors to update, each once however often it is shared."""
    name = type(optimizer).__name__
    if isinstance(params, (Module, Tensor, dict)) or not isinstance(params, Iterable):
        raise TypeError(f"{name}: params is a {type(params).__name__}; pass model.parameters()")
    tensors = tuple({id(p): p for p in params}.values())
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
    return float(value)  # of NumPy's numbers float64 would make arrays of float32 wide
