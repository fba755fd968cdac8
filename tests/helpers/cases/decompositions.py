"""Cases of minigrad.ops.decompositions."""

import numpy as np

import minigrad as mg

from .calls import Call
from .linalg import symmetric

try:
    import torch
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = None


def apart(rng, shape):
    """Singular values far from 0 and from each other."""
    return rng.uniform(-0.25, 0.25, shape) + np.eye(*shape[-2:]) * (1.0 + np.arange(shape[-1]))


def of(f, counterpart):
    shapes = [(3, 3), (1, 1), (3, 2), (2, 3), (2, 1, 3, 2), (2, 2, 3), (0, 2, 2), (2, 0), (0, 2)]
    return [Call(f, (shape,), apart, torch=counterpart) for shape in shapes]


def vectors(shape):
    """Squares of singular vectors, whose signs are a matter of the library, with weights that fix their sizes."""
    k = min(shape[-2:])
    weights = [
        (1 + np.arange(n * k) % 3).reshape(sizes)
        for n, sizes in zip(shape[-2:], [(-1, k), (k, -1)], strict=True)
    ]

    def both(m, x, w, z):
        u, _, vh = (m.svd if m is mg else m.linalg.svd)(x, False)
        return (u**2 * w).sum(-1).sum(-1) + (vh**2 * z).sum(-1).sum(-1)

    return Call(
        lambda *xs: both(mg, *xs), (shape,), apart, tuple(weights), torch=lambda *xs: both(torch, *xs),
    )  # fmt: skip


CASES = {
    "svd": of(lambda x: mg.svdvals(x), lambda x: torch.linalg.svdvals(x)) + [
        vectors(shape) for shape in [(3, 3), (1, 1), (3, 2), (2, 3), (2, 1, 3, 2)]
    ] + of(
        lambda x: of_all(*mg.svd(x, full_matrices=False)), lambda x: of_all(*torch.linalg.svd(x, False))
    )[:5] + of(
        lambda x: mg.svd(x).U[..., :1] ** 2, lambda x: torch.linalg.svd(x, False).U[..., :1] ** 2
    )[2:4] + of(lambda x: mg.norm(x, "nuc", (-2, -1)), lambda x: torch.linalg.norm(x, "nuc", (-2, -1)))[:5] + of(
        lambda x: mg.cond(x), lambda x: torch.linalg.cond(x)
    )[:5],
    "qr": of(lambda x: mg.qr(x).Q, lambda x: torch.linalg.qr(x).Q) + of(
        lambda x: mg.qr(x).R, lambda x: torch.linalg.qr(x).R
    ) + of(lambda x: mg.qr(x, "r"), lambda x: torch.linalg.qr(x).R)[:5],
    "mirrored": [
        Call(lambda x: mg.pinv(symmetric(x), hermitian=True), ((3, 3),), apart,
             torch=lambda x: torch.linalg.pinv(symmetric(x), hermitian=True)),
        Call(lambda x: mg.svd(symmetric(x), hermitian=True).S, ((2, 2, 2),), apart,
             torch=lambda x: torch.linalg.svdvals(symmetric(x))),
    ],
}  # fmt: skip


def of_all(u, s, vh):
    """A function of every part that the signs of the vectors do not change."""
    return (u * s[..., None, :] ** 2) @ vh
