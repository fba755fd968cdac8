"""Softmax, and its cross-entropy with labels in one pass: rows of their own for stability and speed."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import narrowed, widened
from ..core.rows import primitive
from .axes import Axis, axes_of
from .indexing import getitem, of_known
from .kernels import noting
from .kernels import softmax as kernels
from .labels import label_places
from .pytorch_words import says_our_words
from .reductions import sum

# The rows take float16 as float32, and so do their rules: a logarithm rounded to float16 would be a probability that
# is wrong by 4 in 1000, and 1 of 65504 equal ones is 0 there.
#
# Their gradients are exact to a rounding of g, as in PyTorch, but not to a few ulp of themselves: where one probability
# is nearly 1, the gradient of its logit is the difference of two numbers near g, and few of its digits remain. With g
# taken relative to its element at the largest y all remain, at twice the time of the rule.


def _log_softmax(x: Any, axis: Any) -> Any:
    if 0 in x.shape:  # nothing has no maximum
        return np.zeros_like(x)
    # -inf is an impossible class; a +inf or nan logit, or nothing but -inf, makes the row nan
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


# a row for stability: exact at logits of 1e4, where exp alone overflows
_log_softmax_row = primitive(
    _log_softmax,
    x=lambda g, y, axis: g - np.exp(y) * g.sum(axis=axis, keepdims=True),
    floats=True,
)


@says_our_words
def log_softmax(x: Any, axis: Axis = -1) -> Any:
    """x - log(sum(exp(x))) over the given axes, without overflow; None means all of them."""
    return narrowed(_log_softmax_row(widened(x), axes_of(x, axis)), x)


def _softmax(x: Any, axis: Any) -> Any:
    if 0 in x.shape:
        return np.zeros_like(x)
    y = np.exp(x - x.max(axis=axis, keepdims=True))
    return y / y.sum(axis=axis, keepdims=True)


# a row for speed: attention runs it on its largest arrays, and one exponential less halves the time backwards
_softmax_row = primitive(
    _softmax,
    x=lambda g, y, axis: y * (g - (g * y).sum(axis=axis, keepdims=True)),
    floats=True,
)


@says_our_words
def softmax(x: Any, axis: Axis = -1) -> Any:
    """exp(x) / sum(exp(x)) over the given axes, without overflow; None means all of them."""
    return narrowed(_softmax_row(widened(x), axes_of(x, axis)), x)


def _softmax_cross_entropy(x: Any, labels: Any, row_weight: Any) -> tuple[Any, Any]:
    if type(x) is type(labels) is np.ndarray:
        return kernels.softmax_cross_entropy(x, labels, row_weight)
    if noting(np.copy, x):
        x = kernels.laid_out(x)  # in a program, for the bits of the kernel
    shifted = x - x.max(axis=1, keepdims=True)
    p = np.exp(shifted)
    total = p.sum(axis=1, keepdims=True)
    p /= total
    nll = np.log(total[:, 0]) - shifted[label_places(labels)]
    return (row_weight * nll).sum(), p


def _softmax_cross_entropy_grad(g: Any, p: Any, labels: Any, row_weight: Any) -> Any:
    """g row_weight[n] (p[n, c] - [c = labels[n]]), with p the softmax of the logits"""
    scale = g * row_weight
    y = p * _column(scale)
    y[label_places(labels)] -= scale
    return y


def _column(weight: Any) -> Any:
    """A weight per row as (N, 1); one number for all rows as it is."""
    return weight[:, None] if getattr(weight, "shape", ()) else weight


# g row_weight (p - onehot(labels)), with p = softmax(x): linear in g and in p
softmax_cross_entropy_grad = primitive(
    _softmax_cross_entropy_grad,
    g=lambda G, p, labels, row_weight: sum(
        row_weight * (sum(p * G, 1) - of_known(getitem, G, label_places(labels)))
    ),
    p=lambda G, g, row_weight: g * _column(row_weight) * G,
)
# a row for speed: one pass forward and one back where log_softmax, indexing and their rules take six
softmax_cross_entropy = primitive(
    _softmax_cross_entropy,
    x=lambda g, x, p, labels, row_weight: softmax_cross_entropy_grad(g, p, labels, row_weight),
    also={"p": lambda x: softmax(x, 1)},
    floats=True,
    doc="sum_n row_weight[n] (log(sum_c exp(x[n, c])) - x[n, labels[n]]), without checks",
)
