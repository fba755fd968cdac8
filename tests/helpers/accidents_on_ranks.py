"""What goes wrong on one of several ranks, after which none may wait: functions for on_ranks.py."""

import os
import signal

import numpy as np
from shares import ranks

import nn
from nn.parallel import DataParallel


def forever():
    model = nn.Linear(2, 2)
    together = DataParallel(model, ranks)
    step = 0
    while True:
        model(np.ones((1, 2), np.float32)).sum().backward()
        together.average(1)
        step += 1
        if step == 3 and ranks.rank == ranks.size - 1:
            yield together


def one_raises():
    for _ in forever():
        raise ArithmeticError("of rank one alone")


def one_ends():
    for _ in forever():
        return


def one_is_killed():
    for _ in forever():
        os.kill(os.getpid(), signal.SIGKILL)


def one_saves():
    for together in forever():
        nn.save("/dev/null", together.model, ranks=ranks)
