"""Layouts of still pictures: texts stay in their boxes in whatever font, and frames in a chain one below the other."""

import math
import re
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import numpy as np
import pytest
from graphs import recorded, small_net
from loops import LOOPS, Cell

import minigrad as mg
import nn
from minigrad.picture import draw, trace
from minigrad.picture.bounds import rows_into, rows_of, size_of
from minigrad.picture.scene import arrows_of, frames_of, scene_of
from minigrad.picture.widths import room_for

FONTS = ("sans-serif", "serif", "monospace", "DejaVu Sans", "Verdana", "Courier New", "Arial")
SVG = "{http://www.w3.org/2000/svg}"

# The left and right end of each text of the pictures on a page, without spaces at its end, in its picture's own units.
_ENDS = """
return [...document.querySelectorAll('svg text')].map(text => {
    text.setAttribute('font-family', arguments[0]);
    const last = text.textContent.trimEnd().length - 1;
    return [text.getStartPositionOfChar(0).x, text.getEndPositionOfChar(last).x];
});
"""


class Residual(nn.Module):
    def __init__(self, channels, out):
        self.first, self.norm = nn.Conv2d(channels, out, 3, padding=1), nn.BatchNorm2d(out)
        self.second = nn.Conv2d(out, out, 3, padding=1)
        self.beside = nn.Conv2d(channels, out, 1) if channels != out else None

    def forward(self, x):
        inside = self.second(mg.relu(self.norm(self.first(x))))
        return mg.relu(inside + (self.beside(x) if self.beside else x))


class LittleUnderALongName(nn.Module):
    def forward(self, x):
        return mg.tanh(mg.exp(x))


