"""The data of a page in less text: what many nodes share is said once, and what follows from the rest is left out.

unpack.js restores it.
"""

from __future__ import annotations

from typing import Any

# what belongs to one node; everything else goes into `laws`, once for all nodes that share it
_OWN = ("id", "name", "scope", "value", "gradient", "seconds", "saved", "twin", "rolls", "steps")
_TEXTS = ("formula", "rules", "mathematics")  # what an op says, once for all of its kind
_FOLLOWS = {"norm", "size", "values"}
_EMPTY: tuple[Any, ...] = ("", 0, None, [], {})


def packed(data: dict[str, Any]) -> dict[str, Any]:
    """The data of `data_of`, with these parts in another form.

    laws    what nodes have in common, with the number of their `texts`
    texts   the formula and rules of each kind of op
    nodes   {"law", "name", "in": the number of the module, "value", "gradient", "seconds", "twin", "rolls", "steps"}
            without what is empty
    edges   [source, target, argument], and the output if it is not the first
    steps   [node, [[edge, contribution], ...]], with the sum behind the contribution if it differs
    states, across  each edge as one list: its points from source to target, its label, each relative to the one before

    Statistics that follow from the values are written as these values.
    """
    trace, layout = data["trace"], data["layout"]
    numbers = {module["path"]: k for k, module in enumerate(trace["modules"])}
    nodes, laws, texts = _of_nodes(trace["nodes"], numbers)
    edges = [
        [e["source"], e["target"], e["argument"]] + ([e["output"]] if e["output"] else [])
        for e in trace["edges"]
    ]
    states = {
        way: [state | {"edges": _of_edges(state["edges"])} for state in layout[way]]
        for way in ("states", "across")
    }
    return data | {
        "laws": laws,
        "texts": texts,
        "trace": trace | {"nodes": nodes, "edges": edges},
        "steps": [[step["node"], [_of_flow(e) for e in step["edges"]]] for step in data["steps"]],
        "layout": layout | states,
    }


def _of_nodes(
    nodes: list[dict[str, Any]], numbers: dict[str, int]
) -> tuple[list[Any], list[Any], list[Any]]:
    """Nodes, their laws and the texts of these."""
    laws = _Numbered()
    texts = _Numbered()
    found = []
    for node in nodes:
        law = {k: v for k, v in node.items() if k not in _OWN + _TEXTS and v not in _EMPTY}
        law["saved"] = [array["name"] for array in node["saved"]]
        law["text"] = texts.number_of({k: node[k] for k in _TEXTS if node.get(k)})
        own = {
            "law": laws.number_of(law),
            "name": node["name"],
            "in": numbers.get(node["scope"]),
            "value": _of_outputs(node["value"]),
            "gradient": _of_outputs(node["gradient"]),
            "seconds": node["seconds"] and float(f"{node['seconds']:.3g}"),
            **{name: node.get(name) for name in ("twin", "rolls", "steps")},
        }
        found.append({k: v for k, v in own.items() if k == "law" or _is_told(v)})
    return found, laws.things, texts.things


class _Numbered:
    """Things, each once; equal ones have one number."""

    def __init__(self) -> None:
        self.things: list[Any] = []
        self._numbers: dict[str, int] = {}

    def number_of(self, thing: Any) -> int:
        number = self._numbers.setdefault(repr(thing), len(self.things))
        if number == len(self.things):
            self.things.append(thing)
        return number


def _is_told(v: Any) -> bool:
    return v is not None and v != ""


def _of_outputs(statistics: Any) -> Any:
    if isinstance(statistics, list):
        return {"outputs": [_of_statistics(one) for one in statistics]}
    return _of_statistics(statistics)


def _of_statistics(statistics: Any) -> Any:
    """The values alone, if they are all there and finite: norm and size can be computed from them."""
    if statistics is not None and "values" in statistics and statistics.keys() <= _FOLLOWS:
        return statistics["values"]
    return statistics


def _of_flow(edge: dict[str, Any]) -> list[Any]:
    contribution, total = edge["contribution"], edge["sum_after"]
    rest = [] if total == contribution else [_of_statistics(total)]
    return [edge["edge"], _of_statistics(contribution), *rest]


def _of_edges(edges: dict[int, dict[str, list[int]]]) -> dict[int, list[int]]:
    found = {}
    for i, edge in edges.items():
        points = [*edge["points"], *edge["label"]]
        found[i] = points[:2] + [v - before for v, before in zip(points[2:], points, strict=False)]
    return found
