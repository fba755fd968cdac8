"""Cases of minigrad.ops.shapes."""

import minigrad as mg

from .calls import Call

try:
    import torch
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = None


def reshaped(shape, target):
    return Call(lambda x: mg.reshape(x, target), (shape,), torch=lambda x: x.reshape(target))


def transposed(shape, axes=None):
    def counterpart(x):
        return x.permute(tuple(range(x.ndim))[::-1] if axes is None else axes)

    return Call(lambda x: mg.transpose(x, axes), (shape,), torch=counterpart)


def broadcast(shape, target):
    return Call(lambda x: mg.broadcast_to(x, target), (shape,), torch=lambda x: x.expand(target))


def summed(shape, target):
    return Call(lambda x: mg.sum_to(x, target), (shape,), torch=lambda x: x.sum_to_size(target))


def joined(axis, *shapes):
    return Call(lambda *xs: mg.concatenate(xs, axis), shapes, torch=lambda *xs: torch.cat(xs, axis))


def stacked(axis, shape, count):
    return Call(
        lambda *xs: mg.stack(xs, axis), (shape,) * count, torch=lambda *xs: torch.stack(xs, axis)
    )


CASES = {
    "reshape": [
        reshaped((2, 3), (3, 2)), reshaped((2, 3), (-1,)), reshaped((), (1, 1)), reshaped((1,), ()),
        reshaped((0, 3), (3, 0, 2)), reshaped((4, 3), (2, 2, -1)),
    ],
    "transpose": [
        transposed((2, 3)), transposed((2, 3, 4)), transposed((2, 3, 4), (1, 2, 0)), transposed(()),
        transposed((2, 3, 4), (-1, 0, -2)), transposed((0, 3)), transposed((3,)),
    ],
    "broadcast_to": [
        broadcast((3,), (2, 3)), broadcast((2, 1, 1), (2, 3, 2)), broadcast((), (2, 3)),
        broadcast((1,), (0,)), broadcast((2, 3), (2, 3)), broadcast((1, 3), (4, 0, 3)), broadcast((), ()),
    ],
    "sum_to_shape": [
        summed((2, 3), (3,)), summed((2, 3), (2, 1)), summed((4, 2, 3), (1, 3)), summed((2, 3), ()),
        summed((0, 3), (1, 3)), summed((1, 3), (3,)),
    ],
    "concatenate": [
        joined(0, (2, 3), (1, 3), (4, 3)), joined(1, (2, 3), (2, 1)), joined(-1, (2, 3), (2, 2)),
        joined(0, (2, 3)), joined(0, (0, 3), (2, 3)), joined(1, (0, 3), (0, 1)),
        Call(
            lambda a, b: mg.concatenate([a, b], None), ((2, 3), (2,)),
            torch=lambda a, b: torch.cat([a.reshape(-1), b]),
        ),
    ],
    "stack": [
        stacked(0, (2, 3), 3), stacked(1, (2, 3), 2), stacked(-1, (2, 3), 2), stacked(0, (), 3),
        stacked(1, (2,), 1), stacked(0, (0, 2), 2),
    ],
}  # fmt: skip
