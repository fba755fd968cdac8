"""The engine alone: seconds of a node, forward and backward, where there is nothing to compute (8 numbers)."""

from __future__ import annotations

from typing import Any

from eager import CHAIN, FAN, chain, fan
from results import Chosen, Results
from turns import Turn, sampled, timed, turns

ROUNDS = 20
GRAPHS = {  # name -> what it is, the function, how many nodes it makes
    "chain": (f"chain h = h + 1, {CHAIN} times", chain, CHAIN),
    "fan": (f"fan-out total = total + (x + 1), {FAN} times", fan, 2 * FAN),
}


def job(engine: Any, name: str) -> Turn:
    x = engine.leaf(8)
    _, graph, count = GRAPHS[name]
    measure = timed(lambda: graph(x))
    return sampled(lambda: {"node": measure()["step"] / count})


def measure(chosen: Chosen) -> Results:
    results = Results("torch", chosen.rounds)
    engines = chosen.among("minigrad", "torch", "mygrad")
    for name, (case, _, _) in GRAPHS.items():
        taken, failed = turns("nodes", engines, name, chosen.rounds)
        results.add(case, [{e: m["node"] for e, m in r.items()} for r in taken])
        results.left_out(case, failed)
    return results
