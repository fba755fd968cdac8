"""Cases of minigrad.ops.normalisation."""

import minigrad as mg

from .calls import Call

try:
    from torch.nn import functional
except ImportError:  # the comparisons with PyTorch are skipped then
    functional = None

EPS = 1e-2


def call(ours, theirs, shape, sizes, given="wb"):
    """A norm of x with the parameters that are `given`: weight, bias."""

    def parameters(values):
        values = iter(values)
        return [next(values) if name in given else None for name in "wb"]

    def torchs(x, *values):
        return theirs(x, *parameters(values))

    return Call(
        lambda x, *values: ours(x, *parameters(values)),
        (shape, *[sizes] * len(given)),
        # PyTorch cannot differentiate a bias without a weight twice
        torch=None if given == "b" else torchs,
    )


def layer_norm(shape, sizes, given="wb"):
    return call(
        lambda x, w, b: mg.layer_norm(x, sizes, w, b, EPS),
        lambda x, w, b: functional.layer_norm(x, sizes, w, b, EPS),
        shape, sizes, given,
    )  # fmt: skip


def rms_norm(shape, sizes, given="w"):
    return call(
        lambda x, w, b: mg.rms_norm(x, sizes, w, EPS),
        lambda x, w, b: functional.rms_norm(x, sizes, w, EPS),
        shape, sizes, given,
    )  # fmt: skip


def group_norm(shape, groups, given="wb"):
    return call(
        lambda x, w, b: mg.group_norm(x, groups, w, b, EPS),
        lambda x, w, b: functional.group_norm(x, groups, w, b, EPS),
        shape, (shape[1],), given,
    )  # fmt: skip


def batch_norm(shape, given="wb"):
    return call(
        lambda x, w, b: mg.batch_norm(x, None, None, w, b, True, eps=EPS),
        lambda x, w, b: functional.batch_norm(x, None, None, w, b, True, eps=EPS),
        shape, (shape[1],), given,
    )  # fmt: skip


def instance_norm(shape, given="wb"):
    return call(
        lambda x, w, b: mg.instance_norm(x, None, None, w, b, eps=EPS),
        lambda x, w, b: functional.instance_norm(x, None, None, w, b, eps=EPS),
        shape, (shape[1],), given,
    )  # fmt: skip


CASES = {
    "standardise": [
        layer_norm((2, 3), (3,)), layer_norm((2, 3, 4), (3, 4)), layer_norm((4,), (4,)), layer_norm((3, 3), (3,)),
        *[layer_norm((3, 2), (2,), given) for given in ("", "w", "b")],
        rms_norm((2, 3), (3,)), rms_norm((2, 3, 4), (3, 4), ""),
        group_norm((2, 4), 2), group_norm((2, 4, 3), 2), group_norm((2, 4, 2, 2), 4, ""), group_norm((2, 3, 2), 1, "w"),
        batch_norm((4, 3)), batch_norm((2, 3, 4)), batch_norm((2, 3, 2, 2)), batch_norm((3, 2), ""),
        instance_norm((2, 3, 2)), instance_norm((1, 2, 2, 3), ""), instance_norm((2, 1, 2, 1, 2), "w"),
    ],
}  # fmt: skip
