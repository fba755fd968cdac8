"""Class labels: their checks, whose errors name the loss, and the places of x that they choose."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..devices import is_elsewhere, on_host
from .kernels import noting
from .reads import refuse


def check_labels(op: str, x: Any, target: Any) -> None:
    """Raise unless the target holds integers and has x's shape without the axis of the classes."""
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
    """The index of every row's label, as arrays of the labels' library."""
    return np.arange(labels.shape[0], like=labels), labels


def kept_labels(op: str, labels: Any, classes: int, ignore_index: int | None) -> Any:
    """True for labels (M,) other than `ignore_index`, or None if all are kept; IndexError for one that is no class."""
    if labels.__class__ is not np.ndarray and (note := noting(kept_labels, labels)):
        return note(op, labels, classes, ignore_index)
    if labels.__class__ is not np.ndarray and is_elsewhere(labels):
        return _kept_elsewhere(op, labels, classes, ignore_index)
    # as unsigned numbers negative labels are very large, so one comparison finds labels that are no class
    unsigned = labels.astype(np.int64, copy=False).view(np.uint64)
    may_ignore = ignore_index is not None and 0 <= ignore_index < classes
    if not may_ignore and np.maximum.reduce(unsigned, initial=0) < classes:
        return None
    kept, wrong = _kept_and_wrong(labels, classes, ignore_index)
    if wrong.any():
        raise _no_class(op, labels, wrong, classes, ignore_index)
    return None if kept.all() else kept


def _kept_elsewhere(op: str, labels: Any, classes: int, ignore_index: int | None) -> Any:
    """The same without a read of another library's array: rows may be ignored, whether or not any is."""
    kept, wrong = _kept_and_wrong(labels, classes, ignore_index)
    if labels.size:
        refuse(wrong, lambda: _no_class(op, on_host(labels), on_host(wrong), classes, ignore_index))
    return None if ignore_index is None else kept


def _kept_and_wrong(labels: Any, classes: int, ignore_index: int | None) -> tuple[Any, Any]:
    kept = labels == labels if ignore_index is None else labels != ignore_index
    return kept, kept & ((labels < 0) | (labels >= classes))


def _no_class(
    op: str, labels: Any, wrong: Any, classes: int, ignore_index: int | None
) -> IndexError:
    row = int(wrong.argmax())
    more = f", and ignore_index={ignore_index} marks rows to leave out"
    return IndexError(
        f"{op}: label {labels[row]} in row {row} is outside [0, {classes}); labels count from 0"
        + ("" if ignore_index is None else more)
    )
