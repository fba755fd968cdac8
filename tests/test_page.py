"""The page of a graph: what it holds, checked without a browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import numpy as np
import pytest
from graphs import double, recorded, small_net

import minigrad as mg
import nn
from minigrad import Tensor, picture
from minigrad.picture.folding import BUDGET, LARGEST
from minigrad.picture.heat import heat_of
from minigrad.picture.page import data_of


def leaf(*shape):
    return Tensor(np.arange(1.0, 1 + np.prod(shape)).reshape(shape), requires_grad=True)


# --- the passes -------------------------------------------------------------------------------


def test_each_edge_that_a_gradient_takes_is_told_once_with_the_sum_it_makes():
    data = data_of(*recorded(double))
    told = [
        (edge["contribution"]["values"], edge["sum_after"]["values"])
        for step in data["steps"]
        for edge in step["edges"]
    ]
    assert told == [(1, 1), (1, 1), (1, 2), (2, 2), (2, 4)]
    edges = [edge["edge"] for step in data["steps"] for edge in step["edges"]]
    assert len(edges) == len(set(edges)) == len(data["trace"]["edges"])


def test_the_last_sum_of_every_leaf_is_its_grad():
    loss, model = recorded(small_net)
    data = data_of(loss, model)
    last = {}
    for step in data["steps"]:
        for edge in step["edges"]:
            last[data["trace"]["edges"][edge["edge"]]["source"]] = edge["sum_after"]
    loss.backward()
    for name, parameter in model.named_parameters():
        (node,) = [n for n in data["trace"]["nodes"] if n["name"].endswith(name)]
        assert last[node["id"]]["norm"] == pytest.approx(
            np.linalg.norm(parameter.grad.numpy()), rel=1e-6
        )


def test_a_node_is_visited_after_all_that_uses_it():
    data = data_of(*recorded(small_net))
    place = {step["node"]: i for i, step in enumerate(data["steps"])}
    for edge in data["trace"]["edges"]:
        if edge["source"] in place:
            assert place[edge["target"]] < place[edge["source"]]


def _split(x, at):
    return x[:at], x[at:]


split = mg.primitive(_split, x=lambda g: np.concatenate(g))


def test_outputs_of_one_op_have_sums_of_their_own():
    x = leaf(3)

    def make():
        first, second = split(x, 1)
        return (first * second).sum() + second.sum()

    data = data_of(recorded(make))
    (op,) = [n["id"] for n in data["trace"]["nodes"] if n["op"] == "split"]
    sums = {}
    for step in data["steps"]:
        for e in step["edges"]:
            edge = data["trace"]["edges"][e["edge"]]
            if edge["source"] == op:
                sums[edge["output"]] = e["sum_after"]["values"]
    assert sums == {0: [5], 1: [2, 2]}


def test_making_a_page_leaves_the_gradients_and_the_graph_as_they_were(tmp_path):
    loss, model = recorded(small_net)
    picture.page(loss, tmp_path / "graph.html", model)
    assert all(p.grad is None for p in model.parameters())
    loss.backward()


# --- the scalar zoom --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * Tensor([[1.0], [2.0]]),
        lambda x: mg.relu(x - 2.5),
        lambda x: x @ Tensor([[1.0, 2.0], [3.0, 4.0], [0.0, 1.0]]),
        lambda x: mg.softmax(x),
        lambda x: split(x, 1)[1],
        lambda x: x.sum(axis=0),
        lambda x: mg.concatenate([x, x]),
    ],
    ids=["multiply", "relu", "matmul", "softmax", "split", "sum", "concatenate"],
)
def test_local_derivatives_along_all_paths_make_the_gradient(f):
    x = leaf(2, 3)
    weights = None

    def make():
        nonlocal weights
        y = f(x)
        weights = np.linspace(-1, 1, y.size).reshape(y.shape)
        return (y * weights).sum()

    loss = recorded(make)
    data = data_of(loss, {"x": x})
    gradient = chain_rule(data)
    loss.backward()
    (place,) = [n["id"] for n in data["trace"]["nodes"] if n["name"] == "x"]
    found = [gradient(place, 0, s) for s in range(x.size)]
    np.testing.assert_allclose(np.reshape(found, x.shape), x.grad.numpy(), rtol=1e-12)


def chain_rule(data):
    """The gradient of an element, from the page's local derivatives alone."""
    trace, jacobians = data["trace"], data["zoom"]["jacobians"]

    def gradient(node, output, s):
        if node == trace["output"]:
            return 1.0
        total = 0.0
        for i, edge in enumerate(trace["edges"]):
            if (edge["source"], edge["output"]) == (node, output):
                entries = (
                    [[0, 0, s, 1.0]] if edge["target"] == trace["output"] else jacobians.get(i, [])
                )
                total += sum(
                    d * gradient(edge["target"], o, t) for o, t, at, d in entries if at == s
                )
        return total

    return gradient


