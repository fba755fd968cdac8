"""Cases of minigrad.ops.conv."""

import numpy as np

import minigrad as mg
from minigrad.ops import conv

from .calls import Call, apart, torch_gradient

try:
    import torch
    import torch.nn.functional as F
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = F = None


CONVOLUTIONS = [  # x, w, stride, padding
    ((2, 2, 4, 5), (3, 2, 2, 3), (1, 1), (0, 0)),
    ((1, 1, 5, 5), (2, 1, 3, 3), (2, 1), (1, 0)),
    ((2, 1, 6, 4), (1, 1, 2, 2), (3, 2), (0, 1)),
    ((1, 2, 2, 3), (2, 2, 1, 2), (1, 1), (1, 2)),
    ((0, 2, 4, 4), (3, 2, 3, 3), (1, 1), (0, 0)),
]
POOLS = [((2, 2, 4, 6), (2, 2), (2, 2)), ((1, 1, 5, 4), (2, 3), (1, 1)), ((1, 2, 5, 5), (2, 2), (3, 2)),
         ((0, 2, 4, 4), (2, 2), (2, 2)), ((1, 1, 3, 2), (1, 1), (1, 1))]  # fmt: skip


def output_shape(x, w, stride, padding):
    return (x[0], w[0], *conv.output_size(x[2:], w[2:], stride, padding))


def ones(*shape):
    return torch.ones(shape, dtype=torch.float64, requires_grad=True)


def convolution_calls(x, w, stride, padding):
    """conv2d with and without a bias, and its two partners."""
    y = output_shape(x, w, stride, padding)
    options = {"stride": stride, "padding": padding}

    def by_input(g, w_):
        of = ones(*x).to(w_.dtype)
        return torch_gradient(lambda: F.conv2d(of, w_, **options), of, g)

    def by_weight(g, x_):
        of = ones(*w).to(x_.dtype)
        return torch_gradient(lambda: F.conv2d(x_, of, **options), of, g)

    def plain(*xwb):
        return mg.conv2d(*xwb, **options)

    return {
        "conv2d": [Call(plain, s, torch=lambda *a: F.conv2d(*a, **options)) for s in [(x, w, w[:1]), (x, w)]],
        "conv2d_input": [Call(lambda g, w: conv.conv2d_input(g, w, x[2:], stride, padding), (y, w), torch=by_input)],
        "conv2d_weight": [Call(lambda g, x: conv.conv2d_weight(g, x, w[2:], stride, padding), (y, x), torch=by_weight)],
    }  # fmt: skip


def pool_calls(shape, window, stride):
    """max_pool2d and its two partners, with places as max_pool2d would choose them."""
    size = conv.output_size(shape[2:], window, stride, (0, 0))
    y = (*shape[:2], *size)
    place = np.random.default_rng(0).integers(0, window[0] * window[1], y).astype(np.int32)
    rows, columns = place // window[1], place % window[1]
    rows = rows + stride[0] * np.arange(size[0])[:, None]
    flat = (rows * shape[3] + columns + stride[1] * np.arange(size[1])).reshape(*y[:2], y[2] * y[3])

    def gather(x, place):
        return x.flatten(2).gather(2, torch.tensor(flat)).reshape(y)

    def scatter(g, place):
        zeros = torch.zeros((*shape[:2], shape[2] * shape[3]), dtype=g.dtype)
        return zeros.scatter_add(2, torch.tensor(flat), g.flatten(2)).reshape(shape)

    return {
        "max_pool2d": [Call(
            lambda x: mg.max_pool2d(x, window, stride), (shape,), apart,
            torch=lambda x: F.max_pool2d(x, window, stride),
        )],
        "pool_gather": [Call(
            lambda x, p: conv.pool_gather(x, p, window, stride), (shape,), constants=(place,), torch=gather,
        )],
        "pool_scatter": [Call(
            lambda g, p: conv.pool_scatter(g, p, shape[2:], window, stride), (y,), constants=(place,), torch=scatter,
        )],
    }  # fmt: skip


CASES: dict[str, list[Call]] = {}
for calls in [
    *[convolution_calls(*c) for c in CONVOLUTIONS],
    *[pool_calls(*p) for p in POOLS],
]:
    for name, found in calls.items():
        CASES.setdefault(name, []).extend(found)

PARTNERS = {
    "conv2d_input": "the gradient of conv2d by its input",
    "conv2d_weight": "the gradient of conv2d by its weight",
    "pool_scatter": "the gradient of max_pool2d",
    "pool_gather": "the gradient of pool_scatter",
}
