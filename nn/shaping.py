"""Layers that only move elements."""

from __future__ import annotations

from typing import Any

import minigrad

from .module import Module


class Flatten(Module):
    """x (N, C, H, W) as (N, C H W): the axes from `start_dim` on made into one."""

    def __init__(self, start_dim: int = 1) -> None:
        self.start_dim = start_dim

    def forward(self, x: Any) -> Any:
        return minigrad.flatten(x, self.start_dim)
