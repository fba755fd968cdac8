"""Optimisers: the update law in mathematics, then the code that does it in place."""

from .adam import Adam
from .optimizer import Optimizer
from .sgd import SGD

__all__ = ["SGD", "Adam", "Optimizer"]
