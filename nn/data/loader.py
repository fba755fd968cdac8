"""DataLoader: the batches of an epoch, in order or shuffled, on request prepared ahead by a thread or by processes."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import copy_context
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import minigrad

from ..batches import moved
from ..checks import integer
from .dataset import Dataset, fetched, indices_of, take
from .samplers import Sampler, drawn

if TYPE_CHECKING:
    from ..parallel import Ranks

Transform = Callable[[Any, np.random.Generator], Any]


class DataLoader:
    """Batches of `batch_size` items; an iteration is an epoch, in which each item of the data set comes once.

    shuffle     draw a new order for each epoch
    sampler     gives instead the items of an epoch in their order: one of `nn.data`'s, or any iterable of numbers with
                a length, which is asked anew for each epoch
    batch_sampler
                gives instead a list of numbers for each batch
    drop_last   leave out a last batch that would be smaller
    transform   a function (batch, rng) -> batch for a whole batch at once, such as RandomCrop, or a list of such, which
                follow each other; what is to be done to single items belongs in the data set's `__getitem__`
    collate_fn  a function from a list of items to a batch, in place of `collate`
    transfer    a function of an array that moves it where the model computes, `transfer=cupy.asarray`; it is called in
                the thread that takes the batches, with every array of a batch
    prefetch    the number of batches that a thread prepares ahead; 0: each is made when it is asked for
    num_workers the number of processes that make the batches instead, `prefetch` ahead in all; 0: two for each of them
    rng         for order and transform; by default the package's generator (`minigrad.seed`)
    shard       `nn.parallel.world()`: batch_size counts the rows of all ranks, and each rank gets its part of every
                batch, one of no rows where there are fewer than ranks. `rng` must start alike on all

    All random numbers of an epoch follow from the state of `rng` at its `iter(loader)`: a run resumed from a saved
    state repeats them, and neither a thread nor workers change anything. Only a sampler of your own draws by itself,
    unless it is a `Sampler`. An error in a thread or a worker is raised in place of its batch.

    Workers pay where items are read or decoded one by one: they are started anew each epoch, which takes half a
    second, and the data set, transform and collate_fn travel to each as a pickle, as multiprocessing does it, so they
    must be defined at the top of a module; batches come back in shared memory. A script must start its work below
    `if __name__ == "__main__":`, as each worker imports it. What a data set draws by itself in a worker is not
    repeatable: draw in the transform.

    >>> from nn.data import TensorDataset
    >>> loader = DataLoader(TensorDataset(np.arange(5)), batch_size=2)
    >>> [x.tolist() for (x,) in loader]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int = 1,
        shuffle: bool = False,
        *,
        sampler: Any = None,
        batch_sampler: Any = None,
        drop_last: bool = False,
        transform: Transform | Sequence[Transform] | None = None,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        transfer: Callable[[Any], Any] | None = None,
        prefetch: int = 0,
        num_workers: int = 0,
        rng: np.random.Generator | None = None,
        shard: Ranks | None = None,
    ) -> None:
        if not isinstance(dataset, Dataset):
            raise TypeError(
                f"DataLoader: the data set is a {type(dataset).__name__}, which lacks a length or items; "
                "arrays go into a TensorDataset"
            )
        if batch_sampler is not None and (
            batch_size != 1 or shuffle or drop_last or sampler is not None
        ):
            raise ValueError(
                "DataLoader: batch_sampler says which items are in which batch; leave out batch_size, shuffle, "
                "sampler and drop_last"
            )
        if sampler is not None and shuffle:
            raise ValueError("DataLoader: sampler says the order; leave out shuffle")
        for name, given in (("sampler", sampler), ("batch_sampler", batch_sampler)):
            if given is not None and not (hasattr(given, "__iter__") and hasattr(given, "__len__")):
                raise TypeError(
                    f"DataLoader: {name} is a {type(given).__name__}, which lacks a length or an iteration; "
                    "derive a class from nn.data.Sampler"
                )
        self.dataset = dataset
        self.sampler, self.batch_sampler = sampler, batch_sampler
        self.batch_size = integer(self, "batch_size", batch_size, 1)
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.transform, self.collate_fn, self.transfer = transform, collate_fn, transfer
        self.prefetch = integer(self, "prefetch", prefetch, 0)
        self.num_workers = integer(self, "num_workers", num_workers, 0)
        self.rng = rng
        self.shard = shard
        if shard is not None:
            self._check_shard(shard)

    def _check_shard(self, shard: Ranks) -> None:
        from ..parallel import Ranks

        if not isinstance(shard, Ranks):
            raise TypeError(
                f"DataLoader: shard is a {type(shard).__name__}; nn.parallel.world() is needed"
            )
        if shard.size == 1:
            return
        if self.batch_sampler is None and self.batch_size < shard.size:
            raise ValueError(
                f"DataLoader: batches of {self.batch_size} rows are too small for {shard.size} ranks, of which some "
                "would always have none; batch_size counts the rows of all ranks"
            )
        draws = any(isinstance(s, Sampler) for s in (self.sampler, self.batch_sampler))
        if self.rng is None and (self.shuffle or self.transform is not None or draws):
            raise ValueError(
                "DataLoader: ranks need an rng that starts alike on all of them, such as rng=np.random.default_rng(0); "
                "the package's own differs between ranks"
            )

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        if self.batch_sampler is not None:
            return len(self.batch_sampler)
        items = self.dataset if self.sampler is None else self.sampler
        whole, rest = divmod(len(items), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        transfer = self.transfer
        if transfer is not None and not callable(transfer):
            raise TypeError(
                f"DataLoader: transfer is {transfer!r}; a function of an array is needed, such as cupy.asarray"
            )
        batches = self._batches()
        return batches if transfer is None else (moved(batch, transfer) for batch in batches)

    def _batches(self) -> Iterator[Any]:
        # All is drawn here, not at the first batch, and the transform has generators of its own: so whoever draws from
        # `rng` during the epoch, such as a Dropout, neither changes the batches nor is changed by prefetching.
        indices, seed, given = self._part_of(self._indices()), 0, self.transform
        transforms = (given,) if callable(given) else tuple(given or ())
        if transforms:
            seed = int(minigrad.generator(self.rng).integers(2**63))
        place = () if self.shard is None or self.shard.size == 1 else (self.shard.rank,)
        recipe = Recipe(self.dataset, self.collate_fn, transforms, (seed, *place))
        if self.num_workers:
            from .workers import (
                batches_by_workers,
            )  # here, because multiprocessing takes time to import

            count = self.prefetch or 2 * self.num_workers
            return batches_by_workers(recipe, indices, self.num_workers, count)
        batches = (recipe.batch(k, chosen) for k, chosen in enumerate(indices))
        return _ahead(batches, self.prefetch) if self.prefetch else batches

    def _indices(self) -> list[Any]:
        """The numbers of the items of each batch of a new epoch."""
        total = len(self.dataset)
        if self.batch_sampler is not None:
            batches = drawn(self.batch_sampler, self.rng)
            return [indices_of("DataLoader: batch_sampler", batch, total) for batch in batches]
        if self.sampler is not None:
            order = indices_of("DataLoader: sampler", drawn(self.sampler, self.rng), total)
        elif self.shuffle:
            order = minigrad.generator(self.rng).permutation(total)
        else:
            order = np.arange(total)
        stop = len(order) - len(order) % self.batch_size * self.drop_last
        return [order[i : i + self.batch_size] for i in range(0, stop, self.batch_size)]

    def _part_of(self, batches: list[Any]) -> list[Any]:
        """This rank's part of each batch; the order is noted, so that the ranks compare it when they meet."""
        if self.shard is None:
            return batches
        rank, size = self.shard.rank, self.shard.size
        sizes = np.array([len(batch) for batch in batches])
        self.shard.noted = zlib.crc32(
            b"".join(np.asarray(batch).tobytes() for batch in [sizes, *batches])
        )
        return [b[len(b) * rank // size : len(b) * (rank + 1) // size] for b in batches]


class Recipe(NamedTuple):
    """The way a batch of an epoch is made: whoever makes it, and whichever were made before, it is the same."""

    dataset: Dataset
    collate_fn: Callable[[list[Any]], Any] | None
    transforms: tuple[Transform, ...]
    seed: tuple[int, ...]  # of the epoch, and of the rank if there are several

    def batch(self, k: int, indices: Any) -> Any:
        """Batch number k of the epoch, of the items with these numbers."""
        if not len(indices):  # a rank's part: what a batch is made of is seen from one
            return _emptied(self.batch(k, [0]))
        if self.collate_fn is not None:
            batch = self.collate_fn(fetched(self.dataset, indices)[0])
        else:
            batch = take(self.dataset, indices)
        if self.transforms:
            rng = np.random.default_rng((*self.seed, k))
            for transform in self.transforms:
                batch = transform(batch, rng)
        return batch


def _emptied(batch: Any) -> Any:
    """A batch without its rows."""
    if isinstance(batch, Mapping):
        return {name: _emptied(member) for name, member in batch.items()}
    if isinstance(batch, (tuple, list)):
        members = [_emptied(member) for member in batch]
        return type(batch)(*members) if hasattr(batch, "_fields") else type(batch)(members)
    return batch[:0]


def _ahead(batches: Iterator[Any], count: int) -> Iterator[Any]:
    """The same batches; a thread prepares up to `count` of them before they are asked for.

    The thread starts with the first batch, and ends when this generator is exhausted, closed or dropped.
    """
    free = threading.Semaphore(count)
    context = copy_context()  # NumPy's errstate, for one, is a thread's own
    results: SimpleQueue[tuple[bool, Any]] = SimpleQueue()
    stop = threading.Event()

    def work() -> None:
        try:
            while True:
                free.acquire()
                if stop.is_set():
                    return
                results.put((True, context.run(next, batches)))
        except BaseException as error:  # also StopIteration, the end
            results.put((False, error))

    thread = threading.Thread(target=work, name="nn.data.DataLoader", daemon=True)
    thread.start()
    try:
        while True:
            fine, result = results.get()
            if not fine:
                if isinstance(result, StopIteration):
                    return
                raise result  # with its traceback in the thread
            free.release()
            yield result
    finally:
        stop.set()
        free.release()
        thread.join()
