"""A trace as text in DOT, the language of Graphviz."""

from __future__ import annotations

from collections import Counter

from .trace import Edge, Kind, Shape, Trace, Vertex

# A single family: a list of them Graphviz in WebAssembly measures as Times, too narrow. The margins leave room for a
# reader's font that is wider than Helvetica.
_HEAD = """digraph {
  graph [bgcolor="white", pad=0.2, nodesep=0.3, ranksep=0.28]
  node [fontname="Helvetica", fontsize=12, fontcolor="#1f2933", style="filled"]
  node [width=0.5, height=0.3, margin="0.16,0.05"]
  edge [fontname="Helvetica", fontsize=10, fontcolor="#52606d", color="#7b8794", arrowsize=0.6]
"""

# shapes as well as colours: a print in grey is read as easily
_LOOKS: dict[Kind, str] = {
    "op": 'shape="Mrecord", fillcolor="#e6effa", color="#6b93c4"',
    "parameter": 'shape="ellipse", margin="0.06,0.02", fillcolor="#e3f3e4", color="#5d9b63"',
    "leaf": 'shape="hexagon", margin="0.04,0.02", fillcolor="#fdf3d3", color="#c29a2e"',
    "constant": 'shape="box", fillcolor="#f2f3f5", color="#a6adb7"',
    "output": 'shape="box", peripheries=2, fillcolor="#efe8f8", color="#8f74b5"',
}
_LONGEST = 32  # letters of an option or a number
_SIGNS = str.maketrans({c: "\\" + c for c in '\\"{}|<>'} | {"&": "&amp;"})


def to_dot(trace: Trace) -> str:
    """The picture as DOT: data flows from top to bottom; the same trace gives the same text."""
    vertices, edges = trace.vertices, trace.edges
    arity = Counter(edge.target for edge in edges)
    lines = [f'  n{i} [label="{_label(v)}", {_LOOKS[v.kind]}]\n' for i, v in enumerate(vertices)]
    lines += [_edge(edge, vertices[edge.source], arity[edge.target]) for edge in edges]
    return "".join([_HEAD, *lines, "}\n"])


def _label(vertex: Vertex) -> str:
    if vertex.kind == "op":
        return _op_label(vertex)
    if vertex.kind == "output":
        return "output"
    if vertex.kind == "constant" and vertex.label:
        return _escaped(_shortened(vertex.label))
    shape = _shape_text(vertex.shapes[0])
    if vertex.kind == "parameter":
        return rf"{_escaped(vertex.label)}\n{shape}"
    return rf"{shape}\n{vertex.dtypes[0]}"


def _op_label(op: Vertex) -> str:
    """Fields from top to bottom: the name, the options that say something, a port for each of several outputs."""
    silent = ("None", "False", str(op.shapes[0]))  # switched off, or what the edge says
    options = [f"{name}={text}" for name, text in op.options if text not in silent]
    fields = [_escaped(op.label)]
    if options:
        fields.append(r"\n".join([_escaped(_shortened(option)) for option in options]))
    if len(op.shapes) > 1:
        fields.append("|".join([f"<o{i}> {i}" for i in range(len(op.shapes))]).join("{}"))
    return "|".join(fields).join("{}")


def _edge(edge: Edge, source: Vertex, arity: int) -> str:
    """An edge with the argument it feeds, if there are several, and the shape, if its source does not show it."""
    port = f":o{edge.output}" if len(source.shapes) > 1 else ""
    texts = [_escaped(edge.argument)] if arity > 1 else []
    if source.kind == "op":
        texts.append(_shape_text(source.shapes[edge.output]))
    label = f"  {': '.join(texts)}  " if texts else ""
    weight = 4 if source.kind == "op" else 1  # the way from op to op is kept straight
    return f'  n{edge.source}{port} -> n{edge.target} [label="{label}", weight={weight}]\n'


def _shape_text(shape: Shape) -> str:
    return str(shape) if shape else "scalar"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _escaped(text: str) -> str:
    """Any text inside a quoted label: what cannot be printed as in a Python string, signs of DOT made harmless."""
    printable = [c if c.isprintable() else c.encode("unicode_escape").decode() for c in text]
    return "".join(printable).translate(_SIGNS)
