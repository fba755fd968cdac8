"""Softmax of NumPy's own arrays with its cross-entropy: rows of many classes in blocks that stay in cache."""

from __future__ import annotations

from typing import Any

import numpy as np

BLOCK = 2**16  # logits: as float32 a quarter of a second-level cache of 1 MB
SHORT = 128  # classes


def is_turned(x: Any) -> bool:
    """Return whether the classes are made the outer axis: inner loops over the longer axis set the time of all else."""
    count, classes = x.shape
    return bool(classes < min(count, SHORT))


def softmax_cross_entropy(x: Any, labels: Any, row_weight: Any) -> tuple[Any, Any]:
    """The weighted sum of -log softmax(x)[n, labels[n]], and softmax(x)."""
    count, classes = x.shape
    step = max(1, BLOCK // max(1, classes))
    if is_turned(x):
        x, step = x.copy(order="F"), count
    p = np.empty_like(x)
    if count <= step:
        return (row_weight * _terms(x, labels, p)).sum(), p
    terms = np.empty(count, x.dtype)
    for start in range(0, count, step):
        rows = slice(start, start + step)
        terms[rows] = _terms(x[rows], labels[rows], p[rows])
    return (row_weight * terms).sum(), p


def _terms(x: Any, labels: Any, p: Any) -> Any:
    """-log softmax(x) at the labels; p becomes softmax(x)."""
    np.subtract(x, x.max(axis=1, keepdims=True), out=p)
    chosen = p[np.arange(len(labels)), labels]
    np.exp(p, out=p)
    total = p.sum(axis=1, keepdims=True)
    p /= total
    return np.log(total[:, 0]) - chosen
