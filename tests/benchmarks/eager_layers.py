"""Layers and updates as minigrad and PyTorch write them, word for word: the names in `nn` are the same."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import kinds
from workloads import Workload


def builder(nn: Any, attention: type, residual: type) -> Callable[[kinds.Layer], Any]:
    """A function that makes a kind a Module of `nn`; each engine has classes of its own for two of them."""

    class Places(nn.Embedding):
        def forward(self, x: Any) -> Any:
            return x + self.weight

    class LSTM(nn.LSTM):
        def forward(self, x: Any) -> Any:
            return super().forward(x)[0]

    class GRU(nn.GRU):
        def forward(self, x: Any) -> Any:
            return super().forward(x)[0]

    class Last(nn.Module):
        def forward(self, x: Any) -> Any:
            return x[:, -1]

    def build(layer: kinds.Layer) -> Any:
        match layer:
            case kinds.Linear(inputs, outputs):
                return nn.Linear(inputs, outputs)
            case kinds.Conv(channels, filters, kernel, bias):
                return nn.Conv2d(channels, filters, kernel, padding=layer.padding, bias=bias)
            case kinds.Embedding(count, width):
                return nn.Embedding(count, width)
            case kinds.Places(count, width):
                return Places(count, width)
            case kinds.LSTM(inputs, hidden):
                return LSTM(inputs, hidden, batch_first=True)
            case kinds.GRU(inputs, hidden):
                return GRU(inputs, hidden, batch_first=True)
            case kinds.Attention(width, heads):
                return attention(width, heads, batch_first=True)
            case kinds.LayerNorm(width):
                return nn.LayerNorm(width)
            case kinds.BatchNorm(channels):
                return nn.BatchNorm2d(channels)
            case kinds.Relu():
                return nn.ReLU()
            case kinds.Gelu():
                return nn.GELU()
            case kinds.Dropout(p):
                return nn.Dropout(p)
            case kinds.Pool(size):
                return nn.MaxPool2d(size)
            case kinds.Average():
                return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
            case kinds.Flatten():
                return nn.Flatten()
            case kinds.Last():
                return Last()
            case kinds.Rows():
                return nn.Flatten(0, 1)
            case kinds.Residual(layers):
                return residual(nn.Sequential(*map(build, layers)))

    return build


def updates(
    optim: Any, clip_grad_norm_: Any, workload: Workload, parameters: Any
) -> tuple[Any, Any]:
    """The optimiser of a workload, and what clips the gradients before its step, or None."""
    params = list(parameters)
    if isinstance(workload.optimizer, kinds.AdamW):
        return optim.AdamW(params, **workload.optimizer._asdict()), None
    lr, norm = workload.optimizer
    clip = None if norm is None else partial(clip_grad_norm_, params, norm)
    return optim.SGD(params, lr=lr), clip
