"""A recorded graph as plain data, as a still picture and as a page: seconds, and bytes of the page.

The graph is a chain of tanh(h w + b) on four numbers; the picture is an .svg file.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from results import Chosen, Results
from turns import Measured, Turn, turns

ROUNDS = 3
SIZES = (100, 2000, 20000)  # ops


def graph(engine: Any, ops: int) -> Any:
    """A recorded loss."""
    import minigrad

    w, b, h = (engine.leaf(4) for _ in range(3))
    with minigrad.record():
        for _ in range(ops // 3):
            h = minigrad.tanh(h * w + b)
        return h.sum()


def job(engine: Any, ops: str) -> Turn:
    from minigrad import picture

    loss = graph(engine, int(ops))

    def turn() -> Measured:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "graph.html")
            taken = {
                "trace": seconds(lambda: picture.trace(loss)),
                "draw": seconds(lambda: picture.draw(loss, path.with_suffix(".svg"))),
                "page": seconds(lambda: picture.page(loss, path)),
            }
            return taken | {"page's file": float(path.stat().st_size)}

    return turn


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def measure(chosen: Chosen) -> Results:
    results = Results(None, chosen.rounds)
    for place, ops in enumerate(SIZES, 1):
        title = f"pictures: {ops} ops ({place} of {len(SIZES)})"
        taken, failed = turns("pictures", chosen.among("minigrad"), str(ops), chosen.rounds, title)
        for what in taken[0]["minigrad"] if taken else ():
            unit = "B" if "file" in what else "s"
            results.add(
                f"{ops:,} ops, {what}", [{e: m[what] for e, m in r.items()} for r in taken], unit
            )
        results.left_out(f"{ops:,} ops", failed)
    return results
