"""One training step of a perceptron with all layers of one width and ten classes, as batch, width and depth grow."""

from __future__ import annotations

from results import Chosen, Results
from turns import turns

ROUNDS = 10
CLASSES = 10


def perceptron(batch: int, width: int, depth: int) -> str:
    """The name under which `workloads.find` knows it; `depth` counts the Linear layers."""
    return f"dense-{batch}-{width}*{depth}-{CLASSES}"


SERIES = {
    f"batch {batch} (width 100, depth 2)": perceptron(batch, 100, 2)
    for batch in (1, 8, 64, 512)
} | {
    f"width {width} (batch 64, depth 2)": perceptron(64, width, 2)
    for width in (10, 100, 1000, 4000)
} | {
    f"depth {depth} (batch 32, width 10)": perceptron(32, 10, depth)
    for depth in (1, 10, 100, 1000)
}  # fmt: skip


def measure(chosen: Chosen) -> Results:
    results = Results("torch", chosen.rounds)
    for place, (case, workload) in enumerate(SERIES.items(), 1):
        title = f"scaling: {case} ({place} of {len(SERIES)})"
        taken, failed = turns(
            "steps", chosen.among("minigrad", "torch"), workload, chosen.rounds, title
        )
        results.add(case, [{e: m["step"] for e, m in r.items()} for r in taken])
        results.left_out(case, failed)
    return results
