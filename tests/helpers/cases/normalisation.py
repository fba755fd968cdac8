"""Cases of minigrad.ops.normalisation."""

import minigrad as mg

from .calls import Call

try:
    import torch
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = None


def layer_norm(shape, sizes, weight=True, bias=True):
    given = [shape, *[sizes] * (weight + bias)]

    def call(x, *parameters):
        w, b = [*parameters, None][:2] if weight else (None, *parameters, None)[:2]
        return mg.layer_norm(x, sizes, w, b, 1e-2)

    def torchs(x, *parameters):
        w, b = [*parameters, None][:2] if weight else (None, *parameters, None)[:2]
        return torch.nn.functional.layer_norm(x, sizes, w, b, 1e-2)

    # PyTorch cannot differentiate a bias without a weight twice
    return Call(call, tuple(given), torch=torchs if weight or not bias else None)


CASES = {
    "layer_norm": [
        layer_norm((2, 3), (3,)), layer_norm((2, 3, 4), (3, 4)), layer_norm((3, 2), (2,), False, False),
        layer_norm((2, 3), (3,), bias=False), layer_norm((2, 3), (3,), weight=False), layer_norm((4,), (4,)),
    ],
}  # fmt: skip
