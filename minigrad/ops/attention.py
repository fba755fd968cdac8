"""Attention: the weight of each key for each query, and the mean of the values with these weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.dtypes import as_array, is_array
from .elementwise import astype, where
from .inspection import plain
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
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = _scores(query * scale, key)
    bias = _bias(scores, attn_mask, is_causal)
    if not scores.shape[-1]:  # there is no key, so no weight either
        return scores
    if bias is None:
        return softmax(scores, -1)
    scores = scores + bias
    sees = (plain(bias) != -math.inf).any(axis=-1, keepdims=True)
    if sees.all():
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

    The mask, `is_causal` and `scale` are those of `attention_weights`.

    At the edge: a query that may see no key gets 0.
    """
    weights = attention_weights(query, key, attn_mask, is_causal=is_causal, scale=scale)
    return matmul(weights, value)


def _scores(query: Any, key: Any) -> Any:
    q, k = tuple(query.shape), tuple(key.shape)
    if len(q) < 2 or len(k) < 2 or q[-1] != k[-1]:
        raise ValueError(
            f"attention: query has shape {q} and key {k}; (..., L, E) and (..., S, E) are needed, with one E"
        )
    return matmul(query, matrix_transpose(key))


def _bias(scores: Any, attn_mask: Any, is_causal: bool) -> Any:
    """The term to add to the scores, or None. It has their dtype, so that a mask never widens them."""
    bias = None
    if attn_mask is not None:
        mask = attn_mask if is_array(plain(attn_mask)) else as_array(attn_mask)
        _check_mask(mask, scores)
        bias = _added(mask, scores) if mask.dtype.kind == "b" else astype(mask, scores.dtype)
    if is_causal:
        causal = _added(np.tri(*scores.shape[-2:], dtype=bool, like=plain(scores)), scores)
        bias = causal if bias is None else bias + causal
    return bias


def _added(sees: Any, scores: Any) -> Any:
    """0 where a query sees a key, and -inf where it does not."""
    return np.where(plain(sees), 0, -math.inf).astype(scores.dtype)


def _check_mask(mask: Any, scores: Any) -> None:
    if mask.dtype.kind not in "bf":
        raise TypeError(
            f"attention: attn_mask is {mask.dtype}; bools that say which keys may be seen are needed, or floats that "
            "are added to the scores"
        )
    try:
        fits = np.broadcast_shapes(mask.shape, scores.shape) == tuple(scores.shape)
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"attention: attn_mask has shape {tuple(mask.shape)}, and does not broadcast to (..., L, S), here "
            f"{tuple(scores.shape)}"
        )