def test_a_closed_relu_stands_in_the_chain_rule_as_a_zero():
    data = data_of(recorded(lambda: mg.relu(Tensor([-1.0, 2.0], requires_grad=True)).sum()))
    assert [[0, 0, 0, 0.0], [0, 1, 1, 1.0]] in data["zoom"]["jacobians"].values()


def test_tensors_of_more_than_64_elements_are_left_out_of_the_zoom():
    data = data_of(recorded(lambda: (leaf(65) * 2).sum()))
    assert data["zoom"]["jacobians"] == {}


# --- large graphs -----------------------------------------------------------------------------


def chain(length):
    h = w = leaf()
    for _ in range(length):
        h = mg.tanh(h)
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
    for _ in range(300):
        h = h * x
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


# --- heat -------------------------------------------------------------------------------------


def cells_of(heat):
    cells = np.frombuffer(base64.b64decode(heat["cells"]), np.int8).astype(float)
    return cells.reshape(heat["rows"], heat["columns"]) / 127 * heat["limit"]


def test_a_heat_map_has_the_mean_of_each_block():
    array = 10 * np.random.default_rng(0).standard_normal((3, 32, 90))
    heat = heat_of(array)
    means = array.reshape(48, 2, 45, 2).mean(axis=(1, 3))
    assert heat["block"] == [2, 2]
    np.testing.assert_allclose(cells_of(heat), means, rtol=0, atol=heat["limit"] / 250)


def test_the_last_block_of_a_heat_map_may_be_smaller():
    array = np.arange(100.0).reshape(100, 1)
    heat = heat_of(array)
    assert (heat["rows"], heat["block"]) == (34, [3, 1])
    assert cells_of(heat)[-1, 0] == 99


def test_a_cell_that_is_not_finite_is_marked():
    array = np.ones((10, 10))
    array[3, 4] = np.nan
    cells = np.frombuffer(base64.b64decode(heat_of(array)["cells"]), np.int8).reshape(10, 10)
    assert np.argwhere(cells == -128).tolist() == [[3, 4]]


# --- the file ---------------------------------------------------------------------------------


HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&amp;\"'"


def test_no_name_leaves_the_data(tmp_path):
    a = leaf()
    loss = recorded(lambda: a + a)
    text = picture.page(loss, tmp_path / "<b>.html", {HOSTILE: a}).read_text(encoding="utf-8")
    assert text.count("<script") == 2
    assert "<b>" not in text
    (data,) = re.findall(r'type="application/json">(.*?)</script>', text, re.DOTALL)
    assert HOSTILE in [node.get("name") for node in json.loads(data)["trace"]["nodes"]]


def test_the_page_fetches_nothing_and_runs_its_own_script_alone(tmp_path):
    text = picture.page(*recorded(double)[:1], tmp_path / "graph.html").read_text(encoding="utf-8")
    script = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; script-src 'sha256-{digest}'" in text
    assert not re.search(r"""(src|href)=|@import|url\((?!#)""", text)


def test_the_same_graph_gives_the_same_page(tmp_path):
    loss, params = double()
    first = picture.page(loss, tmp_path / "a" / "graph.html", params).read_bytes()
    assert picture.page(loss, tmp_path / "b" / "graph.html", params).read_bytes() == first


def test_a_graph_that_was_not_recorded_is_shown_and_says_so():
    data = data_of(*double())
    assert "minigrad.record()" in data["notes"][0]
    assert data["steps"]


def test_a_graph_with_nan_and_inf_has_its_page_too(tmp_path):
    x = Tensor([-1.0, 0.0, 1.0], requires_grad=True)
    with np.errstate(all="ignore"):
        loss = recorded(lambda: mg.log(x).sum())
        text = picture.page(loss, tmp_path / "graph.html", {"x": x}).read_text(encoding="utf-8")
    assert '"-inf"' in text
    assert '"nan"' in text


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"page: 'graph.svg'.*\.html"):
        picture.page(double()[0], tmp_path / "graph.svg")


def test_a_freed_graph_is_refused_with_the_remedy(tmp_path):
    a = leaf(2)
    loss = (a * a).sum()
    loss.backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        picture.page(loss, tmp_path / "graph.html")
    assert not list(tmp_path.iterdir())
