"""The page of a graph: what it holds, checked without a browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import numpy as np
import pytest
from graphs import double, recorded, small_net
from pages import data_in, program_in

import minigrad as mg
import nn
from minigrad import Tensor, picture
from minigrad.picture.heat import CELLS, heat_of
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


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products_along_paths_sum_to_the_gradient_within_a_millionth_of_what_is_summed(dtype):
    rng = np.random.default_rng(3)
    model = nn.MLP([3, 5, 4, 3], dtype=dtype, rng=rng)
    x = rng.standard_normal((4, 3)).astype(dtype)
    loss = recorded(lambda: mg.cross_entropy(model(x), [0, 1, 2, 0]))
    data = data_of(loss, model)
    summed, size = chain_rule(data), chain_rule(data, abs)
    loss.backward()
    places = {node["name"]: node["id"] for node in data["trace"]["nodes"]}
    for name, parameter in model.named_parameters():
        for s, gradient in enumerate(parameter.grad.numpy().flat):
            difference = abs(summed(places[name], 0, s) - gradient)
            assert difference <= 1e-6 * size(places[name], 0, s)


def chain_rule(data, of=float):
    """The gradient of an element, from the page's local derivatives alone; with `of=abs` the sum of magnitudes."""
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
                    of(d) * gradient(edge["target"], o, t) for o, t, at, d in entries if at == s
                )
        return total

    return gradient


def test_a_closed_relu_stands_in_the_chain_rule_as_a_zero():
    data = data_of(recorded(lambda: mg.relu(Tensor([-1.0, 2.0], requires_grad=True)).sum()))
    assert [[0, 0, 0, 0.0], [0, 1, 1, 1.0]] in data["zoom"]["jacobians"].values()


def test_tensors_of_more_than_64_elements_are_left_out_of_the_zoom():
    data = data_of(recorded(lambda: (leaf(65) * 2).sum()))
    assert data["zoom"]["jacobians"] == {}


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
    array = np.arange(6000.0).reshape(6000, 1)
    heat = heat_of(array)
    assert (heat["rows"], heat["block"]) == (2000, [3, 1])
    assert cells_of(heat)[-1, 0] == pytest.approx(5998, abs=heat["limit"] / 250)
    assert heat_of(array[:-1])["rows"] == 2000


@pytest.mark.parametrize("shape", [(100, 2), (2, 2000), (64, 64), (16, 8, 3, 3)])
def test_a_heat_map_averages_nothing_that_has_room(shape):
    heat = heat_of(np.ones(shape))
    assert heat["block"] == [1, 1]
    assert (heat["rows"], heat["columns"]) == (np.prod(shape[:-1]), shape[-1])


@pytest.mark.parametrize("shape", [(300, 100), (10_000, 3), (3, 10_000), (784, 128), (100_000,)])
def test_a_heat_map_has_a_bounded_number_of_cells(shape):
    heat = heat_of(np.ones(shape))
    assert heat["rows"] * heat["columns"] <= CELLS
    assert heat["rows"] * heat["columns"] > CELLS / 4


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
    path = picture.page(loss, tmp_path / "<b>.html", {HOSTILE: a})
    text = path.read_text(encoding="utf-8")
    assert text.count("<script") == 3  # the data, the program, and what runs it
    assert "<b>" not in text
    assert "alert" not in text
    assert HOSTILE in [node.get("name") for node in data_in(path)["trace"]["nodes"]]


def test_the_page_fetches_nothing_and_runs_its_own_script_alone(tmp_path):
    text = picture.page(*recorded(double)[:1], tmp_path / "graph.html").read_text(encoding="utf-8")
    script = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)[0]
    program = program_in(text)
    allowed = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"
        for code in (script, program)
    )
    # an image of the page's own making, inside its address, is no fetching
    assert f"default-src 'none'; img-src data:; script-src {allowed}; style-src" in text
    assert not re.search(r"""(src|href)=|@import|url\((?!#)""", text + program)


@pytest.mark.parametrize(
    ("model", "shape", "most"),
    [
        (lambda: nn.MLP([2, 100, 3]), (300, 2), 150_000),
        (lambda: nn.CNN((1, 28, 28), channels=[8, 16], classes=10), (8, 1, 28, 28), 500_000),
    ],
    ids=["spiral", "CNN"],
)
def test_a_page_is_small(tmp_path, model, shape, most):
    net = model()
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    loss = recorded(lambda: mg.cross_entropy(net(x), np.arange(len(x)) % 3))
    assert picture.page(loss, tmp_path / "graph.html", net).stat().st_size < most


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
        text = str(data_in(picture.page(loss, tmp_path / "graph.html", {"x": x})))
    assert "'-inf'" in text
    assert "'nan'" in text


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


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble"])
@pytest.mark.parametrize("count", [0, 1, 3, 100])
def test_a_page_shows_floats_of_every_length_and_its_data_is_json(tmp_path, dtype, count):
    info = np.finfo(dtype)
    array = np.resize(np.array([1, info.max, info.tiny, np.nan, -np.inf], dtype), count)
    with mg.record():
        loss = (Tensor(array, requires_grad=True) * Tensor(np.array(0.5, dtype))).sum()
    assert picture.page(loss, tmp_path / "graph.html").is_file()
    json.dumps(data_of(loss), allow_nan=False)
