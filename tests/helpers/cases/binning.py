"""Cases of minigrad.ops.binning: sums of weights, with places that are constants."""

import numpy as np

import minigrad as mg

from .calls import Call, i

try:
    import torch
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = None

PLACES = i(3, 0, 3, 1, 3)
POINTS = np.array([0.2, -1.0, 0.9, 1.0, 3.0])


def binned(size, weights, places):
    return torch.zeros(size, dtype=weights.dtype).index_add(0, places, weights)


COMPOSITES = {
    "bincount": [
        Call(lambda w, p: mg.bincount(p, w), ((5,),), constants=(PLACES,), torch=lambda w, p: binned(4, w, p)),
        Call(lambda w, p: mg.bincount(p, w, 6), ((5,),), constants=(PLACES,), torch=lambda w, p: binned(6, w, p)),
        Call(lambda w, p: mg.bincount(p, w), ((0,),), constants=(i(),)),
    ],
    "histogram": [
        Call(
            lambda w, x, d=d: mg.histogram(x, 4, (-1, 1), density=d, weights=w)[0], ((5,),), constants=(POINTS,),
            torch=lambda w, x, d=d: binned(4, w[:4], bins()) / (w[:4].sum() / 2 if d else 1),
        )
        for d in (False, True)
    ],
}  # fmt: skip


def bins():
    """The bins of POINTS, of width 1/2; the last is in none."""
    return torch.tensor([2, 0, 3, 3])
