"""Softmax and the losses of classification and regression: rows where stability or speed earns one."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..arrays import unwrap
from ..dtypes import DEFAULT_FLOAT, as_array
from ..rows import primitive
from ..words import says_our_words
from .elementwise import astype, exp, where
from .indexing import getitem
from .inspection import plain
from .reductions import mean, sum
from .shapes import reshape

Reduction = str


def _log_softmax(x: Any, axis: int) -> Any:
    # -inf is a class that cannot be; a +inf or nan logit, or nothing but -inf, makes the row nan
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


# a row for stability: exact at logits of 1e4, where exp alone overflows
_log_softmax_row = primitive(
    _log_softmax,
    x=lambda g, y, axis: g - np.exp(y) * g.sum(axis=axis, keepdims=True),
    floats=True,
)


@says_our_words
def log_softmax(x: Any, axis: int = -1) -> Any:
    """x - log(sum(exp(x))) over `axis`, without overflow."""
    return _log_softmax_row(x, normalize_axis_index(axis, len(x.shape) or 1))


@says_our_words
def softmax(x: Any, axis: int = -1) -> Any:
    """exp(x) / sum(exp(x)) over `axis`, without overflow."""
    return exp(log_softmax(x, axis))


def _long_runs(x: Any) -> Any:
    """Logits (N, C) with the longer axis innermost in memory: what follows is bound by the number of inner loops."""
    return x.copy(order="F") if type(x) is np.ndarray and x.shape[0] > x.shape[1] else x


def _softmax_cross_entropy(x: Any, labels: Any, row_weight: Any) -> tuple[Any, Any]:
    x = _long_runs(x)
    shifted = x - x.max(axis=1, keepdims=True)
    p = np.exp(shifted)
    total = p.sum(axis=1, keepdims=True)
    p /= total
    nll = np.log(total[:, 0]) - shifted[_places(labels)]
    return (row_weight * nll).sum(), p


def _softmax_cross_entropy_grad(g: Any, p: Any, labels: Any, row_weight: Any) -> Any:
    scale = g * row_weight
    y = p * _column(scale)
    y[_places(labels)] -= scale
    return y


def _places(labels: Any) -> Any:
    """The index of every row's label, made of the labels' kind of array."""
    return np.arange(labels.shape[0], like=labels), labels


def _column(weight: Any) -> Any:
    """A weight per row as (N, 1); one number for all rows as it is."""
    return weight[:, None] if getattr(weight, "shape", ()) else weight


# g row_weight (p - onehot(labels)), with p = softmax(x): linear in g and in p
softmax_cross_entropy_grad = primitive(
    _softmax_cross_entropy_grad,
    g=lambda G, p, labels, row_weight: sum(
        row_weight * (sum(p * G, 1) - getitem(G, _places(labels)))
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


def cross_entropy(
    x: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """-log softmax(x)[target], averaged: sum(w[t] nll) / sum(w[t]) over the rows that are not ignored.

    x       logits (N, C, ...) or (C,)
    target  integer labels (N, ...) or (); or floats of x's shape, the probabilities of the classes
    weight  per class (C,); label_smoothing eps mixes the target with the uniform distribution:
            ((1 - eps) sum(w[t] -logp[t]) + eps / C sum(sum_c(w_c -logp_c))) / sum(w[t])

    IndexError for a label outside [0, C) that is not `ignore_index`; ValueError for shapes that do not fit.
    All rows ignored: nan with gradient 0, and a warning.
    """
    _check_reduction("cross_entropy", reduction)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing must be in [0, 1], not {label_smoothing}")
    size = tuple(x.shape)
    if not size:
        raise ValueError("cross_entropy: x is 0-d; logits (N, C) are needed")
    axis = 1 if len(size) > 1 else 0
    classes = size[axis]
    if x.dtype.kind in "biu":
        x = astype(x, DEFAULT_FLOAT)
    if weight is not None:
        weight = as_array(unwrap(weight, "cross_entropy", "weight"))
        if weight.shape != (classes,):
            raise ValueError(
                f"cross_entropy: weight has shape {weight.shape}; one per class, ({classes},)"
            )
    if not hasattr(target, "dtype"):
        target = as_array(target)
    if target.dtype.kind == "f":
        return _with_probabilities(x, target, weight, reduction, label_smoothing, classes)
    shape = size[:axis] + size[axis + 1 :]
    if target.dtype.kind not in "iu" or tuple(target.shape) != shape:
        raise ValueError(
            f"cross_entropy: logits of shape {size} need integer labels of shape {shape}, not {target.dtype} of "
            f"shape {tuple(target.shape)}; the classes are on axis {axis}"
        )
    terms = _with_labels(
        _class_rows(x, classes),
        plain(target).reshape(-1),
        weight,
        ignore_index,
        reduction,
        label_smoothing,
    )
    return reshape(terms, shape) if reduction == "none" else terms


def _with_labels(
    x: Any, labels: Any, weight: Any, ignore_index: int, reduction: Reduction, eps: float
) -> Any:
    """The loss of logits (M, C) and labels (M,), reduced; with reduction "none" per row."""
    count, classes = x.shape
    kept = _kept(labels, classes, ignore_index)
    if weight is None and kept is None and not eps and reduction != "none" and count:
        return softmax_cross_entropy(x, labels, 1 / count if reduction == "mean" else 1.0)
    if kept is None:
        kept = np.ones_like(labels, dtype=bool)
    else:  # a row left out may be infinite or nan: nothing of it may reach the sums
        labels = np.where(kept, labels, 0)
        x = where(kept[:, None], x, 0)
    one = np.ones_like(plain(x), shape=(classes,)) if weight is None else weight
    one = one.astype(x.dtype)
    row_weight = one[labels] * kept
    if reduction == "mean":
        if count and not kept.any():
            warnings.warn(
                "cross_entropy: every label is ignore_index, so the mean is nan", stacklevel=3
            )
        total = row_weight.sum()
        if not total:  # nothing to average
            return softmax_cross_entropy(x, labels, row_weight) + math.nan
        row_weight, one = row_weight / total, one / total
    if reduction != "none" and not eps:
        return softmax_cross_entropy(x, labels, row_weight)
    nll = -log_softmax(x)
    terms = nll[_places(labels)] * row_weight
    if eps:
        terms = (1 - eps) * terms + eps * (sum(nll * one, 1) * kept / classes)
    return terms if reduction == "none" else sum(terms)


def _kept(labels: Any, classes: int, ignore_index: int) -> Any:
    """Which labels are not `ignore_index`, or None if all are kept; IndexError for one that is no class."""
    # as unsigned numbers negative labels are very large: one pass finds whether any is no class
    unsigned = labels.astype(np.int64, copy=False).view(np.uint64)
    if not 0 <= ignore_index < classes and np.maximum.reduce(unsigned, initial=0) < classes:
        return None
    kept = labels != ignore_index
    wrong = kept & ((labels < 0) | (labels >= classes))
    if wrong.any():
        row = int(wrong.argmax())
        raise IndexError(
            f"cross_entropy: label {labels[row]} in row {row} is outside [0, {classes}); labels count from 0, and "
            f"ignore_index={ignore_index} marks rows to leave out"
        )
    return None if kept.all() else kept


def _with_probabilities(
    x: Any, target: Any, weight: Any, reduction: Reduction, eps: float, classes: int
) -> Any:
    if tuple(target.shape) != tuple(x.shape):
        raise ValueError(
            f"cross_entropy: float targets are probabilities and need the logits' shape {tuple(x.shape)}, not "
            f"{tuple(target.shape)}; labels must be integers"
        )
    axis = 1 if len(x.shape) > 1 else 0
    if eps:
        target = target * (1 - eps) + eps / classes
    logp = log_softmax(x, axis)
    if weight is not None:
        sizes = [1] * len(x.shape)
        sizes[axis] = classes
        logp = logp * weight.astype(x.dtype).reshape(sizes)
    terms = -sum(target * logp, axis)
    return mean(terms) if reduction == "mean" else sum(terms) if reduction == "sum" else terms


def _class_rows(x: Any, classes: int) -> Any:
    """Logits (N, C, ...) or (C,) as rows (M, C)."""
    if len(x.shape) == 2:
        return x
    if len(x.shape) == 1:
        return reshape(x, (1, classes))
    axes = (0, *range(2, len(x.shape)), 1)
    return reshape(x.transpose(axes), (-1, classes))


def _check_reduction(op: str, reduction: str) -> None:
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{op}: reduction must be 'mean', 'sum' or 'none', not {reduction!r}")


def mse_loss(x: Any, target: Any, reduction: Reduction = "mean") -> Any:
    """mean((x - target)^2); x and target must have one shape."""
    _check_reduction("mse_loss", reduction)
    if tuple(np.shape(x)) != tuple(np.shape(target)):
        raise ValueError(
            f"mse_loss: x has shape {tuple(np.shape(x))} and the target {tuple(np.shape(target))}; a loss does not "
            "broadcast, reshape one of them"
        )
    terms = (x - target) ** 2
    return mean(terms) if reduction == "mean" else sum(terms) if reduction == "sum" else terms
