"""Transformers: layers of attention between the places of sequences and a small net at each place; their stacks."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np

import minigrad

from .. import init
from ..checks import float_input, integer
from ..module import Module
from .attention import MultiheadAttention
from .containers import ModuleList
from .linear import Linear
from .normalisation import LayerNorm
from .regularisation import Dropout

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {"relu": minigrad.relu, "gelu": minigrad.gelu}


class TransformerLayer(Module):
    """x = norm(x + part(x)) for one part after another: the pieces of the encoder's and the decoder's layer.

    The parts are attention and feed(x) = W_2 activation(W_1 x + b_1) + b_2, with W_1 (dim_feedforward, d_model). With
    norm_first  x = x + part(norm(x)), which makes deep stacks easier to train (Xiong et al.: On Layer Normalization in
    the Transformer Architecture, 2020). Dropout acts on the weights of the attention, after the activation, and before
    each sum. From Vaswani et al.: Attention Is All You Need (2017), section 3.1.

    activation  "relu", "gelu" or a function
    """

    reads_memory = False  # whether it has a second attention

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
                f"{type(self).__name__}: activation must be 'relu', 'gelu' or a function, not {activation!r}"
            )
        width = integer(self, "d_model", d_model, 1)
        made: dict[str, Any] = {"dtype": dtype, "rng": rng}

        def attention() -> MultiheadAttention:
            return MultiheadAttention(width, nhead, dropout, bias, batch_first=batch_first, **made)

        def norm() -> LayerNorm:
            return LayerNorm(width, layer_norm_eps, bias=bias, dtype=dtype)

        self.self_attn = attention()
        if self.reads_memory:
            self.multihead_attn = attention()
        self.linear1 = Linear(width, dim_feedforward, bias, **made)
        self.linear2 = Linear(dim_feedforward, width, bias, **made)
        self.norm1, self.norm2 = norm(), norm()
        self.dropout, self.dropout1, self.dropout2 = (Dropout(dropout, rng=rng) for _ in range(3))
        if self.reads_memory:
            self.norm3, self.dropout3 = norm(), Dropout(dropout, rng=rng)
        # a name stays one, so that a copy or a pickle needs no function
        self.activation = activation
        self.norm_first = norm_first

    def _add(self, x: Any, part: Callable[[Any], Any], norm: LayerNorm) -> Any:
        return x + part(norm(x)) if self.norm_first else norm(x + part(x))

    def _feed(self, x: Any) -> Any:
        given = self.activation
        activation = ACTIVATIONS[given] if isinstance(given, str) else given
        return self.linear2(self.dropout(activation(self.linear1(x))))

    def describe(self) -> str:
        return "norm_first=True" if self.norm_first else ""


class TransformerEncoderLayer(TransformerLayer):
    """x = norm1(x + attention(x)),  y = norm2(x + feed(x)): see `TransformerLayer`.

    x and y are (L, N, d_model), or (N, L, d_model) with batch_first, or (L, d_model). With is_causal this is the layer
    of a decoder-only model.
    """

    def forward(
        self,
        src: Any,
        src_mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool = False,
    ) -> Any:
        """y for src; the masks are the attn_mask, key_padding_mask and is_causal of MultiheadAttention."""
        masks = (src_key_padding_mask, False, src_mask, True, is_causal)
        x = float_input(self, src, self.linear1.weight)
        x = self._add(x, lambda x: self.dropout1(self.self_attn(x, x, x, *masks)[0]), self.norm1)
        return self._add(x, lambda x: self.dropout2(self._feed(x)), self.norm2)


class TransformerDecoderLayer(TransformerLayer):
    """x = norm1(x + attention(x)),  x = norm2(x + attention(x, memory)),  y = norm3(x + feed(x)).

    The second attention has its query from x, its keys and values from the memory, which is what the encoder made. x
    and y are (L, N, d_model), the memory (S, N, d_model), or (N, L, d_model) and (N, S, d_model) with batch_first, or
    (L, d_model) and (S, d_model). The pieces, and norm_first, as in `TransformerLayer`.
    """

    reads_memory = True

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Any:
        """y for tgt; each attention has its attn_mask, key_padding_mask and is_causal, as MultiheadAttention."""
        own = (tgt_key_padding_mask, False, tgt_mask, True, tgt_is_causal)
        others = (memory_key_padding_mask, False, memory_mask, True, memory_is_causal)
        x, m = (float_input(self, x, self.linear1.weight) for x in (tgt, memory))
        x = self._add(x, lambda x: self.dropout1(self.self_attn(x, x, x, *own)[0]), self.norm1)
        read = self.multihead_attn
        x = self._add(x, lambda x: self.dropout2(read(x, m, m, *others)[0]), self.norm2)
        return self._add(x, lambda x: self.dropout3(self._feed(x)), self.norm3)


# Stacks --------------------------------------------------------------------------------------------------


def _copies(owner: Module, layer: Module, num_layers: int) -> ModuleList:
    """num_layers copies of the layer, which share the Generators from which it draws."""
    if not isinstance(layer, Module):
        raise TypeError(
            f"{type(owner).__name__}: the layer to copy is a {type(layer).__name__}; a Module is needed"
        )
    count = integer(owner, "num_layers", num_layers, 1)
    members = [value for m in layer.modules() for value in vars(m).values()]
    shared = {id(v): v for v in members if isinstance(v, np.random.Generator)}
    return ModuleList(copy.deepcopy(layer, {**shared}) for _ in range(count))


class TransformerEncoder(Module):
    """x -> norm(layer_n(... layer_1(x))): `num_layers` copies of `encoder_layer`, then `norm`, if there is one.

    As in PyTorch, the copies begin with the same weights; for different ones, make the layers one by one in a
    ModuleList. All copies share the Generator from which dropout draws, so that each drops different elements.
    """

    def __init__(
        self, encoder_layer: TransformerEncoderLayer, num_layers: int, norm: Module | None = None
    ) -> None:
        self.layers = _copies(self, encoder_layer, num_layers)
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


class TransformerDecoder(Module):
    """x -> norm(layer_n(... layer_1(x, memory) ..., memory)): `num_layers` copies of `decoder_layer`, then `norm`.

    The copies are made as those of `TransformerEncoder`.
    """

    def __init__(
        self, decoder_layer: TransformerDecoderLayer, num_layers: int, norm: Module | None = None
    ) -> None:
        self.layers = _copies(self, decoder_layer, num_layers)
        self.norm = norm

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Any:
        """y for tgt; every layer has the same memory and masks."""
        masks = (tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)
        for layer in self.layers:
            tgt = layer(tgt, memory, *masks, tgt_is_causal, memory_is_causal)
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """y = decoder(tgt, encoder(src)), each a stack of layers with a LayerNorm behind it.

    src is (S, N, d_model), tgt and y are (L, N, d_model), or (N, S, d_model) and so on with batch_first, or without N.
    custom_encoder and custom_decoder are modules to take in place of the stacks. All weights are drawn from
    uniform(-k, k), k = sqrt(6 / (in + out)) (Glorot). From Vaswani et al.: Attention Is All You Need (2017).
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Any], Any] = "relu",
        custom_encoder: Module | None = None,
        custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        sizes = (d_model, nhead, dim_feedforward, dropout, activation)
        options = (layer_norm_eps, batch_first, norm_first, bias)
        made: dict[str, Any] = {"dtype": dtype, "rng": rng}

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)

        if custom_encoder is None:
            layer = TransformerEncoderLayer(*sizes, *options, **made)
            custom_encoder = TransformerEncoder(layer, num_encoder_layers, norm())
        if custom_decoder is None:
            other = TransformerDecoderLayer(*sizes, *options, **made)
            custom_decoder = TransformerDecoder(other, num_decoder_layers, norm())
        self.encoder, self.decoder = custom_encoder, custom_decoder
        for p in self.parameters():
            if p.ndim > 1:
                p.assign(init.xavier_uniform(p.shape, rng=rng))

    def forward(
        self,
        src: Any,
        tgt: Any,
        src_mask: Any = None,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        src_key_padding_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        src_is_causal: bool = False,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Any:
        """y for src and tgt; the masks are those of the encoder, of the decoder, and of what it reads from memory."""
        memory = self.encoder(
            src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal
        )
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(sz: int, dtype: Any = None) -> Any:
        """(sz, sz) with 0 on and below the diagonal and -inf above it: what `is_causal` means, as an attn_mask."""
        return np.triu(init.constant((sz, sz), -math.inf, dtype), 1)
