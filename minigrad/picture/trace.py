"""A graph as plain data: the walk from a loss back to everything it was computed from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any

import numpy as np

from ..core import writes
from ..core.backward import grad
from ..core.graph import Node, Sketch, TensorBase, wrap
from ..sight.origins import ghost_of, is_ghost, origin_of, sources_of
from .data import Edge, Kind, Trace, Vertex
from .naming import Inputs
from .rules import formula_of, rules_of
from .scopes import Scopes
from .statistics import statistics_of


def trace(loss: Any, params: Any = None, gradients: bool = False, values: bool = True) -> Trace:
    """The graph that ends in `loss`, as plain data: nodes, edges, modules.

    loss       a Tensor with history, before or after backward
    params     names for leaves: a dict of name -> Tensor, (name, Tensor) pairs, or a module. Leaves of a module that
               was called while recording have the names that they have there
    gradients  compute the gradient of the loss by everything, as statistics; needs a graph that is not freed. Hooks
               run as in any backward; `.grad` is left alone, and the graph may be used again
    values     statistics of the values that a recorded graph holds, which take most of the time

    Structure, shapes, rules and saved bytes are always there. Values, modules, lines, times and ghosts are there for
    ops that ran under `minigrad.record()`.

    Raises TypeError or ValueError for arguments that cannot be drawn, RuntimeError for a Tensor without history and,
    with gradients, for a graph that an earlier backward freed.
    """
    return Tracer(params).run(loss, gradients, values)


def length_of(loss: Any) -> int:
    """The number of ops in the graph that ends in `loss`."""
    return len(_order(_end_of(loss)))


class Tracer:
    """A walk along a graph: the trace so far, and the place in it of every node and leaf.

    places  Node or leaf Tensor -> the id of its vertex; a part has that of its op
    """

    def __init__(self, params: Any = None, inputs: Inputs | None = None) -> None:
        self.given = names_of(params)
        self.inputs = inputs
        self.scopes = Scopes()
        self.trace = Trace()
        self.places: dict[Any, int] = {}
        self.blocks: dict[int, int] = {}
        self.tell: Callable[[Any], dict[str, Any] | None] = statistics_of

    def run(
        self,
        loss: Any,
        gradients: bool = False,
        values: bool = True,
        tell: Callable[[Any], Any] = statistics_of,
    ) -> Trace:
        """The trace, with gradients and values where they are asked for, as `tell` tells them."""
        self.tell = tell if values else _untold
        end = _end_of(loss)
        order = _order(end)
        found = _gradients(loss, order) if gradients else {}
        for node in order:
            if node.op.is_part:  # one output of the op before it: edges start there
                self.places[node] = self.places[_whole_of(node)]
            else:
                self._add_op(node)
        source, output = self._source(end, "")
        self._name_leaves()
        last = self._add(Vertex(0, "output"))
        is_recorded = any(node.notes is not None for node in order)
        self.trace.nodes[last].value = self.tell(loss._data) if is_recorded else None
        self.trace.edges.append(Edge(source, output, last, "", tuple(loss.shape)))
        self.trace.output = last
        self.trace.recorded = is_recorded
        self.trace.has_gradients = gradients
        self.trace.modules = self.scopes.modules
        for key, gradient in found.items():
            self._add_gradient(key, None if gradient is None else tell(gradient._data))
        if end in found:
            self.trace.nodes[last].gradient = tell(found[end]._data)
        return self.trace

    def _add(self, vertex: Vertex) -> int:
        vertex.id = len(self.trace.nodes)
        self.trace.nodes.append(vertex)
        return vertex.id

    def _add_op(self, node: Node) -> None:
        op, notes = node.op, node.notes
        scope = self.scopes.path_of(notes.scope) if notes is not None else ""
        inputs, options = arguments_of(node)
        sources = [(name, *self._source(value, scope, name, node)) for name, value in inputs]
        several = isinstance(node.dtype, tuple)
        vertex = Vertex(
            0,
            "ghost" if is_ghost(node) else "op",
            op=op.name,
            options=options,
            formula=formula_of(op),
            rules=rules_of(op),
            scope=scope,
            shapes=tuple(node.shape) if several else (tuple(node.shape),),
            dtypes=tuple(map(str, node.dtype)) if several else (str(node.dtype),),
            saved=self._saved(node),
            saved_bytes=node.saved_bytes,
        )
        if node.saved is None:  # freed by a backward
            vertex.saved_bytes = notes.saved_bytes if notes is not None else None
        if notes is not None:
            vertex.line, vertex.seconds, vertex.cut = notes.line, notes.seconds, notes.cut
            value = notes.value
            vertex.value = [self.tell(v) for v in value] if several else self.tell(value)
        place = self.places[node] = self._add(vertex)
        for name, source, output in sources:
            shape = self.trace.nodes[source].shapes[output]
            self.trace.edges.append(Edge(source, output, place, name, shape))

    def _saved(self, node: Node) -> list[dict[str, Any]]:
        """The arrays that a node keeps for backward, each array once under the first name that a rule has for it."""
        arrays = {id(array): (name, array) for name, array in reversed(node.saved_arrays())}
        return [
            {
                "name": name,
                "shape": tuple(array.shape),
                "bytes": int(array.nbytes),
                "block": self.blocks.setdefault(id(writes.owner(array)), len(self.blocks)),
            }
            for name, array in reversed(arrays.values())
        ]

    def _source(
        self, value: Any, scope: str, argument: str = "", node: Node | None = None
    ) -> tuple[int, int]:
        """The id of the vertex that gives an input of `node`, and the number of its output that is this input."""
        if isinstance(value, Node):
            return self.places[value], value.constants[0] if value.op.is_part else 0
        if isinstance(value, TensorBase):
            if value not in self.places:
                self.places[value] = self._add_leaf(value, argument, node)
            return self.places[value], 0
        notes = node.notes if node is not None else None
        known = notes.inputs.get(argument) if notes is not None else None
        if isinstance(value, Sketch):  # an array from outside stays outside of the module
            vertex = Vertex(0, "constant", shapes=(tuple(value.shape),), dtypes=(str(value.dtype),))
            array = _saved_as(argument, node) if known is None else known
            vertex.name = self._name_of(array, argument, notes)
        else:
            kind = type(value).__name__
            vertex = Vertex(
                0, "constant", text_of(value), scope=scope, shapes=((),), dtypes=(kind,)
            )
        vertex.value = None if known is None else self.tell(known)
        return self._add(vertex), 0

    def _add_leaf(self, leaf: Any, argument: str, node: Node | None) -> int:
        kind: Kind = "leaf" if leaf._requires_grad else "constant"
        shape, dtype = tuple(leaf.shape), str(leaf.dtype)
        name = self._name_of(leaf._data, argument, node.notes if node is not None else None)
        vertex = Vertex(0, kind, name, shapes=(shape,), dtypes=(dtype,))
        if node is not None and node.notes is not None:
            vertex.value = self.tell(leaf._data)
            if kind == "constant" and not shape:
                vertex.name = text_of(leaf._data.item())
        place = self._add(vertex)
        # x.detach().requires_grad_() begins a new history where another ends
        before = ghost_of(leaf)
        if before is not None:
            source, output = self._source(before, "")
            self.trace.edges.append(Edge(source, output, place, "", shape))
        return place

    def _name_of(self, array: Any, argument: str, notes: Any) -> str:
        """The name of an input: where the picture is made, or else where its op was called."""
        if self.inputs is None:
            return ""
        there = notes.names.get(argument, "") if notes is not None else ""
        return self.inputs.name_of(array, there)

    def _name_leaves(self) -> None:
        """Name the leaves last, when all modules are known: a weight may be used before its module is called."""
        for leaf, place in self.places.items():
            if not isinstance(leaf, Node):
                vertex = self.trace.nodes[place]
                name = self.given.get(leaf) or self.scopes.names.get(leaf)
                if name:
                    vertex.kind, vertex.name = "parameter", name
                vertex.scope = self.scopes.owners.get(leaf, "")

    def _add_gradient(self, key: Any, statistics: dict[str, Any] | None) -> None:
        vertex = self.trace.nodes[self.places[key]]
        if isinstance(key, Node) and key.op.is_part:
            vertex.gradient = vertex.gradient or [None] * len(vertex.shapes)
            vertex.gradient[key.constants[0]] = statistics
        else:
            vertex.gradient = statistics


def _saved_as(argument: str, node: Node | None) -> Any:
    """The array of an argument that was not recorded but is kept for backward."""
    return dict(node.saved_arrays()).get(argument) if node is not None and node.saved else None


def _untold(array: Any) -> None:
    """Stand in for statistics that nobody asked for."""


def _end_of(loss: Any) -> Any:
    if not isinstance(loss, TensorBase):
        raise TypeError(f"picture: loss is a {type(loss).__name__}; a Tensor is needed")
    end = origin_of(loss)
    if end is loss and not loss._requires_grad:
        raise RuntimeError(
            f"picture: this Tensor of shape {loss.shape} has no history: nothing it was made from requires grad, or "
            "it was made under no_grad(); make the leaves with requires_grad=True and compute it outside no_grad()"
        )
    return end


def _order(end: Any) -> list[Node]:
    """The nodes and ghosts from which `end` was made, oldest first."""
    seen: set[Any] = {end}
    stack = [end]
    while stack:
        key = stack.pop()
        if isinstance(key, Node):
            before = [source for _, source in sources_of(key)]
        else:
            before = [ghost for ghost in (ghost_of(key),) if ghost is not None]
        for source in before:
            if source not in seen:
                seen.add(source)
                stack.append(source)
    return sorted((key for key in seen if isinstance(key, Node)), key=attrgetter("tick"))


def _whole_of(part: Node) -> Node:
    """The node of which a part is one output; a ghost of a part has it among its parents too."""
    return part.parents[0]


def _gradients(loss: Any, order: list[Node]) -> dict[Any, Any]:
    """node or leaf -> the gradient of the loss by it, None where none came."""
    targets: dict[Any, None] = {}
    for node in order:
        targets.update((p, None) for p in node.parents if isinstance(p, TensorBase))
        if not isinstance(node.dtype, tuple):  # if there are several outputs, each part has its own
            targets[node] = None
    if not order:
        targets[loss] = None
    keys = [key for key in targets if isinstance(key, Node) or key._requires_grad]
    # `grad` asks of a Tensor only which node or leaf it is
    xs = [wrap(None, key) if isinstance(key, Node) else key for key in keys]
    return dict(zip(keys, grad(loss, xs, retain_graph=True), strict=True))


def arguments_of(node: Node) -> tuple[list[tuple[str, Any]], dict[str, str]]:
    """The arrays and numbers an op computes with, and its options as text, in the order of its signature."""
    op = node.op
    parents = {op.argument_name(place): parent for place, parent in enumerate(node.parents)}
    known = dict(sources_of(node))
    inputs: dict[str, Any] = {}
    options: dict[str, str] = {}
    for name, value in (parents | dict(node.options)).items():
        if name in known:
            inputs[name] = known.pop(name)
        elif name not in parents and not isinstance(value, Sketch):
            fields = value._asdict() if hasattr(value, "_asdict") else {name: value}
            options |= {field: text_of(v) for field, v in fields.items()}
        elif value is not None:  # None: an optional argument that was not given
            inputs[name] = value
    inputs |= known  # Tensors inside an index
    order = {name: place for place, name in enumerate(op.names)}
    # members of `*xs` come first
    return sorted(inputs.items(), key=lambda item: order.get(item[0], 0)), options


def text_of(value: Any) -> str:
    """An option as a reader would write it; never an address, so that the same graph gives the same text."""
    if isinstance(value, Sketch):
        return f"{value.dtype} {value.shape}"
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        fields = zip(value._fields, map(text_of, value), strict=True)
        return f"({', '.join(f'{name}={text}' for name, text in fields)})"
    if isinstance(value, tuple):
        return f"({', '.join(map(text_of, value))}{',' * (len(value) == 1)})"
    if isinstance(value, slice):
        bounds = [value.start, value.stop] + [value.step] * (value.step is not None)
        return ":".join("" if bound is None else text_of(bound) for bound in bounds)
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


def names_of(params: Any) -> dict[Any, str]:
    """Leaf -> name; the first one, if a leaf has several."""
    needed = "a dict of name -> Tensor, (name, Tensor) pairs or an object with named_parameters() is needed"
    found = params.named_parameters() if hasattr(params, "named_parameters") else params
    pairs = found.items() if isinstance(found, Mapping) else () if found is None else found
    if not isinstance(pairs, Iterable) or isinstance(pairs, TensorBase):
        raise TypeError(f"picture: params is a {type(params).__name__}; {needed}")
    names: dict[Any, str] = {}
    for pair in pairs:
        match pair:
            case (str(name), TensorBase() as tensor):
                if tensor._node is not None:
                    raise ValueError(
                        f"picture: params[{name!r}] was made by {tensor._node.op.name}; only leaves can be named"
                    )
                names.setdefault(tensor, name)
            case (name, tensor):
                met = f"({type(name).__name__}, {type(tensor).__name__})"
                raise TypeError(f"picture: params holds a pair {met}; {needed}")
            case _:
                raise TypeError(f"picture: params holds a {type(pair).__name__}; {needed}")
    return names
