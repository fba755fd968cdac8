"""A graph as a tree of boxes: modules as frames, and each run of equal blocks rolled up, the first for all."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from .data import Edge, Module, Trace, Vertex
from .repeats import Run, repeated_runs

WORTH_ROLLING = 10  # boxes that rolling up a run must save: a small net is drawn as it is
_SOURCES = ("parameter", "leaf", "constant")
_NUMBER = re.compile(r"\d+")
_CALL = re.compile(r" \(\d+\)")


@dataclass(eq=False, slots=True)
class Roll:
    """A run of equal blocks of which the first is drawn; `is_chain` if one feeds the next.

    paths  the path of each block, if each is one call of a module
    """

    repeats: int
    is_chain: bool = False
    paths: list[str] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Box:
    """One box of the picture: a vertex, a collapsed module, or a stretch of ops.

    vertices  the vertices that it stands for
    module    the collapsed module, else None; a box of several vertices without one is a stretch of ops
    roll      the roll of equal boxes that it stands for, else None
    last      the options in the last step, if those of the first are others
    """

    vertices: list[Vertex]
    module: Module | None = None
    is_stretch: bool = False
    roll: Roll | None = None
    last: dict[str, str] = field(default_factory=dict)

    @property
    def is_vertex(self) -> bool:
        return self.module is None and not self.is_stretch

    @property
    def is_source(self) -> bool:
        """True for boxes that compute nothing: parameters, other leaves and constants."""
        return self.is_vertex and self.vertices[0].kind in _SOURCES


@dataclass(eq=False, slots=True)
class Cluster:
    """A frame around boxes: a module, a repeated block or, at the top, the whole picture."""

    module: Module | None = None
    items: list[Box | Cluster] = field(default_factory=list)
    roll: Roll | None = None


def boxes(cluster: Cluster) -> Iterator[Box]:
    """Every box in a cluster and the clusters inside it."""
    for item in cluster.items:
        if isinstance(item, Box):
            yield item
        else:
            yield from boxes(item)


def clusters(cluster: Cluster) -> Iterator[Cluster]:
    """A cluster and those inside it, outer ones first."""
    yield cluster
    for item in cluster.items:
        if isinstance(item, Cluster):
            yield from clusters(item)


def vertices_of(item: Box | Cluster) -> list[Vertex]:
    if isinstance(item, Box):
        return item.vertices
    return [v for box in boxes(item) for v in box.vertices]


def is_source(item: Box | Cluster) -> bool:
    return isinstance(item, Box) and item.is_source


class Tree:
    """The boxes of a graph, with modules deeper than `depth` as one box each.

    top    the frame around everything
    twins  vertex -> the vertex that is drawn for it, where that is another one: the same in the first step of its roll
    steps  vertex -> roll -> the number of the step in which it is, outer rolls first
    """

    def __init__(self, trace: Trace, depth: int, fold: bool = True) -> None:
        self.trace = trace
        self.top = Cluster()
        self.steps: dict[int, dict[Roll, int]] = defaultdict(dict)
        self.twins: dict[int, int] = {}
        self.home: dict[int, Box] = {}
        self.outgoing: dict[int, list[Edge]] = defaultdict(list)
        self.incoming: dict[int, list[Edge]] = defaultdict(list)
        for edge in trace.edges:
            self.outgoing[edge.source].append(edge)
            self.incoming[edge.target].append(edge)
        self._around: dict[Box, Cluster] = {}
        self._plant(depth)
        if fold:
            self._roll_all(self.top)
            self._roll_sources()
            self._follow_twins()
            self._take_in_parameters()
        for edge in trace.edges:
            for roll in self.crossed(edge):
                roll.is_chain = True

    def crossed(self, edge: Edge) -> list[Roll]:
        """The rolls of which an edge leads from one step to another."""
        here, there = self.steps.get(edge.source, {}), self.steps.get(edge.target, {})
        return [roll for roll, step in here.items() if there.get(roll, step) != step]

    def box_of(self, vertex: int) -> Box:
        """The box that stands for a vertex."""
        return self.home[self.twins.get(vertex, vertex)]

    def _plant(self, depth: int) -> None:
        frames: dict[str, Cluster] = {"": self.top}
        closed: dict[str, Box] = {}
        chains = self.trace.chains()
        scopes = scopes_of(self.trace)
        for vertex in self.trace.nodes:
            chain = chains[scopes[vertex.id]]
            frame = self.top
            for module in chain[:depth]:
                if module.path not in frames:
                    frames[module.path] = Cluster(module)
                    frame.items.append(frames[module.path])
                frame = frames[module.path]
            if len(chain) <= depth:
                box = Box([vertex])
                frame.items.append(box)
            elif chain[depth].path in closed:
                box = closed[chain[depth].path]
                box.vertices.append(vertex)
            else:
                box = closed[chain[depth].path] = Box([vertex], chain[depth])
                frame.items.append(box)
            self.home[vertex.id] = box
            self._around[box] = frame

    # Equal blocks ------------------------------------------------------------------------------------

    def _roll_all(self, cluster: Cluster) -> None:
        items = [item for item in cluster.items if not is_source(item)]
        kinds: dict[object, int] = {}
        looks = [(_signature(item), self._wiring(item)) for item in items]
        signatures = [kinds.setdefault(look, len(kinds)) for look in looks]
        place = {v.id: n for n, item in enumerate(items) for v in vertices_of(item)}
        edges = [
            (place[e.source], place[e.target], e.argument)
            for vertex in place
            for e in self.outgoing[vertex]
            if e.target in place
        ]
        sizes = [1 if isinstance(s, Box) else sum(1 for _ in boxes(s)) for s in items]
        for run in repeated_runs(signatures, edges):
            block = sum(sizes[run.start : run.start + run.period])
            if block * (run.repeats - 1) >= WORTH_ROLLING:
                self._roll_up(cluster, items, run)
        for item in cluster.items:
            if isinstance(item, Cluster):
                self._roll_all(item)

    def _wiring(self, item: Box | Cluster) -> object:
        """The arrows between the ops of an item."""
        ops = [v.id for v in vertices_of(item) if v.op]
        if len(ops) < 2:
            return ()
        place = {key: n for n, key in enumerate(ops)}
        fed = [
            (place[k], place[e.target]) for k in ops for e in self.outgoing[k] if e.target in place
        ]
        return tuple(sorted(fed))

    def _roll_up(self, cluster: Cluster, items: list[Box | Cluster], run: Run) -> None:
        """Keep the first block, with what feeds it alone, and let it stand for the others."""
        starts = range(run.start, run.start + run.period * run.repeats, run.period)
        first, *others = [items[begin : begin + run.period] for begin in starts]
        roll = Roll(run.repeats)
        if run.period == 1:
            roll.paths = [b.module.path for (b,) in (first, *others) if b.module is not None]
        ops = [[v for i in block for v in vertices_of(i) if v.op] for block in (first, *others)]
        for number, block in enumerate(ops):
            for vertex in block:
                self.steps[vertex.id][roll] = number
        is_everywhere = self._own_sources(roll, ops)
        for later in ops[1:]:
            self.twins |= {v.id: u.id for v, u in zip(later, ops[0], strict=True)}
        for before, after in zip(ops[0], ops[-1], strict=True):
            if before.options != after.options:
                self.home[before.id].last = after.options
        gone, spare = self._leave_out([item for block in others for item in block])
        gone |= {self.home[source] for source in is_everywhere if source in self.twins}
        kept = {box for item in first if isinstance(item, Cluster) for box in boxes(item)}
        inside: list[Box | Cluster] = list(first)
        for source in (s for s, each in is_everywhere.items() if each and s not in self.twins):
            box, vertex = self.home[source], self.trace.nodes[source]
            if box.is_vertex and box not in kept:
                if self._around[box] is cluster and (
                    vertex.kind == "parameter" or vertex.is_number
                ):
                    inside.append(box)
                else:  # data comes from outside
                    box.roll = Roll(roll.repeats * (box.roll.repeats if box.roll else 1))
        whole = first[0] if len(inside) == 1 else Cluster(items=inside)
        whole.roll = roll
        if isinstance(whole, Cluster):
            self._around |= {b: whole for b in whole.items if isinstance(b, Box)}
        self._around |= dict.fromkeys(spare, cluster)
        at = cluster.items.index(first[0])
        cluster.items[at] = whole
        taken = {*inside} - {whole}
        cluster.items = [*(i for i in cluster.items if i not in taken), *spare]
        for frame in {self._around[box] for box in gone if isinstance(box, Box)} | {cluster}:
            frame.items = [item for item in frame.items if item not in gone]

    def _leave_out(self, items: list[Box | Cluster]) -> tuple[set[Box | Cluster], list[Box]]:
        """The items of later steps, and the boxes in them that stand for something of which the first has no twin."""
        spare: list[Box] = []
        for box in (b for i in items for b in ([i] if isinstance(i, Box) else boxes(i))):
            for vertex in (v for v in box.vertices if v.id not in self.twins):
                if box.is_vertex:
                    spare.append(box)
                else:  # a weight within a collapsed module
                    op = next(v.id for v in box.vertices if v.op)
                    self.home[vertex.id] = self.home[self.twins[op]]
        return set(items), spare

    def _own_sources(self, roll: Roll, ops: list[list[Vertex]]) -> dict[int, bool]:
        """The sources that feed one step alone -> whether each has its own; those of later steps then get twins."""
        slots: dict[tuple[int, str], int] = {}
        found: dict[int, int] = {}  # source -> the number of steps that have it or a twin of it
        for number, block in enumerate(ops):
            for at, vertex in enumerate(block):
                for edge in self.incoming[vertex.id]:
                    source = edge.source
                    if self.trace.nodes[source].kind not in _SOURCES or source in found:
                        continue
                    if any(self._step(e.target, roll) != number for e in self.outgoing[source]):
                        continue
                    self.steps[source][roll] = number
                    found[source] = 1
                    if number == 0:
                        slots[at, edge.argument] = source
                    elif (at, edge.argument) in slots:
                        twin = self.twins[source] = slots[at, edge.argument]
                        found[twin] += 1
        # the beginning of a chain, and what some steps have and others do not
        of_some = [s for s in found if found[self.twins.get(s, s)] < roll.repeats]
        for source in of_some:
            del self.steps[source][roll]
            self.twins.pop(source, None)
        return {source: count == roll.repeats for source, count in found.items()}

    def _step(self, vertex: int, roll: Roll) -> int | None:
        """The step in which a vertex or, in other steps of rolls around this one, its twin is."""
        return self.steps[self._drawn(vertex)].get(roll)

    def _drawn(self, vertex: int) -> int:
        while vertex in self.twins:
            vertex = self.twins[vertex]
        return vertex

    # Sources -----------------------------------------------------------------------------------------

    def _roll_sources(self) -> None:
        """Roll up many equal sources of one box, such as the arrays that are stacked."""
        alike: dict[object, list[Box]] = defaultdict(list)
        for box in boxes(self.top):
            vertex = box.vertices[0]
            if box.is_source and box.roll is None and vertex.kind != "parameter":
                fed = {self.home[self._drawn(e.target)] for e in self.outgoing[vertex.id]}
                if len(fed) == 1 and not self.incoming[vertex.id]:
                    look = (vertex.kind, vertex.shapes, vertex.dtypes, *fed, self._around[box])
                    alike[look].append(box)
        for first, *others in alike.values():
            if len(others) >= WORTH_ROLLING:
                roll = first.roll = Roll(1 + len(others))
                for number, box in enumerate([first, *others]):
                    self.steps[box.vertices[0].id][roll] = number
                    if number:
                        self.twins[box.vertices[0].id] = first.vertices[0].id
                self._drop(others)

    def _follow_twins(self) -> None:
        """Lead twins of twins to what is drawn, and number their steps in all rolls around."""
        for vertex in self.twins:
            twin = vertex
            while twin in self.twins:
                twin = self.twins[twin]
                self.steps[vertex] = self.steps[twin] | self.steps[vertex]
            self.twins[vertex] = twin

    def _take_in_parameters(self) -> None:
        """A parameter that one collapsed module alone uses is told in its box."""
        taken = []
        for box in list(boxes(self.top)):
            if box.is_vertex and box.vertices[0].kind == "parameter":
                (vertex,) = box.vertices
                into = {self.box_of(e.target) for e in self.outgoing[vertex.id]}
                if len(into) == 1 and (only := into.pop()).module is not None:
                    only.vertices.append(vertex)
                    self.home[vertex.id] = only
                    taken.append(box)
        self._drop(taken)

    def _drop(self, gone: list[Box]) -> None:
        left_out = {id(box) for box in gone}
        for frame in {id(self._around[box]): self._around[box] for box in gone}.values():
            frame.items = [item for item in frame.items if id(item) not in left_out]


def scopes_of(trace: Trace) -> list[str]:
    """The module in which each vertex stands: its own, but weights stand outside of the calls that share them."""
    chains = trace.chains()
    scopes = [vertex.scope for vertex in trace.nodes]
    users: dict[int, set[str]] = defaultdict(set)
    for edge in trace.edges:
        users[edge.source].add(trace.nodes[edge.target].scope)
    for vertex in trace.nodes:
        if vertex.kind == "parameter":
            own = _CALL.sub("", vertex.scope)
            calls = [scope for scope in users[vertex.id] if _CALL.sub("", scope) == own]
            if len(calls) > 1:
                scopes[vertex.id] = _common([[m.path for m in chains[scope]] for scope in calls])
    return scopes


def _common(chains: list[list[str]]) -> str:
    """The innermost module that all of the chains lead through."""
    common = ""
    for level in zip(*chains, strict=False):
        if len(set(level)) > 1:
            break
        common = level[0]
    return common


def _signature(item: Box | Cluster) -> object:
    """A key that is equal for items with the same ops, options and shapes in the same modules: drawn once.

    Numbers in an index may differ: a loop takes one row after the other.
    """
    name = item.module.type if item.module else ""
    if isinstance(item, Box):
        ops = [v for v in item.vertices if v.kind not in _SOURCES]
        return name, tuple((v.kind, v.op, _options(v), v.shapes) for v in ops)
    return name, tuple(_signature(i) for i in item.items if not is_source(i))


def _options(vertex: Vertex) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, _NUMBER.sub("0", text) if name == "index" else text)
        for name, text in vertex.options.items()
    )
