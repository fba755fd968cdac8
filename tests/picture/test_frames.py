"""The backward pass as numbered pictures, written from Python."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest
from graphs import double, recorded, small_net

import nn
from minigrad import Tensor, picture
from minigrad.picture.page import data_of
from minigrad.picture.render import render_as

SVG = "{http://www.w3.org/2000/svg}"
FLOW = "#c2410c"
HOSTILE = "</text><script>alert(1)</script>&amp;\"'\x08]]> grad 1"


@pytest.fixture(autouse=True)
def renderer():
    try:
        render_as("digraph { a }", "svg")
    except RuntimeError as error:
        pytest.skip(str(error))


def read(paths):
    return [ElementTree.parse(path).getroot() for path in paths]


def texts(root, kinds=("node", "edge")):
    groups = [group for group in root.iter(f"{SVG}g") if group.get("class") in kinds]
    return [text.text or "" for group in groups for text in group.iter(f"{SVG}text")]


def caption(root):
    return " ".join(texts(root, ("caption",)))


def standing(root):
    """What has a place: the outlines of boxes and frames, and all texts."""
    kinds = [f"{SVG}{tag}" for tag in ("path", "polygon", "ellipse", "text")]
    groups = [g for g in root.iter(f"{SVG}g") if g.get("class") in ("node", "cluster")]
    shapes = [shape for group in groups for shape in group if shape.tag in kinds]
    shapes += [text for text in root.iter(f"{SVG}text") if text.get("text-anchor")]
    places = ("d", "points", "cx", "cy", "rx", "ry", "x", "y")
    return [root.get("viewBox"), *[[shape.get(name) for name in places] for shape in shapes]]


def test_each_step_is_a_picture_with_what_it_hands_on_in_order(tmp_path):
    loss, params = recorded(double)
    paths = picture.frames(loss, tmp_path / "new" / "slides", params)
    assert [path.name for path in paths] == ["step_001.svg", "step_002.svg", "step_003.svg"]
    first, second, third = read(paths)
    assert {"1", "a, b", "a, b: scalar", "grad 1"} <= set(texts(first))
    assert {"a: 1, b: 1", "a, b", "grad 1 + 1 = 2", "= 3"} <= set(texts(second))
    assert "grad 2 + 2 = 4" not in texts(second)
    assert {"a: 2, b: 2", "grad 2 + 2 = 4"} <= set(texts(third))
    assert caption(first).startswith("Step 1 of 3: It begins with the derivative of the loss")
    assert caption(second) == (
        "Step 2 of 3: add has its whole gradient, 1. It hands on 1 to add and 1 to add."
    )
    assert caption(third).endswith("every leaf holds its .grad.")


@pytest.mark.parametrize("direction", ["TB", "LR"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_moves_from_one_picture_to_the_next(tmp_path, direction, theme):
    loss, model = recorded(small_net)
    roots = read(picture.frames(loss, tmp_path, model, direction=direction, theme=theme))
    assert len(standing(roots[0])) > 30
    assert all(standing(root) == standing(roots[0]) for root in roots)


def test_the_pictures_hold_the_contributions_of_the_pass_and_the_gradients_at_its_end(tmp_path):
    loss, model = recorded(small_net)
    roots = read(picture.frames(loss, tmp_path, model))
    steps = data_of(loss, model)["steps"]
    assert len(roots) == len(steps)
    flowed = 0
    for root, step in zip(roots, steps, strict=True):
        said = " ".join(texts(root))
        for flow in step["edges"]:
            if flow["contribution"]["size"] > 2:
                assert f"norm {flow['contribution']['norm']:.4g}" in said
        lines = [g.find(f"{SVG}path") for g in root.iter(f"{SVG}g") if g.get("class") == "edge"]
        flowed += len(step["edges"])
        assert sum(line.get("stroke") == FLOW for line in lines) == flowed
        assert sum(line.get("stroke-width") == "2.5" for line in lines) == len(step["edges"])
    loss.backward()
    for parameter in model.parameters():
        assert f"grad norm {np.linalg.norm(parameter.grad.numpy()):.4g}" in texts(roots[-1])


def test_a_line_has_one_head_that_turns_when_a_gradient_has_flowed(tmp_path):
    loss, params = recorded(double)
    for root in read(picture.frames(loss, tmp_path, params)):
        for group in root.iter(f"{SVG}g"):
            if group.get("class") == "edge":
                (head,) = group.findall(f"{SVG}polygon")
                tip = float(head.get("points").split()[1].split(",")[1])
                base = float(head.get("points").split()[0].split(",")[1])
                has_flowed = group.find(f"{SVG}path").get("stroke") == FLOW
                assert (tip < base) is has_flowed  # y grows downwards, as data does


def test_the_same_graph_gives_the_same_pictures_and_stays_as_it_was(tmp_path):
    loss, model = recorded(small_net)
    ways = [picture.frames(loss, tmp_path / name, model) for name in "ab"]
    first, second = ([path.read_bytes() for path in paths] for paths in ways)
    assert first == second
    assert all(parameter.grad is None for parameter in model.parameters())
    again = picture.frames(loss, tmp_path / "a", model)  # in place of those that are there
    assert [path.read_bytes() for path in again] == first


def test_a_module_that_is_one_box_is_one_step(tmp_path):
    loss, model = recorded(small_net)
    roots = read(picture.frames(loss, tmp_path, model, depth=0))
    assert len(roots) == 3
    assert "The gradient goes through MLP" in caption(roots[-1])


def test_a_net_of_many_layers_has_its_modules_as_boxes(tmp_path):
    model = nn.Sequential(*[nn.Linear(1, 1) for _ in range(90)])
    loss = recorded(lambda: model(np.ones((1, 1), np.float32)).sum())
    paths = picture.frames(loss, tmp_path, model)
    assert len(paths) == 2 + 90
    words = caption(*read(paths[2:3]))
    weight = model[89].weight.numpy()[0, 0]
    assert words.endswith(f"through Sequential.89. It hands on {weight:.4g} to Sequential.88.")


@pytest.mark.parametrize(("length", "what"), [(160, "boxes are too many"), (245, "steps")])
def test_too_many_boxes_or_steps_are_refused_before_anything_is_written(tmp_path, length, what):
    x = Tensor(1.0, requires_grad=True)
    h = x
    for _ in range(length):
        h = np.tanh(h) if length > 200 else h + 2
    with pytest.raises(ValueError, match=rf"frames: .*({what}).*picture\.page"):
        picture.frames(h, tmp_path / "slides", {"x": x})
    assert not list(tmp_path.iterdir())


def test_a_set_is_written_as_a_whole_or_not_at_all(tmp_path, monkeypatch):
    loss, params = recorded(double)
    (tmp_path / "step_001.svg").write_text("yesterday's")
    whole = picture.frames.__globals__["whole"]

    def full(path):
        if path.name == "step_003.svg":
            raise OSError("the disk is full")
        return whole(path)

    monkeypatch.setitem(picture.frames.__globals__, "whole", full)
    with pytest.raises(OSError, match="full"):
        picture.frames(loss, tmp_path, params)
    assert [path.name for path in tmp_path.iterdir()] == ["step_001.svg"]
    assert (tmp_path / "step_001.svg").read_text() == "yesterday's"


def test_pictures_of_a_longer_set_are_not_mixed_with_these(tmp_path):
    loss, params = recorded(double)
    (tmp_path / "step_004.svg").write_text("another")
    with pytest.raises(FileExistsError, match=r"step_004\.svg of another set"):
        picture.frames(loss, tmp_path, params)
    assert len(list(tmp_path.iterdir())) == 1


def test_names_are_text_alone(tmp_path):
    a = Tensor(3.0, requires_grad=True)
    roots = read(picture.frames(recorded(lambda: a + a), tmp_path, {HOSTILE: a}))
    tags = {element.tag.removeprefix(SVG) for root in roots for element in root.iter()}
    assert tags <= {"svg", "g", "text", "path", "polygon", "polyline", "ellipse", "rect"}
    assert any(text.startswith("</text><script>") for text in texts(roots[-1]))
    assert "grad 1 + 1 = 2" in texts(roots[-1])


@pytest.mark.parametrize(
    ("options", "told"),
    [({"theme": "blue"}, "theme='blue'"), ({"direction": "up"}, "direction='up'"), ({"depth": -1}, "depth=-1")],
)  # fmt: skip
def test_options_that_there_are_not_are_refused(tmp_path, options, told):
    with pytest.raises(ValueError, match=f"frames: {told}"):
        picture.frames(double()[0], tmp_path, **options)


def test_a_graph_that_was_freed_is_refused(tmp_path):
    loss, params = double()
    loss.backward()
    with pytest.raises(RuntimeError):
        picture.frames(loss, tmp_path, params)
