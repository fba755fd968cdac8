"""The scene to draw for a trace: boxes in frames, modules collapsed, repeated blocks once, never too many boxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from .bounds import rows_between, rows_into, size_of
from .data import Shape, Trace, Vertex
from .tree import Box, Cluster, Tree, boxes, is_source, vertices_of

MANY = 250  # boxes; a picture with more is no longer read
_SEGMENTS = 24  # the most stretches of ops
_TOLD = 4  # the most names in a box that stands for many ops


@dataclass(eq=False, slots=True)
class Link:
    """An arrow from output number `output` of what is in `source` to what is in `target`, for all edges between them.

    arguments   those that it feeds, if the target is an op
    shapes      of each thing that it carries
    is_carried  whether it leads to the next step of a roll
    """

    source: Box
    output: int
    target: Box
    is_carried: bool
    arguments: dict[str, None] = field(default_factory=dict)
    shapes: dict[tuple[int, int], Shape] = field(default_factory=dict)


@dataclass(slots=True)
class Scene:
    top: Cluster
    links: list[Link]
    saved_bytes: int
    note: str = ""

    @property
    def rows(self) -> list[int]:
        """The least number of rows that each of `arrows_of(links)` goes down."""
        arrows = arrows_of(self.links)
        more = rows_into(arrows, frames_of(self.top))
        return [one + k for one, k in zip(rows_between(arrows), more, strict=True)]

    @property
    def size(self) -> int:
        """The size of its layout: see `size_of`."""
        count = sum(1 for _ in boxes(self.top))
        return size_of(count, arrows_of(self.links), self.rows)


def arrows_of(links: list[Link]) -> list[tuple[Box, Box]]:
    """Those that lead down: not to the next step of a roll."""
    return [(link.source, link.target) for link in links if not link.is_carried]


def frames_of(cluster: Cluster, around: tuple[Cluster, ...] = ()) -> dict[Box, tuple[Cluster, ...]]:
    """Box -> the frames around it within this one, outer ones first."""
    found: dict[Box, tuple[Cluster, ...]] = {}
    for item in cluster.items:
        found |= {item: around} if isinstance(item, Box) else frames_of(item, (*around, item))
    return found


def scene_of(
    trace: Trace, depth: int | None = None, fold: bool = True, most: int | None = None
) -> Scene:
    """The scene to draw: modules deeper than `depth` as one box each (None: as deep as stays readable).

    With `fold`, a block that is repeated is drawn once; without it and without a depth, everything is drawn. `most` is
    the largest size: a scene that would be larger shows less, and has a note that says so.
    """
    levels = max(map(len, trace.chains().values()))
    wanted = levels if depth is None else min(depth, levels)
    is_open = depth is None  # to more, if a depth asks for it
    for level in range(wanted, -1, -1):
        tree = Tree(trace, level, fold)
        if depth is None and fold and sum(1 for _ in boxes(tree.top)) > MANY:
            continue
        scene = _scene(tree)
        if most is None or scene.size <= most:
            break
        is_open = False
    else:
        level, scene = -1, _in_stretches(trace)
    if level < wanted:
        scene.note = f"{len(trace.nodes):,} vertices" + _how(trace, scene, level, levels, is_open)
    return scene


def _how(trace: Trace, scene: Scene, level: int, levels: int, is_open: bool) -> str:
    how = []
    if max(level, 0) < levels:
        opens = f"; draw(..., depth={level + 1}) opens them" if is_open else ""
        how.append(f"modules beyond depth {max(level, 0)} are collapsed{opens}")
    if any(box.is_stretch for box in boxes(scene.top)):
        how.append("stretches of ops are drawn as one box each")
        if not trace.recorded:
            how.append("under minigrad.record() the picture shows modules")
    return "".join(f"; {text}" for text in how)


def _scene(tree: Tree) -> Scene:
    """The boxes of a tree with the arrows between them."""
    links: dict[object, Link] = {}
    for edge in tree.trace.edges:
        source, target = tree.box_of(edge.source), tree.box_of(edge.target)
        crossed = tree.crossed(edge)
        if source is target and (not crossed or source.roll in crossed):
            continue
        output = edge.output if source.is_vertex else 0
        key = (source, output, target, bool(crossed))
        link = links.setdefault(key, Link(source, output, target, bool(crossed)))
        link.shapes[tree.twins.get(edge.source, edge.source), edge.output] = edge.shape
        if target.is_vertex:
            link.arguments[edge.argument] = None
    return Scene(tree.top, list(links.values()), saved_bytes(tree.trace.nodes))


def _in_stretches(trace: Trace) -> Scene:
    """The scene with the steps at the top joined into some twenty boxes, in the order of the ops."""
    tree = Tree(trace, 0, fold=False)
    steps = [item for item in tree.top.items if not is_source(item)]
    end = steps.pop()
    length = -(-len(steps) // _SEGMENTS)
    joined: list[Box | Cluster] = []
    for begin in range(0, len(steps), length):
        stretch = Box([], is_stretch=True)
        for item in steps[begin : begin + length]:
            stretch.vertices += vertices_of(item)
        joined.append(stretch)
        tree.home |= {v.id: stretch for v in stretch.vertices}
    sources = [item for item in tree.top.items if isinstance(item, Box) and item.is_source]
    fed = {s: {tree.home[e.target]: None for e in tree.outgoing[s.vertices[0].id]} for s in sources}
    shared = [s for s in sources if len(fed[s]) > 1]
    kept = shared if len(shared) <= _SEGMENTS else []
    kept += [s for s in sources if end in fed[s] and s not in kept]
    for source in (s for s in sources if s not in kept):
        into = next(iter(fed[source]))
        tree.home[source.vertices[0].id] = into
        into.vertices += source.vertices
    tree.top.items = [*kept, *joined, end]
    return _scene(tree)


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
