"""Cases of minigrad.ops.products."""

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


def summed(axes, *shapes):
    return Call(
        lambda a, b: mg.tensordot(a, b, axes),
        shapes,
        torch=lambda a, b: torch.tensordot(a, b, axes),
    )


CASES = {
    "matmul": [
        product_of((2, 3), (3, 4)), product_of((5, 2, 3), (3, 4)), product_of((2, 3), (5, 3, 4)),
        product_of((2, 1, 2, 3), (4, 3, 2)), product_of((2, 0), (0, 3)), product_of((0, 2, 3), (3, 2)),
        product_of((2, 3), (2, 5, 3, 4)), product_of((1, 2, 3), (2, 4, 3, 2)), product_of((2, 5, 2, 3), (1, 3, 4)),
        product_of((3,), (3, 4)), product_of((2, 3), (3,)), product_of((3,), (3,)), product_of((5, 2, 3), (3,)),
        product_of((3,), (5, 3, 2)), product_of((0, 3), (3, 2)),
    ] + [
        Call(mg.dot, shapes, torch=lambda a, b: torch.tensordot(a, b, ([a.ndim - 1], [max(b.ndim - 2, 0)])))
        for shapes in [((3,), (3,)), ((2, 3), (3, 4)), ((2, 4, 3), (2, 3, 2)), ((2, 2, 3), (3,)), ((3,), (2, 3, 2))]
    ] + [
        Call(mg.inner, shapes, torch=lambda a, b: torch.inner(a, b))
        for shapes in [((3,), (3,)), ((2, 3), (4, 3)), ((2, 2, 3), (3,)), ((0, 3), (2, 3))]
    ] + [
        summed(2, (2, 3, 4), (3, 4, 2)), summed(0, (2,), (3,)), summed(1, (2, 0), (0, 3)),
        summed(((0, 2), (2, 1)), (2, 3, 4), (3, 4, 2)), summed(((-1,), (0,)), (2, 3), (3, 2)),
    ] + [
        Call(mg.vdot, ((2, 3), (3, 2)), torch=lambda a, b: a.ravel() @ b.ravel()),
        Call(mg.vdot, ((), ()), torch=lambda a, b: a * b),
        Call(mg.vecdot, ((2, 1, 3), (4, 3)), torch=lambda a, b: torch.linalg.vecdot(a, b)),
        Call(lambda a, b: mg.vecdot(a, b, 0), ((3, 2), (3, 2)), torch=lambda a, b: (a * b).sum(0)),
        Call(mg.matvec, ((2, 3), (4, 3)), torch=lambda a, x: x @ a.mT),
        Call(mg.vecmat, ((4, 3), (3, 2)), torch=lambda x, a: x @ a),
        Call(mg.vecmat, ((5, 1, 3), (4, 3, 2)), torch=lambda x, a: (x.unsqueeze(-2) @ a).squeeze(-2)),
        Call(lambda *xs: mg.multi_dot(xs), ((2, 3), (3, 4), (4, 2), (2, 3)), torch=lambda a, b, c, d: a @ b @ c @ d),
        Call(lambda *xs: mg.multi_dot(xs), ((3,), (3, 4), (4,)), torch=lambda a, b, c: a @ b @ c),
        Call(lambda *xs: mg.multi_dot(xs), ((3, 2), (2,)), torch=lambda a, b: a @ b),
    ],
    "linear": [
        layer((2, 3), (4, 3), (4,)), layer((2, 3), (4, 3)), layer((3,), (4, 3), (4,)), layer((3,), (1, 3)),
        layer((2, 5, 3), (4, 3), (4,)), layer((0, 3), (4, 3), (4,)), layer((2, 0, 3), (4, 3)),
    ],
}  # fmt: skip
