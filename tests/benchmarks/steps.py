"""One training step, and the ratio to PyTorch's taken turn by turn.

First the seconds that pass, each engine with the threads that it chooses. Then the seconds that the processor works on
the step while each engine computes in one thread, which other work on the machine disturbs least; JAX keeps its
threads whatever it is told, and theirs are counted too.
"""

from __future__ import annotations

from typing import Any

from results import Chosen, Results
from turns import Turn, sampled, timed, turns
from workloads import find

ROUNDS = 10
ONE_THREAD = "processor's time in one thread"


def job(engine: Any, workload: str) -> Turn:
    step, _ = engine.start(find(workload))
    return sampled(timed(step))


def measure(chosen: Chosen) -> Results:
    results = Results(chosen.reference, chosen.rounds)
    for place, workload in enumerate(chosen.workloads, 1):
        engines = chosen.engines
        for table, clock in (("", "step"), (ONE_THREAD, "cpu")):
            title = f"steps: {workload} ({place} of {len(chosen.workloads)}) {table}".rstrip()
            taken, failed = turns("steps", engines, workload, chosen.rounds, title, bool(table))
            results.add(workload, [{e: m[clock] for e, m in r.items()} for r in taken], table=table)
            results.left_out(workload, failed)
            engines = [engine for engine in engines if engine not in failed]
    return results
