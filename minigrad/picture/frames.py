"""The backward pass as a numbered set of pictures in which nothing moves: for slides."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ..files import whole
from .bounds import MOST as LARGEST
from .data import Trace
from .draw import check
from .film import Film
from .naming import Inputs
from .play import Play
from .render import render_as
from .retouch import pictures_of
from .scene import MANY, Scene, scene_of
from .themes import THEMES
from .trace import Tracer
from .tree import boxes
from .written import Written

MOST = 200  # pictures of one set: more nobody shows, and while they are written their files are all open


def frames(
    loss: Any,
    folder: str | os.PathLike[str] = "frames",
    params: Any = None,
    depth: int | None = None,
    direction: str = "TB",
    theme: str = "light",
    inputs: Any = None,
) -> list[Written]:
    """Draw the backward pass from `loss` as one SVG for each of its steps; returns their paths, in order.

    loss       a Tensor of one element, whose graph is not freed. Neither it nor any `.grad` is changed
    folder     gets step_001.svg, step_002.svg and so on, all of them or none
    params, direction, theme, inputs  as in `draw`
    depth      modules deeper than this are one box each, with one step; the default is as deep as 250 boxes allow

    Every picture has the same boxes in the same places, so that in a talk only what happens changes: the box whose
    gradient is complete, what it hands to each of its arguments, the sums where paths meet, and below it a sentence.
    A graph computed under `minigrad.record()` has frames around its modules, and its boxes show values of few elements.

    Needs a renderer, as `draw` does for .svg, but no browser. Raises as `draw` does, ValueError for more than 200 steps
    or 250 boxes, and FileExistsError where the folder holds the last pictures of a longer set.
    """
    check("frames", depth, direction, theme)
    tracer = Tracer(params, Inputs(inputs))
    plain = tracer.run(loss)
    scene = _scene(plain, depth)
    played = Play(loss, json.loads(plain.to_json()), tracer.places, has_heat=False)
    film = Film(plain, scene, played.steps)
    if len(film.frames) > MOST:
        raise ValueError(
            f"frames: {len(film.frames):,} steps are more than {MOST} pictures; give a smaller depth, with which more "
            "modules are one step each, or let picture.page play them"
        )
    writer = film.writer(direction, THEMES[theme])
    try:
        svg = render_as(writer.text(), "svg").decode()
    except TimeoutError as error:
        raise RuntimeError(f"frames: {error}; a smaller depth has fewer boxes") from None
    return _written(Path(folder), pictures_of(svg, writer))


def _scene(plain: Trace, depth: int | None) -> Scene:
    """The scene with every repeated block, as each has steps of its own."""
    levels = max(map(len, plain.chains().values()))
    for level in range(levels, -1, -1) if depth is None else [depth]:
        scene = scene_of(plain, level, fold=False)
        count = sum(1 for _ in boxes(scene.top))
        if count <= MANY and scene.size <= LARGEST:
            return scene
    raise ValueError(
        f"frames: {count:,} boxes are too many for a picture, {MANY} at most, or too entangled. A graph computed "
        "under minigrad.record() has modules, which are boxes with a smaller depth; picture.page plays any graph"
    )


def _written(folder: Path, pictures: list[bytes]) -> list[Written]:
    """Write the set: every file gets its name only once all are there."""
    paths = [folder / f"step_{k:03}.svg" for k in range(1, len(pictures) + 1)]
    for other in sorted(folder.glob("step_*.svg")):
        if other not in paths:
            raise FileExistsError(
                f"frames: {str(folder)!r} holds {other.name} of another set; this one ends with {paths[-1].name}. "
                "Remove that file, or name another folder"
            )
    with ExitStack() as stack:
        for path, picture in zip(paths, pictures, strict=True):
            stack.enter_context(whole(path)).write(picture)
    return [Written(path) for path in paths]
