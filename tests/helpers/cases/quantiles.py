"""Cases of minigrad.ops.quantiles."""

import numpy as np

import minigrad as mg

from .calls import Call, apart
from .nans import KNOWN

try:
    import torch
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = None

SHAPES = [((2, 4), 1), ((2, 4), None), ((3, 2), 0), ((5,), -1), ((1,), 0), ((), None)]
QUANTILES = [0.3, [0, 0.25, 1]]


def quantiles():
    return [
        Call(
            lambda x, q=q, a=axis: mg.quantile(x, q, a), (shape,), apart,
            torch=lambda x, q=q, a=axis: torch.quantile(x, torch.tensor(q, dtype=x.dtype), a),
        )
        for shape, axis in SHAPES for q in QUANTILES
    ]  # fmt: skip


def of_known(ours, theirs):
    return [
        Call(
            lambda x, known: ours(mg.where(known, x, np.nan)), ((2, 4),), apart, (KNOWN,),
            torch=lambda x, known: theirs(torch.where(known, x, np.nan)),
        )
    ]  # fmt: skip


COMPOSITES = {
    "quantile": quantiles(),
    "nanquantile": of_known(
        lambda x: mg.nanquantile(x, [0.2, 0.9], 1),
        lambda x: torch.nanquantile(x, torch.tensor([0.2, 0.9], dtype=x.dtype), 1),
    ),
    "nanmedian": of_known(mg.nanmedian, lambda x: torch.nanquantile(x, 0.5)),
    "ptp": [
        Call(lambda x, a=a: mg.ptp(x, a), ((3, 4),), apart, torch=lambda x, a=a: x.amax(a) - x.amin(a))
        for a in (0, (0, 1))
    ],
    "partition": [Call(lambda x: mg.partition(x, (1, 3), 1), ((2, 5),), apart)],
}  # fmt: skip
