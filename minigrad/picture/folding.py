"""The views of a graph that a page may show: its modules as frames, or some of them folded into one box each."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

LARGEST = 80  # boxes of a state that is laid out: Graphviz's time grows faster than their number
BUDGET = 1500  # boxes of all such states together; each also costs a twentieth of the whole graph

Folded = frozenset[str]


class View(NamedTuple):
    """A fold state, in which some modules are one box each, as a graph in the form of a trace.

    folded  the paths of these modules
    things  what each node stands for: a node of the whole graph, by its id, or a folded module, by its path
    lines   what each edge stands for: the first edge of the whole graph that lies between its ends
    """

    folded: Folded
    trace: dict[str, Any]
    things: list[int | str]
    lines: list[int]


def framed(trace: dict[str, Any], scopes: list[str]) -> dict[str, Any]:
    """The trace with the frames of a page: each node in its scope, and no frame around a single op.

    A node without the frame of its module has the module's path and class as `within`.
    """
    nodes = [node | {"scope": scope} for node, scope in zip(trace["nodes"], scopes, strict=True)]
    modules = {module["path"]: module for module in trace["modules"]}
    parents: set[str] = set()
    direct: dict[str, list[Any]] = defaultdict(list)
    for node in nodes:
        direct[node["scope"]].append(node)
    for path in reversed(list(modules)):  # inner ones first
        module = modules[path]
        above = module["parent"] or ""
        if len(direct[path]) == 1 and direct[path][0]["op"] and path not in parents:
            (node,) = direct[path]
            node["scope"] = above
            node.setdefault("within", f"{path} ({module['type']})")
            direct[above].append(node)
            del modules[path]
        else:
            parents.add(above)
    return trace | {"modules": list(modules.values()), "nodes": nodes}


def chains_of(trace: dict[str, Any]) -> dict[str, list[str]]:
    """path -> the paths of the modules around it, outermost first, then its own; none for "", the outside."""
    chains: dict[str, list[str]] = {"": []}
    for module in trace["modules"]:
        chains[module["path"]] = [*chains[module["parent"] or ""], module["path"]]
    return chains


def views_of(trace: dict[str, Any]) -> list[View]:
    """The fold states that have a layout of their own: all unfolded, each depth folded, then those one click away.

    Any other state is shown by taking the folded modules out of the first.
    """
    tree = _Tree(trace)
    whole: Folded = frozenset()
    waiting = [whole, *tree.depths()]
    chosen: dict[Folded, None] = {whole: None}
    budget = BUDGET
    while waiting:
        folded = waiting.pop(0)
        count = tree.count(folded)
        if folded not in chosen:
            budget -= count + len(trace["nodes"]) // 20
            if budget < 0:
                break
        if count <= LARGEST:
            chosen[folded] = None
            known = {*chosen, *waiting}
            waiting += [one for one in tree.one_click_from(folded) if one not in known]
    return [view_of(trace, tree.chains, folded) for folded in chosen]


class _Tree:
    """The modules of a trace by what they hold."""

    def __init__(self, trace: dict[str, Any]) -> None:
        self.chains = chains_of(trace)
        self.children: dict[str, list[str]] = defaultdict(list)
        for module in trace["modules"]:
            self.children[module["parent"] or ""].append(module["path"])
        self.direct = Counter(node["scope"] for node in trace["nodes"])

    def count(self, folded: Folded, path: str = "") -> int:
        """The number of boxes of a state."""
        if path in folded:
            return 1
        return self.direct[path] + sum(self.count(folded, child) for child in self.children[path])

    def depths(self) -> list[Folded]:
        """The states with all modules of one depth folded, the outermost first."""
        return [
            frozenset(path for path, chain in self.chains.items() if len(chain) == depth)
            for depth in range(1, max(map(len, self.chains.values())) + 1)
        ]

    def one_click_from(self, folded: Folded) -> Iterator[Folded]:
        """The states with one module unfolded and those in it folded, or with one module folded."""
        for path in self.chains:
            if path in folded:
                yield folded - {path} | set(self.children[path])
            elif path and not folded & set(self.chains[path]):
                yield frozenset(p for p in folded if path not in self.chains[p]) | {path}


def view_of(trace: dict[str, Any], chains: dict[str, list[str]], folded: Folded) -> View:
    """The graph with these modules as one node each, of kind "module"."""
    outermost = {
        path: next((p for p in chain if p in folded), None) for path, chain in chains.items()
    }
    modules = [m for m in trace["modules"] if outermost[m["path"]] is None]
    things: dict[int | str, int] = {}
    nodes: list[dict[str, Any]] = []
    stands_for = []
    for node in trace["nodes"]:
        path = outermost[node["scope"]]
        thing: int | str = node["id"] if path is None else path
        stands_for.append(things.setdefault(thing, len(things)))
        if len(things) > len(nodes):
            nodes.append(node if path is None else _box(path, chains))
    edges = []
    lines: dict[Any, int] = {}
    for i, edge in enumerate(trace["edges"]):
        a, b = stands_for[edge["source"]], stands_for[edge["target"]]
        is_folded = "module" in (nodes[a]["kind"], nodes[b]["kind"])
        key = (a, b, edge["carried"]) if is_folded or edge["carried"] else i
        leads_on = a != b or (edge["carried"] and not is_folded)
        if leads_on and key not in lines:
            lines[key] = i
            edges.append(edge | {"source": a, "target": b})
    view = {"modules": modules, "nodes": nodes, "edges": edges}
    return View(folded, view, list(things), list(lines.values()))


def _box(path: str, chains: dict[str, list[str]]) -> dict[str, Any]:
    above = chains[path][:-1]
    return {"kind": "module", "op": path, "scope": above[-1] if above else ""}
