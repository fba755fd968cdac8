"""Cases of minigrad.ops.linalg."""

import minigrad as mg

from .calls import Call

try:
    import torch
    import torch.nn.functional as F
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = F = None


def product_of(*shapes):
    return Call(mg.matmul, shapes, torch=lambda a, b: a @ b)


def layer(*shapes):
    return Call(mg.linear, shapes, torch=lambda *xwb: F.linear(*xwb))


CASES = {
    "matmul": [
        product_of((2, 3), (3, 4)), product_of((5, 2, 3), (3, 4)), product_of((2, 3), (5, 3, 4)),
        product_of((2, 1, 2, 3), (4, 3, 2)), product_of((2, 0), (0, 3)), product_of((0, 2, 3), (3, 2)),
        product_of((2, 3), (2, 5, 3, 4)), product_of((1, 2, 3), (2, 4, 3, 2)), product_of((2, 5, 2, 3), (1, 3, 4)),
        product_of((3,), (3, 4)), product_of((2, 3), (3,)), product_of((3,), (3,)), product_of((5, 2, 3), (3,)),
        product_of((3,), (5, 3, 2)), product_of((0, 3), (3, 2)),
    ],
    "linear": [
        layer((2, 3), (4, 3), (4,)), layer((2, 3), (4, 3)), layer((3,), (4, 3), (4,)), layer((3,), (1, 3)),
        layer((2, 5, 3), (4, 3), (4,)), layer((0, 3), (4, 3), (4,)), layer((2, 0, 3), (4, 3)),
    ],
}  # fmt: skip
