"""Engines that take turns: each runs its steps in a process of its own, for a moment at a time.

The speed of a shared machine changes within seconds, so only ratios count, taken turn by turn. `turns` starts a
process of worker.py for each engine and lets one after the other take its turn, round after round.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

SECONDS = 0.05  # of steps in a turn
STEPS = 3  # in a turn, at least
PAUSE = 0.25  # seconds before a turn: until then the threads of the engine before still spin, waiting for work
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
WORKER = Path(__file__).with_name("worker.py")

Measured = dict[str, float]  # what was measured by its name: {"step": seconds}
Turn = Callable[[], Measured]


# In the engine's process ---------------------------------------------------------------------------------


def sampled(measure: Turn) -> Turn:
    """A turn: the medians of what `measure` gives, again and again until the turn is over."""
    _repeat(measure, 1.0, 20)  # caches of every kind, compilation

    def turn() -> Measured:
        _repeat(measure, 0.02, 3)  # what the others left in the caches is not this engine's
        samples: list[Measured] = []
        end = time.perf_counter() + SECONDS
        while len(samples) < STEPS or time.perf_counter() < end:
            samples.append(measure())
        return {name: statistics.median(s[name] for s in samples) for name in samples[0]}

    return turn


def _repeat(measure: Turn, seconds: float, most: int) -> None:
    end = time.perf_counter() + seconds
    for _ in range(most):
        measure()
        if time.perf_counter() > end:
            return


def timed(step: Callable[[], object]) -> Turn:
    """What `sampled` asks for: the seconds of one step, and those that the processor worked on it in all threads."""

    def measure() -> Measured:
        worked = time.process_time()
        start = time.perf_counter()
        step()
        seconds = time.perf_counter() - start
        return {"step": seconds, "cpu": time.process_time() - worked}

    return measure


def serve(make_turn: Callable[[], Turn]) -> None:
    """Say that the turn is ready, then take it for every line of input and print what it measured as JSON."""
    answers, sys.stdout = sys.stdout, sys.stderr  # an engine that prints does not disturb
    try:
        turn = make_turn()
        print(json.dumps({}), file=answers, flush=True)
        for _ in sys.stdin:
            print(json.dumps(turn()), file=answers, flush=True)
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), file=answers, flush=True)


# In the process that compares ----------------------------------------------------------------------------


class Rounds(NamedTuple):
    taken: list[dict[str, Measured]]  # per round and engine
    failed: dict[str, str]  # engine -> why it takes no part


class _Failure(Exception):
    pass


def turns(
    report: str,
    engines: Iterable[str],
    what: str,
    count: int,
    title: str = "",
    one_thread: bool = False,
    command: Callable[[str], tuple[list[str], dict[str, str]]] | None = None,
) -> Rounds:
    """`count` rounds, in each of which every engine takes one turn of the report's `job(engine, what)`.

    An engine that cannot do it takes no part; the others go on. With `one_thread` they compute in one, as far as they
    listen to the environment; then none spins, and there is no pause between the turns. `command` gives for an engine
    what starts its process, and the environment to add, where it is not `worker.py` alone.
    """
    alone = [sys.executable, str(WORKER), report]
    told = {
        engine: ([*alone, engine, what], ONE_THREAD if one_thread else {}) for engine in engines
    }
    told = {engine: command(engine) for engine in engines} if command else told
    workers = {
        engine: subprocess.Popen(
            line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | more,
            start_new_session=True,  # Ctrl-C is for the process that compares: it ends them
        )
        for engine, (line, more) in told.items()
    }  # fmt: skip
    failed: dict[str, str] = {}
    rounds: list[dict[str, Measured]] = []
    try:
        for engine, worker in list(workers.items()):
            _take(workers, failed, engine, lambda worker=worker: _answer(worker))
        for _ in progress(range(count), title or f"{report} {what}"):
            taken = {}
            for engine, worker in list(workers.items()):
                time.sleep(0 if one_thread else PAUSE)
                measured = _take(workers, failed, engine, lambda worker=worker: _ask(worker))
                if measured is not None:
                    taken[engine] = measured
            rounds.append(taken)
    finally:
        for worker in workers.values():
            worker.kill()
            worker.communicate()
    return Rounds([{e: r[e] for e in r if e not in failed} for r in rounds], failed)


def _take(
    workers: dict[str, Any], failed: dict[str, str], engine: str, get: Callable[[], Measured]
) -> Measured | None:
    try:
        return get()
    except _Failure as failure:
        failed[engine] = str(failure)
        worker = workers.pop(engine)
        worker.kill()
        worker.communicate()
        return None


def _ask(worker: Any) -> Measured:
    with contextlib.suppress(BrokenPipeError):  # the answer says why
        print(file=worker.stdin, flush=True)
    return _answer(worker)


def _answer(worker: Any) -> Measured:
    line = worker.stdout.readline()
    if not line:
        raise _Failure(f"its process ended with code {worker.wait()}")
    measured = json.loads(line)
    if "error" in measured:
        raise _Failure(measured["error"])
    return measured


def progress(items: Iterable[Any], title: str) -> Iterable[Any]:
    """The items, with a bar on stderr if that is a terminal and tqdm is installed."""
    if not sys.stderr.isatty():
        return items
    try:
        from tqdm import tqdm
    except ImportError:
        return items
    return tqdm(items, desc=title, leave=False)
