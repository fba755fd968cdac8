"""Attention of NumPy's own arrays in blocks of queries, whose scores stay in cache from the first pass to the last.

Scores and weights are transposed, (..., keys, queries): NumPy then takes the largest score of each query, and what is
divided by its total, in long runs. Few weights are kept for the way back; many are made anew, from q, k and the largest
score and the total of each query (Dao et al.: FlashAttention, 2022).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

BLOCK = 2**16  # scores: as float32 a quarter of a second-level cache of 1 MB
KEPT = 2**20  # weights that are kept; more would be written to memory and read again
# queries of a block: fewer see fewer keys in vain, where later keys are hidden, and more are sooner done
LEAST, LEAST_CAUSAL, MOST_CAUSAL = 256, 32, 128
LONGEST = 2048  # keys that are weighed at once, see `_weigh`
RUN = 256  # keys that BLAS sums up at once: over more it would be less exact than NumPy


def attend(
    q: Any, k: Any, v: Any, bias: Any, causal: bool, scale: float
) -> tuple[Any, tuple[Any, ...]]:
    """softmax(scale q k^T + bias) v, in the layout of q, and what `attend_back` needs of each block."""
    y = np.empty_like(q, shape=(*q.shape[:-1], v.shape[-1]))
    kept = []
    for at, rows, keys in _blocks(q, k, causal):
        w, seen = _scores(q[*at, ..., rows, :] * scale, k, bias, causal, at, rows, keys)
        largest = _largest(w)
        w -= largest
        np.exp(w, out=w)
        total = _sum(w)
        _normalise(w, total, seen)
        _weigh(w, v[*at, ..., keys, :], y[*at, ..., rows, :])
        kept.append(w if _keeps(q, k) else np.concatenate([largest, total], -2))
    return y, tuple(kept)


def attend_back(
    g: Any, q: Any, k: Any, v: Any, bias: Any, causal: bool, scale: float, kept: Any, needed: Any
) -> list[Any]:
    """The gradients by q, k and v; None for one that is not needed."""
    gq, gk, gv = found = [
        np.empty_like(x) if n else None for x, n in zip((q, k, v), needed, strict=True)
    ]
    # from the last query on, which sees the most keys: it fills what the others add to
    for (at, rows, keys), known in reversed(list(zip(_blocks(q, k, causal), kept, strict=True))):
        x, u = q[*at, ..., rows, :] * scale, g[*at, ..., rows, :]
        is_first, w = rows.stop == q.shape[-2], known
        if not _keeps(q, k):
            w, seen = _scores(x, k, bias, causal, at, rows, keys)
            w -= known[..., :1, :]
            _normalise(np.exp(w, out=w), known[..., 1:, :], seen)
        if gv is not None:
            _add_product(gv[at], w, u, keys, is_first)
        if gq is None and gk is None:
            continue
        d = v[*at, ..., keys, :] @ u.mT
        d -= _sum(w * d)
        d *= w
        if gq is not None:
            np.matmul(d.mT, k[*at, ..., keys, :], out=gq[*at, ..., rows, :])
        if gk is not None:
            _add_product(gk[at], d, x, keys, is_first)
    if gq is not None:
        gq *= scale
    return found


def _weigh(w: Any, v: Any, y: Any) -> None:
    """y = w^T v, summed in runs: some BLAS add the products of all keys one after the other, and round as often."""
    np.matmul(w[..., :LONGEST, :].mT, v[..., :LONGEST, :], out=y)
    for start in range(LONGEST, v.shape[-2], LONGEST):
        run = slice(start, start + LONGEST)
        y += w[..., run, :].mT @ v[..., run, :]


def _keeps(q: Any, k: Any) -> bool:
    return math.prod(q.shape[:-1]) * k.shape[-2] <= KEPT


def _blocks(q: Any, k: Any, causal: bool) -> Iterator[tuple[Any, slice, slice]]:
    """The leading indices, the queries and the keys of each block."""
    length, keys = q.shape[-2], k.shape[-2]
    few = min(MOST_CAUSAL, max(LEAST_CAUSAL, length // 4))
    most = min(length, few if causal else max(LEAST, BLOCK // keys))
    for at in _pieces(q.shape[:-2], most * keys):
        for start in range(0, length, most):
            stop = min(start + most, length)
            yield at, slice(start, stop), slice(0, min(stop, keys) if causal else keys)


def _pieces(lead: tuple[int, ...], size: int) -> Iterator[tuple[Any, ...]]:
    """Indices of leading axes that choose BLOCK elements at most, with `size` of them behind each."""
    if not lead:
        yield ()
        return
    inner = math.prod(lead[1:]) * size
    if inner > BLOCK and len(lead) > 1:
        yield from ((i, *rest) for i in range(lead[0]) for rest in _pieces(lead[1:], size))
        return
    step = max(1, BLOCK // inner)
    yield from ((slice(i, i + step),) for i in range(0, lead[0], step))


def _scores(
    x: Any, k: Any, bias: Any, causal: bool, at: Any, rows: slice, keys: slice
) -> tuple[Any, Any]:
    """The scores of the scaled queries x; and None, or which of them see a key: the scores of the others are 0."""
    w = k[*at, ..., keys, :] @ x.mT
    if bias is not None:
        added = bias[*at, ..., rows, keys]
        w += added.mT
        seen = (added != -math.inf).any(-1)[..., None, :]
        if not seen.all():
            np.copyto(w, 0, where=~seen)
            return w, seen
    elif causal:
        beside = w[..., rows.start :, :]  # keys before these are seen by every query
        beside += _later(MOST_CAUSAL, w.dtype.char)[: beside.shape[-2], : beside.shape[-1]]
    return w, None


@cache
def _later(size: int, code: str) -> Any:
    """-inf for keys (rows) after the query (columns), else 0."""
    return np.where(np.tri(size, k=-1, dtype=bool), -math.inf, 0).astype(code)


def _largest(w: Any) -> Any:
    """The largest along the axis before the last, by halves: NumPy's own maximum is a call per row."""
    half = w.shape[-2]
    while True:  # at least once, so that the result is no view of w
        count, half = half, (half + 1) // 2
        w = np.maximum(w[..., :half, :], w[..., count - half :, :])
        if half == 1:
            return w


def _sum(w: Any) -> Any:
    """The sum along the axis before the last."""
    ones, count = np.ones((1, RUN), w.dtype), w.shape[-2]
    total = ones[:, :count] @ w[..., :RUN, :]
    for start in range(RUN, count, RUN):
        total += ones[:, : count - start] @ w[..., start : start + RUN, :]
    return total


def _normalise(w: Any, total: Any, seen: Any) -> None:
    w /= total
    if seen is not None:
        w *= seen


def _add_product(total: Any, a: Any, b: Any, keys: slice, is_first: bool) -> None:
    """total[keys] += a b; the first time total = a b, and 0 for the other keys."""
    if is_first:
        np.matmul(a, b, out=total[..., keys, :])
        total[..., keys.stop :, :] = 0
    else:
        total[..., keys, :] += a @ b
