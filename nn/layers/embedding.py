"""Embeddings: a table of vectors, read by number, one by one or in bags."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

import minigrad
from minigrad.devices import is_elsewhere

from .. import init
from ..checks import integer
from ..module import Module, Parameter


class _Table(Module):
    """The base of both embeddings: a weight from normal(0, 1), and rows that are kept short."""

    weight: Parameter

    def _set(
        self, shape: tuple[Any, Any], padding_idx: Any, max_norm: float | None, norm_type: float
    ) -> None:
        self.num_embeddings = integer(self, "num_embeddings", shape[0], 1)
        self.embedding_dim = integer(self, "embedding_dim", shape[1], 1)
        self.padding_idx = (
            None if padding_idx is None else integer(self, "padding_idx", padding_idx, 0)
        )
        if self.padding_idx is not None and self.padding_idx >= self.num_embeddings:
            raise ValueError(
                f"{type(self).__name__}: padding_idx {padding_idx} is none of the {self.num_embeddings} rows"
            )
        if max_norm is not None and not max_norm > 0:
            raise ValueError(f"{type(self).__name__}: max_norm must be > 0, not {max_norm!r}")
        self.max_norm = max_norm
        self.norm_type = norm_type

    def _draw(self, rng: Any, dtype: Any) -> None:
        weight = init.normal((self.num_embeddings, self.embedding_dim), 1.0, rng, dtype)
        if self.padding_idx is not None:
            weight[self.padding_idx] = 0
        self.weight = Parameter(weight)

    def _take(self, embeddings: Any, freeze: bool) -> Self:
        """This layer with a copy of the given table."""
        self.weight = Parameter(np.array(minigrad.on_host(minigrad.Tensor(embeddings))))
        self.weight.requires_grad = not freeze
        return self

    def _shorten(self, x: Any) -> None:
        """Scale the rows of x whose norm is above max_norm down to it, in place."""
        if self.max_norm is None:
            return
        minigrad.embedding(self.weight.detach(), x)  # refuses what is no number of a row
        table = self.weight.data
        if is_elsewhere(table):  # all rows of x are written, as it would wait to ask which are long
            x = minigrad.placed(x, table)
            rows = table[x]
            norms = minigrad.norm(rows, self.norm_type, axis=-1)
            factor = np.where(norms > self.max_norm, self.max_norm / (norms + 1e-7), 1)
            table[x] = rows * factor.astype(table.dtype)[..., None]
            minigrad.touch(self.weight)
            return
        numbers = np.unique(minigrad.on_host(x))
        rows = table[numbers]
        norms = minigrad.norm(rows, self.norm_type, axis=-1)
        is_long = norms > self.max_norm
        if is_long.any():
            factor = (self.max_norm / (norms[is_long] + 1e-7)).astype(table.dtype)
            table[numbers[is_long]] = rows[is_long] * factor[:, None]
            minigrad.touch(self.weight)

    def _described(self, **more: Any) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        given = {"padding_idx": self.padding_idx, "max_norm": self.max_norm, **more}
        return text + "".join(f", {k}={v!r}" for k, v in given.items() if v is not None)


class Embedding(_Table):
    """y[...] = W[x[...]], with x (...) of integers in [0, num_embeddings), W (num_embeddings, embedding_dim).

    W is drawn from normal(0, 1). The row `padding_idx` is 0 at first and its gradient always 0: it stands for padding
    in a batch. IndexError for a number out of range; negative ones do not wrap.

    max_norm   forward writes: before rows are read, those of x whose norm is larger are scaled down to it in W itself,
               without gradient. A graph that has saved W before refuses to go back then
    norm_type  p of that norm
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        *,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        self._set((num_embeddings, embedding_dim), padding_idx, max_norm, norm_type)
        self._draw(rng, dtype)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Any,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
    ) -> Self:
        """An embedding with a copy of the given table, (num_embeddings, embedding_dim), as its W; frozen or learnt."""
        layer = cls.__new__(cls)
        layer._set(_shape_of(cls, embeddings), padding_idx, max_norm, norm_type)
        return layer._take(embeddings, freeze)

    def forward(self, x: Any) -> Any:
        self._shorten(x)
        return minigrad.embedding(self.weight, x, self.padding_idx)

    def describe(self) -> str:
        return self._described()


class EmbeddingBag(_Table):
    """y[b] = mean of W[i] over the numbers i in bag b, with W (num_embeddings, embedding_dim), y (B, embedding_dim).

    Called with x (B, L), a row for each bag, or with x (N,) and offsets (B,), where each bag begins; then, with "sum",
    per_sample_weights of the shape of x, by which the rows are multiplied. An empty bag gives 0.

    max_norm, norm_type  as of Embedding: forward writes
    mode                 "mean", "sum" or "max"
    include_last_offset  True: offsets are (B + 1,), the last of them is N
    padding_idx          a number that is in no bag, wherever it stands; its row is 0 at first

    W is drawn from normal(0, 1). `minigrad.embedding_bag` is its function.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        *,
        mode: str = "mean",
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        self._set((num_embeddings, embedding_dim), padding_idx, max_norm, norm_type)
        self._set_mode(mode, include_last_offset)
        self._draw(rng, dtype)

    def _set_mode(self, mode: str, include_last_offset: bool) -> None:
        if mode not in ("mean", "sum", "max"):
            raise ValueError(f"EmbeddingBag: mode must be 'mean', 'sum' or 'max', not {mode!r}")
        self.mode = mode
        self.include_last_offset = include_last_offset

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Any,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        *,
        mode: str = "mean",
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> Self:
        """Bags of a copy of the given table, (num_embeddings, embedding_dim), as W; frozen or learnt."""
        layer = cls.__new__(cls)
        layer._set(_shape_of(cls, embeddings), padding_idx, max_norm, norm_type)
        layer._set_mode(mode, include_last_offset)
        return layer._take(embeddings, freeze)

    def forward(self, x: Any, offsets: Any = None, per_sample_weights: Any = None) -> Any:
        self._shorten(x)
        return minigrad.embedding_bag(
            self.weight,
            x,
            offsets,
            self.mode,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def describe(self) -> str:
        mode = None if self.mode == "mean" else self.mode
        return self._described(mode=mode)


def _shape_of(cls: type[Module], embeddings: Any) -> tuple[int, int]:
    shape = np.shape(embeddings)
    if len(shape) != 2:
        raise ValueError(
            f"{cls.__name__}.from_pretrained: the table has shape {tuple(shape)}; (num_embeddings, embedding_dim) is "
            "needed"
        )
    return shape
