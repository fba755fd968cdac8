"""Attention over several heads."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import minigrad

from .. import init
from ..checks import check_input, float_input, integer
from ..module import Module, Parameter
from .linear import Linear
from .regularisation import Dropout


class MultiheadAttention(Module):
    """y = concat(head_1, ..., head_h) W_o^T + b_o, with head_i = softmax(q_i k_i^T / sqrt(E / h) + m) v_i

    q_i, k_i, v_i are the i-th E / h columns of q W_q^T + b_q, k W_k^T + b_k, v W_v^T + b_v. The query is (L, N, E), the
    key (S, N, kdim), the value (S, N, vdim), y (L, N, E), with batch_first (N, L, E) and so on; without a batch (L, E)
    and so on. E = embed_dim, h = num_heads; kdim and vdim are E by default. Dropout sets weights of the softmax to 0.

    add_bias_kv    one more key and value, learned: `bias_k` and `bias_v` (1, 1, E), drawn from normal(0, 1 / E)
    add_zero_attn  one more key and value of zeros; every query sees the added keys, whatever the masks say

    `in_proj_weight` (3 E, E) holds W_q, W_k, W_v, one below the other; if kdim or vdim is not E, they stand apart as
    `q_proj_weight` (E, E), `k_proj_weight` (E, kdim), `v_proj_weight` (E, vdim). Weights of (out, in) are drawn from
    uniform(-k, k), k = sqrt(6 / (in + out)) (Glorot), `out_proj.weight` as in Linear; the biases `in_proj_bias` (3 E,)
    and `out_proj.bias` are 0. From Vaswani et al.: Attention Is All You Need (2017), section 3.2.2.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        *,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.embed_dim = width = integer(self, "embed_dim", embed_dim, 1)
        self.num_heads = integer(self, "num_heads", num_heads, 1)
        if width % self.num_heads:
            raise ValueError(
                f"MultiheadAttention: embed_dim {width} does not divide into {num_heads} heads"
            )
        self.kdim = width if kdim is None else integer(self, "kdim", kdim, 1)
        self.vdim = width if vdim is None else integer(self, "vdim", vdim, 1)
        self.batch_first, self.add_zero_attn = batch_first, add_zero_attn

        def weight(inputs: int, rows: int) -> Parameter:
            # laid out in memory as (in, out), which BLAS multiplies faster
            bound = math.sqrt(6 / (inputs + rows))
            return Parameter(init.uniform((inputs, rows), bound, rng, dtype).T)

        self.in_proj_weight: Parameter | None = None
        if self.kdim == self.vdim == width:
            self.in_proj_weight = weight(width, 3 * width)
        else:
            self.q_proj_weight = weight(width, width)
            self.k_proj_weight = weight(self.kdim, width)
            self.v_proj_weight = weight(self.vdim, width)
        self.in_proj_bias = Parameter(init.zeros((3 * width,), dtype)) if bias else None
        self.bias_k, self.bias_v = (
            Parameter(init.normal((1, 1, width), 1 / math.sqrt(width), rng, dtype)) if add_bias_kv else None
            for _ in "kv"
        )  # fmt: skip
        self.out_proj = Linear(width, width, bias, dtype=dtype, rng=rng)
        if self.out_proj.bias is not None:
            self.out_proj.bias.assign(np.zeros_like(self.out_proj.bias.data))
        self.dropout = Dropout(dropout, rng=rng)

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Any, Any]:
        """y and the weights of the softmax: (N, L, S), their mean over the heads, or (N, h, L, S); or None.

        Added keys are behind the others, in the order of the options, and counted in the S of the weights.

        key_padding_mask  (N, S): keys that are padding, which no query sees
        attn_mask         (L, S), or (N h, L, S) for each head of each example: keys that a query does not see
        is_causal         query i sees only the keys 0 to i

        A bool True means not seen (in minigrad.attention_weights it means seen); floats are added to the scores. All
        masks hold together; PyTorch wants an attn_mask beside is_causal, and may ignore it. A query that sees no key
        has weights 0 and gets b_o; in PyTorch it does so only without need_weights, and else gets nan.
        """
        time = self._time_axis(query, key, value)
        mask = self._mask(query, key, time, key_padding_mask, attn_mask)
        q, k, v = self._project(query, key, value)
        if self.bias_k is not None or self.add_zero_attn:
            mask, is_causal = self._with_added_keys(mask, is_causal, q.shape[time], k.shape[time])
            k, v = (self._extended(x, b, time) for x, b in ((k, self.bias_k), (v, self.bias_v)))
        q, k, v = (self._in_heads(x, time) for x in (q, k, v))
        weights: Any = None
        if need_weights or (self.dropout.training and self.dropout.p):
            weights = self.dropout(minigrad.attention_weights(q, k, mask, is_causal=is_causal))
            y = weights @ v
        else:
            y = minigrad.scaled_dot_product_attention(q, k, v, mask, is_causal=is_causal)
        y = minigrad.moveaxis(y, -2, time)  # (N, L, h, E / h), or (L, N, h, E / h)
        y = self.out_proj(y.reshape((*query.shape[:-1], self.embed_dim)))
        if not need_weights:
            return y, None
        return y, weights.mean(axis=-3) if average_attn_weights else weights

    def _project(self, query: Any, key: Any, value: Any) -> Any:
        w, b = self.in_proj_weight, self.in_proj_bias
        if w is not None and query is key is value:  # one product for all three
            return minigrad.split(minigrad.linear(float_input(self, query, w), w, b), 3, axis=-1)
        ws = self._weights_apart() if w is None else minigrad.split(w, 3)
        bs = (None,) * 3 if b is None else minigrad.split(b, 3)
        xs = (float_input(self, x, self.out_proj.weight) for x in (query, key, value))
        return map(minigrad.linear, xs, ws, bs)

    def _weights_apart(self) -> tuple[Parameter, Parameter, Parameter]:
        return self.q_proj_weight, self.k_proj_weight, self.v_proj_weight

    def _extended(self, x: Any, bias: Any, time: int) -> Any:
        """The keys or values with the learned one behind them, and then the one of zeros."""
        shape, zeros = (*x.shape[:time], 1, *x.shape[time + 1 :]), self.out_proj.weight.data
        more = [] if bias is None else [minigrad.broadcast_to(bias[0, 0], shape)]
        more += [np.zeros_like(zeros, shape=shape)] if self.add_zero_attn else []
        return minigrad.concatenate([x, *more], axis=time)

    def _in_heads(self, x: Any, time: int) -> Any:
        """(N, L, E) or (L, N, E) as (N, h, L, E / h), and (L, E) as (h, L, E / h)."""
        shape = (*x.shape[:-1], self.num_heads, self.embed_dim // self.num_heads)
        return minigrad.moveaxis(x.reshape(shape), time, -2)

    # What is given -----------------------------------------------------------------------------------

    def _time_axis(self, query: Any, key: Any, value: Any) -> int:
        """The axis of L and S; ValueError for shapes that do not belong together."""
        for x in (query, key, value):
            check_input(self, x, self.out_proj.weight)
        q, k, v = (tuple(x.shape) for x in (query, key, value))
        time = 1 if self.batch_first and len(q) == 3 else 0
        widths = (self.embed_dim, self.kdim, self.vdim)
        fits = len(q) in (2, 3) and len(k) == len(q) and k[:-1] == v[:-1]
        fits = fits and (q[-1], k[-1], v[-1]) == widths
        if not fits or k[:time] + k[time + 1 : -1] != q[:time] + q[time + 1 : -1]:
            wanted = "(N, L, E), (N, S, E)" if self.batch_first else "(L, N, E), (S, N, E)"
            apart = f", kdim = {self.kdim}, vdim = {self.vdim} for key and value"
            of_key = apart if widths != (widths[0],) * 3 else ""
            raise ValueError(
                f"MultiheadAttention: expected query and key of shapes {wanted} or (L, E), (S, E), with "
                f"E = {self.embed_dim}{of_key}, and value as key; got query {q}, key {k}, value {v}"
            )  # fmt: skip
        return time

    def _mask(self, query: Any, key: Any, time: int, padding: Any, mask: Any) -> Any:
        """Both masks as one, to be added to the scores ([N,] h, L, S); None without a mask."""
        batch = query.shape[1 - time : 2 - time] if len(query.shape) == 3 else ()
        length, keys = query.shape[time], key.shape[time]
        if padding is not None:
            padding = self._added("key_padding_mask", padding, [(*batch, keys)])
            padding = padding.reshape((*batch, 1, 1, keys))
        if mask is not None:
            per_head = (math.prod(batch) * self.num_heads, length, keys)
            mask = self._added("attn_mask", mask, [(length, keys), per_head])
            if len(mask.shape) == 3:
                mask = mask.reshape((*batch, self.num_heads, length, keys))
        return padding if mask is None else mask if padding is None else mask + padding

    def _with_added_keys(
        self, mask: Any, is_causal: bool, length: int, keys: int
    ) -> tuple[Any, bool]:
        """The mask, with the future's in it, and with zeros for the added keys, which every query sees; and False."""
        if is_causal:
            past = np.tri(length, keys, dtype=bool, like=self.out_proj.weight.data)
            future = minigrad.where(past, 0.0, -math.inf)
            mask = future if mask is None else mask + future
        if mask is None:
            return None, False
        added = (self.bias_k is not None) + self.add_zero_attn
        return minigrad.pad(mask, [(0, 0)] * (len(mask.shape) - 1) + [(0, added)]), False

    def _added(self, name: str, mask: Any, shapes: list[tuple[int, ...]]) -> Any:
        """The mask as floats, -inf for what is not seen."""
        kind = getattr(getattr(mask, "dtype", None), "kind", "")
        if kind not in ("b", "f"):
            met = f"{mask.dtype}" if kind else f"a {type(mask).__name__}"
            raise TypeError(
                f"MultiheadAttention: {name} is {met}; an array of bools, True for what is not seen, or of floats "
                "is needed"
            )
        if tuple(mask.shape) not in shapes:
            wanted = " or ".join(map(str, shapes))
            raise ValueError(
                f"MultiheadAttention: expected {name} of shape {wanted}, got {tuple(mask.shape)}"
            )
        if kind == "f" and isinstance(mask, minigrad.Tensor):
            return mask
        mask = minigrad.placed(mask, self.out_proj.weight)  # where the scores will be
        return minigrad.where(mask, -math.inf, 0.0) if kind == "b" else mask

    def describe(self) -> str:
        text = f"{self.embed_dim}, {self.num_heads}"
        text += "" if self.in_proj_bias is not None else ", bias=False"
        text += ", add_bias_kv=True" if self.bias_k is not None else ""
        text += ", add_zero_attn=True" if self.add_zero_attn else ""
        text += f", kdim={self.kdim}" if self.kdim != self.embed_dim else ""
        text += f", vdim={self.vdim}" if self.vdim != self.embed_dim else ""
        return text + (", batch_first=True" if self.batch_first else "")
