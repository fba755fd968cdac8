"""Where the time of a step goes: each layer, forward and backward.

The forward is the time of the layer's call; the backward is what passes between the arrival of the gradient of its
output and of its input, seen by `register_hook`, which both engines have and which costs each a few microseconds.
"""

from __future__ import annotations

from typing import Any

from results import Chosen, Results
from turns import Turn, sampled, turns
from workloads import find

ROUNDS = 10


def job(engine: Any, workload: str) -> Turn:
    training, layers = engine.training(find(workload)), find(workload).layers
    return sampled(lambda: training.seconds_by_layer(layers))


def measure(chosen: Chosen) -> Results:
    results = Results("torch", chosen.rounds)
    engines = chosen.among("minigrad", "torch")
    for place, workload in enumerate(chosen.workloads, 1):
        title = f"layers: {workload} ({place} of {len(chosen.workloads)})"
        taken, failed = turns("layers", engines, workload, chosen.rounds, title)
        for part in next((m for r in taken for m in r.values()), ()):
            values = [{e: m[part] for e, m in r.items()} for r in taken]
            results.add(f"{workload} {part}", values)
        results.left_out(workload, failed)
    return results
