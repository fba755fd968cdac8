"""The rolls of a tree on a page: one step has a place, which any other step takes when it is opened."""

from __future__ import annotations

from typing import Any, NamedTuple

from .folding import chains_of
from .tree import Box, Cluster, Roll, Tree, clusters, vertices_of


class Core(NamedTuple):
    """The part of a trace that has a place, in the form of a trace: of each roll the first step.

    ids    the id of each of its nodes in the whole trace
    lines  the first edge of the whole trace that each of its edges stands for
    """

    trace: dict[str, Any]
    ids: list[int]
    lines: list[int]


def rolled(trace: dict[str, Any], tree: Tree) -> dict[str, Any]:
    """The trace with the modules of first steps alone, and a frame, as a module, around each roll.

    A module that is the frame of a roll has a `roll`: {"number", "steps", "is_chain", "paths" of its steps}. A node of
    a first step has the numbers of its `rolls`, outer ones first. One of another step has its `twin`, which is in the
    first, and the `steps` in which it is; it stands where the twin stands. An edge is `carried` if it leads to another
    step.
    """
    return _Rolling(trace, tree).trace()


class _Rolling:
    def __init__(self, trace: dict[str, Any], tree: Tree) -> None:
        self.whole = trace
        self.tree = tree
        self.nodes = [dict(node) for node in trace["nodes"]]
        self.modules = {module["path"]: dict(module) for module in trace["modules"]}
        self.numbers: dict[Roll, int] = {}

    def trace(self) -> dict[str, Any]:
        self._frame(self.tree.top, "")
        chains = chains_of({"modules": self._in_order()})
        used = set()
        for i, node in enumerate(self.nodes):
            steps, twin = self.tree.steps.get(i, {}), self.tree.twins.get(i)
            if twin is not None:
                first = self.nodes[twin]
                node |= {"twin": twin, "scope": first["scope"], "steps": list(steps.values())}
                node |= {"within": first["within"]} if "within" in first else {}
            elif steps:
                node["rolls"] = [self._number(roll) for roll in steps]
            used |= {*chains[node["scope"]]}
        modules = [module for module in self._in_order() if module["path"] in used]
        carried = [bool(self.tree.crossed(edge)) for edge in self.tree.trace.edges]
        edges = [e | {"carried": c} for e, c in zip(self.whole["edges"], carried, strict=True)]
        return self.whole | {"nodes": self.nodes, "edges": edges, "modules": modules}

    def _number(self, roll: Roll) -> int:
        return self.numbers.setdefault(roll, len(self.numbers))

    def _frame(self, cluster: Cluster, above: str) -> None:
        """Give the rolls in a cluster their frames; `above` is the path of the innermost module that has one."""
        for item in cluster.items:
            path = above
            if isinstance(item, Cluster) and item.module and item.module.path in self.modules:
                path = item.module.path
            if item.roll and self._is_told_here(item):
                if path == above:
                    path = self._add_frame(item, item.roll, above)
                self.modules[path]["roll"] = {
                    "number": self._number(item.roll),
                    "steps": item.roll.repeats,
                    "is_chain": item.roll.is_chain,
                    "paths": item.roll.paths,
                }
            if isinstance(item, Cluster):
                self._frame(item, path)

    def _is_told_here(self, item: Box | Cluster) -> bool:
        """Return whether an item is what is rolled up, and not data that comes from outside for each step."""
        return any(item.roll in self.tree.steps.get(v.id, {}) for v in vertices_of(item))

    def _add_frame(self, item: Box | Cluster, roll: Roll, above: str) -> str:
        path = name = f"{above and above + ': '}× {roll.repeats:,}"
        count = 1
        while path in self.modules:
            count += 1
            path = f"{name} ({count})"
        inside = {vertex.id for vertex in vertices_of(item)}
        for inner in clusters(item) if isinstance(item, Cluster) else ():
            module = self.modules.get(inner.module.path) if inner.module else None
            if module is not None and (module["parent"] or "") == above:
                module["parent"] = path
        for i in inside:
            if self.nodes[i]["scope"] == above:
                self.nodes[i]["scope"] = path
        self.modules[path] = {"path": path, "type": "", "parent": above or None}
        return path

    def _in_order(self) -> list[dict[str, Any]]:
        """The modules, each after the one around it."""
        found: dict[str, dict[str, Any]] = {}

        def add(module: dict[str, Any]) -> None:
            if module["path"] not in found:
                if module["parent"]:
                    add(self.modules[module["parent"]])
                found[module["path"]] = module

        for module in self.modules.values():
            add(module)
        return list(found.values())


def core_of(trace: dict[str, Any]) -> Core:
    """The part of a rolled trace that has a place."""
    nodes = trace["nodes"]
    ids = [i for i, node in enumerate(nodes) if "twin" not in node]
    places = {i: k for k, i in enumerate(ids)}
    twins = [node.get("twin", i) for i, node in enumerate(nodes)]
    edges: dict[Any, dict[str, Any]] = {}
    lines = []
    for i, edge in enumerate(trace["edges"]):
        source, target = twins[edge["source"]], twins[edge["target"]]
        key = (source, edge["output"], target, edge["argument"], edge["carried"])
        if key not in edges:
            edges[key] = edge | {"source": places[source], "target": places[target]}
            lines.append(i)
    kept = [nodes[i] | {"id": k} for k, i in enumerate(ids)]
    return Core(trace | {"nodes": kept, "edges": list(edges.values())}, ids, lines)


def with_modules(trace: dict[str, Any], core: dict[str, Any]) -> dict[str, Any]:
    """A rolled trace with the modules of its core, and its nodes in them."""
    scopes = iter(node["scope"] for node in core["nodes"])
    nodes = [node if "twin" in node else node | {"scope": next(scopes)} for node in trace["nodes"]]
    nodes = [n | {"scope": nodes[n["twin"]]["scope"]} if "twin" in n else n for n in nodes]
    return trace | {"nodes": nodes, "modules": core["modules"]}
