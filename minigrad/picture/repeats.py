"""Runs of equal blocks in a sequence of steps: a, b, a, b, a, b is the block (a, b) three times."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

_LEAST = 3  # repeats
_LONGEST = 256  # steps of a block


class Run(NamedTuple):
    """`repeats` equal blocks of `period` steps each, from `start` on."""

    start: int
    period: int
    repeats: int

    @property
    def end(self) -> int:
        return self.start + self.period * self.repeats


def repeated_runs(steps: Sequence[int], edges: Sequence[tuple[int, int, str]]) -> list[Run]:
    """Runs that do not overlap, chosen to save most, the last one first; equal numbers in `steps` are equal steps.

    The edges (source, target, argument) within a block, and those from earlier blocks of the run, must be the same for
    all blocks. Edges from outside the run may differ, as a chain begins somewhere.
    """
    incoming: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for source, target, argument in edges:
        incoming[target].append((source, argument))
    waiting = [(_cost(run), run) for run in _candidates(np.asarray(steps))]
    heapq.heapify(waiting)
    free = np.ones(len(steps), bool)
    runs = []
    while waiting:
        _, whole = heapq.heappop(waiting)
        if free[whole.start : whole.end].all():
            run = _connected_alike(whole, incoming)
            if run.repeats >= _LEAST:
                free[run.start : run.end] = False
                runs.append(run)
            rest = Run(run.end, run.period, whole.repeats - run.repeats)
            if rest.repeats >= _LEAST:
                heapq.heappush(waiting, (_cost(rest), rest))
    return sorted(runs, reverse=True)


def _cost(run: Run) -> tuple[int, int, int]:
    return -(run.repeats - 1) * run.period, run.period, run.start


def _candidates(steps: Any) -> list[Run]:
    found = []
    for period in range(1, min(_LONGEST, len(steps) // _LEAST) + 1):
        same = np.concatenate([[False], steps[period:] == steps[:-period], [False]])
        changes = np.flatnonzero(same[1:] != same[:-1])
        for begin, end in zip(changes[::2].tolist(), changes[1::2].tolist(), strict=True):
            repeats = (end - begin) // period + 1
            if repeats >= _LEAST:
                found.append(Run(begin, period, repeats))
    return found


def _connected_alike(run: Run, incoming: dict[int, list[tuple[int, str]]]) -> Run:
    """The run up to the first block that is connected differently."""

    def block(number: int, only_inside: bool) -> set[Any]:
        begin = run.start + number * run.period
        return {
            (target - begin, source - begin, argument)
            for target in range(begin, begin + run.period)
            for source, argument in incoming[target]
            if source >= (begin if only_inside else run.start)
        }

    inside, before = block(0, True), block(1, False)
    for number in range(1, run.repeats):
        if block(number, True) != inside or block(number, False) != before:
            return run._replace(repeats=number)
    return run
