"""The size of a layout, known before it is made, so that none runs for long or comes out as a hairline."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

# Graphviz places boxes, and each arrow once in every row that it crosses. Of 2,500 it takes some three seconds at most
# (unrolled loops in one frame), mostly less than one; the time grows faster than the number. In WebAssembly it is as
# quick, and a chain of as many boxes still fits its stack.
MOST = 2500
WIDE = 12  # boxes side by side that lead to the same one; more are set in several rows


def size_of(
    count: int, arrows: Sequence[tuple[Any, Any]], least: Sequence[int] | None = None
) -> int:
    """count + the rows that the arrows (source, target) cross: what a layout of `count` boxes has to place.

    least  the least number of rows that each arrow goes down: see `rows_between`; 1 by default
    """
    rows = rows_of(arrows, least)
    return count + sum(abs(rows[b] - rows[a]) for a, b in arrows)


def rows_of(
    arrows: Sequence[tuple[Any, Any]], least: Sequence[int] | None = None
) -> dict[Any, int]:
    """Box -> its row, below all that lead to it; what nothing leads to stands right above the first that it feeds."""
    fed: dict[Any, list[tuple[Any, int]]] = defaultdict(list)
    waiting = Counter({end: 0 for arrow in arrows for end in arrow})
    for (a, b), down in zip(arrows, least or [1] * len(arrows), strict=True):
        fed[a].append((b, down))
        waiting[b] += 1
    first = [box for box, count in waiting.items() if count == 0]
    rows = dict.fromkeys(waiting, 0)
    ready = list(first)
    while ready:  # boxes that lead back to themselves never are
        box = ready.pop()
        for target, down in fed[box]:
            rows[target] = max(rows[target], rows[box] + down)
            waiting[target] -= 1
            if waiting[target] == 0:
                ready.append(target)
    for box in first:
        rows[box] = min(rows[target] - down for target, down in fed[box])
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


def rows_into(arrows: Sequence[tuple[Any, Any]], frames: Mapping[Any, Sequence[Any]]) -> list[int]:
    """The rows that each arrow goes down more, so that a frame begins below the box from which the arrow leads into it.

    frames  box -> the frames around it, outer ones first

    What feeds a box from within its frame alone, such as its weights, stands above it. Were it beside the box before,
    two frames would share a row, so that they could not stand one below the other.
    """
    feeding: dict[Any, list[Any]] = defaultdict(list)
    for a, b in arrows:
        feeding[b].append(a)
    above: dict[tuple[Any, Any], int] = {}  # frame, box -> the rows of what feeds it from within
    is_fed: set[tuple[Any, Any]] = set()  # frame, box -> from without too
    for box, _ in sorted(rows_of(arrows).items(), key=lambda item: item[1]):
        for frame in frames[box]:
            within = [a for a in feeding[box] if frame in frames[a] and (frame, a) not in is_fed]
            if len(within) < len(feeding[box]):
                is_fed.add((frame, box))
            above[frame, box] = max((above.get((frame, a), 0) + 1 for a in within), default=0)
    entered = [next((f for f in frames[b] if f not in frames[a]), None) for a, b in arrows]
    return [above.get((f, b), 0) for f, (_, b) in zip(entered, arrows, strict=True)]
