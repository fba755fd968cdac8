"""Cases of minigrad.ops.nans: some elements are made nan, which PyTorch leaves out with a mask."""

import numpy as np

import minigrad as mg

from .calls import Call, anywhere, apart
from .cumulative import with_zeros

try:
    import torch
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = None

KNOWN = np.array([[True, True, False, True], [True, False, True, True]])


def skipping(ours, theirs, fill, draw=anywhere):
    """A reduction of a (2, 4) array with nans; `theirs` takes x with `fill` for nan, and the mask of the others."""
    return [
        Call(
            lambda x, known, a=axis, k=keepdims: ours(mg.where(known, x, np.nan), axis=a, keepdims=k),
            ((2, 4),), draw, (KNOWN,),
            torch=lambda x, known, a=axis, k=keepdims: theirs(torch.where(known, x, fill), known, a, k),
        )
        for axis, keepdims in ((1, False), (-1, True))
    ]  # fmt: skip


def variance(x, known, axis, keepdims):
    n = known.sum(axis, keepdim=True)
    apart = torch.where(known, x - x.sum(axis, keepdim=True) / n, 0)
    return (apart**2).sum(axis, keepdims) / n.reshape(apart.sum(axis, keepdims).shape)


COMPOSITES = {
    "nanprod": skipping(mg.nanprod, lambda x, _, a, k: x.prod(a, k), 1, with_zeros),
    "nanmax": skipping(mg.nanmax, lambda x, _, a, k: x.amax(a, k), -np.inf, apart),
    "nanmin": skipping(mg.nanmin, lambda x, _, a, k: x.amin(a, k), np.inf, apart),
    "nanvar": skipping(mg.nanvar, variance, 0),
    "nanstd": skipping(mg.nanstd, lambda *given: variance(*given) ** 0.5, 0),
}
