"""Optimisers: the update law in mathematics, then the code that does it in place."""

from typing import TYPE_CHECKING, NoReturn

from . import swa_utils
from .adam import Adam, Adamax, AdamW, NAdam, RAdam
from .adaptive import Adadelta, Adagrad, RMSprop
from .asgd import ASGD
from .clip import clip_grad_norm_, clip_grad_value_
from .lbfgs import LBFGS
from .lion import Lion
from .muon import Muon
from .optimizer import Optimizer
from .rprop import Rprop
from .sgd import SGD

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "clip_grad_norm_",
    "clip_grad_value_",
    "swa_utils",
]

if not TYPE_CHECKING:  # to a type checker a name that is not above is none

    def __getattr__(name: str) -> NoReturn:
        where = "schedules are in nn.schedule, as nn.schedule.StepLR"
        hint = f"; {where}" if name == "lr_scheduler" else ""
        raise AttributeError(f"nn.optim has no attribute {name!r}{hint}")
