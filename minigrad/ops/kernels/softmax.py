"""Softmax of NumPy's own arrays with its cross-entropy: rows of many classes in blocks that stay in cache."""

from __future__ import annotations

from typing import Any

import numpy as np

BLOCK = 2**16  # logits: as float32 a quarter of a second-level cache of 1 MB
SHORT = 128  # classes


def laid_out(x: Any) -> Any:
    """x, or where that is better a copy in another layout.

    Few classes are made the outer axis: inner loops over the longer axis set the time of all else. Rows that are taken
    in blocks lie in one piece: else NumPy would sum up a block's in another order than those of all.
    """
    count, classes = x.shape
    if classes < min(count, SHORT):
        return x.copy(order="F")
    if count * classes > BLOCK and x.strides[1] != x.itemsize:
        return x.copy(order="C")
    return x


def softmax_cross_entropy(x: Any, labels: Any, row_weight: Any) -> tuple[Any, Any]:
    """The weighted sum of -log softmax(x)[n, labels[n]], and softmax(x)."""
    count, classes = x.shape
    x = laid_out(x)
    step = count if classes < min(count, SHORT) else max(1, BLOCK // max(1, classes))
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
