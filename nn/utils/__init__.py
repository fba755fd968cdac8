"""Small things for models under PyTorch's names: parametrizations, clipping, parameters as one vector."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import minigrad

from ..optim.clip import clip_grad_norm_, clip_grad_value_
from . import parametrizations, parametrize

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "parameters_to_vector",
    "parametrizations",
    "parametrize",
    "vector_to_parameters",
]


def parameters_to_vector(parameters: Iterable[minigrad.Tensor]) -> Any:
    """All elements of the parameters in one Tensor of one axis, one parameter after the other."""
    return minigrad.concatenate([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Any, parameters: Iterable[minigrad.Tensor]) -> None:
    """Write the elements of a vector into the parameters, one after the other; all of it must fit."""
    parameters, start = list(parameters), 0
    values = vec.detach().numpy() if isinstance(vec, minigrad.Tensor) else vec
    size = sum(p.size for p in parameters)
    if values.shape != (size,):
        raise ValueError(
            f"vector_to_parameters: the vector has shape {values.shape}, the parameters have {size} elements"
        )
    for p in parameters:
        p.assign(values[start : start + p.size].reshape(p.shape))
        start += p.size


def __getattr__(name: str) -> Any:
    hint = ""
    if name in ("weight_norm", "spectral_norm"):
        hint = f"; it is nn.utils.parametrizations.{name}, whose state has the names of that one in PyTorch"
    elif name == "rnn":
        hint = "; sequences of several lengths are one padded array, and recurrent layers take lengths="
    raise AttributeError(f"nn.utils has no attribute {name!r}{hint}")
