"""Steps that the update laws of several optimisers share, done in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from .blocks import Group, State


def kept(state: State, name: str, w: Any) -> Any:
    """The array of this name, zeros like w in the first step."""
    if name not in state:
        state[name] = np.zeros_like(w)
    return state[name]


def decayed(g: Any, w: Any, group: Group, room: Any, decoupled: bool = False) -> Any:
    """g + weight_decay w, in `room`; if decoupled, w <- w - lr weight_decay w instead, and g unchanged."""
    if decoupled:
        w *= 1 - float(group["lr"]) * group["weight_decay"]
        return g
    np.multiply(w, group["weight_decay"], out=room)
    return np.add(g, room, out=room)


def averaged(mean: Any, value: Any, beta: float, room: Any) -> Any:
    """mean <- beta mean + (1 - beta) value; `value` may be in `room`, which is overwritten."""
    mean *= beta
    mean += np.multiply(value, 1 - beta, out=room)
    return mean
