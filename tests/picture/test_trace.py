"""A graph as plain data: what is in it, that JSON gives it back, and that looking changes nothing."""

import json

import numpy as np
import pytest

import minigrad as mg
import nn
from minigrad import Tensor
from minigrad.picture import trace
from minigrad.picture.data import Trace
from minigrad.picture.rules import formula_of, rules_of
from minigrad.picture.statistics import statistics_of


def leaf(*shape):
    return Tensor(np.random.default_rng(0).normal(size=shape), requires_grad=True)


class Cell(nn.Module):
    def __init__(self):
        self.inner = nn.Linear(3, 3)
        self.scale = nn.Buffer([2.0])

    def forward(self, h):
        return mg.tanh(self.inner(h)) * self.scale


class Net(nn.Module):
    def __init__(self):
        self.cell = Cell()
        self.head = nn.Sequential(nn.Linear(3, 2), nn.ReLU())

    def forward(self, x):
        return self.head(self.cell(self.cell(x) + 1))


def recorded_net():
    net = Net()
    with mg.record():
        loss = net(Tensor(np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32))).sum()
    return loss, net


def vertex(plain, op):
    (found,) = [v for v in plain.nodes if v.op == op]
    return found


# --- JSON -------------------------------------------------------------------------------------


def test_json_gives_back_the_trace_and_every_number_in_it_is_one_that_json_knows():
    loss, _ = recorded_net()
    with mg.record():
        loss = loss + (leaf(2) * np.array([np.nan, np.inf])).sum()
    plain = trace(loss, gradients=True)
    text = plain.to_json()
    assert Trace.from_json(text) == plain
    assert "NaN" not in text
    assert "Infinity" not in text
    data = json.loads(text)
    assert (data["format"], data["version"]) == ("minigrad-trace", 1)


def test_the_same_graph_gives_the_same_json():
    w, x = leaf(2, 3), np.ones((4, 3))
    texts = [trace(mg.tanh(x @ w.T).sum(), {"w": w}, gradients=True).to_json() for _ in range(2)]
    assert texts[0] == texts[1]


@pytest.mark.parametrize("text", ["[]", "{}", '{"format": "minigrad-trace", "version": 2}', "3"])
def test_another_format_or_version_is_refused_by_name(text):
    with pytest.raises(ValueError, match=r"minigrad-trace.*1.*to_json"):
        Trace.from_json(text)


# --- Structure --------------------------------------------------------------------------------


def test_ids_are_places_edges_lead_forward_and_shapes_are_those_of_their_source():
    plain = trace(recorded_net()[0])
    assert [v.id for v in plain.nodes] == list(range(len(plain.nodes)))
    assert plain.nodes[plain.output].kind == "output"
    for edge in plain.edges:
        assert edge.source < edge.target
        assert edge.shape == plain.nodes[edge.source].shapes[edge.output]


def test_modules_have_a_path_for_each_call_and_parameters_the_name_that_they_have_there():
    loss, _net = recorded_net()
    plain = trace(loss)
    paths = {m.path: (m.type, m.parent) for m in plain.modules}
    assert paths == {
        "Net": ("Net", None),
        "Net.cell": ("Cell", "Net"),
        "Net.cell.inner": ("Linear", "Net.cell"),
        "Net.cell (2)": ("Cell", "Net"),
        "Net.cell (2).inner": ("Linear", "Net.cell (2)"),
        "Net.head": ("Sequential", "Net"),
        "Net.head.0": ("Linear", "Net.head"),
        "Net.head.1": ("ReLU", "Net.head"),
    }
    named = {v.name: v.scope for v in plain.nodes if v.kind == "parameter"}
    assert named == {
        "cell.inner.weight": "Net.cell.inner",
        "cell.inner.bias": "Net.cell.inner",
        "cell.scale": "Net.cell",
        "head.0.weight": "Net.head.0",
        "head.0.bias": "Net.head.0",
    }
    assert [v.scope for v in plain.nodes if v.op == "tanh"] == ["Net.cell", "Net.cell (2)"]
    assert vertex(plain, "relu").scope == "Net.head.1"
    assert vertex(plain, "sum").scope == ""


def test_a_weight_that_is_used_before_its_module_is_called_has_its_name_and_place_too():
    net = nn.Linear(2, 1)
    with mg.record():
        loss = np.square(net.weight).sum() + net(np.ones((3, 2), np.float32)).sum()
    (weight,) = [v for v in trace(loss).nodes if v.name == "weight"]
    assert (weight.kind, weight.scope) == ("parameter", "Linear")


def test_calls_of_one_module_right_after_each_other_are_told_apart():
    tanh = nn.Tanh()
    with mg.record():
        h = tanh(tanh(leaf(2)))
    assert [v.scope for v in trace(h).nodes if v.op] == ["Tanh", "Tanh (2)"]


