"""A graph as a page that plays its passes: one file that needs no network."""

from __future__ import annotations

import functools
import json
import linecache
import os
import re
from typing import Any

from ..core.graph import Node
from ..sight.explain import explain
from .document import document, html_path
from .equations import OUTPUT, formula_parts, in_html, rule_parts, stated
from .folding import framed
from .heat import heat_of
from .layout import is_large, layout_of
from .mathematics import Term
from .naming import Inputs
from .nested import grouped
from .packing import packed
from .play import Play, told
from .rolling import core_of, rolled, with_modules
from .scalar import local_derivatives
from .statistics import statistics_of
from .terms import LOSS
from .trace import Tracer, length_of
from .tree import Tree, scopes_of
from .written import Written, written

MOST_ANSWERS = 20_000  # the leaves that are explained, times the nodes of the graph: some seconds
LONG = 1000  # ops; the page of a longer graph describes each in brief
_SCRIPTS = tuple(
    f"{name}.js"
    for name in (
        *("words", "unpack", "graph", "rolling", "folding", "overview", "moving", "first_sight"),
        *("passes", "story", "colours", "mathematics", "panel", "heat", "step", "scalar"),
        *("numbers", "edit", "save", "controls"),
    )
)


def page(
    loss: Any, path: str | os.PathLike[str] = "graph.html", params: Any = None, inputs: Any = None
) -> Written:
    """Write a page that shows the graph of `loss` and plays its passes, as one file; returns its path.

    loss    a Tensor of one element, whose graph is not freed: before backward, or after
            `backward(retain_graph=True)`. Neither it nor any `.grad` is changed
    path    of the file, which is written whole or not at all; missing folders are made
    params  names for leaves: a dict of name -> Tensor, (name, Tensor) pairs, or a module
    inputs  names for data and labels: a dict of name -> array or Tensor. Others have the names of the variables
            around this call

    Values, modules and lines are shown for ops that ran inside `with minigrad.record():`. The page holds all that it
    shows, and fetches nothing; a notebook shows it in place of the path. Raises as `trace` and `draw` do, and
    ValueError for a suffix other than .html.
    """
    path = html_path(path)
    return written(path, page_of(data_of(loss, params, inputs), path.stem).encode())


def data_of(loss: Any, params: Any = None, inputs: Any = None) -> dict[str, Any]:
    """All that the page shows, as plain data.

    trace, layout, steps, zoom  as `Trace.to_json`, `layout_of`, `Play.steps` and `local_derivatives` give them
    heat    id -> {"value": [...], "gradient": [...]}, one per output, as `heat_of` gives it
    lines   the user's lines -> their text, where the file can be read
    why     id -> an explanation, in words, of a leaf's gradient
    notes   what the reader should know of the page as a whole
    """
    tracer = Tracer(params, Inputs(inputs))
    is_long = length_of(loss) > LONG
    plain = tracer.run(loss, gradients=True, tell=told if is_long else statistics_of)
    tree = Tree(plain, max(map(len, plain.chains().values())))
    trace = rolled(framed(json.loads(plain.to_json()), scopes_of(plain)), tree)
    core = core_of(trace)
    if is_large(core.trace):
        core = core._replace(trace=grouped(core.trace))
        trace = with_modules(trace, core.trace)
    played = Play(loss, trace, tracer.places, has_heat=not is_long)
    for thing, i in tracer.places.items():
        if isinstance(thing, Node) and hasattr(thing.op, "rules"):
            trace["nodes"][i]["mathematics"] = _mathematics(thing.op)
    notes = []
    if is_long:
        notes.append(
            f"{len(trace['nodes'])} nodes: of each there are norms and the smallest values; histograms, heat maps "
            "and the scalar zoom are left out."
        )
    if not trace["recorded"]:
        notes.append(
            "Values and modules are not known: compute the loss inside `with minigrad.record():`."
        )
    return {
        "trace": trace,
        "layout": layout_of(trace, core),
        "steps": played.steps,
        "heat": {} if is_long else _heat(tracer.places, played.heat),
        "zoom": local_derivatives(trace, {} if is_long else tracer.places),
        "lines": _lines(trace),
        "why": _why(loss, tracer.places),
        "notes": notes,
    }


# of elements: a page allows no styles but its own, and browsers know the rest
_ATTRIBUTES = re.compile(r' (style|stretchy)="[^"]*"')


@functools.cache
def _mathematics(op: Any) -> dict[str, Any]:
    """The formula and rules of an op as HTML with MathML, in which the incoming gradient is called g."""

    def written(parts: Any) -> str:
        return _ATTRIBUTES.sub("", in_html(parts))

    rules = rule_parts(op, {"g": Term("name", text="g")})
    lines = {
        argument: written(stated(Term("gradient", (LOSS, Term("name", text=argument))), parts))
        for argument, parts in rules.items()
    }
    return {"formula": written(stated(OUTPUT, formula_parts(op))), "rules": lines}


def _heat(
    places: dict[Any, int], gradients: dict[int, list[Any]]
) -> dict[int, dict[str, list[Any]]]:
    heat: dict[int, dict[str, list[Any]]] = {
        i: {"gradient": found} for i, found in gradients.items()
    }
    for thing, i in places.items():
        if not isinstance(thing, Node):
            heat.setdefault(i, {})["value"] = [heat_of(thing.data)]
        elif thing.notes is not None and not thing.op.is_part:
            value = thing.notes.value
            several = value if isinstance(value, tuple) else (value,)
            heat.setdefault(i, {})["value"] = [heat_of(v) for v in several]
    return heat


def _lines(trace: dict[str, Any]) -> dict[str, str]:
    places = {node["line"] for node in trace["nodes"] if node["line"]}
    texts = {place: linecache.getline(*_file_and_line(place)).strip() for place in sorted(places)}
    return {place: text for place, text in texts.items() if text}


def _file_and_line(place: str) -> tuple[str, int]:
    path, _, line = place.rpartition(":")
    return path, int(line)


def _why(loss: Any, places: dict[Any, int]) -> dict[int, str]:
    """id -> the explanation of a leaf's gradient; each takes a backward pass, so the last of many leaves get none."""
    leaves = [x for x in places if not isinstance(x, Node) and x.requires_grad]
    most = MOST_ANSWERS // len(places)
    return {places[x]: str(explain(x, loss)) for x in leaves[:most]}


def page_of(data: dict[str, Any], title: str) -> str:
    """The whole page as HTML, with `data` for its script to read."""
    return document("page.html", ("look.css", "page.css"), _SCRIPTS, title, packed(data))
