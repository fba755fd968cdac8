"""Connectionist temporal classification: a sequence of labels beside a longer one of scores, without an alignment."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.dtypes import in_array
from ..devices import on_host, placed
from .axes import in_floats
from .elementwise import logaddexp, where
from .indexing import of_known, take_along_axis
from .inspection import plain
from .loss_terms import Reduction, check_reduction, reduced, rounded_once
from .padding import pad
from .reads import refuse
from .reductions import logsumexp
from .shapes import expand_dims, reshape, stack


@rounded_once
def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: Reduction = "mean",
    zero_infinity: bool = False,
) -> Any:
    """-log(sum over the paths of prod_t p_t): paths that are the target once repetitions, then blanks, are left out.

    log_probs       (T, N, C), as log_softmax gives them, or (T, C) of one sequence
    targets         labels without blanks: (N, S), filled up with anything; or all sequences in a row; or (S,) of one
    input_lengths   the steps that count, (N,) or (), from 1 to T
    target_lengths  the labels that count, (N,) or ()
    reduction       "mean" divides each loss by its target length first, if that is not 0
    zero_infinity   a target that no path gives, as it is too long, has loss 0 instead of inf

    Graves et al. 2006. Steps and labels that do not count may hold anything. As a function of log_probs this is the
    plain derivative, where PyTorch's adds exp(log_probs): both are one after log_softmax.

    At the edge: a loss of inf has gradient 0, where PyTorch's is nan.
    """
    check_reduction("ctc_loss", reduction)
    x = in_floats(in_array(log_probs))
    if len(x.shape) not in (2, 3) or not x.shape[0]:
        raise ValueError(
            f"ctc_loss: log_probs has shape {tuple(x.shape)}; (T, N, C), or (T, C) of one sequence, is needed"
        )
    is_one = len(x.shape) == 2
    x = expand_dims(x, 1) if is_one else x
    steps = placed(_lengths("input_lengths", input_lengths, x.shape[1], 1, x.shape[0]), x)
    sizes, labels = _labels(x, targets, target_lengths, blank)
    loss = -of_known(_log_likelihood, x, labels, steps, sizes, blank)
    if zero_infinity:
        loss = where(plain(loss) == math.inf, 0, loss)
    if reduction == "mean":
        loss = loss / np.maximum(sizes, 1).astype(x.dtype)
    return reduced(reshape(loss, ()) if is_one else loss, reduction)


def _log_likelihood(x: Any, labels: Any, steps: Any, sizes: Any, blank: int) -> Any:
    """The recursion of Graves et al., eq. 6 to 8: all sequences, and all places in their labels, at once.

    alpha_t(s) = log(alpha_{t-1}(s) + alpha_{t-1}(s - 1) + alpha_{t-1}(s - 2) where one may skip a blank) + x_t(s)
    """
    n, size = labels.shape
    places = np.full_like(labels, blank, shape=(n, 2 * size + 1))  # blank, label, blank, ...
    places[:, 1::2] = labels
    may_skip = places != blank
    may_skip[:, 3::2] &= labels[:, 1:] != labels[:, :-1]
    counts = np.arange(x.shape[0], like=steps)[:, None] < steps
    x = where(counts[:, :, None], x, 0)
    x = take_along_axis(x, places[None], 2)
    # two places before the first: the walk begins in the second of them
    alpha = np.full_like(plain(x), -math.inf, shape=(n, 2 * size + 3))
    alpha[:, 1] = 0
    alphas = []
    for step in x:
        by_skip = where(may_skip, alpha[:, :-2], -math.inf)
        alphas.append(logsumexp(stack([by_skip, alpha[:, 1:-1], alpha[:, 2:]]), 0) + step)
        alpha = pad(alphas[-1], ((0, 0), (2, 0)), constant_values=-math.inf)
    rows = np.arange(n, like=sizes)
    last = stack(alphas)[steps - 1, rows]
    in_blank, in_label = last[rows, 2 * sizes], last[rows, np.maximum(2 * sizes - 1, 0)]
    return logaddexp(in_blank, where(sizes > 0, in_label, -math.inf))


def _lengths(name: str, given: Any, n: int, least: int, most: int) -> Any:
    """The lengths (n,), given as n numbers or, for one sequence, as a number; they are left where they lie."""
    lengths = plain(in_array(given))
    if lengths.dtype.kind not in "iu" or tuple(lengths.shape) not in ((n,), ()[: n == 1]):
        raise ValueError(
            f"ctc_loss: {name} is {lengths.dtype} of shape {tuple(lengths.shape)}; integers of shape ({n},) are needed"
        )
    message = f"ctc_loss: {name} has numbers outside [{least}, {most}]"
    refuse((lengths < least) | (lengths > most), lambda: ValueError(message))
    return lengths.reshape(-1)


def _labels(x: Any, targets: Any, target_lengths: Any, blank: int) -> tuple[Any, Any]:
    """The target lengths (N,) and the labels (N, S), with blanks where none counts."""
    n, classes = x.shape[1:]
    if not isinstance(blank, (int, np.integer)) or not 0 <= blank < classes:
        raise ValueError(f"ctc_loss: blank is {blank!r}, which is none of the {classes} classes")
    targets = placed(in_array(targets), x)
    if targets.dtype.kind not in "iu" or len(targets.shape) not in (1, 2):
        raise ValueError(
            f"ctc_loss: targets are {targets.dtype} of shape {tuple(targets.shape)}; integers (N, S), or all in a row, "
            "are needed"
        )
    sizes = _lengths("target_lengths", target_lengths, n, 0, targets.shape[-1])
    if len(targets.shape) == 2:
        starts, longest = np.arange(n, like=sizes) * targets.shape[1], targets.shape[1]
        fits = targets.shape[0] == n
    else:  # the longest is the size of an array, which must be known here
        sizes = on_host(sizes)
        starts, longest = np.cumsum(sizes) - sizes, int(sizes.max()) if n else 0
        fits = n == 1 or sizes.sum() == targets.shape[0]
    if not fits:
        raise ValueError(
            f"ctc_loss: targets of shape {tuple(targets.shape)} do not fit {n} sequences with target_lengths "
            f"{sizes.tolist()}"
        )
    sizes, starts = placed(sizes, x), placed(starts, x)
    places = np.arange(longest, like=sizes)
    counts = places < sizes[:, None]
    labels = targets.reshape(-1)[np.where(counts, starts[:, None] + places, 0)]
    wrong = counts & ((labels < 0) | (labels >= classes) | (labels == blank))
    refuse(wrong, lambda: _no_label(on_host(labels), on_host(wrong), classes))
    return sizes, np.where(counts, labels, blank)


def _no_label(labels: Any, wrong: Any, classes: int) -> IndexError:
    row = int(wrong.any(axis=1).argmax())
    return IndexError(
        f"ctc_loss: label {labels[wrong][0]} in sequence {row} is the blank or outside [0, {classes})"
    )
