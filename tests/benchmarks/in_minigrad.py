"""minigrad, as its README writes a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from eager import Training
from workloads import LEARNING_RATE, Conv, Flatten, Layer, Linear, Pool, Relu, Workload

import minigrad
import nn


def build(layer: Layer) -> nn.Module:
    match layer:
        case Linear(inputs, outputs):
            return nn.Linear(inputs, outputs)
        case Conv(channels, filters, kernel):
            return nn.Conv2d(channels, filters, kernel, padding=layer.padding)
        case Relu():
            return nn.ReLU()
        case Pool(size):
            return nn.MaxPool2d(size)
        case Flatten():
            return nn.Flatten()


def training(workload: Workload) -> Training:
    x, y = workload.data()
    model = nn.Sequential(*map(build, workload.layers))
    model.load_state_dict(workload.state())
    optimizer = nn.optim.SGD(model.parameters(), lr=LEARNING_RATE)
    return Training(model, minigrad.cross_entropy, optimizer, x, y)


def start(workload: Workload) -> tuple[Callable[[], Any], Callable[[], dict[str, Any]]]:
    begun = training(workload)
    return begun.step, begun.model.state_dict


functional = minigrad


def parameter(array: Any) -> Any:
    return minigrad.Tensor(array, requires_grad=True)


def leaf(size: int) -> Any:
    return parameter(np.ones(size, np.float32))
