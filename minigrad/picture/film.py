"""The backward pass as frames: what each picture of a set shows, and how wide its texts become."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any, NamedTuple

from .data import Trace, Vertex
from .dot import Writer, printable, told
from .scene import Link, Scene
from .themes import Theme
from .tree import Box, boxes
from .widths import room_for

_TERMS = 3  # that are written out in a sum, or on one arrow


class Frame(NamedTuple):
    """One picture.

    box    whose gradient is complete
    done   the boxes whose gradients are, this one among them
    flows  link -> what has flowed along it
    now    the links along which something flows in this step
    sums   id of a vertex -> what has arrived there
    words  the sentence below it
    """

    box: Box
    done: frozenset[Box]
    flows: dict[Link, str]
    now: frozenset[Link]
    sums: dict[int, str]
    words: str


class Film:
    """The steps of a pass as frames; those of one box, right after each other, are one frame.

    steps  as `Play.steps` gives them
    """

    def __init__(self, plain: Trace, scene: Scene, steps: list[dict[str, Any]]) -> None:
        self.scene = scene
        self.home = {v.id: box for box in boxes(scene.top) for v in box.vertices}
        self._edges = plain.edges
        self._links = {(link.source, link.output, link.target): link for link in scene.links}
        self._arity = Counter(edge.target for edge in plain.edges)
        self._outputs = [max(1, len(vertex.shapes)) for vertex in plain.nodes]
        self._expected = Counter(self._key(e["edge"]) for step in steps for e in step["edges"])
        self._terms: dict[tuple[int, int], list[Any]] = defaultdict(list)
        self._sums: dict[tuple[int, int], Any] = {}
        self._flows: dict[Link, str] = {}
        self._passed: set[Box] = set()
        looks: list[tuple[Box, list[Any]]] = []
        for step in steps:
            box = self.home[step["node"]]
            if not looks or looks[-1][0] is not box:
                looks.append((box, []))
            looks[-1][1].extend(step["edges"])
        self.frames = [
            self._frame(box, flows, f"Step {k} of {len(looks)}: ", k == len(looks))
            for k, (box, flows) in enumerate(looks, 1)
        ]

    def writer(self, direction: str, theme: Theme) -> FilmWriter:
        return FilmWriter(self, direction, theme)

    def _key(self, edge: int) -> tuple[int, int]:
        return self._edges[edge].source, self._edges[edge].output

    def _link_of(self, edge: Any) -> Link | None:
        """The arrow on which an edge is seen; None inside of a box."""
        source, target = self.home[edge.source], self.home[edge.target]
        return self._links.get((source, edge.output if source.is_vertex else 0, target))

    def _frame(self, box: Box, flows: list[Any], number: str, is_last: bool) -> Frame:
        now: dict[Link, list[str]] = defaultdict(list)
        handed = []
        own = self._text_of(box.vertices[0].id) if box.is_vertex else ""
        for flow in flows:
            edge, key = self._edges[flow["edge"]], self._key(flow["edge"])
            link = self._link_of(edge)
            self._terms[key].append(flow["contribution"])
            self._sums[key] = flow["sum_after"]
            if link is not None:
                brought = _brief(flow["contribution"], most=4)
                handed.append(f"{brought} to {_name(link.source)}")
                argument = f"{edge.argument}: " if self._arity[edge.target] > 1 else ""
                argument = argument if box.is_vertex else ""
                now[link].append(argument + _brief(flow["contribution"]))
        for link, texts in now.items():
            is_few = len(texts) <= _TERMS
            self._flows[link] = ", ".join(texts) if is_few else f"{len(texts)} gradients"
        self._passed.add(box)
        whole = {
            self.home[key[0]] for key, terms in self._terms.items() if self._is_whole(key, terms)
        }
        return Frame(
            box,
            frozenset(self._passed | {one for one in whole if one.is_vertex}),
            dict(self._flows),
            frozenset(now),
            {i: self._text_of(i) for i, _ in self._terms},
            number + _sentence(box, own, handed, is_last),
        )

    def _is_whole(self, key: tuple[int, int], terms: list[Any]) -> bool:
        return len(terms) == self._expected[key]

    def _text_of(self, i: int) -> str:
        """The sum of what has arrived at a vertex, with "…" or "1 of 2" where more is to come."""
        keys = [(i, output) for output in range(self._outputs[i])]
        return "; ".join(self._sum_of(key) for key in keys if key in self._sums)

    def _sum_of(self, key: tuple[int, int]) -> str:
        terms, missing = self._terms[key], self._expected[key] - len(self._terms[key])
        total = _brief(self._sums[key])
        if self._sums[key]["size"] > 1 or self._expected[key] > _TERMS:
            return total + (f", {len(terms)} of {len(terms) + missing}" if missing else "")
        written = " + ".join(map(_brief, terms)).replace("+ -", "- ")
        if missing:
            return f"{written} + …"
        return f"{written} = {total}" if len(terms) > 1 else total


class FilmWriter(Writer):
    """The picture of which all frames are made, with room for the longest text of each box and arrow."""

    def __init__(self, film: Film, direction: str, theme: Theme) -> None:
        super().__init__(film.scene, "shapes", direction, theme)
        self.film = film
        self.numbers = {link: k for k, link in enumerate(film.scene.links)}
        self.sums: dict[int, str] = {}  # id of a vertex -> the longest text of its gradient
        self.flows: dict[Link, str] = {}
        for frame in film.frames:
            for i, text in frame.sums.items():
                self.sums[i] = max(self.sums.get(i, ""), f"grad {text}", key=room_for)
            for link in frame.flows:
                texts = self.flows.get(link, self.rest_of(link)), frame.flows[link]
                self.flows[link] = max(texts, key=room_for)

    def numbers_of(self, vertex: Vertex) -> list[str]:
        value = vertex.value if isinstance(vertex.value, dict) and vertex.value["size"] == 1 else {}
        lines = [told(value)] if value else []
        return lines + ([self.sums[vertex.id]] if vertex.id in self.sums else [])

    def rest_of(self, link: Link) -> str:
        """The words on an arrow along which nothing has flowed."""
        return super().words_of(link)

    def words_of(self, link: Link) -> str:
        return self.flows.get(link, self.rest_of(link))

    def more_of(self, link: Link) -> str:
        return f', id="link{self.numbers[link]}", dir="both"'


def _name(box: Box) -> str:
    """The name by which a reader sees it."""
    if box.module:
        return printable(box.module.path)
    vertex = box.vertices[0]
    return printable(vertex.name or vertex.op or vertex.kind)


def _brief(statistics: dict[str, Any], most: int = 2) -> str:
    """At most so many numbers, or the norm of more."""
    values = statistics.get("values")
    if values is None or statistics["size"] > most:
        bad = [f"{statistics[name]:,} {name}" for name in ("nans", "infs") if statistics.get(name)]
        return ", ".join(bad) or f"norm {statistics.get('norm') or 0:.4g}"
    flat = [values]
    while any(isinstance(v, list) for v in flat):
        flat = [x for v in flat for x in (v if isinstance(v, list) else [v])]
    written = [v if isinstance(v, str) else f"{v:.4g}" for v in flat]
    return written[0] if statistics["size"] == 1 else f"[{', '.join(written)}]"


def _sentence(box: Box, own: str, handed: list[str], is_last: bool) -> str:
    """The step in words."""
    if box.module:
        first = f"The gradient goes through {_name(box)}."
    elif box.vertices[0].kind == "output":
        first = "It begins with the derivative of the loss by itself."
    else:
        first = f"{_name(box)} has its whole gradient, {own}."
    if len(handed) > 1:
        handed = [*handed[:-2], " and ".join(handed[-2:])]
    then = f" It hands on {', '.join(handed)}." if handed else ""
    end = " That was the last step: every leaf holds its .grad." if is_last else ""
    return first + then + end
