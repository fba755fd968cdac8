"""Loops and repeats as one thing: what is rolled up, what stands for what, and how much is laid out at most."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter

import numpy as np
import pytest
from graphs import recorded
from loops import LOOPS, Cell, unlike

import minigrad as mg
from minigrad import Tensor
from minigrad.picture import draw, trace
from minigrad.picture.bounds import MOST, WIDE, rows_between, size_of
from minigrad.picture.draw import dot_of
from minigrad.picture.folding import framed
from minigrad.picture.page import data_of
from minigrad.picture.rolling import core_of, rolled
from minigrad.picture.scene import scene_of
from minigrad.picture.tree import Tree, boxes, clusters, scopes_of


def leaf(*shape):
    return Tensor(np.ones(shape), requires_grad=True)


def tree_of(plain):
    return Tree(plain, max(map(len, plain.chains().values())))


@pytest.fixture(scope="module", params=LOOPS)
def plain(request):
    loss, model = LOOPS[request.param]()
    return trace(loss, model)


# --- what stands for what -----------------------------------------------------------------------


def test_a_twin_is_drawn_and_of_the_same_op_with_the_same_shapes_in_step_0_of_the_same_rolls(plain):
    tree, nodes = tree_of(plain), plain.nodes
    assert tree.twins
    for i, twin in tree.twins.items():
        assert twin not in tree.twins
        assert (nodes[i].kind, nodes[i].op, nodes[i].shapes) == (
            nodes[twin].kind, nodes[twin].op, nodes[twin].shapes,
        )  # fmt: skip
        assert list(tree.steps[i]) == list(tree.steps[twin])
        assert set(tree.steps[twin].values()) == {0}
        assert any(tree.steps[i].values())


def test_the_vertices_that_one_stands_for_are_as_many_as_the_steps_each_in_another(plain):
    tree = tree_of(plain)
    groups = {}
    for vertex in plain.nodes:
        groups.setdefault(tree.twins.get(vertex.id, vertex.id), []).append(vertex.id)
    for first, members in groups.items():
        places = {tuple(tree.steps[i].values()) for i in members}
        assert len(places) == len(members)
        assert len(members) == np.prod([roll.repeats for roll in tree.steps[first]], dtype=int)


def test_every_vertex_stands_in_one_box_and_every_arrow_joins_boxes_that_are_drawn(plain):
    for depth in (None, 0, 1, 2, 9):
        scene = scene_of(plain, depth)
        drawn = set(boxes(scene.top))
        assert {end for link in scene.links for end in (link.source, link.target)} <= drawn
        tree = Tree(plain, 9 if depth is None else depth)
        counts = Counter(tree.box_of(vertex.id) for vertex in plain.nodes)
        assert set(counts) == set(boxes(tree.top))


def test_a_loop_is_one_thing_at_every_depth_however_long_it_is():
    """With more steps nothing but counts changes, recorded or not."""

    def drawn(length, depth, is_recorded):
        model = Cell()
        loss = recorded(lambda: model.over(length)) if is_recorded else model.over(length)
        return re.sub(r"\d+", "0", dot_of(trace(loss, model), depth=depth))

    for depth in (None, 0, 1, 2):
        for is_recorded in (True, False):
            assert drawn(12, depth, is_recorded) == drawn(20, depth, is_recorded)


def test_what_goes_from_step_to_step_is_one_dashed_arrow_back_and_what_all_share_stands_outside():
    model = Cell()
    scene = scene_of(trace(recorded(lambda: model.over(12)), model))
    (frame,) = [cluster for cluster in clusters(scene.top) if cluster.roll]
    assert (frame.roll.repeats, frame.roll.is_chain) == (12, True)
    carried = [
        (k.source.vertices[0].op, k.target.vertices[0].op) for k in scene.links if k.is_carried
    ]
    assert sorted(carried) == [("add", "multiply"), ("multiply", "linear")]
    outside = [box for box in boxes(scene.top) if box not in set(boxes(frame))]
    assert sorted(b.vertices[0].name for b in outside if b.vertices[0].kind == "parameter") == [
        "hh.bias", "hh.weight", "ih.bias", "ih.weight",
    ]  # fmt: skip
    inputs = [box.roll.repeats for box in outside if box.roll]
    assert inputs == [12]  # one array for each step, drawn once


def test_a_collapsed_module_that_alone_uses_a_parameter_tells_it_also_if_it_is_called_in_a_loop():
    model = Cell()
    dot = dot_of(trace(recorded(lambda: model.over(12)), model), depth=1)
    assert "ih: Linear\\n2 parameters" in dot
    assert 'shape="ellipse"' not in dot


def test_loops_of_the_same_op_one_after_the_other_are_a_roll_each():
    tree = tree_of(trace(*LOOPS["there and back"]()))
    assert [c.roll.repeats for c in clusters(tree.top) if c.roll] == [12, 12]


def test_a_source_that_only_some_steps_have_stands_for_itself():
    loss, weights = LOOPS["weights of some steps"]()
    plain = trace(loss, weights)
    drawn = [v.name for box in boxes(tree_of(plain).top) for v in box.vertices if v.name]
    assert sorted(set(drawn) & {*weights}) == sorted(weights)


def test_a_row_taken_in_each_step_does_not_make_the_steps_unlike_and_the_first_and_last_are_told():
    table = leaf(20, 3)
    h = leaf(3)
    for i in range(20):
        h = mg.tanh(h * table[i])
    assert "index=0 to 19" in dot_of(trace(h.sum()))


def test_equal_sources_of_one_op_are_one_box():
    stacked = mg.stack([np.ones(3)] * 40 + [leaf(3)]).sum()
    assert "× 40" in dot_of(trace(stacked))


# --- on the page --------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=LOOPS)
def data(request):
    return data_of(*LOOPS[request.param]())


def test_a_page_has_places_for_one_step_alone_and_every_other_node_stands_at_its_twin(data):
    nodes, layout = data["trace"]["nodes"], data["layout"]
    first = [node["id"] for node in nodes if "twin" not in node]
    assert len(first) < len(nodes)
    assert list(layout["sizes"]) == first == sorted(layout["states"][0]["nodes"])
    for node in nodes:
        if "twin" in node:
            twin = nodes[node["twin"]]
            assert (node["op"], node["shapes"], node["scope"]) == (
                twin["op"], twin["shapes"], twin["scope"],
            )  # fmt: skip
            assert len(node["steps"]) == len(twin["rolls"])


def test_each_roll_of_a_page_has_a_frame_that_counts_its_steps(data):
    framed = {
        m["roll"]["number"]: m["roll"]["steps"] for m in data["trace"]["modules"] if "roll" in m
    }
    nodes = data["trace"]["nodes"]
    for node in nodes:
        rolls = nodes[node.get("twin", node["id"])].get("rolls", ())
        for roll, step in zip(rolls, node.get("steps", [0] * len(rolls)), strict=True):
            assert 0 <= step < framed[roll]
    assert set(framed) == {roll for node in nodes for roll in node.get("rolls", ())}


def test_a_chain_of_20_000_is_told_as_such():
    h = leaf(1)
    for _ in range(20_000):
        h = mg.tanh(h)
    plain = trace(h.sum())
    page = rolled(framed(json.loads(plain.to_json()), scopes_of(plain)), tree_of(plain))
    assert [module["path"] for module in page["modules"]] == ["× 20,000"]
    assert len(core_of(page).ids) < 10


# --- what is laid out ---------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [None, 0, 1, 2])
def test_what_is_laid_out_has_a_bound_and_a_picture_with_less_says_so(depth):
    for plain in map(trace, unlike(1500)):
        for fold in (True, False):
            scene = scene_of(plain, depth, fold, MOST)
            assert scene.size <= MOST
            assert "vertices" in scene.note


def test_a_file_that_is_not_laid_out_has_all_that_was_asked_for(tmp_path):
    loss = next(unlike(1500))
    dot = draw(loss, tmp_path / "graph.gv", fold=False).read_text()
    assert dot.count("shape=") == len(trace(loss).nodes)


def test_the_size_of_a_layout_counts_an_arrow_in_every_row_it_crosses():
    chain = [(i, i + 1) for i in range(9)]
    assert size_of(10, chain) == 10 + 9
    assert size_of(10, [*chain, (0, 9)]) == 10 + 9 + 9
    assert size_of(3, [(0, 1), (1, 0), (1, 2)]) >= 3  # frames may lead back to each other


def test_many_boxes_that_lead_to_one_stand_in_several_rows():
    row = [(i, "sum") for i in range(3 * WIDE)]
    assert max(Counter(rows_between(row)).values()) <= WIDE
    assert set(rows_between(row[:WIDE])) == {1}


def test_a_renderer_that_does_not_end_is_stopped_and_less_is_drawn(monkeypatch, tmp_path):
    asked = []

    def late(dot, form):
        asked.append(dot)
        if len(asked) < 3:
            raise TimeoutError("late")
        return b"drawn"

    monkeypatch.setattr(sys.modules["minigrad.picture.draw"], "render_as", late)
    assert draw(next(unlike(200)), tmp_path / "graph.svg").read_bytes() == b"drawn"
    assert "stretches" in asked[-1]
