"""Where the parts of a page stand: large graphs in groups, and each fold state of the modules."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import recorded

import minigrad as mg
import nn
from minigrad import Tensor
from minigrad.picture.folding import BUDGET, LARGEST
from minigrad.picture.page import data_of


def leaf():
    return Tensor(1.0, requires_grad=True)


# --- large graphs -----------------------------------------------------------------------------


def chain(length):
    """A chain in which nothing repeats."""
    h = w = leaf()
    for i in np.random.default_rng(0).integers(3, size=length):
        h = [mg.tanh, mg.sin, mg.cos][i](h)
    return h * w


@pytest.fixture(scope="module")
def large():
    return data_of(chain(6000))


def overlap(a, b):
    return min(a[2], b[2]) - max(a[0], b[0]) > 1 and min(a[3], b[3]) - max(a[1], b[1]) > 1


def frames_of(data, state):
    """path of a module -> [left, top, right, bottom] in that state."""
    modules = data["trace"]["modules"]
    return {modules[k]["path"]: frame for k, frame in state["modules"].items()}


def assert_things_lie_in_their_frames(data, state):
    frames = frames_of(data, state)
    for i, (x, y) in state["nodes"].items():
        scope = data["trace"]["nodes"][i]["scope"]
        width, height = data["layout"]["sizes"][i]
        if scope:
            left, top, right, bottom = frames[scope]
            assert left <= x - width / 2 + 1
            assert x + width / 2 <= right + 1
            assert top + 17 <= y - height / 2  # below the title
            assert y + height / 2 <= bottom + 1
    for module in data["trace"]["modules"]:
        if module["parent"] and module["path"] in frames:
            inner, outer = frames[module["path"]], frames[module["parent"]]
            assert outer[0] <= inner[0] < inner[2] <= outer[2]
            assert outer[1] <= inner[1] < inner[3] <= outer[3]


def assert_nothing_overlaps(data, state):
    frames = frames_of(data, state)
    nodes = data["trace"]["nodes"]
    for parent in {module["parent"] for module in data["trace"]["modules"]} | {None}:
        beside = [
            frames[m["path"]]
            for m in data["trace"]["modules"]
            if m["parent"] == parent and m["path"] in frames
        ]
        for i, (x, y) in state["nodes"].items():
            if (nodes[i]["scope"] or None) == parent:
                w, h = data["layout"]["sizes"][i]
                beside.append([x - w / 2, y - h / 2, x + w / 2, y + h / 2])
        assert not any(overlap(a, b) for i, a in enumerate(beside) for b in beside[:i])


def test_a_large_graph_is_laid_out_in_groups_that_hold_what_is_in_them(large):
    whole = large["layout"]["states"][0]
    assert len(whole["modules"]) == 10 + 9 * 25 + 16  # 6,001 ops by 625, and those by 25
    assert_things_lie_in_their_frames(large, whole)


def test_groups_of_a_large_graph_stand_apart(large):
    frames = frames_of(large, large["layout"]["states"][0])
    for parent in {module["parent"] for module in large["trace"]["modules"]}:
        beside = [frames[m["path"]] for m in large["trace"]["modules"] if m["parent"] == parent]
        assert not any(overlap(a, b) for i, a in enumerate(beside) for b in beside[:i])


def test_a_large_graph_has_a_layout_of_its_groups_all_folded(large):
    folded = [state for state in large["layout"]["states"] if len(state["folded"]) == 10]
    assert [len(state["nodes"]) for state in folded] == [2]  # the leaf and the loss


def test_a_leaf_that_several_groups_use_stays_outside_of_them(large):
    (leaf_node,) = [node for node in large["trace"]["nodes"] if node["kind"] == "leaf"]
    assert leaf_node["scope"] == ""


def test_a_large_graph_is_told_in_brief_and_the_page_says_so(large):
    assert "left out" in "".join(large["notes"])
    assert large["heat"] == {}
    assert all("histogram" not in (node["value"] or {}) for node in large["trace"]["nodes"])


def test_the_edges_of_a_leaf_that_every_op_uses_are_placed_in_part():
    x = leaf()
    h = x
    for i in np.random.default_rng(0).integers(3, size=300):
        h = [mg.multiply, mg.add, mg.subtract][i](h, x)
    data = data_of(h, {"x": x})
    (place,) = [node["id"] for node in data["trace"]["nodes"] if node["name"] == "x"]
    lines = data["layout"]["states"][0]["edges"]
    edges = enumerate(data["trace"]["edges"])
    placed = [i in lines for i, edge in edges if edge["source"] == place]
    assert placed == [True] * 8 + [False] * 293


# --- folding ----------------------------------------------------------------------------------


class Twice(nn.Module):
    """A cell that is called twice, with a weight of its own, and an activation that is a single op."""

    def __init__(self):
        self.cell = nn.Linear(3, 3)
        self.activation = nn.Tanh()

    def forward(self, x):
        return self.cell(self.activation(self.cell(x)))


@pytest.fixture(scope="module")
def twice():
    model = nn.Sequential(nn.Linear(2, 3), Twice(), nn.ReLU(), nn.Linear(3, 1))
    return data_of(recorded(lambda: model(np.ones((4, 2), np.float32)).sum()), model)


def test_every_fold_state_that_is_laid_out_is_whole_and_without_overlaps(twice):
    paths = [module["path"] for module in twice["trace"]["modules"]]
    scopes = {node["id"]: node["scope"] for node in twice["trace"]["nodes"]}
    states = twice["layout"]["states"]
    for state in states:
        folded = [paths[k] for k in state["folded"]]
        hidden = {
            i for i, scope in scopes.items() if any(f"{scope}.".startswith(f"{p}.") for p in folded)
        }
        assert set(state["nodes"]) == set(scopes) - hidden
        assert_things_lie_in_their_frames(twice, state)
        assert_nothing_overlaps(twice, state)
    assert len({tuple(state["folded"]) for state in states}) == len(states)


def test_a_small_net_has_a_layout_for_every_way_to_fold_it(twice):
    assert [module["path"] for module in twice["trace"]["modules"]] == [
        "Sequential", "Sequential.0", "Sequential.1", "Sequential.3",
    ]  # fmt: skip
    folded = {tuple(state["folded"]) for state in twice["layout"]["states"]}
    assert len(folded) == 1 + 2**3


def test_a_module_of_a_single_op_has_no_frame_and_the_op_tells_its_name(twice):
    within = {n["op"]: n["within"] for n in twice["trace"]["nodes"] if "within" in n}
    assert within["relu"] == "Sequential.2 (ReLU)"
    assert within["tanh"] == "Sequential.1.activation (Tanh)"


def test_a_weight_stands_outside_of_the_calls_that_share_it(twice):
    (weight,) = [n for n in twice["trace"]["nodes"] if n["name"] == "1.cell.weight"]
    assert weight["scope"] == "Sequential.1"


def test_the_layouts_of_folded_graphs_stay_within_bounds():
    model = nn.Sequential(*[nn.Linear(4, 4) for _ in range(30)])
    data = data_of(recorded(lambda: model(np.ones((4, 4), np.float32)).sum()), model)
    boxes = [len(s["nodes"]) + len(s["folded"]) for s in data["layout"]["states"][1:]]
    assert sum(boxes) <= BUDGET
    assert max(boxes) <= LARGEST