def test_names_that_are_given_come_before_those_of_modules():
    loss, net = recorded_net()
    names = {v.name for v in trace(loss, {"mine": net.cell.scale}).nodes}
    assert "mine" in names
    assert "cell.scale" not in names


def test_without_record_the_structure_is_the_same_and_there_are_no_values():
    net, x = Net(), np.ones((4, 3), np.float32)
    with mg.record():
        told = trace(net(x).sum(), net)
    plain = trace(net(x).sum(), net)
    assert not plain.recorded
    assert told.recorded
    ops = [[v.op for v in t.nodes if v.kind == "op"] for t in (plain, told)]
    assert ops[0] == ops[1]
    assert all(v.value is None and v.line is None and v.scope == "" for v in plain.nodes)
    assert all(v.value is not None for v in told.nodes)
    assert all("test_trace.py:" in v.line for v in told.nodes if v.op)


def test_what_has_no_gradient_is_a_ghost_with_its_reason_and_what_it_was_made_from():
    w = leaf(3)
    with mg.record():
        cut = (w * 2).detach()
        loss = (w * cut + cut.requires_grad_()).sum()
        with mg.no_grad():
            loss = loss * (w.max() + 1)
    plain = trace(loss, {"w": w})
    ghosts = {v.op: v.cut for v in plain.nodes if v.kind == "ghost"}
    assert ghosts["detach"] == "detach"
    assert ghosts["max"] == "no_grad"
    sources = {e.source for e in plain.edges if plain.nodes[e.target].op == "detach"}
    assert [plain.nodes[s].op for s in sources] == ["multiply"]


def test_a_loss_under_no_grad_can_be_looked_at_when_recorded():
    with mg.record(), mg.no_grad():
        loss = (leaf(2) * 3).sum()
    assert [v.kind for v in trace(loss).nodes if v.op] == ["ghost", "ghost"]


def test_saved_arrays_are_named_counted_and_known_as_one_block_where_they_share_memory():
    x = leaf(5, 3)
    y = mg.exp(x)
    z = mg.tanh(y * y)
    plain = trace(z.sum())
    kept = {v.op: v.saved for v in plain.nodes if v.saved}
    assert kept["exp"] == [{"name": "y", "shape": (5, 3), "bytes": 120, "block": 0}]
    assert {entry["block"] for entry in kept["multiply"]} == {0}
    assert kept["tanh"][0]["block"] == 1
    assert vertex(plain, "multiply").saved_bytes == 120


def test_saved_bytes_of_a_recorded_graph_are_told_after_backward_too():
    with mg.record():
        loss = mg.exp(leaf(5)).sum()
    before = vertex(trace(loss), "exp").saved_bytes
    loss.backward()
    after = vertex(trace(loss), "exp")
    assert (after.saved, after.saved_bytes) == ([], before)
    assert before == 5 * 8


def test_saved_bytes_of_a_graph_that_nobody_recorded_are_unknown_after_backward():
    loss = mg.exp(leaf(5)).sum()
    loss.backward()
    assert vertex(trace(loss), "exp").saved_bytes is None


def test_modules_that_are_gone_are_still_known_by_their_class():
    kept, loss = recorded_net(), recorded_net()[0]
    gone = [m.type for m in trace(loss).modules]
    assert gone == [m.type for m in trace(kept[0]).modules] != []


# --- Gradients --------------------------------------------------------------------------------


def test_gradients_are_those_of_backward_and_nothing_is_touched():
    loss, net = recorded_net()
    plain = trace(loss, gradients=True)
    assert all(p.grad is None for p in net.parameters())
    loss.backward()
    told = {v.name: v.gradient for v in plain.nodes if v.kind == "parameter" and v.gradient}
    grads = {name: p.grad.numpy() for name, p in net.named_parameters()}
    assert told.keys() == grads.keys()
    for name, gradient in grads.items():
        np.testing.assert_array_equal(np.float32(told[name]["values"]), gradient)
    assert plain.nodes[plain.output].gradient["values"] == 1


def test_gradients_of_interior_nodes_are_those_of_grad():
    w = leaf(4)
    h = mg.tanh(w)
    loss = (h * h * w).sum()
    (expected,) = mg.grad(loss, [h], retain_graph=True)
    told = vertex(trace(loss, gradients=True), "tanh").gradient
    np.testing.assert_array_equal(told["values"], expected.numpy())


def test_an_op_with_several_outputs_has_a_value_and_a_gradient_for_each():
    with mg.record():
        first, _, third = mg.split(leaf(6), 3)
        loss = first.sum() + 2 * third.sum()
    op = vertex(trace(loss, gradients=True), "split")
    assert [s["size"] for s in op.value] == [2, 2, 2]
    assert [s and s["mean"] for s in op.gradient] == [1, None, 2]


