"""Cases of minigrad.ops.windows."""

import numpy as np

import minigrad as mg

from .calls import Call

try:
    import torch.nn.functional as F
except ImportError:  # the comparisons with PyTorch are skipped then
    F = None

UNFOLDED = [  # x, kernel_size, dilation, padding, stride
    ((2, 2, 4, 3), 2, 1, 0, 1),
    ((1, 2, 5, 4), (3, 2), (1, 2), (1, 0), (2, 1)),
    ((1, 1, 2, 3), (1, 2), 1, (2, 1), (3, 2)),
    ((2, 1, 3, 3), 1, 1, 0, 1),
]
CASES = {
    "unfold": [
        Call(lambda x, o=options: mg.unfold(x, *o), (shape,), torch=lambda x, o=options: F.unfold(x, *o))
        for shape, *options in UNFOLDED
    ],
    "fold": [
        Call(lambda x, s=shape[2:], o=options: mg.fold(x, s, *o),
             (mg.unfold(np.zeros(shape), *options).shape,),
             torch=lambda x, s=shape[2:], o=options: F.fold(x, s, *o))
        for shape, *options in UNFOLDED
    ],
}  # fmt: skip
CASES["unfold"].append(Call(lambda x: mg.unfold(x, 2), ((0, 2, 3, 3),)))
CASES["unfold"].append(
    Call(lambda x: mg.unfold(x, 2), ((2, 3, 3),), torch=lambda x: F.unfold(x, 2))
)
CASES["fold"].append(Call(lambda x: mg.fold(x, 3, 2), ((8, 4),), torch=lambda x: F.fold(x, 3, 2)))
CASES["fold"].append(Call(lambda x: mg.fold(x, 3, 2), ((0, 8, 4),)))
