"""PyTorch in eager mode, on the CPU with its own choice of threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from eager import Training
from workloads import LEARNING_RATE, Conv, Flatten, Layer, Linear, Pool, Relu, Workload


def build(layer: Layer) -> torch.nn.Module:
    match layer:
        case Linear(inputs, outputs):
            return torch.nn.Linear(inputs, outputs)
        case Conv(channels, filters, kernel):
            return torch.nn.Conv2d(channels, filters, kernel, padding=layer.padding)
        case Relu():
            return torch.nn.ReLU()
        case Pool(size):
            return torch.nn.MaxPool2d(size)
        case Flatten():
            return torch.nn.Flatten()


def training(workload: Workload) -> Training:
    x, y = (torch.from_numpy(array) for array in workload.data())
    model = torch.nn.Sequential(*map(build, workload.layers))
    model.load_state_dict({n: torch.from_numpy(a) for n, a in workload.state().items()})
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)
    return Training(model, torch.nn.functional.cross_entropy, optimizer, x, y)


def start(workload: Workload) -> tuple[Callable[[], Any], Callable[[], dict[str, Any]]]:
    begun = training(workload)
    return begun.step, lambda: {n: t.numpy() for n, t in begun.model.state_dict().items()}


functional = torch.nn.functional


def parameter(array: Any) -> Any:
    return torch.from_numpy(array).requires_grad_()


def leaf(size: int) -> Any:
    return torch.ones(size, requires_grad=True)
