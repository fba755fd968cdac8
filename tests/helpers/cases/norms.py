"""Cases of minigrad.ops.norms."""

import minigrad as mg

from .calls import Call, not_zero

try:
    import torch
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = None


def call(shape, ord, axis, keepdims=False):
    return Call(
        lambda x: mg.norm(x, ord, axis, keepdims), (shape,), not_zero,
        torch=lambda x: torch.linalg.norm(x, ord, axis, keepdims),
    )  # fmt: skip


CASES = {
    "norm": [
        *[call((2, 3), None, axis, keepdims) for axis in (None, 0, -1, (1, 0)) for keepdims in (False, True)],
        *[call((2, 3), ord, 1, keepdims) for ord in (2, 3, 4, 2.5, 0.5, -1, -2) for keepdims in (False, True)],
        *[call((4,), ord, None) for ord in (2, 1.5, 6)],
        call((2, 3), "fro", None), call((2, 3, 2), "fro", (2, 0)), call((2, 3, 2), None, None), call((), None, None),
        call((0, 3), None, None), call((0, 3), 2, 1),
        Call(lambda x: mg.std(x), ((2, 3),), torch=lambda x: x.std(correction=0)),
        Call(lambda x: mg.std(x, 0, 1), ((4, 3),), torch=lambda x: x.std(0)),
        Call(lambda x: mg.std(x, (2, 0), 0.5, True), ((2, 3, 2),)),
    ],
}  # fmt: skip
