"""The size of a layout, known before it is made, so that none runs for long or comes out as a hairline."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

# Graphviz places boxes, and each arrow once in every row that it crosses. Of 2,500 it takes some three seconds at most
# (unrolled loops in one frame), mostly less than one; the time grows faster than the number. In WebAssembly it is as
# quick, and a chain of as many boxes still fits its stack.
MOST = 2500
WIDE = 12  # boxes side by side that lead to the same one; more are set in several rows


def size_of(count: int, arrows: Sequence[tuple[Any, Any]]) -> int:
    """count + the rows that the arrows (source, target) cross: what a layout of `count` boxes has to place."""
    rows = rows_of(arrows)
    return count + sum(abs(rows[b] - rows[a]) for a, b in arrows)


def rows_of(arrows: Sequence[tuple[Any, Any]]) -> dict[Any, int]:
    """Box -> its row, below all that lead to it; what nothing leads to stands right above the first that it feeds."""
    fed: dict[Any, list[Any]] = defaultdict(list)
    waiting = Counter({end: 0 for arrow in arrows for end in arrow})
    for a, b in arrows:
        fed[a].append(b)
        waiting[b] += 1
    first = [box for box, count in waiting.items() if count == 0]
    rows = dict.fromkeys(waiting, 0)
    ready = list(first)
    while ready:  # boxes that lead back to themselves never are
        box = ready.pop()
        for target in fed[box]:
            rows[target] = max(rows[target], rows[box] + 1)
            waiting[target] -= 1
            if waiting[target] == 0:
                ready.append(target)
    for box in first:
        rows[box] = min(rows[target] for target in fed[box]) - 1
    return rows


def rows_between(arrows: Sequence[tuple[Any, Any]]) -> list[int]:
    """The least number of rows that each arrow goes down: 1, or more where many lead to one box from boxes beside."""
    outgoing = Counter(a for a, _ in arrows)
    beside: dict[Any, list[int]] = defaultdict(list)
    for i, (a, b) in enumerate(arrows):
        if outgoing[a] == 1:
            beside[b].append(i)
    least = [1] * len(arrows)
    for places in beside.values():
        lines = -(-len(places) // WIDE)
        for k, i in enumerate(places):
            least[i] = 1 + k % lines
    return least
