"""One training step: seconds, and the ratio to PyTorch's taken turn by turn."""

from __future__ import annotations

from typing import Any

from results import Chosen, Results
from turns import Turn, sampled, timed, turns
from workloads import find

ROUNDS = 20


def job(engine: Any, workload: str) -> Turn:
    step, _ = engine.start(find(workload))
    return sampled(timed(step))


def measure(chosen: Chosen) -> Results:
    results = Results(chosen.reference, chosen.rounds)
    for place, workload in enumerate(chosen.workloads, 1):
        title = f"steps: {workload} ({place} of {len(chosen.workloads)})"
        taken, failed = turns("steps", chosen.engines, workload, chosen.rounds, title)
        results.add(workload, [{e: m["step"] for e, m in r.items()} for r in taken])
        results.left_out(workload, failed)
    return results
