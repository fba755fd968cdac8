"""The terms of a loss, one per element of x or per row: their shapes, weights and reduction."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from ..core.dtypes import FLOAT16, in_array, in_float32
from ..devices import is_elsewhere
from .elementwise import where
from .inspection import plain
from .reductions import mean, sum

Reduction = str
F = TypeVar("F", bound=Callable[..., Any])


def rounded_once(loss: F) -> F:
    """Make a loss(x, target, ...) of float16 one that is computed in float32: its terms are squared and summed."""
    names = loss.__code__.co_varnames[:2]

    @wraps(loss)
    def call(*args: Any, **options: Any) -> Any:
        x = args[0] if args else options.get(names[0])
        if getattr(x, "dtype", None) != FLOAT16:
            return loss(*args, **options)
        x, target, *rest = *args, *(options.pop(name) for name in names[len(args) :])
        return in_float32(lambda x, t: loss(x, t, *rest, **options), x, in_array(target))

    return call  # type: ignore[return-value]


def check_reduction(op: str, reduction: str, *more: str) -> None:
    known = ("mean", "sum", "none", *more)
    if reduction not in known:
        raise ValueError(
            f"{op}: reduction must be {', '.join(map(repr, known[:-1]))} or {known[-1]!r}, not {reduction!r}"
        )


def reduced(terms: Any, reduction: Reduction) -> Any:
    return mean(terms) if reduction == "mean" else sum(terms) if reduction == "sum" else terms


def weighted(weight: Any, terms: Any) -> Any:
    """weight * terms, and 0 where the weight is 0 and the term infinite: a value that is not taken leaves no trace."""
    infinite = np.isinf(plain(terms))
    # else the choice would cost two passes each way; to ask a device would cost more
    if is_elsewhere(infinite) or infinite.any():
        terms = where(infinite & (plain(weight) == 0), 0, terms)
    return weight * terms


def check_same_shape(op: str, x: Any, target: Any) -> None:
    if tuple(np.shape(x)) != tuple(np.shape(target)):
        raise ValueError(
            f"{op}: x has shape {tuple(np.shape(x))} and the target {tuple(np.shape(target))}; a loss does not "
            "broadcast, reshape one of them"
        )


def fitting(op: str, name: str, weight: Any, x: Any) -> Any:
    """The weight in x's dtype; ValueError unless it broadcasts to x's shape."""
    weight = in_array(weight)
    fits = len(weight.shape) <= len(x.shape) and all(
        n in (1, m) for n, m in zip(weight.shape[::-1], x.shape[::-1], strict=False)
    )
    if not fits:
        raise ValueError(
            f"{op}: {name} has shape {tuple(weight.shape)}, which does not broadcast to the shape {tuple(x.shape)} "
            "of x"
        )
    return weight.astype(x.dtype)
