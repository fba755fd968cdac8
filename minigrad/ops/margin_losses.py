"""Losses that are 0 from a margin on: of rankings, triplets, angles, classes and sets of classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.dtypes import in_array
from .activations import relu, softplus
from .axes import in_floats
from .distances import cosine_similarity, pairwise_distance
from .elementwise import minimum, where
from .elementwise_losses import _checked, binary_cross_entropy_with_logits
from .indexing import of_known, take_along_axis
from .inspection import plain
from .loss_terms import Reduction, check_reduction, check_same_shape, reduced, rounded_once
from .losses import _class_margins, _class_weight
from .reads import refuse
from .reductions import mean, sum
from .shapes import reshape


@rounded_once
def margin_ranking_loss(
    x1: Any, x2: Any, target: Any, margin: float = 0.0, reduction: Reduction = "mean"
) -> Any:
    """mean of max(0, margin - target (x1 - x2)); target is 1 where x1 should be the larger, -1 where x2 should.

    At the kink: x1 and x2 exactly the margin apart have gradient 0, of least norm.
    """
    op = "margin_ranking_loss"
    x1, target = _checked(op, x1, target, reduction)
    check_same_shape(op, x2, target)
    return reduced(relu(margin - target * (x1 - in_floats(in_array(x2)))), reduction)


@rounded_once
def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: Reduction = "mean",
) -> Any:
    """mean of max(0, d(anchor, positive) - d(anchor, negative) + margin), with d the pairwise_distance of p and eps.

    anchor, positive, negative  vectors (..., D) along the last axis
    swap                        d(positive, negative) in place of d(anchor, negative) where it is smaller

    Schroff, Kalenichenko, Philbin 2015; swap: Balntas et al. 2016.

    At the kink: distances exactly the margin apart have gradient 0, of least norm.
    """

    def d(x: Any, y: Any) -> Any:
        return pairwise_distance(x, y, p, eps)

    return _triplets("triplet_margin_loss", anchor, positive, negative, d, margin, swap, reduction)


@rounded_once
def triplet_margin_with_distance_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    distance_function: Callable[[Any, Any], Any] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: Reduction = "mean",
) -> Any:
    """mean of max(0, d(anchor, positive) - d(anchor, negative) + margin), for a d of your own.

    anchor, positive, negative  arrays (N, ...) of one shape
    distance_function           d, of two such arrays; by default the pairwise_distance
    swap                        d(positive, negative) in place of d(anchor, negative) where it is smaller

    At the kink: distances exactly the margin apart have gradient 0, of least norm.
    """
    op, d = "triplet_margin_with_distance_loss", distance_function or pairwise_distance
    return _triplets(op, anchor, positive, negative, d, margin, swap, reduction)


def _triplets(
    op: str,
    anchor: Any,
    positive: Any,
    negative: Any,
    d: Callable[[Any, Any], Any],
    margin: float,
    swap: bool,
    reduction: Reduction,
) -> Any:
    if not margin > 0:
        raise ValueError(f"{op}: margin must be > 0, not {margin!r}")
    anchor, positive = _checked(op, anchor, positive, reduction)
    check_same_shape(op, anchor, negative)
    if not anchor.shape:
        raise ValueError(f"{op}: anchor is 0-d; vectors (..., D) are needed")
    far = d(anchor, negative)
    if swap:
        far = minimum(far, d(positive, negative))
    return reduced(relu(d(anchor, positive) - far + margin), reduction)


@rounded_once
def cosine_embedding_loss(
    x1: Any, x2: Any, target: Any, margin: float = 0.0, reduction: Reduction = "mean"
) -> Any:
    """mean of 1 - cos(x1, x2) where the target is 1, and of max(0, cos(x1, x2) - margin) where it is -1.

    x1, x2  vectors (N, D) or (D,)
    target  1 and -1, (N,) or ()

    At the kink: a cosine exactly at the margin has gradient 0, of least norm.
    """
    op = "cosine_embedding_loss"
    x1, x2 = _checked(op, x1, x2, reduction)
    target = plain(in_array(target))
    if tuple(target.shape) != tuple(x1.shape[:-1]) or not x1.shape:
        raise ValueError(
            f"{op}: x1 has shape {tuple(x1.shape)} and the target {tuple(target.shape)}; one target for each vector "
            "along the last axis is needed"
        )
    is_alike, cos = _is_alike(op, target), cosine_similarity(x1, x2, axis=-1)
    return reduced(where(is_alike, 1 - cos, relu(cos - margin)), reduction)


@rounded_once
def hinge_embedding_loss(
    x: Any, target: Any, margin: float = 1.0, reduction: Reduction = "mean"
) -> Any:
    """mean of x where the target is 1, and of max(0, margin - x) where it is -1; x holds distances.

    At the kink: a distance that is exactly the margin has gradient 0, of least norm.
    """
    op = "hinge_embedding_loss"
    x, target = _checked(op, x, target, reduction)
    return reduced(where(_is_alike(op, plain(target)), x, relu(margin - x)), reduction)


def _is_alike(op: str, target: Any) -> Any:
    is_alike = target == 1
    message = f"{op}: the target has elements other than 1 (alike) and -1 (unlike)"
    refuse(~(is_alike | (target == -1)), lambda: ValueError(message))
    return is_alike


@rounded_once
def soft_margin_loss(x: Any, target: Any, reduction: Reduction = "mean") -> Any:
    """mean of log(1 + exp(-target x)), without overflow, for targets 1 and -1 of x's shape."""
    x, target = _checked("soft_margin_loss", x, target, reduction)
    return reduced(softplus(-target * x), reduction)


