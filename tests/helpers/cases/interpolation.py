"""Cases of minigrad.ops.interpolation."""

import minigrad as mg

from .calls import Call

try:
    from torch.nn.functional import interpolate
except ImportError:  # the comparisons with PyTorch are skipped then
    interpolate = None


def resized(shape, mode, corners=False, /, **of):
    return Call(
        lambda x: mg.interpolate(x, mode=mode, align_corners=corners, **of), (shape,),
        torch=lambda x: interpolate(x, mode=mode, align_corners=corners, **of),
    )  # fmt: skip


CASES = {
    "resample": [
        resized((2, 3, 4), "linear", size=7), resized((2, 1, 5), "linear", True, size=3),
        resized((1, 2, 5), "linear", scale_factor=1.7), resized((1, 2, 4), "linear", size=1),
        resized((1, 2, 3, 4), "bilinear", scale_factor=2), resized((1, 2, 3, 4), "bilinear", True, size=(5, 1)),
        resized((1, 1, 5, 6), "bilinear", scale_factor=(0.6, 1.3)), resized((0, 2, 3, 3), "bilinear", size=(4, 4)),
        resized((1, 1, 3, 4), "bicubic", scale_factor=(2, 1.6)), resized((1, 1, 4, 5), "bicubic", True, size=(7, 3)),
        resized((1, 1, 5, 1), "bicubic", size=(2, 4)), resized((1, 1, 2, 3, 2), "trilinear", size=(3, 5, 4)),
    ],
}  # fmt: skip
COMPOSITES = {
    "interpolate nearest": [
        Call(lambda x, o=of: mg.interpolate(x, **o), (shape,), torch=lambda x, o=of: interpolate(x, **o))
        for shape, of in [
            ((2, 3, 4), {"scale_factor": 2}), ((1, 2, 3, 4), {"size": (6, 3)}), ((1, 1, 5), {"scale_factor": 1.7}),
            ((1, 1, 4, 3), {"scale_factor": 0.5}), ((1, 1, 2, 3, 2), {"size": (4, 3, 3)}),
        ]
    ],
}  # fmt: skip
