"""The layout of a page: a trace as boxes of known size, placed by Graphviz."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from typing import Any

from .bounds import MOST, rows_between, rows_of, size_of
from .folding import View, views_of
from .nested import Box, place_nested
from .render import render_as
from .rolling import Core
from .widths import width_of

FLAT = 400  # the most nodes laid out in one picture; more are no longer read

# The most edges of one source that are placed; the script draws the others. If every op of a long chain uses a leaf,
# Graphviz's time grows with the cube of the length.
_MOST_USES = 8

_MOST_BESIDE, _GAP = 25, 40  # boxes in a plain row, pixels between them

_DECODER = json.JSONDecoder()

_HEIGHT_OF_LINE, _PADDING = 17, 9  # in pixels; the script counts with them, too
_LONGEST, _LONGEST_OF_MODULE = 28, 40  # letters of a name; the panel shows it whole

# The labels reserve room for what the script writes there. Every Graphviz knows the widths of Courier.
_LABEL_SIZE = 17
_HEAD = f"""digraph {{
  graph [nodesep=0.2, ranksep=0.1, nslimit=4, mclimit=0.5, margin=12]
  graph [fontname=Courier, fontsize=14, label="xxxxxxxxxx"]
  node [shape=box, fixedsize=true, label=""]
  edge [arrowhead=none, fontname=Courier, fontsize={_LABEL_SIZE}]
"""
_ACROSS = _HEAD + "  graph [rankdir=LR, nodesep=0.3]\n"


def layout_of(trace: dict[str, Any], core: Core) -> dict[str, Any]:
    """Positions in whole pixels, y downwards, for a trace in plain data and the part of it that has a place.

    sizes   [width, height] of each node that has a place; one with a `twin` stands where that stands
    boxes   the same of each module, for when it is folded
    states  the fold states that are laid out from top to bottom, the one with all unfolded first:

        folded         the modules that are one box each; modules, nodes and edges are given by their place in the trace
        width, height  of the whole picture
        nodes    node -> [x, y] of its middle
        modules  module -> [left, top, right, bottom], of its frame or its box
        edges    edge -> {"points": of a Bezier curve from source to target, [x0, y0, x1, y1, ...],
                 "label": [left, y]}; the script draws those that are missing

    across  the same states from left to right
    """
    uses = Counter(edge["source"] for edge in trace["edges"])
    sizes = [_size(node, uses[i]) for i, node in zip(core.ids, core.trace["nodes"], strict=True)]
    boxes = {module["path"]: _size_of_module(module) for module in trace["modules"]}
    views = views_of(core.trace)
    found: dict[str, Any] = {
        "sizes": dict(zip(core.ids, sizes, strict=True)),
        "boxes": list(boxes.values()),
    }
    for way, head in {"states": _HEAD, "across": _ACROSS}.items():
        states = _states(core.trace, views, sizes, boxes, head)
        found[way] = [_of_whole(state, core) for state in states]
    return found


def _states(
    trace: dict[str, Any], views: list[View], sizes: list[Box], boxes: dict[str, Box], head: str
) -> list[dict[str, Any]]:
    """Every view; the first, with all unfolded, module by module where one picture would take Graphviz long."""
    nested = partial(place_nested, trace, sizes, partial(_place_all, head=head))
    first = []
    if is_large(trace):
        first, views = [nested()], views[1:]
    try:
        return first + _place_flat(trace, views, sizes, boxes, head)
    except TimeoutError:
        return first or [nested()]


def is_large(trace: dict[str, Any]) -> bool:
    """Return whether a graph is laid out in groups: in one picture it would take Graphviz long."""
    count = len(trace["nodes"])
    return count > FLAT or size_of(count, _arrows(_given(trace))) > MOST


def _given(trace: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """The edges that Graphviz is given: some of each source."""
    uses: Counter[int] = Counter()
    found = {}
    for i, edge in enumerate(trace["edges"]):
        uses[edge["source"]] += 1
        if uses[edge["source"]] <= _MOST_USES:
            found[i] = edge
    return found


def _arrows(edges: dict[int, dict[str, Any]]) -> list[tuple[int, int]]:
    return [(e["source"], e["target"]) for e in edges.values() if not e["carried"]]


def _of_whole(state: dict[str, Any], core: Core) -> dict[str, Any]:
    """A state with the numbers that nodes and edges have in the whole trace."""
    nodes = {core.ids[k]: place for k, place in state["nodes"].items()}
    return state | {
        "nodes": nodes,
        "edges": {core.lines[k]: edge for k, edge in state["edges"].items()},
    }


def _place_flat(
    trace: dict[str, Any], views: list[View], sizes: list[Box], boxes: dict[str, Box], head: str
) -> list[dict[str, Any]]:
    """Every view in one picture, unfolded modules as frames in it."""
    numbers = {module["path"]: k for k, module in enumerate(trace["modules"])}
    sizes_of = [
        [sizes[t] if isinstance(t, int) else boxes[t] for t in view.things] for view in views
    ]
    dots = [_dot(view.trace, s, head) for view, s in zip(views, sizes_of, strict=True)]
    return [
        _state(view, s, placed, numbers)
        for view, s, placed in zip(views, sizes_of, _graphviz(dots), strict=True)
    ]


def _state(
    view: View, sizes: list[Box], placed: dict[str, Any], numbers: dict[str, int]
) -> dict[str, Any]:
    _, _, width, height = map(float, placed["bb"].split(","))
    nodes: dict[int, list[int]] = {}
    modules: dict[int, list[int]] = {}
    for thing in placed.get("objects", ()):
        if "pos" in thing:
            x, y = map(float, thing["pos"].split(","))
            place = int(thing["name"][1:])
            stands_for, (w, h) = view.things[place], sizes[place]
            if isinstance(stands_for, int):
                nodes[stands_for] = [round(x), round(height - y)]
            else:
                modules[numbers[stands_for]] = [
                    round(v) for v in (x - w / 2, height - y - h / 2, x + w / 2, height - y + h / 2)
                ]
        elif "bb" in thing:
            left, bottom, right, top = map(float, thing["bb"].split(","))
            path = view.trace["modules"][int(thing["name"].removeprefix("cluster_"))]["path"]
            modules[numbers[path]] = [
                round(v) for v in (left, height - top, right, height - bottom)
            ]
    return {
        "folded": sorted(numbers[path] for path in view.folded),
        "width": round(width),
        "height": round(height),
        "nodes": nodes,
        "modules": modules,
        "edges": {view.lines[i]: edge for i, edge in _edges(placed, height).items()},
    }


def _place_all(levels: list[Any], head: str = _HEAD) -> list[Any]:
    """Place graphs of boxes, as `place_nested` needs them; those of which Graphviz takes long in plain rows."""
    small = [size_of(len(boxes), [e[:2] for e in joined]) <= MOST for boxes, joined in levels]
    dots = [
        _dot_of_level(boxes, joined, head)
        for (boxes, joined), is_small in zip(levels, small, strict=True)
        if is_small
    ]
    try:
        placed = iter(_graphviz(dots) if dots else ())
    except TimeoutError:
        return [_in_rows(*level) for level in levels]
    return [
        _of_level(boxes, next(placed)) if is_small else _in_rows(boxes, joined)
        for (boxes, joined), is_small in zip(levels, small, strict=True)
    ]


def _dot_of_level(boxes: dict[Any, Box], joined: list[Any], head: str) -> str:
    numbers = {key: i for i, key in enumerate(boxes)}
    lines = [f"n{numbers[key]} [{_extent(size)}]\n" for key, size in boxes.items()]
    for (a, b, i), rows in zip(joined, rows_between([e[:2] for e in joined]), strict=True):
        label = "" if i is None else f", comment={i}, label={'x' * 8}"
        lines.append(f"n{numbers[a]} -> n{numbers[b]} [weight=1, minlen={rows}{label}]\n")
    return "".join([head, *lines, "}\n"])


def _of_level(boxes: dict[Any, Box], placed: dict[str, Any]) -> Any:
    _, _, width, height = map(float, placed["bb"].split(","))
    keys = list(boxes)
    middles = {}
    for thing in placed.get("objects", ()):
        x, y = map(float, thing["pos"].split(","))
        middles[keys[int(thing["name"][1:])]] = (x, height - y)
    return (width, height), middles, _edges(placed, height)


def _in_rows(boxes: dict[Any, Box], joined: list[Any]) -> Any:
    """The boxes in rows, each below what leads to it, and some rows where one would be too wide; no edges."""
    rows = rows_of([e[:2] for e in joined])
    by_row: dict[int, list[Any]] = {}
    for key in sorted(boxes, key=lambda key: rows.get(key, 0)):
        by_row.setdefault(rows.get(key, 0), []).append(key)
    middles, top, right = {}, 0.0, 0.0
    for keys in by_row.values():
        for begin in range(0, len(keys), _MOST_BESIDE):
            line = keys[begin : begin + _MOST_BESIDE]
            height, x = max(boxes[key][1] for key in line), 0.0
            for key in line:
                middles[key] = (x + boxes[key][0] / 2, top + height / 2)
                x += boxes[key][0] + _GAP
            top += height + _GAP
            right = max(right, x)
    return (right, top), middles, {}


def _graphviz(dots: list[str]) -> list[dict[str, Any]]:
    """The graphs with positions, all in one call: starting Graphviz takes much longer than its work."""
    text = render_as("".join(dots), "json0").decode()
    found: list[dict[str, Any]] = []
    end = _skip_space(text, 0)
    while end < len(text):
        graph, end = _DECODER.raw_decode(text, end)
        found.append(graph)
        end = _skip_space(text, end)
    if len(found) < len(dots):  # Graphviz in WebAssembly reads only the first
        found = [json.loads(render_as(dot, "json0")) for dot in dots]
    return found


def _skip_space(text: str, at: int) -> int:
    while text[at : at + 1].isspace():
        at += 1
    return at


def _size(node: dict[str, Any], uses: int) -> Box:
    """The size of a box with a line for the name and the value or shape, and a second one if it has a gradient."""
    lines = 1 if node["kind"] in ("constant", "ghost", "output") else 2
    name, more = _title(node)
    title = width_of(name, bold=True) + width_of(f"  {more}" if more else "")
    least = 44 if lines == 1 else width_of(_longest_sum(node, uses), bold=True)
    return round(max(title, least)) + 24, lines * _HEIGHT_OF_LINE + _PADDING


def _longest_sum(node: dict[str, Any], uses: int) -> str:
    """The longest text of a gradient: "grad 0.25 + 0.5 = 0.75" for a scalar of up to three terms, else of a norm."""
    gradient = node["gradient"]
    if not isinstance(gradient, dict):
        return ""
    if gradient["size"] == 2:
        return "grad [-0.00000, -0.00000]" + (f", {uses} of {uses}" if uses > 1 else "")
    if gradient["size"] > 2 or uses > 3:
        return "grad norm 0.00000" + (f", {uses} of {uses}" if uses > 1 else "")
    number = f"{gradient.get('norm', 0):.4g}"
    return "grad -" + " + ".join([number] * uses) + (f" = {number}" if uses > 1 else "")


def _size_of_module(module: dict[str, Any]) -> Box:
    width = max(width_of(_title_of_module(module), bold=True), 90)
    return round(width) + 24, 2 * _HEIGHT_OF_LINE + _PADDING


def _title_of_module(module: dict[str, Any]) -> str:
    title = f"x {_last_name(module)}: {module['type']}"[:_LONGEST_OF_MODULE]
    if "roll" in module:
        title += f" x {module['roll']['steps']:,}" + " in a chain" * module["roll"]["is_chain"]
    return title


def _letters_of_frame(module: dict[str, Any]) -> int:
    """Letters of Courier that are as wide as the title of an open roll and the number of its step."""
    steps = f"{module['roll']['steps']:,}"
    return round((width_of(_title_of_module(module), bold=True) + 110 + 17 * len(steps)) / 8.4)


def _last_name(module: dict[str, Any]) -> str:
    """The module's path without that of the module around it, which the frame already shows."""
    path, parent = module["path"], module["parent"]
    is_within = parent and path.startswith((f"{parent}.", f"{parent}: "))
    return str(path[len(parent) + 1 :].strip() if is_within else path)


def _title(node: dict[str, Any]) -> tuple[str, str]:
    """The name, and the value or the shapes behind it."""
    name = (node["name"] or node["op"] or node["kind"])[:_LONGEST]
    shapes = " ".join(str(tuple(shape)) for shape in node["shapes"])[:_LONGEST]
    is_number = not node["shapes"] or node["shapes"] == [[]]
    is_told = node["kind"] == "constant" and node["name"] and is_number
    return name, "" if is_told else "= 12.34567" if is_number else shapes


def _dot(trace: dict[str, Any], sizes: list[Box], head: str = _HEAD) -> str:
    """The graph as DOT, with numbers as names: without any text of the user, nothing needs escaping."""
    numbers = {module["path"]: i for i, module in enumerate(trace["modules"])}
    children: dict[str, list[str]] = {path: [] for path in ("", *numbers)}
    for module in trace["modules"]:
        children[module["parent"] or ""].append(module["path"])
    members: dict[str, list[str]] = {path: [] for path in children}
    for i, (node, size) in enumerate(zip(trace["nodes"], sizes, strict=True)):
        scope = node["scope"] if node["scope"] in members else ""
        members[scope].append(f"n{i} [{_extent(size)}]\n")

    titles = {  # beside the title of a roll there is room for the number of its open step
        m["path"]: f"graph [label={'x' * _letters_of_frame(m)}]\n"
        for m in trace["modules"]
        if "roll" in m
    }

    def inside(path: str) -> list[str]:
        lines = list(members[path])
        for child in children[path]:
            label = titles.get(child, "")
            lines += [f"subgraph cluster_{numbers[child]} {{\n{label}", *inside(child), "}\n"]
        return lines

    edges = []
    given = _given(trace)
    rows = iter(rows_between(_arrows(given)))
    for i, edge in given.items():
        look = "constraint=false" if edge["carried"] else f"minlen={next(rows)}"
        weight = 4 if trace["nodes"][edge["source"]]["op"] else 1
        rolls = [trace["nodes"][edge[end]].get("rolls") for end in ("source", "target")]
        # a norm, or "step 2: 0.5", takes more room than a number
        is_long = edge["shape"] or edge["carried"] or rolls[0] != rolls[1]
        label = "x" * (10 if is_long else 7)
        ends = f"n{edge['source']} -> n{edge['target']}"
        edges.append(f"{ends} [comment={i}, weight={weight}, {look}, label={label}]\n")
    return "".join([head, *inside(""), *edges, "}\n"])


def _extent(size: Box) -> str:
    return f"width={size[0] / 72:.3f}, height={size[1] / 72:.3f}"


def _edges(placed: dict[str, Any], height: float) -> dict[int, dict[str, Any]]:
    return {int(e["comment"]): _edge(e, height) for e in placed.get("edges", ()) if "comment" in e}


def _edge(edge: dict[str, Any], height: float) -> dict[str, Any]:
    points: list[int] = []
    for pair in edge["pos"].split():
        x, y = map(float, pair.split(","))
        points += [round(x), round(height - y)]
    x, y = map(float, edge["lp"].split(","))
    half = len(edge["label"]) * 0.3 * _LABEL_SIZE  # letters of Courier are 0.6 of its size wide
    return {"points": points, "label": [round(x - half), round(height - y)]}
