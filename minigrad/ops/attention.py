"""Attention: the weight of each key for each query, and the mean of the values with these weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.dtypes import as_array, is_array, narrowed, widened
from ..core.graph import TensorBase
from ..devices import placed
from .elementwise import astype, where
from .fused import fused
from .inspection import plain
from .kernels import attention as kernels
from .kernels import is_numpy
from .products import matmul
from .shapes import matrix_transpose
from .softmax import softmax


def attention_weights(
    query: Any,
    key: Any,
    attn_mask: Any = None,
    *,
    is_causal: bool = False,
    scale: float | None = None,
) -> Any:
    """softmax(scale q k^T + m) over the keys, with q (..., L, E), k (..., S, E) and weights (..., L, S).

    attn_mask  m, which broadcasts to (..., L, S): floats are added; a bool True, "may see", adds 0, and False -inf
    is_causal  query i sees only the keys 0 to i, and of these only those that the mask allows
    scale      None stands for 1 / sqrt(E)

    Vaswani et al. 2017, equation 1.

    At the edge: a query that may see no key has weights 0 and gradient 0, as the sum over nothing is 0.
    """
    _check_query_and_key(query, key)
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = matmul(query * scale, matrix_transpose(key))
    bias = _bias(scores, attn_mask, is_causal)
    if not scores.shape[-1]:  # there is no key, so no weight either
        return scores
    if bias is None:
        return softmax(scores, -1)
    scores = scores + bias
    if attn_mask is None:  # every query sees the first key
        return softmax(scores, -1)
    sees = (plain(bias) != -math.inf).any(axis=-1, keepdims=True)
    if is_numpy(sees) and sees.all():  # an array of another library may not know yet
        return softmax(scores, -1)
    return where(sees, softmax(where(sees, scores, 0), -1), 0)  # no row is nan, not even in between


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    *,
    is_causal: bool = False,
    scale: float | None = None,
) -> Any:
    """softmax(scale q k^T + m) v, with q (..., L, E), k (..., S, E), v (..., S, V) and the result (..., L, V).

    The mask, `is_causal` and `scale` are those of `attention_weights`. The scores of long sequences are computed in
    blocks, forward and back, and never all in memory (Dao et al.: FlashAttention, 2022).

    At the edge: a query that may see no key gets 0.
    """
    _check_query_and_key(query, key)
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    if _is_learned(attn_mask) or _is_learned(scale) or not _is_aligned(query, key, value):
        return _attention.composition(query, key, value, attn_mask, is_causal, scale)
    mask = plain(attn_mask)
    if mask is not None:
        mask = placed(mask if is_array(mask) else as_array(mask), query)
        _check_mask(mask, (*query.shape[:-1], key.shape[-2]))
    return _attention(query, key, value, mask, is_causal, float(plain(scale)))


def _is_learned(option: Any) -> bool:
    return isinstance(option, TensorBase) and option._requires_grad


def _is_aligned(query: Any, key: Any, value: Any) -> bool:
    """Return whether nothing is to be broadcast, and the values are as many as the keys."""
    lead = tuple(query.shape[:-2])
    return tuple(key.shape[:-2]) == lead and tuple(value.shape[:-1]) == (*lead, key.shape[-2])


def _forward(query: Any, key: Any, value: Any, mask: Any, is_causal: bool, scale: float) -> Any:
    q, k, v = map(widened, (query, key, value))
    y, kept = kernels.attend(q, k, v, *_hidden(q, k, mask, is_causal), scale)
    return narrowed(y, query), kept


def _backward(
    g: Any, query: Any, key: Any, value: Any, mask: Any, is_causal: bool, scale: float, kept: Any, needed: Any
) -> tuple[Any, ...]:  # fmt: skip
    q, k, v = map(widened, (query, key, value))
    hidden = _hidden(q, k, mask, is_causal)
    found = kernels.attend_back(widened(g), q, k, v, *hidden, scale, kept, needed)
    return tuple(None if c is None else narrowed(c, query) for c in found)


def _hidden(query: Any, key: Any, mask: Any, is_causal: bool) -> tuple[Any, bool]:
    """The term to add to the scores, in their shape, or None; and True if the kernel is to hide later keys."""
    if mask is None:
        return None, is_causal
    scores = np.broadcast_to(np.zeros((), query.dtype), (*query.shape[:-1], key.shape[-2]))
    return np.broadcast_to(_bias(scores, mask, is_causal), scores.shape), False


# forward and back in three quarters of the time of the composition on 64 queries, in half of it on 1024 causal ones,
# whose scores are never in memory all at once
@fused(("query", "key", "value"), _forward, _backward, ("kept",))
def _attention(query: Any, key: Any, value: Any, mask: Any, is_causal: bool, scale: float) -> Any:
    """softmax(scale q k^T + m) v, with the leading axes of q, k and v the same"""
    q, k, v = map(widened, (query, key, value))
    weights = attention_weights(q, k, mask, is_causal=is_causal, scale=scale)
    return narrowed(matmul(weights, v), query)


def _check_query_and_key(query: Any, key: Any) -> None:
    q, k = tuple(query.shape), tuple(key.shape)
    if len(q) < 2 or len(k) < 2 or q[-1] != k[-1]:
        raise ValueError(
            f"attention: query has shape {q} and key {k}; (..., L, E) and (..., S, E) are needed, with one E"
        )


def _bias(scores: Any, attn_mask: Any, is_causal: bool) -> Any:
    """The term to add to the scores, or None. It has their dtype, so that a mask never widens them."""
    bias = None
    if attn_mask is not None:
        mask = attn_mask if is_array(plain(attn_mask)) else as_array(attn_mask)
        # one that was made on the host, such as a table of what may be seen, is placed beside the scores
        mask = mask if _is_learned(mask) else placed(mask, scores)
        _check_mask(mask, tuple(scores.shape))
        bias = _added(mask, scores) if mask.dtype.kind == "b" else astype(mask, scores.dtype)
    if is_causal:
        causal = _added(np.tri(*scores.shape[-2:], dtype=bool, like=plain(scores)), scores)
        bias = causal if bias is None else bias + causal
    return bias


def _added(sees: Any, scores: Any) -> Any:
    """0 where a query sees a key, and -inf where it does not."""
    return np.where(plain(sees), 0, -math.inf).astype(scores.dtype)


def _check_mask(mask: Any, shape: tuple[int, ...]) -> None:
    if mask.dtype.kind not in "bf":
        raise TypeError(
            f"attention: attn_mask is {mask.dtype}; bools that say which keys may be seen are needed, or floats that "
            "are added to the scores"
        )
    try:
        fits = np.broadcast_shapes(mask.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"attention: attn_mask has shape {tuple(mask.shape)}, and does not broadcast to (..., L, S), here "
            f"{shape}"
        )
