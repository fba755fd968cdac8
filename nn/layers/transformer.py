"""The transformer's layer: attention between the places of a sequence, then a small net at each place."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

import minigrad

from ..checks import float_input, integer
from ..module import Module
from .attention import MultiheadAttention
from .containers import ModuleList
from .linear import Linear
from .normalisation import LayerNorm
from .regularisation import Dropout

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {"relu": minigrad.relu, "gelu": minigrad.gelu}


class TransformerEncoderLayer(Module):
    """x = norm1(x + attention(x)),  y = norm2(x + feed(x)), with feed(x) = W_2 activation(W_1 x + b_1) + b_2

    With norm_first  x = x + attention(norm1(x)),  y = x + feed(norm2(x)), which makes deep stacks easier to train
    (Xiong et al.: On Layer Normalization in the Transformer Architecture, 2020). x and y are (L, N, d_model), or
    (N, L, d_model) with batch_first, or (L, d_model); W_1 is (dim_feedforward, d_model). Dropout acts on the weights of
    the attention, after the activation, and before both sums. With is_causal this is the layer of a decoder-only
    model. From Vaswani et al.: Attention Is All You Need (2017), section 3.1.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Any], Any] = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        if not callable(activation) and activation not in ACTIVATIONS:
            raise ValueError(
                f"TransformerEncoderLayer: activation must be 'relu', 'gelu' or a function, not {activation!r}"
            )
        width = integer(self, "d_model", d_model, 1)
        made: dict[str, Any] = {"dtype": dtype, "rng": rng}
        self.self_attn = MultiheadAttention(
            width, nhead, dropout, bias, batch_first=batch_first, **made
        )
        self.linear1 = Linear(width, dim_feedforward, bias, **made)
        self.linear2 = Linear(dim_feedforward, width, bias, **made)
        self.norm1 = LayerNorm(width, layer_norm_eps, bias=bias, dtype=dtype)
        self.norm2 = LayerNorm(width, layer_norm_eps, bias=bias, dtype=dtype)
        self.dropout, self.dropout1, self.dropout2 = (Dropout(dropout, rng=rng) for _ in range(3))
        # a name stays one, so that a copy or a pickle needs no function
        self.activation = activation
        self.norm_first = norm_first

    def forward(
        self,
        src: Any,
        src_mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool = False,
    ) -> Any:
        """y for src; the masks are the attn_mask, key_padding_mask and is_causal of MultiheadAttention."""
        x = float_input(self, src, self.linear1.weight)
        masks = (src_key_padding_mask, False, src_mask, True, is_causal)
        if self.norm_first:
            x = x + self._attend(self.norm1(x), masks)
            return x + self._feed(self.norm2(x))
        x = self.norm1(x + self._attend(x, masks))
        return self.norm2(x + self._feed(x))

    def _attend(self, x: Any, masks: Any) -> Any:
        return self.dropout1(self.self_attn(x, x, x, *masks)[0])

    def _feed(self, x: Any) -> Any:
        given = self.activation
        activation = ACTIVATIONS[given] if isinstance(given, str) else given
        hidden = self.dropout(activation(self.linear1(x)))
        return self.dropout2(self.linear2(hidden))

    def describe(self) -> str:
        return "norm_first=True" if self.norm_first else ""


class TransformerEncoder(Module):
    """x -> norm(layer_n(... layer_1(x))): `num_layers` copies of `encoder_layer`, then `norm`, if there is one.

    As in PyTorch, the copies begin with the same weights; for different ones, make the layers one by one in a
    ModuleList. All copies share the Generator from which dropout draws, so that each drops different elements.
    """

    def __init__(
        self, encoder_layer: TransformerEncoderLayer, num_layers: int, norm: Module | None = None
    ) -> None:
        count = integer(self, "num_layers", num_layers, 1)
        members = [value for m in encoder_layer.modules() for value in vars(m).values()]
        shared = {id(v): v for v in members if isinstance(v, np.random.Generator)}
        self.layers = ModuleList(copy.deepcopy(encoder_layer, {**shared}) for _ in range(count))
        self.norm = norm

    def forward(
        self,
        src: Any,
        mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool = False,
    ) -> Any:
        """y for src; every layer has the same masks."""
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask, is_causal)
        return src if self.norm is None else self.norm(src)
