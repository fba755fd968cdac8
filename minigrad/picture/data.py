"""A graph as plain data, ready for JSON: what every picture is drawn from."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import Any, Literal

FORMAT, VERSION = "minigrad-trace", 1

Kind = Literal["op", "parameter", "leaf", "constant", "ghost", "output"]
Shape = tuple[int, ...]


@dataclass(slots=True)
class Module:
    """One call of a module: `path` leads to it from the outermost module, `parent` is the path above it.

    Later calls of the same module have a number: `net.cell`, `net.cell (2)`.
    """

    path: str
    type: str
    parent: str | None = None


@dataclass(slots=True)
class Vertex:
    """One thing in the picture.

    id        its place in `Trace.nodes`, which is the order in which things were made, leaves before their first use
    kind      "op"; "parameter": a leaf with a name; "leaf": any other that requires grad; "constant": an argument
              without gradient; "ghost": an op without gradient, of a recorded graph; "output": the loss
    name      of a parameter or an input; the value of a constant that is a plain number
    op, options, formula, rules  of an op: its name, its other arguments as text, what it computes, and the text of
              its derivative rule for each argument
    scope     the path of the module in which it was made, or that owns it; "" outside of all
    shapes, dtypes  one per output of an op; none for "output"
    saved     the arrays that its rules keep for backward: {"name", "shape", "bytes", "block"}, with the same block
              number for arrays in one block of memory; empty once backward has freed them
    saved_bytes  the size of these; after backward only a recorded graph still knows it, else None
    line, seconds, cut  of a recorded op: the user's line, the time of its forward call, why a ghost has no gradient
    value, gradient  statistics (see `statistics_of`), a list of them for an op with several outputs; None if the graph
              was not recorded, or if no gradient was asked for or none arrived
    """

    id: int
    kind: Kind
    name: str = ""
    op: str = ""
    options: dict[str, str] = field(default_factory=dict)
    formula: str = ""
    rules: dict[str, str] = field(default_factory=dict)
    scope: str = ""
    shapes: tuple[Shape, ...] = ()
    dtypes: tuple[str, ...] = ()
    saved: list[dict[str, Any]] = field(default_factory=list)
    saved_bytes: int | None = 0
    line: str | None = None
    seconds: float | None = None
    cut: str | None = None
    value: Any = None
    gradient: Any = None

    @property
    def is_number(self) -> bool:
        """Return whether this is a constant whose name is its value."""
        return self.kind == "constant" and bool(self.name) and not any(self.shapes)


@dataclass(slots=True)
class Edge:
    """Output number `output` of one node is the `argument` of another; nodes are named by their id."""

    source: int
    output: int
    target: int
    argument: str = ""
    shape: Shape = ()


@dataclass(slots=True)
class Trace:
    """A graph as plain data: modules, nodes in the order they were made, edges ordered by their target.

    output         the id of the node of kind "output"
    recorded       whether some op was made under `record()`, so that there are values, scopes and lines
    has_gradients  whether gradients were computed
    """

    output: int = 0
    recorded: bool = False
    has_gradients: bool = False
    modules: list[Module] = field(default_factory=list)
    nodes: list[Vertex] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)

    def chains(self) -> dict[str, tuple[Module, ...]]:
        """path -> the modules that lead to it, outermost first."""
        chains: dict[str, tuple[Module, ...]] = {"": ()}
        for module in self.modules:
            chains[module.path] = (*chains[module.parent or ""], module)
        return chains

    def to_json(self) -> str:
        """The trace as one JSON object; the same trace gives the same text, and `from_json` gives it back."""
        head = {"format": FORMAT, "version": VERSION}
        return json.dumps(head | _members(self), default=_members, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Trace:
        """The trace that `to_json` wrote. ValueError for any other text, or one of another version."""
        data = json.loads(text)
        met = (data.pop("format", None), data.pop("version", None)) if type(data) is dict else ()
        if met != (FORMAT, VERSION):
            raise ValueError(
                f"from_json: format and version are {met}; needed {(FORMAT, VERSION)}. "
                "Write the trace again with Trace.to_json()"
            )
        data["modules"] = [Module(**module) for module in data["modules"]]
        data["nodes"] = [Vertex(**_with_shapes(vertex)) for vertex in data["nodes"]]
        data["edges"] = [Edge(**edge | {"shape": tuple(edge["shape"])}) for edge in data["edges"]]
        return cls(**data)


def _members(item: Any) -> dict[str, Any]:
    return {f.name: getattr(item, f.name) for f in fields(item)}


def _with_shapes(vertex: dict[str, Any]) -> dict[str, Any]:
    """Shapes as tuples again, which JSON writes as lists."""
    return vertex | {
        "shapes": tuple(map(tuple, vertex["shapes"])),
        "dtypes": tuple(vertex["dtypes"]),
        "saved": [entry | {"shape": tuple(entry["shape"])} for entry in vertex["saved"]],
    }
