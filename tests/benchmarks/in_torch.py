"""PyTorch in eager mode, on the CPU; it chooses its threads itself, unless the environment says how many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from eager import Training
from eager_layers import builder, updates
from torch import nn
from workloads import Workload


class Attention(nn.MultiheadAttention):
    """As models of language are written today, which is a little faster than the forward of the layer."""

    def forward(self, x: Any) -> Any:
        projected = nn.functional.linear(x, self.in_proj_weight, self.in_proj_bias)
        parts = projected.view(*x.shape[:2], 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        y = nn.functional.scaled_dot_product_attention(*parts, is_causal=True)
        return self.out_proj(y.transpose(1, 2).reshape(x.shape))


class Residual(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Any) -> Any:
        return x + self.layer(x)


build = builder(nn, Attention, Residual)


def training(workload: Workload) -> Training:
    x, y = (torch.from_numpy(array) for array in workload.data())
    model = nn.Sequential(*map(build, workload.layers))
    model.load_state_dict({n: torch.from_numpy(a) for n, a in workload.state().items()})
    optimizer, clip = updates(torch.optim, nn.utils.clip_grad_norm_, workload, model.parameters())
    return Training(model, nn.functional.cross_entropy, optimizer, x, y, clip)


def start(workload: Workload) -> tuple[Callable[[], Any], Callable[[], dict[str, Any]]]:
    begun = training(workload)
    return begun.step, lambda: {n: t.numpy() for n, t in begun.model.state_dict().items()}


functional = nn.functional


def parameter(array: Any) -> Any:
    return torch.from_numpy(array).requires_grad_()


def leaf(size: int) -> Any:
    return torch.ones(size, requires_grad=True)
