"""Engines that take turns: each runs its steps in a process of its own, for a moment at a time.

The speed of a shared machine changes within seconds, so only ratios count, taken turn by turn. A benchmark calls
`work` in the processes that `turns` starts with the arguments `--worker ENGINE WORKLOAD`.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable

SECONDS = 0.05  # of steps in a turn
PAUSE = 0.25  # seconds before a turn: until then the threads of the engine before still spin, waiting for work


def work(step: Callable[[], object]) -> None:
    """For every line of input take one turn and print the median time of its steps in microseconds."""
    for _ in range(20):
        step()
    for _ in sys.stdin:
        for _ in range(3):  # what the others left in the caches is not this engine's
            step()
        times = []
        end = time.perf_counter() + SECONDS
        while time.perf_counter() < end:
            start = time.perf_counter()
            step()
            times.append(time.perf_counter() - start)
        print(statistics.median(times) * 1e6, flush=True)


def turns(script: str, engines: list[str], workload: str, count: int) -> list[dict[str, float]]:
    """The median time of a step of each engine, `count` times over, one engine after the other."""
    workers = {
        engine: subprocess.Popen(
            [sys.executable, script, "--worker", engine, workload],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for engine in engines
    }  # fmt: skip
    rounds = []
    for _ in range(count + 1):
        taken = {}
        for engine, worker in workers.items():
            time.sleep(PAUSE)
            assert worker.stdin is not None
            assert worker.stdout is not None
            print(file=worker.stdin, flush=True)
            taken[engine] = float(worker.stdout.readline())
        rounds.append(taken)
    for worker in workers.values():
        worker.communicate()
    return rounds[1:]  # the first turn waits for the imports
