"""Cases of minigrad.ops.attention."""

import math

import numpy as np

import minigrad as mg

from .calls import Call

try:
    import torch
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = None

SEEN = np.array([[1, 0, 1], [0, 1, 1]], bool)
BIAS = np.array([[0.3, -math.inf, -0.2], [0.1, 0.7, -0.4]])


def attention(*lead, queries=2, keys=3, values=2, mask=(), **options):
    """A call without a mask, or with one in a tuple: an argument of the call, so that it may be of any library."""

    def torchs(q, k, v, *mask):
        bias = [m if m.dtype == torch.bool else m.to(q.dtype) for m in mask]
        # its faster ways cannot be differentiated twice
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            return torch.nn.functional.scaled_dot_product_attention(q, k, v, *bias, **options)

    return Call(
        lambda q, k, v, *mask: mg.scaled_dot_product_attention(q, k, v, *mask, **options),
        ((*lead, queries, 2), (*lead, keys, 2), (*lead, keys, values)),
        constants=mask,
        torch=torchs,
    )


CASES = {
    "attention": [
        attention(), attention(2), attention(1, 2, queries=1, keys=1), attention(values=3, scale=0.4),
        attention(2, is_causal=True), attention(queries=3, keys=2, is_causal=True),
        attention(2, mask=(SEEN,)), attention(mask=(BIAS,)),
    ],
}  # fmt: skip
