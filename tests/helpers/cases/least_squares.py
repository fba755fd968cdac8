"""Cases of minigrad.ops.least_squares."""

import minigrad as mg

from .decompositions import of

try:
    import torch
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = None


CASES = {"pinv": of(lambda x: mg.pinv(x), lambda x: torch.linalg.pinv(x))}
