"""minigrad, as its README writes a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from eager import Training
from eager_layers import builder, updates
from workloads import Workload

import minigrad
import nn


class Attention(nn.MultiheadAttention):
    def forward(self, x: Any) -> Any:
        return super().forward(x, x, x, need_weights=False, is_causal=True)[0]


build = builder(nn, Attention, nn.Residual)


def training(workload: Workload) -> Training:
    x, y = workload.data()
    model = nn.Sequential(*map(build, workload.layers))
    model.load_state_dict(workload.state())
    optimizer, clip = updates(nn.optim, nn.optim.clip_grad_norm_, workload, model.parameters())
    return Training(model, minigrad.cross_entropy, optimizer, x, y, clip)


def start(workload: Workload) -> tuple[Callable[[], Any], Callable[[], dict[str, Any]]]:
    begun = training(workload)
    return begun.step, begun.model.state_dict


functional = minigrad


def parameter(array: Any) -> Any:
    return minigrad.Tensor(array, requires_grad=True)


def leaf(size: int) -> Any:
    return parameter(np.ones(size, np.float32))
