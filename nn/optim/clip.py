"""Clipping: gradients that are too large are made smaller before a step uses them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar

import numpy as np

import minigrad
from minigrad import Tensor
from minigrad.devices import is_elsewhere, together_on_host

from ..float16 import widened
from . import checks
from .checks import not_negative, positive

Clip = TypeVar("Clip", bound=Callable[..., Any])


def _behind_programs(clip: Clip) -> Clip:
    """The clip, called behind the program if gradients are those of a function that is compiled."""

    @wraps(clip)
    def call(parameters: Any, *args: Any, **options: Any) -> Any:
        tensors = checks.parameters(parameters, clip.__name__)
        grads = [p.grad.data for p in tensors if p.grad is not None]
        later = getattr(grads[0], "later", None) if grads else None
        if later is None:
            return clip(tensors, *args, **options)
        return later(wraps(clip)(lambda: clip(tensors, *args, **options)), grads)

    return call  # type: ignore[return-value]


@_behind_programs
def clip_grad_norm_(
    parameters: Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> float:
    """g <- g min(1, max_norm / (norm + 1e-6)) for every gradient, in place; returns norm = (sum |g_i|^p)^(1/p).

    The norm is that of all gradients as one vector, with p = norm_type: a number > 0, inf for the largest |g_i|.
    Parameters whose grad is None are skipped. A norm that is nan or inf makes gradients nan or 0, as in PyTorch;
    with error_if_nonfinite it raises RuntimeError, and nothing is written. From Pascanu, Mikolov and Bengio 2013.

    On a device all norms come with one read.
    """
    where = "clip_grad_norm_"
    grads = _gradients(parameters, where)
    max_norm = not_negative(max_norm, f"{where}: max_norm")
    norm_type = positive(norm_type, f"{where}: norm_type")
    arrays = [g.data for g in grads.values()]
    if any(map(is_elsewhere, arrays)):
        found = together_on_host([_norm_there(a, norm_type) for a in arrays])
        norms = dict(zip(grads, map(float, found), strict=True))
    else:
        norms = {i: _norm(g.data, norm_type) for i, g in grads.items()}
    total = float(np.linalg.norm(list(norms.values()), norm_type)) if norms else 0.0
    if error_if_nonfinite and not math.isfinite(total):
        which = [i for i, norm in norms.items() if not math.isfinite(norm)]
        first = f": the first such gradient is of parameter {which[0]}" if which else ""
        raise RuntimeError(
            f"{where}: the norm of the gradients is {total}{first}; nothing was clipped"
        )
    scale = max_norm / (total + 1e-6)
    if not scale >= 1:
        with np.errstate(invalid="ignore"):  # inf times 0 is nan, without a warning
            for g in grads.values():
                np.multiply(widened(g.data), scale, out=g.data)
        minigrad.touch(*grads.values())
    return total


def clip_unread(parameters: Iterable[Tensor], max_norm: float) -> None:
    """The same without the norm, which on a device nobody has to wait for."""
    grads = [p.grad for p in parameters if p.grad is not None]
    if not grads or not all(is_elsewhere(g.data) for g in grads):
        clip_grad_norm_(parameters, max_norm)
        return
    total = np.linalg.norm(np.stack([_norm_there(g.data, 2.0) for g in grads]))
    scale = np.minimum(max_norm / (total + 1e-6), 1)
    for g in grads:
        np.multiply(g.data, scale.astype(g.dtype), out=g.data)
    minigrad.touch(*grads)


@_behind_programs
def clip_grad_value_(parameters: Iterable[Tensor], clip_value: float) -> None:
    """g <- min(max(g, -clip_value), clip_value) for every element of every gradient, in place; nan stays nan."""
    where = "clip_grad_value_"
    grads = _gradients(parameters, where)
    limit = not_negative(clip_value, f"{where}: clip_value")
    for g in grads.values():
        np.clip(g.data, -limit, limit, out=g.data)
    minigrad.touch(*grads.values())


def _gradients(params: Any, where: str) -> dict[int, Tensor]:
    """The gradients that are not None, by the place of their parameter."""
    given = enumerate(checks.parameters(params, where))
    return {i: p.grad for i, p in given if p.grad is not None}


def _norm_there(g: Any, p: float) -> Any:
    """The norm of one gradient, in float64, as a 0-d array where the gradient lies."""
    wide = g.reshape(-1).astype(np.float64)
    return np.linalg.norm(wide, p) if g.size else np.zeros_like(wide, shape=())


def _norm(g: Any, p: float) -> float:
    """The norm of one gradient, in float64 if the sum of squares would leave the range of its dtype."""
    flat = g.reshape(-1)
    with np.errstate(over="ignore"):
        if p == 2 and g.dtype.itemsize >= 4:
            square = float(np.dot(flat, flat))
            if 1e-30 < square < math.inf:
                return math.sqrt(square)
        return float(np.linalg.norm(flat.astype(np.float64), p)) if g.size else 0.0
