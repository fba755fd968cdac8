"""DataLoader: the batches of an epoch, in order or shuffled, on request prepared ahead by a thread or by processes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any, NamedTuple

import numpy as np

import minigrad

from ..checks import integer
from .dataset import Dataset, fetched, take

Transform = Callable[[Any, np.random.Generator], Any]


class DataLoader:
    """Batches of `batch_size` items; an iteration is an epoch, in which each item of the data set comes once.

    shuffle     draw a new order for each epoch
    drop_last   leave out a last batch that would be smaller
    transform   a function (batch, rng) -> batch, such as augmentation, for a whole batch at once; what is to be done
                to single items belongs in the data set's `__getitem__`
    collate_fn  a function from a list of items to a batch, in place of `collate`
    prefetch    the number of batches that a thread prepares ahead; 0: each is made when it is asked for
    num_workers the number of processes that make the batches instead, `prefetch` ahead in all; 0: two for each of them
    rng         for order and transform; by default the package's generator (`minigrad.seed`)

    All random numbers of an epoch follow from the state of `rng` at its `iter(loader)`: a run resumed from a saved
    state repeats them, and neither a thread nor workers change anything. An error in one of them is raised in place of
    its batch.

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
        drop_last: bool = False,
        transform: Transform | None = None,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        prefetch: int = 0,
        num_workers: int = 0,
        rng: np.random.Generator | None = None,
    ) -> None:
        if not isinstance(dataset, Dataset):
            raise TypeError(
                f"DataLoader: the data set is a {type(dataset).__name__}, which lacks a length or items; "
                "arrays go into a TensorDataset"
            )
        self.dataset = dataset
        self.batch_size = integer(self, "batch_size", batch_size, 1)
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.transform = transform
        self.collate_fn = collate_fn
        self.prefetch = integer(self, "prefetch", prefetch, 0)
        self.num_workers = integer(self, "num_workers", num_workers, 0)
        self.rng = rng

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        # All is drawn here, not at the first batch, and the transform has generators of its own: so whoever draws from
        # `rng` during the epoch, such as a Dropout, neither changes the batches nor is changed by prefetching.
        order, seed = np.arange(len(self.dataset)), 0
        if self.shuffle:
            order = minigrad.generator(self.rng).permutation(len(self.dataset))
        if self.transform is not None:
            seed = int(minigrad.generator(self.rng).integers(2**63))
        starts = range(0, len(self) * self.batch_size, self.batch_size)
        indices = [order[start : start + self.batch_size] for start in starts]
        recipe = Recipe(self.dataset, self.collate_fn, self.transform, seed)
        if self.num_workers:
            from .workers import (
                batches_by_workers,
            )  # here, because multiprocessing takes time to import

            count = self.prefetch or 2 * self.num_workers
            return batches_by_workers(recipe, indices, self.num_workers, count)
        batches = (recipe.batch(k, chosen) for k, chosen in enumerate(indices))
        return _ahead(batches, self.prefetch) if self.prefetch else batches


class Recipe(NamedTuple):
    """The way a batch of an epoch is made: whoever makes it, and whichever were made before, it is the same."""

    dataset: Dataset
    collate_fn: Callable[[list[Any]], Any] | None
    transform: Transform | None
    seed: int  # of the epoch

    def batch(self, k: int, indices: Any) -> Any:
        """Batch number k of the epoch, of the items with these numbers."""
        if self.collate_fn is not None:
            batch = self.collate_fn(fetched(self.dataset, indices)[0])
        else:
            batch = take(self.dataset, indices)
        if self.transform is not None:
            batch = self.transform(batch, np.random.default_rng((self.seed, k)))
        return batch


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