@rounded_once
def multi_margin_loss(
    x: Any,
    target: Any,
    p: int = 1,
    margin: float = 1.0,
    weight: Any = None,
    reduction: Reduction = "mean",
) -> Any:
    """sum_{j != t} w_t max(0, x_j - x_t + margin)^p / C, averaged over the rows.

    x       scores (N, C, ...) or (C,)
    target  integer labels (N, ...) or (); IndexError for one outside [0, C)
    p       1 or 2
    weight  w: one per class, (C,)

    hinge_loss is the sum for p = 1 and no weight, without the division by C. Crammer, Singer 2001.

    At the kink: a score that is exactly the margin below the right one has gradient 0, of least norm.
    """
    op = "multi_margin_loss"
    check_reduction(op, reduction)
    if p not in (1, 2):
        raise ValueError(f"{op}: p must be 1 or 2, not {p!r}")
    x, target = in_floats(in_array(x)), in_array(target)
    terms, labels = _class_margins(op, x, target, margin)
    classes = terms.shape[1]
    weight = _class_weight(op, weight, classes)
    terms = terms if p == 1 else terms * terms
    if weight is not None:
        terms = terms * weight.astype(x.dtype)[labels][:, None]
    return reduced(reshape(sum(terms, 1) / classes, target.shape), reduction)


@rounded_once
def multilabel_margin_loss(x: Any, target: Any, reduction: Reduction = "mean") -> Any:
    """sum_j sum_i max(0, 1 - x_j + x_i) / C over the classes j of a row's target and i not of it, averaged.

    x       scores (N, C) or (C,)
    target  of x's shape, integers: the labels of a row, then -1, then anything from -1 to C - 1

    C^2 numbers a row are computed.

    At the kink: scores exactly 1 apart have gradient 0, of least norm.
    """
    op = "multilabel_margin_loss"
    check_reduction(op, reduction)
    check_same_shape(op, x, target)
    x, target = in_floats(in_array(x)), plain(in_array(target))
    if len(x.shape) not in (1, 2) or target.dtype.kind not in "iu":
        raise ValueError(
            f"{op}: scores of shape {tuple(x.shape)} and a target of {target.dtype}; (N, C) or (C,), and integer "
            "labels filled up with -1, are needed"
        )
    classes = x.shape[-1]
    message = f"{op}: the target has labels outside [0, {classes}), and -1 for none"
    refuse((target < -1) | (target >= classes), lambda: IndexError(message))
    rows, labels = reshape(x, (-1, 1, classes)), target.reshape((-1, classes, 1))
    is_listed = np.cumsum(labels < 0, axis=1) == 0
    is_right = (is_listed & (labels == np.arange(classes, like=labels))).any(axis=1, keepdims=True)
    right = of_known(
        take_along_axis, reshape(rows, (-1, classes, 1)), np.where(is_listed, labels, 0), 1
    )
    terms = where(is_listed & ~is_right, relu(1 - right + rows), 0)
    return reduced(reshape(sum(terms, (1, 2)) / classes, x.shape[:-1]), reduction)


@rounded_once
def multilabel_soft_margin_loss(
    x: Any, target: Any, weight: Any = None, reduction: Reduction = "mean"
) -> Any:
    """mean over the classes of -w (t log s(x) + (1 - t) log(1 - s(x))), with s the sigmoid, averaged over the rows.

    x       logits (..., C)
    target  0 and 1, of x's shape
    weight  w: one per class, or what else broadcasts to x's shape
    """
    op = "multilabel_soft_margin_loss"
    check_reduction(op, reduction)
    check_same_shape(op, x, target)
    if not np.shape(x):
        raise ValueError(f"{op}: x is 0-d; (..., C) is needed")
    terms = binary_cross_entropy_with_logits(x, target, weight, "none")
    return reduced(mean(terms, -1), reduction)
