"""Distances of vectors as modules; each is minigrad's function of the same name."""

from __future__ import annotations

from typing import Any

import minigrad

from ..checks import check_array
from ..module import Module
from ..optim.checks import flag, integer, not_negative, number


class CosineSimilarity(Module):
    """sum(x1 x2) / (max(|x1|, eps) max(|x2|, eps)) over the axis `dim` of x1 and x2, which broadcast."""

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        self.dim = integer(dim, "CosineSimilarity: dim")
        self.eps = not_negative(eps, "CosineSimilarity: eps")

    def forward(self, x1: Any, x2: Any) -> Any:
        check_array(self, x1)
        check_array(self, x2)
        return minigrad.cosine_similarity(x1, x2, self.dim, self.eps)

    def describe(self) -> str:
        return f"dim={self.dim}"


class PairwiseDistance(Module):
    """|x1 - x2 + eps|_p over the last axis of x1 and x2, which broadcast."""

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        self.p = not_negative(p, "PairwiseDistance: p")
        self.eps = number(eps, "PairwiseDistance: eps")
        self.keepdim = flag(keepdim, "PairwiseDistance: keepdim")

    def forward(self, x1: Any, x2: Any) -> Any:
        check_array(self, x1)
        check_array(self, x2)
        return minigrad.pairwise_distance(x1, x2, self.p, self.eps, self.keepdim)

    def describe(self) -> str:
        return f"p={self.p}"
