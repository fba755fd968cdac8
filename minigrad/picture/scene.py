"""The scene to draw for a trace: boxes in frames, modules collapsed, repeated blocks once, never too many boxes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .data import Module, Trace, Vertex
from .repeats import Run, repeated_runs

MANY = 250  # boxes; a picture with more is no longer read
_SEGMENTS = 24  # the most stretches of ops
_TOLD = 4  # the most names in a box that stands for many ops
_WORTH_FOLDING = 10  # boxes that folding a run must save: a small net is drawn as it is


@dataclass(eq=False, slots=True)
class Drawn:
    """A run of equal blocks of which the first is drawn; `is_chain` if one feeds the next."""

    repeats: int
    is_chain: bool = False


@dataclass(eq=False, slots=True)
class Box:
    """One box of the picture: a vertex, a collapsed module, or a stretch of ops.

    vertices  the vertices that it stands for
    module    the collapsed module, else None; a box of several vertices without one is a stretch of ops
    run       the run of equal boxes that it stands for, else None
    """

    vertices: list[Vertex]
    module: Module | None = None
    is_stretch: bool = False
    run: Drawn | None = None

    @property
    def is_vertex(self) -> bool:
        return self.module is None and not self.is_stretch

    @property
    def is_source(self) -> bool:
        """True for boxes that compute nothing: parameters, other leaves and constants."""
        return self.is_vertex and self.vertices[0].kind in ("parameter", "leaf", "constant")


@dataclass(eq=False, slots=True)
class Cluster:
    """A frame around boxes: a module, a repeated block or, at the top, the whole picture."""

    module: Module | None = None
    items: list[Box | Cluster] = field(default_factory=list)
    run: Drawn | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """An arrow: output number `output` of what is in `source` is the argument of what is in `target`."""

    source: Box
    output: int
    target: Box
    argument: str
    shape: tuple[int, ...]


@dataclass(slots=True)
class Scene:
    top: Cluster
    links: list[Link]
    saved_bytes: int
    note: str = ""


def scene_of(trace: Trace, depth: int | None = None, fold: bool = True) -> Scene:
    """The scene to draw: modules deeper than `depth` as one box each (None: as deep as stays readable).

    With `fold`, a block that is repeated is drawn once; without it and without a depth, everything is drawn.
    """
    levels = max(map(len, trace.chains().values()))
    if depth is not None or not fold:
        return _Builder(trace, levels if depth is None else depth, fold).scene()
    for level in range(levels, -1, -1):
        builder = _Builder(trace, level, fold)
        count = sum(1 for _ in boxes(builder.top))
        if count <= MANY:
            break
    scene = builder.scene() if count <= MANY else _Builder(trace, 0, fold=False).in_stretches()
    if level < levels or count > MANY:
        scene.note = f"{len(trace.nodes):,} vertices" + _how(trace, scene, level, levels)
    return scene


def _how(trace: Trace, scene: Scene, level: int, levels: int) -> str:
    how = []
    if level < levels:
        how.append(
            f"modules beyond depth {level} are collapsed; draw(..., depth={level + 1}) opens them"
        )
    if any(box.is_stretch for box in boxes(scene.top)):
        how.append("stretches of ops are drawn as one box each")
        if not trace.recorded:
            how.append("under minigrad.record() the picture shows modules")
    return "".join(f"; {text}" for text in how)


def boxes(cluster: Cluster) -> Iterator[Box]:
    """Every box in a cluster and the clusters inside it."""
    for item in cluster.items:
        if isinstance(item, Box):
            yield item
        else:
            yield from boxes(item)


def vertices_of(item: Box | Cluster) -> list[Vertex]:
    if isinstance(item, Box):
        return item.vertices
    return [v for box in boxes(item) for v in box.vertices]


class _Builder:
    """The tree of boxes, and for each vertex the box that stands for it."""

    def __init__(self, trace: Trace, depth: int, fold: bool) -> None:
        self.trace = trace
        self.top = Cluster()
        self.home: dict[int, Box | None] = {}
        self.blocks: dict[int, dict[Drawn, int]] = defaultdict(dict)  # vertex -> run -> which block
        self.consumers: dict[int, list[int]] = defaultdict(list)
        for edge in trace.edges:
            self.consumers[edge.source].append(edge.target)
        self._plant(depth)
        if fold:
            self._fold(self.top)

    # The tree ----------------------------------------------------------------------------------------

    def _plant(self, depth: int) -> None:
        frames: dict[str, Cluster] = {"": self.top}
        closed: dict[str, Box] = {}
        chains = self.trace.chains()
        for vertex in self.trace.nodes:
            chain = chains[vertex.scope]
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

    # Folding -----------------------------------------------------------------------------------------

    def _fold(self, cluster: Cluster) -> None:
        steps = [item for item in cluster.items if not _is_source(item)]
        kinds: dict[object, int] = {}
        looks = [(self._signature(item), self._wiring(item)) for item in steps]
        signatures = [kinds.setdefault(look, len(kinds)) for look in looks]
        place = {v.id: n for n, item in enumerate(steps) for v in vertices_of(item)}
        edges = [
            (place[e.source], place[e.target], e.argument)
            for e in self.trace.edges
            if e.source in place and e.target in place
        ]
        sizes = [1 if isinstance(s, Box) else sum(1 for _ in boxes(s)) for s in steps]
        for run in repeated_runs(signatures, edges):
            block = sum(sizes[run.start : run.start + run.period])
            if block * (run.repeats - 1) >= _WORTH_FOLDING:
                self._draw_once(cluster, steps, run)
        for item in cluster.items:
            if isinstance(item, Cluster):
                self._fold(item)

    def _signature(self, item: Box | Cluster) -> object:
        """A key that is equal for items with the same ops, options and shapes in the same modules: drawn once."""
        if isinstance(item, Box):
            of_ops = [v for v in item.vertices if v.kind not in ("parameter", "leaf", "constant")]
            ops = tuple((v.kind, v.op, tuple(v.options.items()), v.shapes) for v in of_ops)
            return (item.module.type if item.module else "", ops)
        inside = tuple(self._signature(i) for i in item.items if not _is_source(i))
        return (item.module.type if item.module else "", inside)

    def _wiring(self, item: Box | Cluster) -> object:
        """The arrows between the ops of an item."""
        ops = [v.id for v in vertices_of(item) if v.op]
        if len(ops) < 2:
            return ()
        place = {key: n for n, key in enumerate(ops)}
        fed = [(place[key], place[t]) for key in ops for t in self.consumers[key] if t in place]
        return tuple(sorted(fed))

    def _draw_once(self, cluster: Cluster, steps: list[Box | Cluster], run: Run) -> None:
        """Keep the first block, with what feeds it alone, and let it stand for the others."""
        drawn = Drawn(run.repeats)
        blocks = [
            steps[begin : begin + run.period]
            for begin in range(run.start, run.start + run.period * run.repeats, run.period)
        ]
        first, *others = blocks
        for number, block in enumerate(blocks):
            for item in block:
                for vertex in vertices_of(item):
                    self.blocks[vertex.id][drawn] = number
        model = [box for item in first for box in _working(item)]
        spare: list[Box] = []
        for block in others:
            for box, twin in zip((b for i in block for b in _working(i)), model, strict=True):
                self.home.update((v.id, twin) for v in box.vertices)
            spare += [
                box for i in block if isinstance(i, Cluster) for box in boxes(i) if box.is_source
            ]
        gone = {id(item) for block in others for item in block}
        taken = {id(item) for item in first}
        inside, outside = list(first), []
        for item in [*cluster.items, *spare]:
            if id(item) in gone or id(item) in taken:
                continue
            where = self._block_fed(item, drawn)
            if where == 0 and _is_inner(item):
                inside.append(item)
            elif where in (None, 0):
                outside.append(item)
            else:
                self.home.update((v.id, None) for v in vertices_of(item))
        (frame,) = first if len(first) == 1 and len(inside) == 1 else [Cluster(items=inside)]
        frame.run = drawn
        at = min(cluster.items.index(first[0]), len(outside))
        cluster.items = [*outside[:at], frame, *outside[at:]]

    def _block_fed(self, item: Box | Cluster, drawn: Drawn) -> int | None:
        """The one block of a run that a source feeds; None if it feeds several, or anything else."""
        if not _is_source(item):
            return None
        (vertex,) = vertices_of(item)
        fed = {self.blocks[target].get(drawn) for target in self.consumers[vertex.id]}
        return fed.pop() if len(fed) == 1 else None

    # Stretches ---------------------------------------------------------------------------------------

    def in_stretches(self) -> Scene:
        """The scene with the steps at the top joined into some twenty boxes, in the order of the ops."""
        steps = [item for item in self.top.items if not _is_source(item)]
        end = steps.pop()
        length = -(-len(steps) // _SEGMENTS)
        joined: list[Box | Cluster] = []
        for begin in range(0, len(steps), length):
            stretch = Box([], is_stretch=True)
            for item in steps[begin : begin + length]:
                stretch.vertices += vertices_of(item)
            joined.append(stretch)
        belongs = {v.id: s for s in joined if isinstance(s, Box) for v in s.vertices}
        for key, box in self.home.items():
            if box is not None and box.vertices and box.vertices[0].id in belongs:
                self.home[key] = belongs[box.vertices[0].id]
        sources = [item for item in self.top.items if _is_source(item)]
        shared = [item for item in sources if len(self._fed_by(item)) > 1]
        kept = shared if len(shared) <= _SEGMENTS else []
        for item in sources:
            if item not in kept:
                (vertex,) = vertices_of(item)
                into = next(iter(self._fed_by(item)), None)
                self.home[vertex.id] = into
                if into is not None and into.is_stretch:
                    into.vertices.append(vertex)
        self.top.items = [*kept, *joined, end]
        return self.scene()

    def _fed_by(self, item: Box | Cluster) -> dict[Box, None]:
        fed = [self.home[t] for v in vertices_of(item) for t in self.consumers[v.id]]
        return {box: None for box in fed if box is not None}

    # Links -------------------------------------------------------------------------------------------

    def scene(self) -> Scene:
        links: dict[Link, None] = {}
        for edge in self.trace.edges:
            source, target = self.home[edge.source], self.home[edge.target]
            if source is None or target is None:
                continue
            here, there = self.blocks.get(edge.source, {}), self.blocks.get(edge.target, {})
            crossed = [run for run in here if there.get(run, here[run]) != here[run]]
            for run in crossed:
                run.is_chain = True
            if not crossed and source is not target:
                argument = edge.argument if target.is_vertex else ""
                output = edge.output if source.is_vertex else 0
                links[Link(source, output, target, argument, edge.shape)] = None
        return Scene(self.top, list(links), saved_bytes(self.trace.nodes))


def _is_source(item: Box | Cluster) -> bool:
    return isinstance(item, Box) and item.is_source


def _is_inner(item: Box | Cluster) -> bool:
    """Return whether a source belongs to the block it feeds; data, and the beginning of a chain, do not."""
    (vertex,) = vertices_of(item)
    return vertex.kind == "parameter" or vertex.is_number


def _working(item: Box | Cluster) -> list[Box]:
    """The boxes of an item that compute something."""
    return [item] if isinstance(item, Box) else [box for box in boxes(item) if not box.is_source]


def saved_bytes(vertices: Iterable[Vertex]) -> int:
    """Bytes that the vertices keep: a block of memory counts once, but after backward once for each that kept it."""
    blocks: dict[int, int] = {}
    freed = 0
    for vertex in vertices:
        freed += 0 if vertex.saved else vertex.saved_bytes or 0
        for entry in vertex.saved:
            blocks[entry["block"]] = max(entry["bytes"], blocks.get(entry["block"], 0))
    return freed + sum(blocks.values())


def counted(names: list[str]) -> str:
    """The most frequent names, each with its count."""
    most = Counter(names).most_common()
    told = [f"{name} × {count:,}" if count > 1 else name for name, count in most[:_TOLD]]
    return ", ".join([*told, "..."] if len(most) > _TOLD else told)