def normal(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def residual(*channels):
    model = nn.Sequential(*map(Residual, channels, channels[1:]))
    return model(normal(1, channels[0], 4, 4)).mean(), model


def convolutional():
    layers = nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()
    model = nn.Sequential(*layers, nn.Linear(64, 10))
    return mg.cross_entropy(model(normal(2, 3, 8, 8)), np.array([1, 2])), model


def transformer():
    layers = [nn.TransformerEncoderLayer(8, 2, 16, batch_first=True) for _ in range(2)]
    model = nn.Sequential(nn.Embedding(11, 8), *layers)
    return model(np.arange(6).reshape(2, 3)).mean(), model


def recurrent():
    model = Cell()
    return model.over(6), model


def adversarial():
    """Two nets of which one judges what the other makes, with weights that no frame holds."""
    maker, judge = nn.MLP([4, 16, 8]), nn.MLP([8, 16, 1])
    loss = mg.softplus(-judge(normal(5, 8))).mean() + mg.softplus(judge(maker(normal(5, 4)))).mean()
    return loss, nn.Sequential(maker, judge)


def long_names():
    model = nn.Sequential(LittleUnderALongName(), nn.Linear(2, 2), LittleUnderALongName())
    return model(normal(3, 2)).sum(), model


NETS = {
    "dense": small_net,
    "convolutional": convolutional,
    "residual": lambda: residual(2, 4, 4, 8, 8),
    "transformer": transformer,
    "recurrent": recurrent,
    "adversarial": adversarial,
    "long names": long_names,
}
DRAWN = {
    "everything": {},
    "the outermost modules": {"depth": 1},
    "two levels of modules": {"depth": 2},
    "from left to right": {"direction": "LR"},
    "values": {"detail": "values"},
    "gradients": {"detail": "gradients"},
    "saved": {"detail": "saved", "depth": 1},
}


@pytest.fixture(params=NETS)
def net(request):
    return recorded(NETS[request.param])


@pytest.fixture
def pictures(net, renderer, tmp_path):
    """The SVG of a net, drawn in all ways."""
    loss, params = net
    return [draw(loss, tmp_path / "graph.svg", params, **how).read_text() for how in DRAWN.values()]


def texts_of(svg):
    """Each text with the sides of the box, frame or picture in which it stands, where it is written."""
    for group in ElementTree.fromstring(svg).iter(f"{SVG}g"):
        shape = next(
            (s for s in group if s.tag[len(SVG) :] in ("polygon", "path", "ellipse")), None
        )
        for text in group.findall(f"{SVG}text"):
            is_held = group.get("class") in ("node", "cluster", "graph")
            yield text, sides_of(shape, text) if is_held else (-math.inf, math.inf)


def sides_of(shape, text):
    """The left and right side of a shape over the height of a text."""
    size, below = float(text.get("font-size")), float(text.get("y"))
    levels = below - 0.7 * size, below
    if shape.tag == f"{SVG}ellipse":
        x, y, a, b = (float(shape.get(name)) for name in ("cx", "cy", "rx", "ry"))
        half = min(a * math.sqrt(max(0, 1 - ((level - y) / b) ** 2)) for level in levels)
        return x - half, x + half
    numbers = re.findall(r"-?[\d.]+,-?[\d.]+", shape.get("points") or shape.get("d"))
    points = [tuple(map(float, number.split(","))) for number in numbers]
    if shape.tag == f"{SVG}path":  # a rectangle with round corners
        return min(points)[0], max(points)[0]
    sides = [[x for pair in pairwise(points) for x in _crossings(*pair, level)] for level in levels]
    return max(map(min, sides)), min(map(max, sides))


def _crossings(a, b, level):
    (x, y), (u, v) = a, b
    if min(y, v) <= level <= max(y, v) and y != v:
        yield x + (level - y) / (v - y) * (u - x)


def points_of(path):
    """Points on a path of Bézier curves, close to each other."""
    numbers = re.findall(r"-?[\d.]+,-?[\d.]+", path.get("d"))
    points = np.array([number.split(",") for number in numbers], float)
    t = np.linspace(0, 1, 60)[:, None]
    for begin in range(0, len(points) - 1, 3):
        a, b, c, d = points[begin : begin + 4]
        s = 1 - t
        yield from s**3 * a + 3 * s * s * t * b + 3 * s * t * t * c + t**3 * d


def words_of(text):
    return text.text.replace("\xa0", " ").rstrip()


# --- texts --------------------------------------------------------------------------------------


def test_every_box_and_frame_has_room_for_the_widest_font_whatever_the_renderer_measured(pictures):
    held = 0
    for text, (left, right) in (pair for svg in pictures for pair in texts_of(svg)):
        room = room_for(words_of(text), float(text.get("font-size")))
        before = {"start": 0, "middle": 0.5}[text.get("text-anchor")] * room
        start = float(text.get("x")) - before
        assert left < start, words_of(text)
        assert start + room < right, words_of(text)
        held += right < math.inf
    assert held > 10 * len(pictures)


def test_no_text_leaves_its_frame_in_a_browser_whichever_font_is_there(pictures, driver, tmp_path):
    page = tmp_path / "pictures.html"
    shown = [svg[svg.index("<svg") :] for svg in pictures]
    page.write_text("<!doctype html><meta charset=utf-8>" + "".join(shown), encoding="utf-8")
    driver.get(page.as_uri())
    texts = [pair for svg in pictures for pair in texts_of(svg)]
    order = {id(text): k for k, (text, _) in enumerate(texts)}
    assert len(order) == len(texts)
    for font in FONTS:
        ends = driver.execute_script(_ENDS, font)
        assert len(ends) == len(texts)
        for (text, (left, right)), (start, end) in zip(texts, ends, strict=True):
            assert left < start, (font, words_of(text))
            assert end < right, (font, words_of(text))


# --- frames -------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["TB", "LR"])
def test_the_picture_of_a_chain_of_residual_blocks_is_no_wider_for_more_of_them(
    direction, renderer, tmp_path
):
    across = []
    for count in (6, 18):
        loss, params = recorded(lambda count=count: residual(*[4] * (count + 1)))
        how = {"direction": direction, "depth": 9, "fold": False}
        svg = draw(loss, tmp_path / "graph.svg", params, **how).read_text()
        size = re.search(r'<svg width="(\d+)pt" height="(\d+)pt"', svg).groups()
        across.append(int(size[direction == "LR"]))
    assert across[1] < 1.05 * across[0]


@pytest.mark.parametrize("make", [small_net, convolutional], ids=["dense", "convolutional"])
def test_from_left_to_right_no_arrow_of_a_chain_leads_through_the_title_of_a_frame(
    make, renderer, tmp_path
):
    loss, params = recorded(make)
    svg = draw(loss, tmp_path / "graph.svg", params, direction="LR").read_text()
    groups = [*ElementTree.fromstring(svg).iter(f"{SVG}g")]
    titles = [g.find(f"{SVG}text") for g in groups if g.get("class") == "cluster"]
    arrows = [g.find(f"{SVG}path") for g in groups if g.get("class") == "edge"]
    assert len(titles) >= 3
    for title in titles:
        left, below = float(title.get("x")), float(title.get("y"))
        right = left + room_for(words_of(title), 11)
        for x, y in (point for arrow in arrows for point in points_of(arrow)):
            assert not (left < x < right and below - 9 < y < below), words_of(title)


@pytest.mark.parametrize("make", [*NETS.values(), *LOOPS.values()], ids=[*NETS, *LOOPS])
def test_what_leads_into_a_frame_stands_above_the_weights_in_it(make):
    scene = scene_of(trace(*recorded(make)))
    arrows, frames = arrows_of(scene.links), frames_of(scene.top)
    rows = rows_of(arrows, scene.rows)
    for a, b in arrows:
        entered = next((frame for frame in frames[b] if frame not in frames[a]), None)
        weights = [s for s, to in arrows if to is b and s.is_source and entered in frames[s]]
        assert all(rows[a] < rows[weight] for weight in weights)


def test_an_arrow_into_a_frame_goes_down_as_many_rows_as_what_else_feeds_its_target_takes():
    arrows = [("x", "matmul"), ("w", "transpose"), ("transpose", "matmul"), ("matmul", "sum")]
    frames = {box: ["frame"] for box in ("w", "transpose", "matmul")} | {"x": [], "sum": []}
    assert rows_into(arrows, frames) == [2, 0, 0, 0]
    assert rows_into(arrows, {box: ["frame"] for box in frames}) == [0, 0, 0, 0]
    past = [("x", "conv"), ("w", "conv"), ("conv", "add"), ("x", "add")]  # around what x feeds too
    assert rows_into(past, {box: ["frame"] for box in ("conv", "w", "add")} | {"x": []}) == [
        1,
        0,
        0,
        0,
    ]
    assert size_of(3, [(0, 1), (1, 2)], [3, 1]) == 3 + 3 + 1
