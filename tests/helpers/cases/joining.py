"""Cases of minigrad.ops.joining."""

import minigrad as mg

from .calls import Call

try:
    import torch
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = None


def weighted(parts):
    """The parts in one array, each by a factor of its own; the last one is not used if there are several."""
    kept = parts[: max(1, len(parts) - 1)]
    return [part.reshape(-1) * (i + 1) for i, part in enumerate(kept)]


def parted(shape, at, axis=0):
    return Call(
        lambda x: mg.concatenate(weighted(mg.array_split(x, at, axis))), (shape,),
        torch=lambda x: torch.cat(weighted(torch.tensor_split(x, at, axis))),
    )  # fmt: skip


def unstacked(shape, axis=0):
    return Call(
        lambda x: mg.concatenate(weighted(mg.unstack(x, axis))), (shape,),
        torch=lambda x: torch.cat(weighted(torch.unbind(x, axis))),
    )  # fmt: skip


CASES = {
    "split": [
        parted((4, 3), 2), parted((2, 5), 3, 1), parted((5, 2), (1, 3)), parted((5, 2), (2, 2, 9), -2), parted((3,), 1),
        parted((2, 6), (-2,), 1), parted((0, 3), 2), parted((2, 3, 4), 4, -1),
    ],
    "unstack": [
        unstacked((3, 2)), unstacked((3, 2), 1), unstacked((2, 3, 2), -2), unstacked((1,)), unstacked((2, 0)),
    ],
}  # fmt: skip
