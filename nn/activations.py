"""Activations: elementwise functions between the layers, as modules."""

from __future__ import annotations

from typing import Any

import minigrad

from .module import Module


class ReLU(Module):
    """max(x, 0)"""

    def forward(self, x: Any) -> Any:
        return minigrad.relu(x)


class Tanh(Module):
    """tanh(x)"""

    def forward(self, x: Any) -> Any:
        return minigrad.tanh(x)


class Sigmoid(Module):
    """1 / (1 + exp(-x))"""

    def forward(self, x: Any) -> Any:
        return minigrad.sigmoid(x)
