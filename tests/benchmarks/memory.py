"""Peak memory of a fresh process that makes five steps: of the whole process, and above what it held after its import.

One step of a net of six parameters belongs to the import: some engines load half of themselves only then. On Linux the
kernel's own peak is read, and set back after the import; elsewhere the import's peak may hide a small one.
"""

from __future__ import annotations

import contextlib
import resource
import sys
from pathlib import Path
from typing import Any

from results import Chosen, Results
from turns import Measured, Turn, progress, turns
from workloads import find

ROUNDS = 3
STEPS = 5
STATUS, PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def job(engine: Any, workload: str) -> Turn:
    """Called when the engine is imported; nothing else was done in this process."""
    step, _ = engine.start(find("dense-1-2-2"))
    step()
    held, before = held_now(), peak()

    def turn() -> Measured:
        forget_peak()
        step, _ = engine.start(find(workload))
        for _ in range(STEPS):
            step()
        reached = peak()
        return {"peak": max(before, reached), "above import": max(0.0, reached - held)}

    return turn


def held_now() -> float:
    return status("VmRSS") if STATUS.exists() else peak()


def peak() -> float:
    if STATUS.exists():
        return status("VmHWM")
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def status(field: str) -> float:
    """Bytes, from the lines `VmRSS:    1234 kB`."""
    lines = STATUS.read_text().splitlines()
    return 1024.0 * next(int(line.split()[1]) for line in lines if line.startswith(field))


def forget_peak() -> None:
    with contextlib.suppress(OSError):  # not everywhere is there such a file
        PEAK.write_text("5")  # man 5 proc: resets the peak resident set size


def measure(chosen: Chosen) -> Results:
    results = Results(chosen.reference, chosen.rounds)
    for place, workload in enumerate(chosen.workloads, 1):
        title = f"memory: {workload} ({place} of {len(chosen.workloads)})"
        taken = []
        failed: dict[str, str] = {}
        for _ in progress(range(chosen.rounds), title):
            fresh = turns("memory", [e for e in chosen.engines if e not in failed], workload, 1)
            taken += fresh.taken
            failed |= fresh.failed
        for what in ("peak", "above import"):
            values = [{e: m[what] for e, m in r.items()} for r in taken]
            results.add(f"{workload}, {what}", values, "B")
        results.left_out(workload, failed)
    return results