def test_gradients_of_a_freed_graph_are_refused_with_the_remedy():
    loss = mg.exp(leaf(2)).sum()
    loss.backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        trace(loss, gradients=True)


def test_a_leaf_alone_has_gradient_one():
    assert trace(leaf(), gradients=True).nodes[0].gradient["values"] == 1


# --- Statistics -------------------------------------------------------------------------------


def test_statistics_are_of_the_finite_elements_and_count_the_others():
    s = statistics_of(np.array([[1.0, -3.0, 0.0], [np.nan, np.inf, -np.inf]]))
    assert (s["min"], s["max"], s["zeros"], s["nans"], s["infs"], s["size"]) == (-3, 1, 1, 1, 2, 6)
    assert s["norm"] == pytest.approx(np.sqrt(10))
    assert s["values"] == [[1, -3, 0], ["nan", "inf", "-inf"]]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "bool"])
def test_mean_std_norm_and_histogram_are_numpys(dtype):
    x = (np.random.default_rng(0).normal(size=(20, 30)) * 5).astype(dtype)
    s, wide = statistics_of(x), x.astype(np.float64)
    found = [s["mean"], s["std"], s["norm"]]
    np.testing.assert_allclose(found, [wide.mean(), wide.std(), np.linalg.norm(wide)], rtol=1e-6)
    counts, edges = s["histogram"]["counts"], s["histogram"]["edges"]
    assert sum(counts) == x.size
    assert len(edges) == len(counts) + 1
    assert s["values"] is None


@pytest.mark.parametrize("size", [1e300, 1e-300, 5e-324])
def test_very_large_and_very_small_numbers_neither_overflow_nor_vanish(size):
    s = statistics_of(np.array([size, -size]))
    assert (s["min"], s["max"]) == (-size, size)
    assert s["norm"] == pytest.approx(np.hypot(size, size))


def test_empty_arrays_and_what_is_no_number_have_no_moments():
    assert statistics_of(np.zeros((0, 3)))["mean"] is None
    assert statistics_of(np.array(["a"])) is None
    assert statistics_of(object()) is None


def test_a_float32_is_told_by_the_shortest_decimal_that_means_it():
    assert statistics_of(np.float32([0.1, 3]))["values"] == [0.1, 3]


# --- Formulas and rules -----------------------------------------------------------------------


def test_rules_are_told_as_they_are_written_in_the_table():
    loss = mg.divide(leaf(2), leaf(2))
    assert rules_of(loss._node.op) == {"a": "g / b", "b": "-g * y / b"}
    op = mg.where(np.array([True]), leaf(1), 0.0)._node.op
    assert rules_of(op)["a"].startswith("where(condition, g, ")


def test_two_lambdas_in_one_line_are_told_apart():
    def _both(a, b):
        return a + b

    op = mg.primitive(_both, a=lambda g: g, b=lambda g: (lambda h: h * 1)(g))
    assert rules_of(op) == {"a": "g", "b": "(lambda h: h * 1)(g)"}


def test_a_named_rule_is_told_by_its_parameters_and_its_law():
    def _three(x):
        return 3 * x

    def _back(g, x):
        """g times three"""
        return 3 * g

    assert rules_of(mg.primitive(_three, x=_back)) == {"x": "back(g, x): g times three"}


def test_a_rule_without_source_is_told_by_name():
    back = eval("lambda g: g")
    assert rules_of(mg.primitive(lambda x: x, x=back))["x"].endswith("(g)")


def test_a_joint_rule_is_told_for_each_of_its_arguments():
    solved = mg.solve(Tensor(np.eye(2), requires_grad=True), leaf(2, 2))
    assert rules_of(solved._node.op).keys() == {"a", "b"}


def test_every_op_of_the_table_has_a_formula_that_is_not_numpys_signature():
    assert formula_of(mg.exp) == "exp(x)"
    assert formula_of(mg.add) == "a + b"
    assert "w[o, c, u, v]" in formula_of(mg.conv2d(leaf(1, 1, 3, 3), leaf(1, 1, 2, 2))._node.op)


def test_a_formula_is_never_the_documentation_of_something_else():
    with mg.record():
        x = leaf(2)
        above = np.greater(x, 0) & np.isfinite(x)
    assert [v.formula for v in trace(above).nodes if v.op] == [
        "greater(a, b)", "isfinite(x)", "bitwise_and(a, b)",
    ]  # fmt: skip
    assert formula_of(mg.primitive(_np, x=lambda g: 3 * g)) == "np(x)"


def _np(x):
    return 3 * x
