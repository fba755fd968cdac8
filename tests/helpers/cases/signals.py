"""Cases of minigrad.ops.signals, and of its composites, which have no row."""

import numpy as np

import minigrad as mg
from minigrad.ops import signals

from .calls import Call, anywhere

try:
    import torch
    import torch.nn.functional as F
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = F = None


def convolved(n, m, mode="full"):
    def counterpart(a, v):
        a, v = (a, v) if n >= m else (v, a)
        y = F.conv1d(a[None, None], v.flip(0)[None, None], padding=min(n, m) - 1)[0, 0]
        cut = {"full": 0, "same": (min(n, m) - 1) // 2, "valid": min(n, m) - 1}[mode]
        return y[cut : cut + {"full": n + m - 1, "same": max(n, m), "valid": abs(n - m) + 1}[mode]]

    return Call(lambda a, v: mg.convolve(a, v, mode), ((n,), (m,)), torch=counterpart)


def between(rng, shape):
    """Between the points below, and beyond them, not near one."""
    return rng.choice([-2, 0, 1, 2, 7], shape) + rng.uniform(0.2, 0.45, shape)


def points(rng, shape):
    return np.arange(shape[0]) + rng.uniform(-0.1, 0.1, shape)


def interpolated(*shapes, f=mg.interp):
    draws = (between, points, *[anywhere] * (len(shapes) - 2))
    return Call(f, shapes, draws)


def slid(shape, sizes, axis=None, counterpart=None):
    return Call(lambda x: mg.sliding_window_view(x, sizes, axis), (shape,), torch=counterpart)


CASES = {
    "convolved": [
        *[convolved(n, m, mode) for n, m in [(5, 3), (2, 4), (1, 1)] for mode in ("full", "same")],
        Call(lambda a: mg.convolve(a, [1.0, -2.0]), ((3,),)), Call(lambda v: mg.convolve(2.0, v), ((3,),)),
    ],
    "correlated": [
        *[convolved(n, m, "valid") for n, m in [(5, 3), (2, 4), (3, 3)]],
        Call(mg.correlate, ((5,), (2,)), torch=lambda a, v: F.conv1d(a[None, None], v[None, None])[0, 0]),
    ],
    "slid": [
        slid((5,), 2, 0, lambda x: x.unfold(0, 2, 1)), slid((3, 4), (2, 2),
        None, lambda x: x.unfold(0, 2, 1).unfold(1, 2, 1)),
        slid((3, 4), 3, -1), slid((5,), (2, 2), (0, 0)), slid((2, 3), (1, 3), (1, 0)[::-1]), slid((0, 3), 2, 1),
    ],
    "laid": [
        Call(lambda g: signals._lay_row(g, (5,), (2,), (0,)), ((4, 2),)),
        Call(lambda g: signals._lay_row(g, (3, 4), (2, 2), (1, 1)), ((3, 2, 2, 2),)),
    ],
}  # fmt: skip

COMPOSITES = {
    "correlate": [
        Call(lambda a, v, mode=mode: mg.correlate(a, v, mode), (a, v))
        for a, v in [((4,), (3,)), ((2,), (5,))]
        for mode in ("full", "same", "valid")
    ],
    "interp": [
        interpolated((2, 3), (4,), (4,)), interpolated((), (4,), (4,)), interpolated((3,), (1,), (1,)),
        interpolated((5,), (4,), (4,), (), (), f=lambda x, xp, fp, a, b: mg.interp(x, xp, fp, a, b)),
        interpolated((5,), (4,), (4,), f=lambda x, xp, fp: mg.interp(x, xp, fp, period=4.2)),
    ],
}  # fmt: skip

PARTNERS = {"laid": "the gradient of sliding_window_view"}
