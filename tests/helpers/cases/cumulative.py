"""Cases of minigrad.ops.cumulative."""

import minigrad as mg
from minigrad.ops import cumulative

from .calls import Call, anywhere

try:
    import torch
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = None

SHAPES = [
    ((2, 3), None), ((2, 3), 0), ((2, 3), -1), ((2, 4, 3), 1), ((5,), 0), ((1, 2), 0), ((0, 3), 0), ((0, 3), 1),
    ((), None),
]  # fmt: skip


def with_zeros(rng, shape):
    """Some elements exactly 0: the first, and every third."""
    x = rng.uniform(0.3, 2, shape)
    x.reshape(-1)[::3] = 0
    return x


def along(f, counterpart, *draws):
    def theirs(x, axis):
        return counterpart(x.ravel() if axis is None else x, axis or 0)

    return [
        Call(lambda x, a=axis: f(x, a), (shape,), draw, torch=lambda x, a=axis: theirs(x, a))
        for shape, axis in SHAPES
        for draw in draws
    ]


def recurrence(b, a):
    """y_i = b_i + a_i-1 y_i-1, as PyTorch writes it."""
    rows = [b[0]]
    for i in range(1, len(b)):
        rows.append(b[i] + a[i - 1] * rows[-1])
    return torch.stack(rows)


CASES = {
    "cumsum": along(mg.cumsum, lambda x, a: x.cumsum(a), anywhere),
    "cumprod": along(mg.cumprod, lambda x, a: x.cumprod(a), anywhere, with_zeros),
    "recurrence": [
        Call(cumulative._recurrence_row, shapes, draw, torch=recurrence)
        for shapes in [((4,), (3,)), ((4, 2), (3, 2)), ((1, 3), (0, 3)), ((3, 0), (2, 0))]
        for draw in (anywhere, with_zeros)
    ],
}
PARTNERS = {"recurrence": "what differentiates cumprod without dividing"}
