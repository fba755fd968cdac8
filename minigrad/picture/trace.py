"""A graph as plain data: what every picture is drawn from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ..graph import Node, Sketch, TensorBase, creation_order

Kind = Literal["op", "parameter", "leaf", "constant", "output"]
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Vertex:
    """One thing in the picture.

    kind     "op"; "parameter": a leaf that `params` names; "leaf": any other that requires grad; "constant": an
             argument that needs no gradient; "output": the loss
    label    the name of an op or parameter, the value of a constant where it is a plain number, else empty
    shapes   of what it gives: one per output of an op, none for "output"
    dtypes   likewise
    options  (name, text) of an op's other arguments
    """

    kind: Kind
    label: str = ""
    shapes: tuple[Shape, ...] = ()
    dtypes: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Edge:
    """Output number `output` of one vertex is the `argument` of another; vertices are named by their place."""

    source: int
    target: int
    argument: str = ""
    output: int = 0


@dataclass(slots=True)
class Trace:
    """Vertices in the order they were made, leaves and constants before their first use; edges as their targets."""

    vertices: list[Vertex] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)

    def add(self, vertex: Vertex) -> int:
        """The place of a new vertex."""
        self.vertices.append(vertex)
        return len(self.vertices) - 1


def trace_of(loss: Any, params: Any = None) -> Trace:
    """The graph that ends in `loss`, its leaves named by `params`: see `draw`."""
    if not isinstance(loss, TensorBase):
        raise TypeError(f"draw: loss is a {type(loss).__name__}; a Tensor is needed")
    if not loss._requires_grad:
        raise RuntimeError(
            f"draw: this Tensor of shape {loss.shape} has no history: nothing it was made from requires grad, or it "
            "was made under no_grad(); make the leaves with requires_grad=True and compute it outside no_grad()"
        )
    return _Tracer(_names_of(params)).run(loss)


class _Tracer:
    """A walk along the graph: the trace so far, and the place in it of every node and leaf."""

    def __init__(self, names: dict[Any, str]) -> None:
        self.names = names
        self.trace = Trace()
        self.places: dict[Any, int] = {}

    def run(self, loss: Any) -> Trace:
        end = loss if loss._node is None else loss._node
        for node in creation_order(end):
            if not node.op.is_part:  # a part is one output of the op before it: edges start there
                self.add_op(node)
        source, output = self.source(end)
        self.trace.edges.append(Edge(source, self.trace.add(Vertex("output")), "", output))
        return self.trace

    def add_op(self, node: Node) -> None:
        inputs, options = _arguments(node)
        sources = [(name, *self.source(value)) for name, value in inputs]
        several = isinstance(node.dtype, tuple)
        shapes = node.shape if several else (node.shape,)
        dtypes = tuple(map(str, node.dtype if several else (node.dtype,)))
        place = self.trace.add(Vertex("op", node.op.name, shapes, dtypes, options))
        self.places[node] = place
        self.trace.edges += [Edge(source, place, name, output) for name, source, output in sources]

    def source(self, value: Any) -> tuple[int, int]:
        """The place of the vertex that gives an input, and which of its outputs it is."""
        if not isinstance(value, (Node, TensorBase)):
            return self.trace.add(_constant(value)), 0
        if isinstance(value, Node) and value.op.is_part:
            return self.places[value.parents[0]], value.constants[0]
        if value not in self.places:
            name = self.names.get(value)
            kind: Kind = "leaf" if name is None else "parameter"
            vertex = Vertex(kind, name or "", (value.shape,), (str(value.dtype),))
            self.places[value] = self.trace.add(vertex)
        return self.places[value], 0


def _arguments(node: Node) -> tuple[list[tuple[str, Any]], tuple[tuple[str, str], ...]]:
    """The arrays and numbers an op computes with, and its options as text, in the order of its signature."""
    op = node.op
    parents = {op.argument_name(place): parent for place, parent in enumerate(node.parents)}
    inputs: list[tuple[str, Any]] = []
    options: list[tuple[str, str]] = []
    for name, value in (parents | dict(node.options)).items():
        if name not in parents and not isinstance(value, Sketch):
            options.append((name, _text(value)))
        elif value is not None:  # None: an optional argument that was not given
            inputs.append((name, value))
    order = {name: place for place, name in enumerate(op.names)}
    inputs.sort(key=lambda item: order.get(item[0], 0))  # members of `*xs` come first
    return inputs, tuple(options)


def _constant(value: Any) -> Vertex:
    if isinstance(value, Sketch):
        return Vertex("constant", "", (value.shape,), (str(value.dtype),))
    return Vertex("constant", _text(value), ((),), (type(value).__name__,))


def _text(value: Any) -> str:
    """An option as a reader would write it; never an address, so that the same graph gives the same text."""
    if isinstance(value, Sketch):
        return f"{value.dtype} {value.shape}"
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        fields = zip(value._fields, map(_text, value), strict=True)
        return f"({', '.join(f'{name}={text}' for name, text in fields)})"
    if isinstance(value, tuple):
        return f"({', '.join(map(_text, value))}{',' * (len(value) == 1)})"
    if isinstance(value, slice):
        bounds = [value.start, value.stop] + [value.step] * (value.step is not None)
        return ":".join("" if bound is None else _text(bound) for bound in bounds)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, type):
        return value.__name__
    if isinstance(value, np.dtype):
        return str(value)
    if value is Ellipsis:
        return "..."
    if value is None or isinstance(value, (bool, int, str)):
        return repr(value)
    return type(value).__name__


def _names_of(params: Any) -> dict[Any, str]:
    """Leaf -> name; of several names for one leaf the first."""
    needed = "a dict of name -> Tensor, (name, Tensor) pairs or an object with named_parameters() is needed"
    found = params.named_parameters() if hasattr(params, "named_parameters") else params
    pairs = found.items() if isinstance(found, Mapping) else () if found is None else found
    if not isinstance(pairs, Iterable) or isinstance(pairs, TensorBase):
        raise TypeError(f"draw: params is a {type(params).__name__}; {needed}")
    names: dict[Any, str] = {}
    for pair in pairs:
        match pair:
            case (str(name), TensorBase() as tensor):
                if tensor._node is not None:
                    raise ValueError(
                        f"draw: params[{name!r}] was made by {tensor._node.op.name}; only leaves can be named"
                    )
                names.setdefault(tensor, name)
            case (name, tensor):
                met = f"({type(name).__name__}, {type(tensor).__name__})"
                raise TypeError(f"draw: params holds a pair {met}; {needed}")
            case _:
                raise TypeError(f"draw: params holds a {type(pair).__name__}; {needed}")
    return names
