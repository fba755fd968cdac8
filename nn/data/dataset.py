"""Data sets: anything with a length and items; one made of arrays, a part of another, several as one, a division."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from operator import index
from typing import Any, Protocol, runtime_checkable

import numpy as np

import minigrad

from .collate import collate


@runtime_checkable
class Dataset(Protocol):
    """A source of items for a DataLoader: it has `len(dataset)` items, and `dataset[i]` is item i.

    An item is an array, a number, or a tuple, list or dict of items. A data set that is faster at many items together
    may also define `batch(indices)`, which takes an array of integers and gives these items as one batch.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, i: int, /) -> Any: ...


class TensorDataset:
    """Item i is (arrays[0][i], arrays[1][i], ...), with arrays of one length along their first axis.

    >>> x, y = np.zeros((5, 2), np.float32), np.arange(5)
    >>> TensorDataset(x, y)[3]
    (array([0., 0.], dtype=float32), np.int64(3))

    The arrays are shared, not copied. A Tensor stands for its values; one that requires grad is an error.
    """

    def __init__(self, *arrays: Any) -> None:
        if not arrays:
            raise ValueError("TensorDataset: there are no arrays; pass one or more")
        self.arrays = tuple(_array(i, a) for i, a in enumerate(arrays))
        lengths = [len(a) for a in self.arrays]
        if len(set(lengths)) > 1:
            raise ValueError(
                f"TensorDataset: the arrays have {' and '.join(map(str, lengths))} items; all must have as many"
            )

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, i: int, /) -> tuple[Any, ...]:
        return tuple(a[i] for a in self.arrays)

    def batch(self, indices: Any) -> tuple[Any, ...]:
        return tuple(a[indices] for a in self.arrays)


class Subset:
    """Item i is dataset[indices[i]]."""

    def __init__(self, dataset: Dataset, indices: Iterable[int]) -> None:
        self.dataset = dataset
        self.indices = indices_of("Subset", indices, len(dataset))

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, i: int, /) -> Any:
        return self.dataset[int(self.indices[i])]

    def batch(self, indices: Any) -> Any:
        return take(self.dataset, self.indices[indices])


class ConcatDataset:
    """The items of several data sets, one behind the other: item i is datasets[0][i], if that has so many."""

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: there are no data sets; pass one or more")
        self.cumulative_sizes = list(accumulate(map(len, self.datasets)))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, i: int, /) -> Any:
        if not 0 <= i < len(self):
            raise IndexError(f"ConcatDataset: index {i} is not one of {len(self)} items")
        at = bisect_right(self.cumulative_sizes, i)
        return self.datasets[at][i - self.cumulative_sizes[at] + len(self.datasets[at])]


def random_split(
    dataset: Dataset, lengths: Sequence[float], rng: np.random.Generator | None = None
) -> list[Subset]:
    """Subsets of the given lengths that share no item, drawn by `rng` or the default generator.

    lengths  numbers of items that add up to len(dataset), or fractions that add up to 1: each is rounded down, and the
             first subsets get one more item each until none is left

    >>> [len(part) for part in random_split(TensorDataset(np.arange(10)), [0.75, 0.25])]
    [8, 2]
    """
    counts = _counts(lengths, len(dataset))
    order = minigrad.generator(rng).permutation(len(dataset))
    bounds = np.cumsum([0, *counts])
    return [Subset(dataset, order[start:stop]) for start, stop in pairwise(bounds)]


def take(dataset: Dataset, indices: Any) -> Any:
    """The batch of the items with these numbers: at once if the data set can do so, else collated."""
    batch = getattr(dataset, "batch", None)
    return batch(indices) if callable(batch) else collate(*fetched(dataset, indices))


def fetched(dataset: Dataset, indices: Any) -> tuple[list[Any], list[int]]:
    """The items with these numbers, and the numbers; a note on an error says which item raised it."""
    numbers, items = [int(i) for i in indices], []
    for i in numbers:
        try:
            items.append(dataset[i])
        except Exception as error:
            error.add_note(f"in item {i} of the {type(dataset).__name__}")
            raise
    return items, numbers


def indices_of(who: str, indices: Iterable[int], total: int | None = None) -> Any:
    """Numbers of items as an array (N,); an error of `who` uses them if they are not, or not of `total` items."""
    is_listed = isinstance(indices, np.ndarray) or not isinstance(indices, Iterable)
    found = np.array(indices if is_listed else list(indices))
    found = found if found.size else found.astype(np.int64)
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise TypeError(
            f"{who}: indices must be integers in one row, not {found.dtype} {found.shape}"
        )
    outside = found[(found < 0) | (found >= total)] if total is not None else found[:0]
    if outside.size:
        raise IndexError(f"{who}: index {outside[0]} is not one of {total} items")
    return found


def _array(i: int, array: Any) -> Any:
    if isinstance(array, minigrad.Tensor):
        if array.requires_grad:
            raise ValueError(
                f"TensorDataset: array {i} requires grad, which its batches would lose; pass its .detach()"
            )
        array = array.numpy()
    if not getattr(array, "shape", ()):
        raise TypeError(
            f"TensorDataset: argument {i} is a {type(array).__name__}; an array with one axis or more is needed"
        )
    return array


def _counts(lengths: Sequence[float], total: int) -> list[int]:
    """The number of items of each part."""
    if all(hasattr(n, "__index__") for n in lengths):
        counts = [index(n) for n in lengths]  # type: ignore[arg-type]
        if sum(counts) != total or min(counts, default=0) < 0:
            raise ValueError(f"random_split: the lengths {counts} do not divide {total} items")
        return counts
    if not all(0 <= f <= 1 for f in lengths) or not math.isclose(sum(lengths), 1):
        raise ValueError(f"random_split: the fractions {list(lengths)} do not add up to 1")
    counts = [math.floor(total * f) for f in lengths]
    for i in range(total - sum(counts)):
        counts[i % len(counts)] += 1
    return counts
