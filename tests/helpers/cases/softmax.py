"""Cases of minigrad.ops.softmax."""

import numpy as np

import minigrad as mg
from minigrad.ops import softmax

from .calls import Call, i

try:
    import torch
    import torch.nn.functional as F
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = F = None


LABELS = i(2, 0, 2, 1)
ROW_WEIGHT = np.array([0.5, 0.0, 2.0, 1.0])


def weighted(row):
    return lambda *args: row(*args[:-1], args[-1].astype(args[0].dtype))


def one_hot_sum(x, labels, row_weight):
    return (F.cross_entropy(x, labels, reduction="none") * row_weight).sum()


def one_hot(p, labels):
    return F.one_hot(labels, p.shape[1]).to(p.dtype)


AXES = [((2, 3), -1), ((2, 3), 0), ((2, 3, 2), 1), ((3,), 0), ((0, 3), 1), ((), -1)]

CASES = {
    "log_softmax": [
        Call(lambda x, a=axis: mg.log_softmax(x, a), (shape,), torch=lambda x, a=axis: x.log_softmax(a))
        for shape, axis in AXES
    ],
    "softmax": [
        Call(lambda x, a=axis: mg.softmax(x, a), (shape,), torch=lambda x, a=axis: x.softmax(a))
        for shape, axis in AXES
    ],
    "softmax_cross_entropy": [
        Call(
            lambda x, labels, w=row_weight: softmax.softmax_cross_entropy(x, labels, w), ((4, 3),),
            constants=(LABELS,), torch=lambda x, labels, w=row_weight: one_hot_sum(x, labels, w),
        )
        for row_weight in (1.0, 0.25)
    ] + [
        Call(weighted(softmax.softmax_cross_entropy), ((4, 3),), constants=(LABELS, ROW_WEIGHT), torch=one_hot_sum),
        Call(weighted(softmax.softmax_cross_entropy), ((0, 3),), constants=(i(), i() * 0.5), torch=one_hot_sum),
    ],
    "softmax_cross_entropy_grad": [
        Call(
            weighted(softmax.softmax_cross_entropy_grad), ((), (4, 3)), constants=(LABELS, ROW_WEIGHT),
            torch=lambda g, p, labels, w: g * w[:, None] * (p - one_hot(p, labels)),
        ),
        Call(
            lambda g, p, labels: softmax.softmax_cross_entropy_grad(g, p, labels, 0.25), ((), (4, 3)),
            constants=(LABELS,), torch=lambda g, p, labels: g * 0.25 * (p - one_hot(p, labels)),
        ),
    ],
}  # fmt: skip

PARTNERS = {
    "softmax_cross_entropy": "what cross_entropy calls where it may",
    "softmax_cross_entropy_grad": "the gradient of softmax_cross_entropy",
}
