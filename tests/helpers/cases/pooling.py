"""Cases of minigrad.ops.pooling."""

import numpy as np

import minigrad as mg
from minigrad.ops import pooling
from minigrad.ops.kernels.windows import Window

from .calls import Call, anywhere, apart

try:
    import torch
    import torch.nn.functional as F
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = F = None

POOLS = [  # x, kernel, stride, padding, dilation
    ((2, 2, 4, 6), (2, 2), (2, 2), (0, 0), (1, 1)),
    ((1, 1, 5, 4), (2, 3), (1, 1), (0, 0), (1, 1)),
    ((1, 2, 5, 5), (2, 2), (3, 2), (0, 0), (1, 1)),
    ((0, 2, 4, 4), (2, 2), (2, 2), (0, 0), (1, 1)),
    ((1, 1, 3, 2), (1, 1), (1, 1), (0, 0), (1, 1)),
    ((1, 2, 5, 4), (3, 2), (2, 1), (1, 1), (1, 2)),
]


def max_pool_calls(shape, kernel, stride, padding, dilation):
    """max_pool2d and its two partners, with places as max_pool2d would choose them."""
    window = Window(kernel, stride, tuple((p, p) for p in padding), dilation)
    _, flat = (np.asarray(a) for a in mg.max_pool2d(
        apart(np.random.default_rng(0), shape), kernel, stride, padding, dilation, return_indices=True
    ))  # fmt: skip
    y = flat.shape
    rows = flat // shape[3] + padding[0] - stride[0] * np.arange(y[2])[:, None]
    columns = flat % shape[3] + padding[1] - stride[1] * np.arange(y[3])
    place = (rows // dilation[0] * kernel[1] + columns // dilation[1]).astype(np.int32)
    flat = flat.reshape(*y[:2], y[2] * y[3])

    def gather(x, place):
        return x.flatten(2).gather(2, torch.tensor(flat)).reshape(y)

    def scatter(g, place):
        zeros = torch.zeros((*shape[:2], shape[2] * shape[3]), dtype=g.dtype)
        return zeros.scatter_add(2, torch.tensor(flat), g.flatten(2)).reshape(shape)

    return {
        "max_pool2d": [Call(
            lambda x: mg.max_pool2d(x, kernel, stride, padding, dilation), (shape,), apart,
            torch=lambda x: F.max_pool2d(x, kernel, stride, padding, dilation),
        )],
        "pool_gather": [Call(
            lambda x, p: pooling.pool_gather(x, p, window), (shape,), constants=(place,), torch=gather,
        )],
        "pool_scatter": [Call(
            lambda g, p: pooling.pool_scatter(g, p, shape[2:], window), (y,), constants=(place,), torch=scatter,
        )],
    }  # fmt: skip


def call(name, shape, *options, draw=anywhere):
    """A call of minigrad's function of that name, compared with PyTorch's."""
    return Call(
        lambda x: getattr(mg, name)(x, *options), (shape,), draw, torch=lambda x: getattr(F, name)(x, *options)
    )  # fmt: skip


CASES: dict[str, list[Call]] = {}
for calls in [max_pool_calls(*p) for p in POOLS]:
    for name, found in calls.items():
        CASES.setdefault(name, []).extend(found)

CASES["max_pool2d"] += [
    call("max_pool2d", (1, 2, 6, 5), 3, 2, 1, 1, True, draw=apart),
    call("max_pool2d", (1, 1, 7, 4), (2, 3), (3, 2), 0, (2, 1), True, draw=apart),
    call("max_pool1d", (2, 2, 7), 3, 2, 1, 1, True, draw=apart),
    call("max_pool1d", (1, 2, 6), 2, draw=apart),
    call("adaptive_max_pool2d", (1, 2, 4, 6), (2, 3), draw=apart),
    call("adaptive_max_pool2d", (2, 1, 5, 4), (3, 6), draw=apart),
    call("adaptive_max_pool2d", (1, 1, 3, 4), (None, 1), draw=apart),
    call("adaptive_max_pool1d", (1, 2, 6), 3, draw=apart),
    call("adaptive_max_pool1d", (2, 1, 5), 3, draw=apart),
    call("max_pool2d", (2, 6, 5), 3, 2, 1, 1, True, draw=apart),
    call("max_pool3d", (1, 2, 2, 3, 4), 2, draw=apart),
    call("max_pool3d", (1, 1, 3, 2, 4), (2, 1, 3), (1, 2, 2), (1, 0, 1), draw=apart),
    call("adaptive_max_pool3d", (1, 1, 3, 2, 4), (2, 2, 3), draw=apart),
]
CASES["avg_pool2d"] = [
    call("avg_pool2d", (2, 2, 4, 6), 2),
    call("avg_pool2d", (1, 2, 5, 4), (3, 2), (2, 1), 1),
    call("avg_pool2d", (1, 1, 6, 5), 3, 2, 1, True),
    call("avg_pool2d", (1, 2, 6, 5), (3, 4), (2, 3), (1, 2), True, False),
    call("avg_pool2d", (0, 2, 4, 4), 3, 1, 1, False, False),
    call("avg_pool1d", (2, 2, 7), 3, 2, 1, True),
    call("avg_pool1d", (1, 2, 5), 2, None, 1, False, False),
    call("avg_pool1d", (2, 5), 2, None, 1, False, False),
    call("avg_pool2d", (1, 2, 5, 4), (3, 2), (2, 1), 1, True, True, 5),
    call("avg_pool3d", (1, 2, 2, 3, 4), 2),
    call("avg_pool3d", (1, 1, 3, 2, 4), (2, 1, 3), (1, 2, 2), (1, 0, 1), True, False),
]
CASES["avg_pool2d_input"] = [
    Call(
        lambda g, w=window, c=counted: pooling.avg_pool2d_input(g, (5, 4), w, c),
        ((2, 1, *window.output_size((5, 4))),),
    )
    for window, counted in [
        (Window((2, 3)), ((0, 0), (0, 0))),
        (Window((3, 2), (2, 1), ((1, 1), (1, 1))), ((1, 1), (1, 1))),
        (Window((3, 2), (2, 3), ((1, 2), (1, 1))), ((0, 0), (0, 0))),
    ]
]

PARTNERS = {
    "pool_scatter": "the gradient of max_pool2d",
    "pool_gather": "the gradient of pool_scatter",
    "avg_pool2d_input": "the gradient of avg_pool2d",
}
