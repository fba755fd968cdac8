"""Graphs that the tests of the page look at."""

import numpy as np

import minigrad as mg
import nn
from minigrad import Tensor


def recorded(make):
    with mg.record():
        return make()


def double():
    """c = b + b with b = a + a, and a = 3."""
    a = Tensor(3.0, requires_grad=True)
    b = a + a
    return b + b, {"a": a}


def small_net():
    rng = np.random.default_rng(0)
    model = nn.MLP([2, 4, 3])
    x = rng.standard_normal((5, 2)).astype(np.float32)
    return mg.cross_entropy(model(x), np.arange(5) % 3), model
