"""The backward pass as a list of steps, each with what flows along every edge: what a page plays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.backward import grad
from ..core.graph import Node
from .heat import heat_of
from .statistics import in_64_bits, statistics_of, values_of

_FEW = 4  # the most elements that are shown one by one


class Play:
    """A backward pass from `loss`, watched edge by edge; the graph and every `.grad` stay as they are.

    steps   [{"node": id, "edges": [{"edge": index, "contribution": statistics, "sum_after": statistics}]}], from the
            output backwards: the node whose gradient is complete, and what it hands to each of its arguments
    heat    id -> the gradient as `heat_of` gives it, one per output; empty unless it is asked for

    trace   the graph in plain data, whose edges are numbered by their place
    places  node or leaf -> its id in the trace
    """

    def __init__(
        self, loss: Any, trace: dict[str, Any], places: dict[Any, int], has_heat: bool
    ) -> None:
        self.steps: list[dict[str, Any]] = []
        self.heat: dict[int, list[Any]] = {}
        self._has_heat = has_heat
        self._places = places
        self._edges = {(e["target"], e["argument"]): i for i, e in enumerate(trace["edges"])}
        self._sources = [(e["source"], e["output"]) for e in trace["edges"]]
        self._outputs = [max(1, len(node["shapes"])) for node in trace["nodes"]]
        self._sums: dict[tuple[int, int], Any] = {}
        leaves = [x for x in places if not isinstance(x, Node) and x.requires_grad]
        self._begin(trace["output"])
        self._flow("", np.ones_like(loss.data))
        grad(loss, leaves, retain_graph=True, tap=self._see)
        for source in {source for source, _ in self._sums}:
            self._finish(source)

    def _see(self, node: Node, argument: str, contribution: Any) -> None:
        if node.op.is_part:  # one of an op's outputs: the edges of the trace end at the op
            return
        place = self._places[node]
        if place != self.steps[-1]["node"]:
            self._begin(place)
        self._flow(argument, contribution.data)

    def _begin(self, node: int) -> None:
        self.steps.append({"node": node, "edges": []})
        self._finish(node)

    def _finish(self, node: int) -> None:
        """Keep what is shown of a node's gradient, and let go of the arrays."""
        gradients = [self._sums.pop((node, i), None) for i in range(self._outputs[node])]
        if self._has_heat and any(g is not None for g in gradients):
            self.heat[node] = [None if g is None else heat_of(g) for g in gradients]

    def _flow(self, argument: str, contribution: Any) -> None:
        edge = self._edges[self.steps[-1]["node"], argument]
        key = self._sources[edge]
        before = self._sums.get(key)
        total = self._sums[key] = contribution if before is None else before + contribution
        it = told(contribution)
        sum_after = it if before is None else told(total)
        self.steps[-1]["edges"].append({"edge": edge, "contribution": it, "sum_after": sum_after})


def brief(statistics: dict[str, Any]) -> dict[str, Any]:
    """The part of an array's statistics that is shown on the way, with its values if there are at most four."""
    kept = {key: statistics[key] for key in ("norm", "size", "nans", "infs") if statistics[key]}
    return kept | {"values": statistics["values"]} if statistics["size"] <= _FEW else kept


def told(array: Any) -> Any:
    """`brief(statistics_of(array))`, quicker for NumPy's arrays: there are up to two for each edge."""
    if isinstance(array, (np.ndarray, np.generic)) and array.dtype.kind in "biuf":
        flat = in_64_bits(array).astype(np.float64).ravel()
        norm = math.sqrt(float(flat @ flat))
        if 1e-150 < norm < 1e150:  # not nan, and without overflow or underflow
            kept = {"norm": float(f"{norm:.9g}"), "size": flat.size}
            return kept | {"values": values_of(array)} if flat.size <= _FEW else kept
    found = statistics_of(array)
    return found and brief(found)
