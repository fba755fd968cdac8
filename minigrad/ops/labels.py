"""What losses have in common: their checks of targets and labels, said by the loss's name, and their reduction."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import in_array
from .reductions import mean, sum

Reduction = str


def check_reduction(op: str, reduction: str, *more: str) -> None:
    known = ("mean", "sum", "none", *more)
    if reduction not in known:
        raise ValueError(
            f"{op}: reduction must be {', '.join(map(repr, known[:-1]))} or {known[-1]!r}, not {reduction!r}"
        )


def reduced(terms: Any, reduction: Reduction) -> Any:
    return mean(terms) if reduction == "mean" else sum(terms) if reduction == "sum" else terms


def check_same_shape(op: str, x: Any, target: Any) -> None:
    if tuple(np.shape(x)) != tuple(np.shape(target)):
        raise ValueError(
            f"{op}: x has shape {tuple(np.shape(x))} and the target {tuple(np.shape(target))}; a loss does not "
            "broadcast, reshape one of them"
        )


def fitting(op: str, name: str, weight: Any, x: Any) -> Any:
    """A weight per element, or per element along some axes, in x's dtype; ValueError if it does not fit x's shape."""
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


def check_labels(op: str, x: Any, target: Any) -> None:
    """Integers of x's shape without the axis of the classes, which is 1, or 0 of one row."""
    size, axis = tuple(x.shape), class_axis(op, x)
    shape = size[:axis] + size[axis + 1 :]
    if target.dtype.kind not in "iu" or tuple(target.shape) != shape:
        raise ValueError(
            f"{op}: logits of shape {size} need integer labels of shape {shape}, not {target.dtype} of shape "
            f"{tuple(target.shape)}; the classes are on axis {axis}"
        )


def class_axis(op: str, x: Any) -> int:
    if not x.shape:
        raise ValueError(f"{op}: x is 0-d; (N, C) is needed")
    return 1 if len(x.shape) > 1 else 0


def class_rows(x: Any) -> Any:
    """x (N, C, ...) or (C,) as rows (M, C)."""
    if len(x.shape) < 2:
        return x.reshape((1, *x.shape))
    if len(x.shape) == 2:
        return x
    return x.transpose((0, *range(2, len(x.shape)), 1)).reshape((-1, x.shape[1]))


def label_places(labels: Any) -> Any:
    """The index of every row's label, made of the labels' kind of array."""
    return np.arange(labels.shape[0], like=labels), labels


def kept_labels(op: str, labels: Any, classes: int, ignore_index: int | None) -> Any:
    """Which labels (M,) are not `ignore_index`, or None if all are kept; IndexError for one that is no class."""
    # as unsigned numbers negative labels are very large: one pass finds whether any is no class
    unsigned = labels.astype(np.int64, copy=False).view(np.uint64)
    may_ignore = ignore_index is not None and 0 <= ignore_index < classes
    if not may_ignore and np.maximum.reduce(unsigned, initial=0) < classes:
        return None
    kept = labels == labels if ignore_index is None else labels != ignore_index
    wrong = kept & ((labels < 0) | (labels >= classes))
    if wrong.any():
        row = int(wrong.argmax())
        leave_out = (
            ""
            if ignore_index is None
            else f", and ignore_index={ignore_index} marks rows to leave out"
        )
        raise IndexError(
            f"{op}: label {labels[row]} in row {row} is outside [0, {classes}); labels count from 0{leave_out}"
        )
    return None if kept.all() else kept
