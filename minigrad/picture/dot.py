"""A scene as text in DOT, the language of Graphviz."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from .data import Shape, Vertex
from .scene import Link, Scene, counted, saved_bytes
from .themes import SHAPES, THEMES, WIDENED, Theme
from .tree import Box, Cluster, Roll, boxes
from .widths import SIZE, room_for, width_of

DETAILS = ("shapes", "values", "gradients", "saved")
DIRECTIONS = ("TB", "LR")

# A single font family: Graphviz in WebAssembly measures a list of families as Times, which is too narrow.
_HEAD = """digraph {{
  graph [rankdir={direction}, bgcolor="{paper}", pad=0.2, nodesep=0.3, ranksep=0.28]
  graph [fontname="Helvetica", fontsize={title}, fontcolor="{faint}", labelloc="{labelloc}", labeljust="l"]
  node [fontname="Helvetica", fontsize={letter}, fontcolor="{ink}", style="filled"]
  node [height=0.3, margin="0.1,0.05"]
  edge [fontname="Helvetica", fontsize=10, fontcolor="{faint}", color="{arrow}", arrowsize=0.6]
"""

_LETTER, _TITLE = 12, 11  # of boxes and of frames, in points
_LEAST, _MARGIN = 36, 8  # of a box, and on each side of what is written in it
_SPACE = 0.27  # of the size: the width of a space in Helvetica
_NARROWEST = 0.8  # of the width in the widest font: what Helvetica takes at least
_FEW = 3  # names and shapes on one arrow
_LONGEST = 32  # letters of an option or a number
_SIGNS = str.maketrans({c: "\\" + c for c in '\\"{}|<>'} | {"&": "&amp;"})


def to_dot(
    scene: Scene, detail: str = "shapes", direction: str = "TB", theme: str = "light"
) -> str:
    """The picture as DOT; the same scene gives the same text."""
    return Writer(scene, detail, direction, THEMES[theme]).text()


class Writer:
    """The text of one picture. What is written in boxes and on arrows can be other words: see `frames`."""

    def __init__(self, scene: Scene, detail: str, direction: str, theme: Theme) -> None:
        self.scene = scene
        self.detail = detail
        self.direction = direction
        self.theme = theme
        self.names = {box: f"n{i}" for i, box in enumerate(boxes(scene.top))}
        fed = {(link.target, argument) for link in scene.links for argument in link.arguments}
        self.arity = Counter(target for target, _ in fed)
        self.carried = f'color="{theme.carried}", fontcolor="{theme.carried}"'
        self.clusters = 0

    def text(self) -> str:
        theme = self.theme
        head = _HEAD.format(
            direction=self.direction, paper=theme.paper, faint=theme.faint, ink=theme.ink,
            arrow=theme.arrow, labelloc="t", letter=_LETTER, title=_TITLE,
        )  # fmt: skip
        notes = [self.scene.note] if self.scene.note else []
        if self.detail == "saved":
            notes.append(f"backward keeps {_bytes(self.scene.saved_bytes)}")
        note = f'  label="{_spaced("; ".join(notes))}"\n' if notes else ""
        lines = [head, note, *self._items(self.scene.top, "  ", None)]
        down = iter(self.scene.rows)
        lines += [self._link(k, 1 if k.is_carried else next(down)) for k in self.scene.links]
        return "".join([*lines, "}\n"])

    # Boxes -------------------------------------------------------------------------------------------

    def _items(self, cluster: Cluster, indent: str, within: str | None) -> list[str]:
        lines = []
        for item in cluster.items:
            if isinstance(item, Box):
                lines.append(f"{indent}{self.names[item]} [{self._look(item, within)}]\n")
            elif (box := _bare_op(item)) is not None:
                look = self._look(box, within, _module_title(item))
                lines.append(f"{indent}{self.names[box]} [{look}]\n")
            else:
                lines += self._frame(item, indent, within)
        return lines

    def _frame(self, cluster: Cluster, indent: str, within: str | None) -> list[str]:
        fill, line = self.theme.frame
        self.clusters += 1
        titles = [_module_title(cluster)] if cluster.module else []
        if cluster.roll:
            of_first = self.detail in ("values", "gradients")
            titles.append(_times(cluster.roll) + ", numbers of the first" * of_first)
        place = "b" if self.direction == "LR" else "t"  # arrows lead in above what else is there
        style = "rounded,filled" if cluster.module else "rounded,filled,dashed"
        return [
            f"{indent}subgraph cluster_{self.clusters} {{\n",
            f'{indent}  graph [label="{_spaced("   ".join(titles))}", style="{style}"]\n',
            f'{indent}  graph [fillcolor="{fill}", color="{line}", labelloc="{place}"]\n',
            *self._items(cluster, indent + "  ", cluster.module.path if cluster.module else within),
            f"{indent}}}\n",
        ]

    def _look(self, box: Box, within: str | None, caption: str = "") -> str:
        kind = "module" if box.module else "stretch" if box.is_stretch else box.vertices[0].kind
        saved = saved_bytes(box.vertices)
        colours = "saved" if self.detail == "saved" and saved else kind
        fill, line = getattr(self.theme, colours)
        texts = self._texts(box, within, caption) if box.is_vertex else self._summary(box, saved)
        is_op = box.is_vertex and bool(box.vertices[0].op)
        label = self._fields(box, texts) if is_op else r"\n".join(map(_escaped, texts))
        widest = max(room_for(printable(text), _LETTER) for text in texts)
        width = max(_LEAST, (widest + 2 * _MARGIN) * WIDENED.get(kind, 1)) / 72
        look = f'{SHAPES[kind]}, fillcolor="{fill}", color="{line}"'
        return f'label="{label}", {look}, width={width:.2f}'

    def _texts(self, box: Box, within: str | None, caption: str) -> list[str]:
        """The lines in the box of a vertex."""
        (*_, vertex) = box.vertices[:1]
        if vertex.op:
            return self._op_texts(box, caption)
        lines = []
        if vertex.kind == "output":
            lines.append("output")
        elif vertex.is_number:
            lines.append(_shortened(vertex.name))
        elif vertex.kind == "parameter":
            lines += [_short_name(vertex, within), _shape_text(vertex.shapes[0])]
        else:
            lines += [_shortened(vertex.name)] if vertex.name else []
            lines += [_shape_text(vertex.shapes[0]), vertex.dtypes[0]]
        if box.roll:
            lines.append(_times(box.roll))
        elif not vertex.is_number:
            lines += self.numbers_of(vertex)
        return lines

    def _op_texts(self, box: Box, caption: str) -> list[str]:
        """The name and the options worth showing."""
        (op,) = box.vertices
        silent = ("None", "False", str(op.shapes[0]))  # switched off, or shown by the edge
        shown = {name: text for name, text in op.options.items() if text not in silent}
        options = [f"{name}={text}{_to_last(name, text, box)}" for name, text in shown.items()]
        more = [caption] if caption else []
        more += [_shortened(option) for option in options]
        more += [_times(box.roll)] if box.roll else self.numbers_of(op)
        if op.cut not in (None, "constant", op.op):
            more.append(f"no gradient: {op.cut}")
        if self.detail == "saved" and op.saved_bytes:
            more += _kept(op)
        return [op.op, *more]

    def _fields(self, box: Box, texts: list[str]) -> str:
        """Fields along the flow: the first text, the others, and a port for each of several outputs."""
        first, *more = map(_escaped, texts)
        fields = [first, r"\n".join(more)] if more else [first]
        count = len(box.vertices[0].shapes)
        ports = "|".join([f"<o{i}> {i}" for i in range(count)])
        # the fields of a record lie across the flow, and each pair of braces turns them
        if self.direction == "LR":
            return "|".join([*fields, ports] if count > 1 else fields)
        fields += [ports.join("{}")] if count > 1 else []
        return "|".join(fields).join("{}")

    def numbers_of(self, vertex: Vertex) -> list[str]:
        """The lines of values or gradients that `detail` asks for."""
        if self.detail not in ("values", "gradients"):
            return []
        found = vertex.value if self.detail == "values" else vertex.gradient
        several = found if isinstance(found, list) else [found]
        sign = "" if self.detail == "values" else "grad "
        return [sign + told(statistics) for statistics in several if statistics is not None]

    def _summary(self, box: Box, saved: int) -> list[str]:
        """The contents of a collapsed module or a stretch of ops."""
        ops = [v.op for v in box.vertices if v.op]
        learned = [v for v in box.vertices if v.kind == "parameter"]
        if box.module:
            name = _last_name(box.module.path)
            lines = [name if name == box.module.type else f"{name}: {box.module.type}"]
        else:
            lines = [f"{len(ops):,} ops"]
        lines += [_times(box.roll)] if box.roll else []
        lines += [_cut(counted(ops), 60)] if len(ops) > 1 else []
        if learned:
            count = sum(_size(v.shapes[0]) for v in learned)
            lines.append(f"{len(learned):,} parameter{'s' * (len(learned) > 1)}, {count:,} numbers")
        if saved and self.detail == "saved":
            lines.append(f"keeps {_bytes(saved)}")
        if self.detail == "gradients":
            norms = [v.gradient["norm"] for v in learned if v.gradient is not None]
            if norms and None not in norms:
                lines.append(f"grad norms {min(norms):.3g} to {max(norms):.3g}")
        return lines

    # Arrows ------------------------------------------------------------------------------------------

    def _link(self, link: Link, rows: int) -> str:
        """An arrow with the arguments it feeds, if these are several, and the shapes that its source does not show."""
        source = link.source
        computes = not source.is_source
        several = source.is_vertex and len(source.vertices[0].shapes) > 1
        port = f":o{link.output}" if several else ""
        words = self.words_of(link)
        label = f"  {_escaped(words)}  " if words else ""
        weight = 4 if computes else 1  # paths from op to op are kept straight
        look = f"weight={weight}" + (f", minlen={rows}" if rows > 1 else "")
        if link.is_carried:
            label = f"  next step: {_shapes(link)}  "
            look = f'constraint=false, style="dashed", {self.carried}'
        elif _is_ghost(source) or _is_ghost(link.target):
            look += ', style="dashed"'
        ends = f"{self.names[source]}{port} -> {self.names[link.target]}"
        return f'  {ends} [label="{label}", {look}{self.more_of(link)}]\n'

    def words_of(self, link: Link) -> str:
        arguments = _arguments(link) if self.arity[link.target] > 1 else ""
        return ": ".join(filter(None, [arguments, "" if link.source.is_source else _shapes(link)]))

    def more_of(self, link: Link) -> str:
        """More attributes of an arrow."""
        return ""


def _arguments(link: Link) -> str:
    names = list(link.arguments)
    return ", ".join(names) if len(names) <= _FEW else f"{names[0]} to {names[-1]}"


def _shapes(link: Link) -> str:
    """The shapes of what an arrow carries, each with its count."""
    most = Counter(map(_shape_text, link.shapes.values())).most_common()
    told = [f"{count:,} × {shape}" if count > 1 else shape for shape, count in most[:_FEW]]
    return ", ".join([*told, "..."] if len(most) > _FEW else told)


def _to_last(name: str, text: str, box: Box) -> str:
    """The end of an option that goes from the first step to the last."""
    last = box.last.get(name, text)
    return "" if last == text else f" to {last}"


def _is_ghost(box: Box) -> bool:
    return box.is_vertex and box.vertices[0].kind == "ghost"


def _bare_op(cluster: Cluster) -> Box | None:
    """The box of a module that is a single op, else None: a line in the box says as much as a frame around it."""
    if cluster.module is None or cluster.roll is not None or len(cluster.items) != 1:
        return None
    (item,) = cluster.items
    return item if isinstance(item, Box) and item.is_vertex and item.vertices[0].op else None


def _module_title(cluster: Cluster) -> str:
    assert cluster.module is not None
    name = _last_name(cluster.module.path)
    return name if name == cluster.module.type else f"{name}: {cluster.module.type}"


def _last_name(path: str) -> str:
    return path.rpartition(".")[2]


def _short_name(vertex: Vertex, within: str | None) -> str:
    """A parameter's name, without the part that the frame around it already shows."""
    owner, _, name = vertex.name.rpartition(".")
    return name if within and owner and _last_name(within) == _last_name(owner) else vertex.name


def _times(roll: Roll) -> str:
    return f"× {roll.repeats:,}" + (" in a chain" if roll.is_chain else "")


def _kept(op: Vertex) -> list[str]:
    """The arrays that an op keeps for backward, one by one; after backward only their sum."""
    if not op.saved:
        return [f"kept {_bytes(op.saved_bytes or 0)}"]
    return [f"keeps {s['name']} {_shape_text(s['shape'])}: {_bytes(s['bytes'])}" for s in op.saved]


def told(statistics: dict[str, Any]) -> str:
    """A number, a few numbers, or the range and norm of many."""
    values, size = statistics["values"], statistics["size"]
    bad = [f"{statistics[name]:,} {name}" for name in ("nans", "infs") if statistics[name]]
    if size == 1:
        while isinstance(values, list):
            (values,) = values
        return f"= {values if isinstance(values, str) else format(values, '.5g')}"
    if statistics["mean"] is None:
        return ", ".join(bad) or "empty"
    if size <= 4 and values and not isinstance(values[0], list):
        return "[" + ", ".join(v if isinstance(v, str) else format(v, ".4g") for v in values) + "]"
    low, high = statistics["min"], statistics["max"]
    return ", ".join([f"{low:.3g} to {high:.3g}", f"norm {statistics['norm']:.3g}", *bad])


def _bytes(count: int) -> str:
    if count < 1000:
        return f"{count} B"
    size, unit = count / 1000, "kB"
    for larger in ("MB", "GB", "TB"):
        if size < 999.5:
            break
        size, unit = size / 1000, larger
    return f"{size:.3g} {unit}"


def _size(shape: Shape) -> int:
    count = 1
    for n in shape:
        count *= n
    return count


def _shape_text(shape: Shape) -> str:
    return str(shape) if shape else "scalar"


def _shortened(text: str) -> str:
    return _cut(text, _LONGEST)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."


def _escaped(text: str) -> str:
    """Text for a quoted label: unprintable characters are escaped as in Python, those special to DOT as in DOT."""
    return printable(text).translate(_SIGNS)


def _spaced(text: str) -> str:
    """A title, and behind it what the widest font needs more than the narrowest in which Graphviz may measure it."""
    missing = room_for(printable(text), _TITLE) - _NARROWEST * width_of(text) * _TITLE / SIZE
    return _escaped(text) + " " * math.ceil(missing / (_SPACE * _TITLE)) + r"\l"


def printable(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
