"""Losses of class scores against integer labels: cross-entropy, negative log-likelihood, hinge."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ..core.dtypes import as_array, in_array
from ..core.graph import TensorBase
from ..core.options import unwrap
from ..devices import is_elsewhere, placed
from .activations import relu
from .axes import in_floats
from .elementwise import where
from .indexing import getitem, of_known
from .inspection import plain
from .labels import check_labels, class_axis, class_rows, kept_labels, label_places
from .loss_terms import Reduction, check_reduction, reduced, rounded_once, weighted
from .reductions import sum
from .shapes import reshape
from .softmax import log_softmax, softmax_cross_entropy


@rounded_once
def cross_entropy(
    x: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """-log softmax(x)[target], averaged: sum(w[t] nll) / sum(w[t]) over the rows that are not ignored.

    x                logits (N, C, ...) or (C,)
    target           integer labels (N, ...) or (); or floats of x's shape, the probabilities of the classes
    weight           one per class, (C,)
    label_smoothing  eps, which mixes the target with the uniform distribution:
                     ((1 - eps) sum(w[t] -logp[t]) + eps / C sum(sum_c(w_c -logp_c))) / sum(w[t])

    IndexError for a label outside [0, C) that is not `ignore_index`; ValueError for shapes that do not fit.
    All rows ignored: nan with gradient 0, and a warning.

    At the edge: probability or weight 0 on a logit of -inf has loss 0 and gradient 0.
    """
    check_reduction("cross_entropy", reduction)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing must be in [0, 1], not {label_smoothing}")
    if not (isinstance(x, TensorBase) and target.__class__ is np.ndarray):
        x, target = in_array(x), in_array(target)
    x = in_floats(x)
    classes = x.shape[class_axis("cross_entropy", x)]
    weight = _class_weight("cross_entropy", weight, classes)
    if target.dtype.kind == "f":
        return _with_probabilities(x, target, weight, reduction, label_smoothing, classes)
    check_labels("cross_entropy", x, target)
    rows, labels = class_rows(x), plain(target).reshape(-1)
    terms = _with_labels(rows, labels, weight, ignore_index, reduction, label_smoothing)
    return reshape(terms, target.shape) if reduction == "none" else terms


def _with_labels(
    x: Any, labels: Any, weight: Any, ignore_index: int, reduction: Reduction, eps: float
) -> Any:
    """The loss of logits (M, C) and labels (M,), reduced; with reduction "none", one per row."""
    count, classes = x.shape
    kept = kept_labels("cross_entropy", labels, classes, ignore_index)
    if weight is None and kept is None and not eps and reduction != "none" and count:
        return softmax_cross_entropy(x, labels, 1 / count if reduction == "mean" else 1.0)
    x, labels, kept = _without_ignored(x, labels, kept)
    class_weight, row_weight, total = _weights("cross_entropy", x, labels, kept, weight, reduction)
    absent, total = _nothing_averaged(total)
    if absent is math.nan:
        return softmax_cross_entropy(x, labels, row_weight) + absent
    row_weight, class_weight = row_weight / total, class_weight / total
    if reduction != "none" and not eps:
        if weight is not None:  # rows of weight 0 must not reach the sum either
            x, labels, _ = _without_ignored(x, labels, row_weight != 0)
        return _with(absent, softmax_cross_entropy(x, labels, row_weight))
    nll = -log_softmax(x)
    terms = weighted((1 - eps) * row_weight, of_known(getitem, nll, label_places(labels)))
    if eps:
        terms = terms + eps * (sum(weighted(class_weight, nll), 1) * kept / classes)
    return terms if reduction == "none" else _with(absent, sum(terms))


def _nothing_averaged(total: Any) -> tuple[Any, Any]:
    """nan to add to a loss divided by a `total` of 0, else None; and the number to divide by.

    An array of another library is not asked, which would have to be waited for: nan and 0 are chosen where it lies.
    """
    if is_elsewhere(total):
        return np.where(total == 0, math.nan, 0).astype(total.dtype), np.where(total == 0, 1, total)
    return None if total else math.nan, total


def _with(absent: Any, loss: Any) -> Any:
    return loss if absent is None else loss + absent


def _without_ignored(x: Any, labels: Any, kept: Any) -> tuple[Any, Any, Any]:
    """x, labels and kept, with ignored rows as zeros of class 0: an inf or nan in them must not reach the sums."""
    if kept is None:
        return x, labels, np.ones_like(labels, dtype=bool)
    return where(kept[:, None], x, 0), np.where(kept, labels, 0), kept


def _weights(
    op: str, x: Any, labels: Any, kept: Any, weight: Any, reduction: Reduction
) -> tuple[Any, Any, Any]:
    """The weight of each class, that of each row, and the number by which a mean divides (1 if it is no mean)."""
    class_weight = (
        np.ones_like(plain(x), shape=x.shape[1:]) if weight is None else placed(weight, x)
    )
    class_weight = class_weight.astype(x.dtype)
    # by a function that either may be traced in, or of another library; where, because the weight may be inf
    row_weight = np.where(kept, np.take_along_axis(class_weight, labels, 0), 0)
    if reduction != "mean":
        return class_weight, row_weight, 1
    if not is_elsewhere(kept) and labels.shape[0] and not kept.any():
        warnings.warn(f"{op}: every label is ignore_index, so the mean is nan", stacklevel=5)
    return class_weight, row_weight, row_weight.sum()


def _class_weight(op: str, weight: Any, classes: int) -> Any:
    if weight is None:
        return None
    weight = as_array(unwrap(weight, op, "weight"))
    if weight.shape != (classes,):
        raise ValueError(f"{op}: weight has shape {weight.shape}; one per class, ({classes},)")
    return weight


def _with_probabilities(
    x: Any, target: Any, weight: Any, reduction: Reduction, eps: float, classes: int
) -> Any:
    if tuple(target.shape) != tuple(x.shape):
        raise ValueError(
            f"cross_entropy: float targets are probabilities and need the logits' shape {tuple(x.shape)}, not "
            f"{tuple(target.shape)}; labels must be integers"
        )
    axis = class_axis("cross_entropy", x)
    if eps:
        target = target * (1 - eps) + eps / classes
    logp = log_softmax(x, axis)
    if weight is not None:
        sizes = [1] * len(x.shape)
        sizes[axis] = classes
        target = target * weight.astype(x.dtype).reshape(sizes)
    terms = -sum(weighted(target, logp), axis)
    return reduced(terms, reduction)


@rounded_once
def nll_loss(
    x: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
) -> Any:
    """-x[target], averaged: sum(w[t] (-x[t])) / sum(w[t]) over the rows that are not ignored.

    x       log-probabilities (N, C, ...) or (C,), as log_softmax gives them
    target  integer labels (N, ...) or ()
    weight  one per class, (C,)

    IndexError for a label outside [0, C) that is not `ignore_index`; ValueError for shapes that do not fit.
    All rows ignored: nan with gradient 0, and a warning.
    """
    check_reduction("nll_loss", reduction)
    x, target = in_floats(in_array(x)), in_array(target)
    check_labels("nll_loss", x, target)
    weight = _class_weight("nll_loss", weight, x.shape[class_axis("nll_loss", x)])
    rows, labels = class_rows(x), plain(target).reshape(-1)
    terms = _nll(rows, labels, weight, ignore_index, reduction)
    return reshape(terms, target.shape) if reduction == "none" else terms


def _nll(x: Any, labels: Any, weight: Any, ignore_index: int, reduction: Reduction) -> Any:
    """The loss of log-probabilities (M, C) and labels (M,), reduced; with reduction "none", one per row."""
    kept = kept_labels("nll_loss", labels, x.shape[1], ignore_index)
    x, labels, kept = _without_ignored(x, labels, kept)
    _, row_weight, total = _weights("nll_loss", x, labels, kept, weight, reduction)
    chosen = -of_known(getitem, x, label_places(labels))
    absent, total = _nothing_averaged(total)
    if absent is math.nan:
        return sum(chosen * row_weight) + absent
    terms = weighted(row_weight / total, chosen)
    return terms if reduction == "none" else _with(absent, sum(terms))


@rounded_once
def hinge_loss(x: Any, target: Any, margin: float = 1.0, reduction: Reduction = "mean") -> Any:
    """sum_{j != t} max(0, x_j - x_t + margin), averaged over the rows: the loss of a multiclass SVM.

    x       scores (N, C, ...) or (C,)
    target  integer labels (N, ...) or (); IndexError for one outside [0, C)

    multi_margin_loss is this divided by C, as in PyTorch. Weston and Watkins, Multi-class support vector machines
    (1998).

    At the kink: a score that is exactly the margin below the right one has gradient 0, of least norm.
    """
    check_reduction("hinge_loss", reduction)
    x, target = in_floats(in_array(x)), in_array(target)
    terms, _ = _class_margins("hinge_loss", x, target, margin)
    return reduced(reshape(sum(terms, 1), target.shape), reduction)


def _class_margins(op: str, x: Any, target: Any, margin: float) -> tuple[Any, Any]:
    """max(0, x_j - x_t + margin) for each class j but t, and 0 for t, as rows (M, C); and the labels t (M,)."""
    check_labels(op, x, target)
    rows, labels = class_rows(x), plain(target).reshape(-1)
    classes = rows.shape[1]
    kept_labels(op, labels, classes, None)
    is_right = labels[:, None] == np.arange(classes, like=labels)
    excess = rows - of_known(getitem, rows, label_places(labels))[:, None] + margin
    return where(is_right, 0, relu(excess)), labels
