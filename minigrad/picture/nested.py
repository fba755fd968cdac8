"""Large graphs, laid out module by module, so that the time grows no faster than the size."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from itertools import takewhile
from typing import Any

from .folding import chains_of

GROUP = 25  # ops in a group, groups in a group of groups, and so on

_SIDE, _TITLE = 14, 28  # room within a module's frame

Box = tuple[float, float]  # width and height


def grouped(trace: dict[str, Any]) -> dict[str, Any]:
    """The trace with more modules: one for each run of ops in a long sequence, and for each run of such runs.

    A leaf or constant that only one group uses goes into it; one that several use stays outside.
    """
    modules = [dict(module) for module in trace["modules"]]
    nodes = [dict(node) for node in trace["nodes"]]
    by_scope = defaultdict(list)
    for node in nodes:
        if node["kind"] in ("op", "ghost"):
            by_scope[node["scope"]].append(node["id"])
    for scope, ops in by_scope.items():
        for run, parent in _runs(ops, scope, modules):
            for i in run:
                nodes[i]["scope"] = parent
    users = defaultdict(set)
    for edge in trace["edges"]:
        users[edge["source"]].add(nodes[edge["target"]]["scope"])
    for node in nodes:
        if node["kind"] not in ("op", "ghost", "output") and len(users[node["id"]]) == 1:
            (scope,) = users[node["id"]]
            if scope.startswith(node["scope"]):
                node["scope"] = scope
    return trace | {"modules": modules, "nodes": nodes}


def _runs(ops: list[int], scope: str, modules: list[dict[str, Any]]) -> list[tuple[list[int], str]]:
    """Runs of ops, each with the path of the module made for it; none if the ops are few."""
    if len(ops) <= 2 * GROUP:
        return []
    found = []
    waiting = [(0, len(ops), scope)]
    while waiting:
        start, end, parent = waiting.pop(0)
        if end - start <= GROUP:
            found.append((ops[start:end], parent))
            continue
        size = GROUP ** math.ceil(math.log(end - start, GROUP) - 1e-9)
        for at in range(start, end, size // GROUP):
            stop = min(end, at + size // GROUP)
            path = f"{scope and scope + ': '}ops {at + 1} to {stop}"
            modules.append({"path": path, "type": "", "parent": parent or None})
            waiting.append((at, stop, path))
    return found


def place_nested(
    trace: dict[str, Any], sizes: list[Box], place: Callable[[list[Any]], list[Any]]
) -> dict[str, Any]:
    """A state as `layout_of` gives it, with all unfolded; edges between modules and to next steps are not placed.

    place  puts several small graphs in order: [(boxes: key -> size, edges: [(source, target, index or None)])] ->
           [(size of all, key -> middle, index -> edge)]
    """
    chains = chains_of(trace)
    boxes: dict[str, dict[Any, Box]] = {path: {} for path in chains}
    for i, node in enumerate(trace["nodes"]):
        boxes[node["scope"] if node["scope"] in chains else ""][i] = sizes[i]
    levels = _edges_by_level(trace, chains)
    placed: dict[str, Any] = {}
    deepest = max(map(len, chains.values()))
    for depth in range(deepest, -1, -1):
        paths = [path for path, chain in chains.items() if len(chain) == depth]
        for path, found in zip(paths, place([(boxes[p], levels[p]) for p in paths]), strict=True):
            placed[path] = found
            if path:
                (width, height), *_ = found
                above = chains[path][-2] if depth > 1 else ""
                boxes[above][path] = (width + 2 * _SIDE, height + _TITLE + _SIDE)
    return _absolute(trace, sizes, placed)


def _edges_by_level(trace: dict[str, Any], chains: dict[str, list[str]]) -> dict[str, list[Any]]:
    """module -> the edges of which it is the innermost module around both ends, between the boxes in it."""
    levels: dict[str, list[Any]] = {path: [] for path in chains}
    known = set()
    for i, edge in enumerate(trace["edges"]):
        if edge["carried"]:
            continue
        ends = (edge["source"], edge["target"])
        source, target = (chains.get(trace["nodes"][end]["scope"], []) for end in ends)
        common = len(
            list(takewhile(lambda pair: pair[0] == pair[1], zip(source, target, strict=False)))
        )
        inside = source[common - 1] if common else ""
        a, b = (
            end if len(chain) == common else chain[common]
            for end, chain in zip(ends, (source, target), strict=True)
        )
        is_plain = isinstance(a, int) and isinstance(b, int)
        if is_plain or (a, b) not in known:
            known.add((a, b))
            levels[inside].append((a, b, i if is_plain else None))
    return levels


def _absolute(trace: dict[str, Any], sizes: list[Box], placed: dict[str, Any]) -> dict[str, Any]:
    nodes: dict[int, list[int]] = {}
    edges: dict[int, dict[str, list[int]]] = {}
    frames: dict[str, list[int]] = {}
    waiting = [("", 0.0, 0.0)]
    while waiting:
        path, left, top = waiting.pop()
        _, middles, found = placed[path]
        for key, (x, y) in middles.items():
            if isinstance(key, int):
                nodes[key] = [round(left + x), round(top + y)]
                continue
            width, height = placed[key][0]
            u, v = left + x - width / 2 - _SIDE, top + y - (height + _TITLE + _SIDE) / 2
            right, bottom = u + width + 2 * _SIDE, v + height + _TITLE + _SIDE
            frames[key] = [round(w) for w in (u, v, right, bottom)]
            waiting.append((key, u + _SIDE, v + _TITLE))
        for i, edge in found.items():
            edges[i] = {name: _moved(points, left, top) for name, points in edge.items()}
    (width, height), *_ = placed[""]
    numbers = {module["path"]: k for k, module in enumerate(trace["modules"])}
    return {
        "folded": [],
        "width": round(width),
        "height": round(height),
        "nodes": {i: nodes[i] for i in range(len(sizes))},
        "edges": edges,
        "modules": {numbers[path]: frame for path, frame in frames.items()},
    }


def _moved(points: list[float], left: float, top: float) -> list[int]:
    return [round(v + (top if k % 2 else left)) for k, v in enumerate(points)]
