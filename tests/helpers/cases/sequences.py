"""The cases of the layers for sequences. Every combination of their options is in tests of their own."""

import numpy as np

import nn

from .layers import integers, layer

PADDED = np.array([[False, False, False], [False, False, True]])
FUTURE = np.triu(np.ones((3, 3), bool), 1)


def first_state(module, x, *state):
    return module(x, state)


def given(numbers):
    return lambda rng: np.array(numbers)


def weighed(module, x, weights):
    return module(x, None, weights)


def masks(module):
    """Padding and future, of the module's library."""
    if isinstance(module, nn.Module):
        return PADDED, FUTURE
    import torch

    return torch.tensor(PADDED), torch.tensor(FUTURE)


def masked(module, x):
    padded, future = masks(module)
    return module(x, x, x, key_padding_mask=padded, attn_mask=future)


def masked_layer(module, x):
    padded, future = masks(module)
    return module(x, src_key_padding_mask=padded, src_mask=future)


def masked_decoder(module, x, memory):
    padded, future = masks(module)
    return module(x, memory, future, None, padded, padded, True)


def masked_whole(module, src, tgt):
    padded, future = masks(module)
    return module(src, tgt, None, future, src_key_padding_mask=padded, tgt_is_causal=True)


def itself(module, x):
    return module(x, x, x)


SEQUENCES = {
    "Embedding": [
        layer(integers(5, 2, 3), 5, 4),
        # the gradient of the padding's row is 0 by decree: finite differences know nothing of that
        layer(lambda rng: rng.integers(2, 5, (2, 3)), 5, 4, padding_idx=1),
        layer(integers(5), 5, 4),
    ],
    "EmbeddingBag": [
        layer(integers(5, 2, 3), 5, 4),
        layer([integers(5, 6), given([0, 2, 2, 5])], 5, 4, mode="sum"),
        layer([integers(5, 6), given([0, 2, 2, 5]), (6,)], 5, 4, mode="sum"),
        layer([integers(5, 2, 3), (2, 3)], 5, 4, mode="sum", padding_idx=2, run=weighed),
        layer([integers(5, 6), given([0, 4, 6])], 5, 4, include_last_offset=True, padding_idx=1),
        layer([integers(5, 6), given([0, 0, 2])], 5, 4, mode="max"),
        layer(integers(5, 2, 3), 5, 4, mode="max", padding_idx=4),
    ],
    "RNNCell": [
        layer((3, 4), 4, 2),
        layer([(3, 4), (3, 2)], 4, 2, False, nonlinearity="relu"),
        layer([(4,), (2,)], 4, 2),
    ],
    "LSTMCell": [
        layer((3, 4), 4, 2),
        layer([(3, 4), (3, 2), (3, 2)], 4, 2, bias=False, run=first_state),
        layer([(4,), (2,), (2,)], 4, 2, run=first_state),
    ],
    "GRUCell": [
        layer((3, 4), 4, 2),
        layer([(3, 4), (3, 2)], 4, 2, bias=False),
        layer([(4,), (2,)], 4, 2),
    ],
    "RNN": [
        layer((3, 2, 4), 4, 2),
        layer([(2, 3, 4), (4, 2, 2)], 4, 2, 2, "relu", batch_first=True, bidirectional=True),
        layer([(3, 4), (1, 2)], 4, 2, bias=False),
    ],
    "LSTM": [
        layer((3, 2, 4), 4, 2),
        layer(
            [(2, 3, 4), (4, 2, 2), (4, 2, 2)], 4, 2, 2,
            batch_first=True, bidirectional=True, run=first_state,
        ),
        layer((3, 4), 4, 2, bias=False),
        layer((3, 2, 4), 4, 3, 2, bidirectional=True, proj_size=2),
        layer([(2, 3, 4), (1, 2, 1), (1, 2, 3)], 4, 3, 1, False, True, 0.0, False, 1, run=first_state),
    ],
    "GRU": [
        layer((3, 2, 4), 4, 2),
        layer([(2, 3, 4), (4, 2, 2)], 4, 2, 2, batch_first=True, bidirectional=True),
        layer((3, 4), 4, 2, bias=False),
    ],
    "MultiheadAttention": [
        layer((3, 2, 4), 4, 2, run=itself),
        layer((2, 3, 4), 4, 2, batch_first=True, run=masked),
        layer([(4, 2, 6), (3, 2, 6), (3, 2, 6)], 6, 3, bias=False),
        layer([(5, 4), (3, 4), (3, 4)], 4, 1),
        layer([(3, 2, 4), (5, 2, 3), (5, 2, 6)], 4, 2, kdim=3, vdim=6),
        layer((3, 2, 4), 4, 2, add_bias_kv=True, run=itself),
        layer((2, 3, 4), 4, 2, 0.0, True, True, True, batch_first=True, run=masked),
        layer([(5, 4), (3, 2), (3, 4)], 4, 1, 0.0, False, False, True, 2),
    ],
    "TransformerEncoderLayer": [
        layer((3, 2, 4), 4, 2, 5, 0.0),
        layer((2, 3, 4), 4, 2, 5, 0.0, "gelu", 1e-3, True, True, run=masked_layer),
        layer((3, 4), 4, 1, 5, 0.0, bias=False),
    ],
    "TransformerDecoderLayer": [
        layer([(3, 2, 4), (5, 2, 4)], 4, 2, 5, 0.0),
        layer(
            [(2, 3, 4), (2, 3, 4)], 4, 2, 5, 0.0, "gelu", 1e-3, True, True, run=masked_decoder
        ),
        layer([(3, 4), (5, 4)], 4, 1, 5, 0.0, bias=False),
    ],
    "Transformer": [
        layer([(5, 2, 4), (3, 2, 4)], 4, 2, 1, 1, 5, 0.0),
        layer(
            [(2, 3, 4), (2, 3, 4)], 4, 2, 1, 2, 5, 0.0, "gelu", None, None, 1e-3, True, True,
            run=masked_whole,
        ),
        layer([(5, 4), (3, 4)], 4, 1, 2, 1, 5, 0.0, bias=False),
    ],
}  # fmt: skip
