"""PyTorch's room of functions, which is minigrad here: the error for each names ours."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import minigrad

ELSEWHERE = {
    "pad": "it is minigrad.pad, with NumPy's arguments: a pair for each axis, from the first on",
    "upsample": "it is minigrad.interpolate",
    "softmin": "write minigrad.softmax(-x)",
    "tanhshrink": "write x - minigrad.tanh(x)",
}

if not TYPE_CHECKING:  # which tell of a missing name themselves

    def __getattr__(name: str) -> Any:
        hint = ""
        if not name.startswith("_"):
            ours = name.rstrip("_")  # relu_ would write in place
            layers = {layer.lower(): layer for layer in import_module("nn").__all__}
            layer = layers.get(ours.replace("_", ""))
            if ours in ELSEWHERE:
                hint = f"; {ELSEWHERE[ours]}"
            elif ours in minigrad.__all__:
                hint = f"; it is minigrad.{ours}: import minigrad as F"
            elif layer is not None:
                hint = f"; it is a layer: nn.{layer}(...)(x)"
        raise AttributeError(f"nn.functional has no attribute {name!r}{hint}")
