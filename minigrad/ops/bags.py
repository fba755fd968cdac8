"""Bags: rows of a table, added up, averaged, or their maxima."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import in_array, narrowed, widened
from ..devices import is_elsewhere, on_host, placed
from .axes import in_floats
from .elementwise import where
from .indexing import embedding, scatter, take
from .inspection import plain
from .kernels import noting
from .reads import refuse
from .reductions import max as max_
from .reductions import sum as sum_
from .selection import scatter_max
from .shapes import expand_dims


def embedding_bag(
    weight: Any,
    indices: Any,
    offsets: Any = None,
    mode: str = "mean",
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Any:
    """y[b] = mean of weight[i] over the indices i in bag b: weight (V, D), y (B, D); 0 for an empty bag.

    indices              integers in [0, V): (B, L), a row for each bag, or (N,) with offsets
    offsets              (B,): where in indices each bag begins, from 0 on, ascending
    mode                 "mean", "sum" or "max"
    per_sample_weights   with "sum", floats of the shape of indices, by which the rows are multiplied
    include_last_offset  True: offsets are (B + 1,), the last of them is N
    padding_idx          an index that is in no bag, wherever it stands

    At a tie: the elements that are the maximum share the gradient evenly.
    """
    if mode not in ("mean", "sum", "max"):
        raise ValueError(f"embedding_bag: mode must be 'mean', 'sum' or 'max', not {mode!r}")
    indices = in_array(indices)
    shape = tuple(indices.shape)
    if len(shape) not in (1, 2) or (len(shape) == 1) != (offsets is not None):
        raise ValueError(
            f"embedding_bag: indices have shape {shape}; (B, L), or (N,) with offsets, are needed, and offsets are "
            f"{'missing' if offsets is None else 'given'}"
        )
    rows = widened(embedding(weight, indices))
    kept = None if padding_idx is None else indices != padding_idx
    if per_sample_weights is not None:
        if kept is not None:  # 0 times an infinite row would be the gradient of its factor
            rows = where(expand_dims(kept, -1), rows, 0)
        rows = rows * expand_dims(widened(_factors(per_sample_weights, shape, mode)), -1)
    if len(shape) == 2:
        return narrowed(_of_each_row(rows, kept, mode), weight)
    bag, count = _bags(offsets, shape[0], include_last_offset, plain(weight))
    if kept is None:
        y = _of_each_bag(rows, bag, count, mode)
    elif is_elsewhere(plain(kept)):  # to count those that are kept would wait: the others get a bag
        y = _of_each_bag(rows, np.where(plain(kept), bag, count), count + 1, mode)[:count]
    else:
        places = np.flatnonzero(plain(kept))
        y = _of_each_bag(take(rows, places, 0), bag[places], count, mode)
    return narrowed(y, weight)


def _of_each_row(rows: Any, kept: Any, mode: str) -> Any:
    """The bags of rows (B, L, D), in which those that are not kept do not count."""
    count: Any = rows.shape[1]
    if kept is not None:
        count = expand_dims(sum_(kept, 1), -1)
        rows = where(expand_dims(kept, -1), rows, -np.inf if mode == "max" else 0)
    if mode == "max" and rows.shape[1]:
        y = max_(rows, 1)
        return y if kept is None else where(count > 0, y, 0)
    y = sum_(rows, 1)
    return y / np.maximum(count, 1) if mode == "mean" else y


def _of_each_bag(rows: Any, bag: Any, count: int, mode: str) -> Any:
    """The bags of rows (N, D), the n-th of which is in bag[n]."""
    size = (count, *rows.shape[1:])
    one = np.ones_like(plain(rows), shape=bag.shape)
    held = scatter(one, bag, (count,))[:, None]
    if mode == "max":
        low = np.full_like(plain(rows), -np.inf, shape=size)
        return where(held > 0, scatter_max(low, bag, rows), 0)
    y = scatter(rows, bag, size)
    return y / np.maximum(held, 1) if mode == "mean" else y


def _bags(offsets: Any, n: int, include_last_offset: bool, like: Any) -> tuple[Any, int]:
    """The bag of each of n indices, and how many there are."""
    starts = plain(offsets, "embedding_bag")
    starts = starts if hasattr(starts, "dtype") else np.asarray(starts)
    if isinstance(starts, np.ndarray):
        _check_offsets(starts, n, include_last_offset)
    elif note := noting(_check_offsets, starts):
        note(starts, n, include_last_offset)
    else:
        _check_offsets_elsewhere(starts, n, include_last_offset)
    starts = placed(starts, like)
    count = max(starts.shape[0] - include_last_offset, 0)
    return np.searchsorted(starts[:count], np.arange(n, like=like), "right") - 1, count


def _check_offsets(starts: Any, n: int, include_last_offset: bool) -> None:
    """ValueError unless they say where each bag of n indices begins."""
    is_fit = len(starts.shape) == 1 and starts.dtype.kind in "iu"
    if is_fit:
        numbers = starts.tolist() or [n]  # no bags hold no indices
        last = numbers[-1]
        is_fit = numbers[0] == 0 and numbers == sorted(numbers) and last <= n
        is_fit = is_fit and (last == n or not include_last_offset)
    if not is_fit:
        end = f"to {n}" if include_last_offset else f"to {n} at most"
        raise ValueError(
            f"embedding_bag: offsets must be integers (B,) that ascend from 0 {end}, the number of indices, "
            f"not {starts}"
        )


def _check_offsets_elsewhere(starts: Any, n: int, include_last_offset: bool) -> None:
    """The same of another library's array."""
    if len(starts.shape) != 1 or starts.dtype.kind not in "iu":
        raise ValueError(
            f"embedding_bag: offsets must be integers (B,), not {starts.dtype} of shape {tuple(starts.shape)}"
        )
    if not starts.size:
        return _check_offsets(np.zeros(0, int), n, include_last_offset)
    last = starts[-1:] != n if include_last_offset else starts[-1:] > n
    wrong = np.concatenate([starts[:1] != 0, starts[1:] < starts[:-1], last])
    message = "embedding_bag: offsets do not ascend from 0 to the number of indices"
    refuse(wrong, lambda: ValueError(f"{message}, {n}: {on_host(starts)}"))


def _factors(given: Any, shape: tuple[int, ...], mode: str) -> Any:
    if mode != "sum":
        raise ValueError(f"embedding_bag: per_sample_weights go with mode 'sum', not {mode!r}")
    given = in_floats(in_array(given))
    if tuple(given.shape) != shape:
        raise ValueError(
            f"embedding_bag: per_sample_weights have shape {tuple(given.shape)}, and the indices {shape}"
        )
    return given
