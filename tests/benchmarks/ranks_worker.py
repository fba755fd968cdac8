"""One of two ranks that take turns together: python ranks_worker.py ENGINE WORKLOAD PIPE WAY, by ranks.py.

Rank 0 is asked for turns, as any worker is, and tells the other through the pipe how many steps to make: who waits in
MPI spins, and would disturb the turns of others.
"""

from __future__ import annotations

import importlib
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from eager import Training
from turns import SECONDS, STEPS, Measured, serve
from workloads import Workload, find


class Half(NamedTuple):
    """The training of one rank, on half of the batch."""

    rank: int
    training: Training
    exchange: Callable[[], object]  # between backward and update

    def step(self) -> Measured:
        clock = time.perf_counter
        model, loss_of, optimizer, x, y, _ = self.training
        start = clock()
        loss = loss_of(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        computed = clock()
        self.exchange()
        exchanged = clock()
        self.training.update()
        return {"step": clock() - start, "exchange": exchanged - computed}

    def steps(self, count: int) -> Measured:
        samples = [self.step() for _ in range(count)]
        return {name: statistics.median(s[name] for s in samples) for name in samples[0]}


def half(workload: Workload) -> Workload:
    return workload._replace(batch=workload.batch // 2)


def with_minigrad(workload: Workload, apart: bool) -> Half:
    from nn.parallel import DataParallel, world

    ranks = world()
    training = importlib.import_module("in_minigrad").training(half(workload))
    together = DataParallel(training.model, ranks)
    return Half(ranks.rank, training, lambda: None if apart else together.average(len(training.y)))


def with_torch(workload: Workload, apart: bool) -> Half:
    """DistributedDataParallel, which exchanges while its backward runs."""
    import torch
    import torch.distributed as dist

    dist.init_process_group("gloo")
    training = importlib.import_module("in_torch").training(half(workload))
    model = training.model if apart else torch.nn.parallel.DistributedDataParallel(training.model)
    return Half(dist.get_rank(), training._replace(model=model), lambda: None)


def main(engine: str, what: str, pipe: str, way: str) -> None:
    mine = {"minigrad": with_minigrad, "torch": with_torch}[engine](find(what), way == "apart")
    if mine.rank:
        with Path(pipe).open() as orders:
            for count in orders:
                mine.steps(int(count))
        return
    with Path(pipe).open("w") as orders:

        def steps(count: int) -> Measured:
            print(count, file=orders, flush=True)
            return mine.steps(count)

        def turn() -> Measured:
            return steps(max(STEPS, int(SECONDS / steps(STEPS)["step"])))

        steps(20)
        serve(lambda: turn)


if __name__ == "__main__":
    main(*sys.argv[1:])
