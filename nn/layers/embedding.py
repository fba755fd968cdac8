"""The embedding: a table of vectors, read by number."""

from __future__ import annotations

from typing import Any

import numpy as np

import minigrad

from .. import init
from ..checks import integer
from ..module import Module, Parameter


class Embedding(Module):
    """y[...] = W[x[...]], with x (...) of integers in [0, num_embeddings), W (num_embeddings, embedding_dim).

    W is drawn from normal(0, 1). The row `padding_idx` is 0 at first and its gradient always 0: it stands for padding
    in a batch. IndexError for a number out of range; negative ones do not wrap.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.num_embeddings = count = integer(self, "num_embeddings", num_embeddings, 1)
        self.embedding_dim = width = integer(self, "embedding_dim", embedding_dim, 1)
        self.padding_idx = (
            None if padding_idx is None else integer(self, "padding_idx", padding_idx, 0)
        )
        weight = init.normal((count, width), 1.0, rng, dtype)
        if self.padding_idx is not None:
            if self.padding_idx >= count:
                raise ValueError(
                    f"Embedding: padding_idx {padding_idx} is none of the {count} rows"
                )
            weight[self.padding_idx] = 0
        self.weight = Parameter(weight)

    def forward(self, x: Any) -> Any:
        return minigrad.embedding(self.weight, x, self.padding_idx)

    def describe(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
