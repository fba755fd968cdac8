"""A small net, its steps, and the bits of what they give: for the tests of compiled functions."""

import numpy as np

import minigrad as mg
import nn
from minigrad import Tensor

RNG = np.random.default_rng(0)
X = RNG.standard_normal((8, 4)).astype(np.float32)
Y = RNG.integers(0, 3, 8)


def net(*between):
    mg.seed(0)
    return nn.Sequential(nn.Linear(4, 5), *between, nn.ReLU(), nn.Linear(5, 3))


def training(model):
    """A step that leaves gradients."""

    def step(x, y):
        loss = mg.cross_entropy(model(x), y)
        loss.backward()
        return loss

    return step


def bits(value):
    if isinstance(value, Tensor):
        return bits(value.data)
    if isinstance(value, (np.ndarray, np.generic)):
        return value.shape, str(value.dtype), value.tobytes()
    if isinstance(value, dict):
        return {k: bits(v) for k, v in value.items()}
    return [bits(v) for v in value] if isinstance(value, (list, tuple)) else value


def programs(compiled):
    return sum(map(len, compiled._programs.values()))
