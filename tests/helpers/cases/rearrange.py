"""Cases of minigrad.ops.rearrange."""

import minigrad as mg

from .calls import Call

try:
    import torch
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = None


def flipped(shape, axis=None):
    def counterpart(x):
        axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
        return torch.flip(x, tuple(axes))

    return Call(lambda x: mg.flip(x, axis), (shape,), torch=counterpart)


def rolled(shape, shift, axis=None):
    return Call(
        lambda x: mg.roll(x, shift, axis), (shape,), torch=lambda x: torch.roll(x, shift, axis)
    )


def shifted(name, shape, axes):
    return Call(
        lambda x: getattr(mg, name)(x, axes), (shape,),
        torch=lambda x: getattr(torch.fft, name)(x, axes),
    )  # fmt: skip


def repeated(shape, repeats, axis=None):
    return Call(
        lambda x: mg.repeat(x, repeats, axis), (shape,),
        torch=lambda x: torch.repeat_interleave(x, repeats, axis),
    )  # fmt: skip


def diagonal_of(shape, offset=0, axis1=0, axis2=1):
    return Call(
        lambda x: mg.diagonal(x, offset, axis1, axis2), (shape,),
        torch=lambda x: torch.diagonal(x, offset, axis1, axis2),
    )  # fmt: skip


def triangle(name, shape, k=0):
    ours = getattr(mg, name)
    return Call(
        lambda x: ours(x, k), (shape,),
        torch=lambda x: getattr(torch, name)(x.expand(x.shape * 2) if x.ndim == 1 else x, k),
    )  # fmt: skip


def triangles(name):
    return [
        triangle(name, (3, 3)), triangle(name, (2, 4), 1), triangle(name, (4, 2), -1), triangle(name, (2, 3, 2)),
        triangle(name, (0, 2)), triangle(name, (3,)), triangle(name, (2, 2), 5), triangle(name, (2, 2), -5),
    ]  # fmt: skip


CASES = {
    "flip": [
        flipped((2, 3)), flipped((2, 3), 1), flipped((2, 3), -2), flipped((2, 3, 4), (0, -1)), flipped(()),
        flipped((0, 3)), flipped((2, 3), ()),
    ],
    "roll": [
        rolled((5,), 2), rolled((2, 3), -1), rolled((2, 3), 4, 1), rolled((2, 3, 2), (1, -1), (0, 1)),
        rolled((2, 3), (1, 1), (1, 1)), rolled((0, 3), 1, 1), rolled((), 1), rolled((2, 3), (2, 1), (-1, 0)),
    ] + [
        shifted(name, shape, axes) for name in ("fftshift", "ifftshift")
        for shape, axes in [((5,), None), ((4, 3), 1), ((2, 3, 5), (0, -1))]
    ],
    "diagonal": [
        diagonal_of((3, 3)), diagonal_of((2, 4), 1), diagonal_of((4, 2), -1), diagonal_of((2, 3, 4), 0, 1, 2),
        diagonal_of((2, 3, 4), 1, -1, 0), diagonal_of((2, 3), 3), diagonal_of((2, 2), -7), diagonal_of((0, 3)),
        diagonal_of((2, 1, 3, 2), -1, 2, 0), diagonal_of((0, 2, 3), 0, 1, 2),
    ],
    "repeat": [
        repeated((3,), 2), repeated((2, 3), 3, 0), repeated((2, 3), 2, 1), repeated((2, 3), 9, -1), repeated((), 2),
        repeated((2, 3), 0, 1), repeated((0, 3), 2, 1), repeated((2, 3, 2), 1, 1),
    ],
    "tril": triangles("tril"),
    "triu": triangles("triu"),
}  # fmt: skip
