"""A backward pass from a loss to one Tensor, with the contribution along each edge and its norm."""

from __future__ import annotations

import functools
import math
import operator
from typing import Any, NamedTuple

import numpy as np

from ..core.backward import grad, on_a_path
from ..core.graph import Node, creation_order
from ..devices import on_host


class Edge(NamedTuple):
    """The contribution of a rule of `node` to the gradient of `target`, the Node or leaf that `argument` came from."""

    node: Node
    argument: str
    target: Any
    contribution: Any
    norm: float


class Flow:
    """A backward pass that changes neither `.grad` nor the graph.

    gradient  that of the loss by x; None if a check of `debug()` stopped the pass
    edges     all that were followed, in the order of the pass
    into      Node or leaf -> the edges that end there
    """

    def __init__(self, x: Any, loss: Any) -> None:
        self.start = key_of(loss)
        self.end = key_of(x)
        self.edges: list[Edge] = []
        self.into: dict[Any, list[Edge]] = {}
        self._seed = np.ones_like(loss._data)
        self._places: dict[Any, dict[str, Any]] = {}
        self.gradient: Any = None
        try:
            with np.errstate(all="ignore"):
                self.gradient = grad(loss, x, retain_graph=True, tap=self._see)._data
        except FloatingPointError:  # from debug(), after the edge at fault was seen
            if not self.edges:
                raise

    def _see(self, node: Node, argument: str, contribution: Any) -> None:
        parents = self._places.get(node)
        if parents is None:
            name = node.op.argument_name
            parents = {name(place): parent for place, parent in enumerate(node.parents)}
            self._places[node] = parents
        target = parents[argument]
        edge = Edge(node, argument, target, contribution._data, norm(contribution._data))
        self.edges.append(edge)
        self.into.setdefault(target, []).append(edge)

    def given(self, node: Any) -> Any:
        """The gradient of a node's output before its hooks; a tuple if there are several outputs."""
        if node is self.start:
            return self._seed
        edges = self.into.get(node, ())
        if edges and edges[0].node.op.is_part:
            return tuple([edge.contribution for edge in edges])
        return functools.reduce(operator.add, [edge.contribution for edge in edges])

    def strongest_path(self) -> list[Edge]:
        """The path from the loss to x that is found from x by following the edge with the largest norm each time."""
        path: list[Edge] = []
        at = self.end
        while at is not self.start:
            edge = max(self.into[at], key=_norm_of)
            path.append(edge)
            at = edge.node
        return path[::-1]

    def paths(self) -> int:
        """The number of paths that lead from the loss to x."""
        count: dict[Any, int] = {self.start: 1}
        for edge in self.edges:  # every edge into a node comes before those out of it
            count[edge.target] = count.get(edge.target, 0) + count[edge.node]
        return count[self.end]


def _norm_of(edge: Edge) -> float:
    return edge.norm if edge.norm == edge.norm else float("inf")


def key_of(tensor: Any) -> Any:
    """The key by which the engine knows a Tensor: its node, or itself at a leaf."""
    return tensor if tensor._node is None else tensor._node


def norm(g: Any) -> float:
    """The square root of the sum of squares; that of all elements together for a tuple of arrays."""
    with np.errstate(all="ignore"):
        return math.hypot(*map(quiet_norm, g)) if isinstance(g, tuple) else quiet_norm(g)


def quiet_norm(array: Any) -> float:
    """The norm of one array; the caller turns NumPy's warnings off, which takes as long as a small norm."""
    flat = (array if array.__class__ is np.ndarray else on_host(array)).ravel(order="K")
    square = float(flat.dot(flat)) if array.dtype.itemsize > 2 else 0.0
    if not 1e-30 < square < 1e30:  # squares overflow and underflow early in float32
        flat = flat.astype(np.float64)
        square = float(flat.dot(flat))
    return square**0.5


def nodes_between(loss: Any, x: Any) -> set[Node]:
    """The nodes on the paths from the loss to x; none if the gradient does not reach x."""
    return on_a_path(creation_order(key_of(loss)), {key_of(x)})
