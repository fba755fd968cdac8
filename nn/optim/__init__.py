"""Optimisers: the update law in mathematics, then the code that does it in place."""

from .adam import Adam, AdamW, NAdam
from .lion import Lion
from .optimizer import Optimizer
from .rmsprop import Adadelta, Adagrad, RMSprop
from .sgd import SGD

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Lion",
    "NAdam",
    "Optimizer",
    "RMSprop",
]
