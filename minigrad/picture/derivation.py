"""The backward pass as a lecturer writes it: equation after equation, with the numbers beside where they are few."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..core.graph import Node, TensorBase, creation_order
from .board import Board, html_of, latex_of
from .deriver import Deriver
from .letters import Names
from .trace import Tracer
from .written import Written, written

MOST = 60
"""The most ops of a graph that is written down: some pages of equations."""


def derivation(
    loss: Any, path: str | os.PathLike[str] = "derivation.html", wrt: Any = None, params: Any = None
) -> Written:
    """dloss/dw for each w in `wrt`, derived line by line as on a board, in one file; returns its path.

    loss    a Tensor of one element, whose graph is not freed: before backward, or after
            `backward(retain_graph=True)`. Neither it nor any `.grad` is changed
    path    of the file: .html is a page with MathML, .tex a document for LaTeX
    wrt     a Tensor of the graph, or several; by default every leaf that requires grad
    params  names for leaves: a dict of name -> Tensor, (name, Tensor) pairs, or a module. Others have the names that
            they have where `derivation` is called, then letters

    First come the equations of the forward pass, each result with a letter, then the gradient of the loss by each
    result: the rule of the op applied to the gradient before, and a sum where paths meet. Shapes stand beside, and so
    do numbers where tensors are small: of gradients always, of results where the loss was computed inside
    `with minigrad.record():`.

    Raises as `page` does, and ValueError for another suffix, a `wrt` that the loss does not depend on, or a graph of
    more than 60 ops.
    """
    frame = sys._getframe(1)
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm", ".tex"):
        raise ValueError(
            f"derivation: {path.name!r} ends in {path.suffix!r}; .html and .tex can be written"
        )
    derived = derive(loss, wrt, params, {**frame.f_globals, **frame.f_locals})
    text = latex_of(derived) if path.suffix.lower() == ".tex" else html_of(derived, path.stem)
    return written(path, text.encode())


def derive(
    loss: Any, wrt: Any = None, params: Any = None, known: Mapping[str, Any] | None = None
) -> Board:
    """The lines of a derivation; `known` are variables of the user, which lend their names."""
    tracer = Tracer(params)
    trace = tracer.run(loss, values=False)
    end = loss if loss._node is None else loss._node
    order = creation_order(end)
    if len(order) > MOST:
        raise ValueError(
            f"derivation: the loss was computed by {len(order)} ops, more than {MOST}; derive a smaller net of the "
            "same kind, or a part of this one; picture.page plays graphs of any size"
        )
    targets = _targets(wrt, order)
    names = {
        key: trace.nodes[place].name
        for key, place in tracer.places.items()
        if not isinstance(key, Node) and trace.nodes[place].kind == "parameter"
    }
    writer = Deriver(loss, end, order, Names(names, known or {}), targets)
    return writer.board()


def _targets(wrt: Any, order: list[Node]) -> dict[Any, None]:
    leaves = {
        p: None
        for node in order
        for p in node.parents
        if isinstance(p, TensorBase) and p._requires_grad
    }
    if wrt is None:
        return leaves
    several = [wrt] if isinstance(wrt, TensorBase) else wrt
    if not isinstance(several, Iterable):
        raise TypeError(
            f"derivation: wrt is a {type(wrt).__name__}; a Tensor or several are needed"
        )
    found: dict[Any, None] = {}
    for place, x in enumerate(several):
        if not isinstance(x, TensorBase):
            raise TypeError(f"derivation: wrt[{place}] is a {type(x).__name__}; Tensors are needed")
        key: Any = x if x._node is None else x._node
        if key not in leaves and key not in order[:-1]:
            raise ValueError(
                f"derivation: the loss does not depend on wrt[{place}] of shape {tuple(x.shape)}; give a Tensor that "
                "it was computed from and that requires grad"
            )
        found[key] = None
    return found
