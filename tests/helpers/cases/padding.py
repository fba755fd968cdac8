"""Cases of minigrad.ops.padding."""

import minigrad as mg
from minigrad.ops import padding

from .calls import Call, apart, torch_gradient

try:
    import torch
    import torch.nn.functional as F
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = F = None


def padded(shape, width, pairs, value=0.0):
    """`pairs` are the widths as PyTorch wants them: from the last axis on."""
    return Call(
        lambda x: mg.pad(x, width, constant_values=value), (shape,),
        torch=lambda x: F.pad(x, pairs, value=value),
    )  # fmt: skip


NAMES_OF_PYTORCH = {"edge": "replicate", "wrap": "circular"}


def framed(shape, width, mode):
    """PyTorch pads the last axes of arrays that have two more, and at most by their size."""
    pairs = [n for pair in reversed(width) for n in pair]

    def counterpart(x):
        return F.pad(x[None, None], pairs, NAMES_OF_PYTORCH.get(mode, mode))[0, 0]

    has_counterpart = mode != "symmetric" and max(pairs) < min(shape)
    return Call(
        lambda x: mg.pad(x, width, mode), (shape,), torch=counterpart if has_counterpart else None
    )


def unframed(shape, width, mode):
    """Called with the gradient of a padded array of `shape`."""
    forward = framed(shape, width, mode)
    padded_shape = tuple(a + n + b for n, (a, b) in zip(shape, width, strict=True))

    def counterpart(g):
        x = torch.zeros(shape, dtype=g.dtype, requires_grad=True)
        return torch_gradient(forward.torch, x, g, x)

    return Call(
        lambda g: padding.unpad(g, width, mode),
        (padded_shape,),
        torch=forward.torch and counterpart,
    )


FRAMES = [
    ((3, 4), ((1, 2), (0, 2)), "edge"), ((3, 4), ((1, 2), (0, 2)), "reflect"), ((3, 4), ((1, 2), (0, 2)), "wrap"),
    ((3, 4), ((1, 2), (0, 2)), "symmetric"), ((2,), ((5, 4),), "reflect"), ((3,), ((4, 7),), "symmetric"),
    ((1, 2), ((3, 1), (0, 5)), "wrap"), ((1,), ((2, 2),), "reflect"), ((0, 2), ((0, 0), (1, 1)), "edge"),
]  # fmt: skip

CASES = {
    "pad": [
        *[framed(*f) for f in FRAMES],
        padded((2, 3), 1, (1, 1, 1, 1)), padded((2, 3), (0, 2), (0, 2, 0, 2)), padded((3,), 2, (2, 2), 1.5),
        padded((2, 3), ((1, 0), (0, 2)), (0, 2, 1, 0)), padded((0, 3), 1, (1, 1, 1, 1)), padded((2,), 0, (0, 0)),
        padded((2, 3), {-1: (1, 2)}, (1, 2)),
        Call(lambda x: mg.pad(x, ((1, 0), (2, 1)), constant_values=((1, 2), (3, 4))), ((2, 3),)),
    ],
    "unpad": [unframed(*f) for f in FRAMES],
}  # fmt: skip


def computed(shape, width, mode, **options):
    return Call(lambda x: mg.pad(x, width, mode, **options), (shape,), apart)


COMPOSITES = {
    "pad odd": [
        computed((4,), (5, 2), "reflect", reflect_type="odd"), computed((2, 3), 2, "symmetric", reflect_type="odd"),
        computed((1, 2), 1, "reflect", reflect_type="odd"),
    ],
    "pad linear_ramp": [
        computed((2, 3), ((1, 2), (0, 3)), "linear_ramp"), computed((3,), 2, "linear_ramp", end_values=(1.5, -2)),
    ],
    **{
        f"pad {mode}": [computed((3, 4), ((1, 2), (0, 2)), mode), computed((5,), (2, 1), mode, stat_length=(2, 3))]
        for mode in ("maximum", "mean", "median", "minimum")
    },
}  # fmt: skip
PARTNERS = {"unpad": "the gradient of pad where its frame is of x's own elements"}
