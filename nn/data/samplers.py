"""Samplers: which items an epoch has, and in which order; all random numbers are those of the loader's `rng`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from typing import Any

import numpy as np

import minigrad

from ..checks import integer
from .dataset import indices_of


class Sampler:
    """`draw(rng)` gives the numbers of an epoch's items, or a list of them for each batch; len(sampler) of these.

    A DataLoader draws with its own `rng`, so that a resumed run repeats the epoch; `iter(sampler)` with the package's.
    """

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} lacks __len__")

    def draw(self, rng: np.random.Generator) -> Any:
        raise NotImplementedError(f"{type(self).__name__} lacks draw(rng)")

    def __iter__(self) -> Iterator[Any]:
        return iter(self.draw(minigrad.generator()).tolist())


class RandomSampler(Sampler):
    """Items drawn evenly: each once or, with `num_samples`, that many; with `replacement` whichever came before.

    Without replacement an item comes again when all others have come.
    """

    def __init__(
        self, data_source: Sized, replacement: bool = False, num_samples: int | None = None
    ) -> None:
        self.data_source, self.replacement = data_source, replacement
        given = num_samples is not None
        self.num_samples = integer(self, "num_samples", num_samples, 1) if given else None
        if (given or replacement) and not len(data_source):
            raise ValueError("RandomSampler: the data source is empty")

    def __len__(self) -> int:
        return len(self.data_source) if self.num_samples is None else self.num_samples

    def draw(self, rng: np.random.Generator) -> Any:
        count, total = len(self), len(self.data_source)
        if self.replacement:
            return rng.integers(0, total, count)
        rounds = [rng.permutation(total) for _ in range(max(1, -(-count // max(1, total))))]
        return np.concatenate(rounds)[:count]


class SubsetRandomSampler(Sampler):
    """The items with the given numbers, each once, in random order."""

    def __init__(self, indices: Iterable[int]) -> None:
        self.indices = indices_of("SubsetRandomSampler", indices)

    def __len__(self) -> int:
        return len(self.indices)

    def draw(self, rng: np.random.Generator) -> Any:
        return rng.permutation(self.indices)


class WeightedRandomSampler(Sampler):
    """Items drawn with p(i) = weights[i] / sum(weights), `num_samples` of them.

    Without replacement the weights of the items that are left decide each time.
    """

    def __init__(
        self, weights: Iterable[float], num_samples: int, replacement: bool = True
    ) -> None:
        self.weights = np.array(list(weights), np.float64)
        self.num_samples = integer(self, "num_samples", num_samples, 1)
        self.replacement = replacement
        if (
            self.weights.ndim != 1
            or not (self.weights >= 0).all()
            or not 0 < self.weights.sum() < np.inf
        ):
            raise ValueError(
                "WeightedRandomSampler: weights must be finite numbers in one row, none below 0 and one above"
            )
        most = np.count_nonzero(self.weights)
        if not replacement and num_samples > most:
            raise ValueError(
                f"WeightedRandomSampler: {num_samples} items cannot be drawn without replacement, as {most} have "
                "a weight above 0"
            )

    def __len__(self) -> int:
        return self.num_samples

    def draw(self, rng: np.random.Generator) -> Any:
        p = self.weights / self.weights.sum()
        return rng.choice(len(p), self.num_samples, self.replacement, p)


class BucketBatchSampler(Sampler):
    """Batches of items of like length, in random order, for `DataLoader(dataset, batch_sampler=...)`.

    lengths     of the items, of sequences for one: they are sorted by it, those of one length at random, and cut into
                batches; padded to its longest, a batch is as little padded as can be
    batch_size  items of a batch; one batch, that of the longest, has fewer if they do not divide
    drop_last   leave that out
    """

    def __init__(self, lengths: Iterable[int], batch_size: int, drop_last: bool = False) -> None:
        self.lengths = np.array(list(lengths))
        if self.lengths.ndim != 1:
            raise ValueError(
                f"BucketBatchSampler: lengths must be a number for each item, not {self.lengths.shape}"
            )
        self.batch_size = integer(self, "batch_size", batch_size, 1)
        self.drop_last = drop_last

    def __len__(self) -> int:
        whole, rest = divmod(len(self.lengths), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def draw(self, rng: np.random.Generator) -> Any:
        order = rng.permutation(len(self.lengths))
        order = order[np.argsort(self.lengths[order], kind="stable")]
        return [
            order[k * self.batch_size : (k + 1) * self.batch_size]
            for k in rng.permutation(len(self))
        ]

    def __iter__(self) -> Iterator[list[int]]:
        return iter([batch.tolist() for batch in self.draw(minigrad.generator())])


def drawn(sampler: Any, rng: np.random.Generator | None) -> Any:
    """An epoch of a sampler: one of ours is drawn with `rng`, another by itself."""
    if isinstance(sampler, Sampler):
        return sampler.draw(minigrad.generator(rng))
    return list(sampler)
