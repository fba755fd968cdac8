"""Numbers changed in the page: its own forward and backward, beside the engine's."""

from __future__ import annotations

import json

import numpy as np
import pytest
from cases import CASES
from graphs import recorded

import minigrad as mg
import nn
from minigrad import Tensor, picture

pytest.importorskip("selenium", reason="selenium is not installed")

from selenium.webdriver.common.keys import Keys


def leaf(value, dtype="float64"):
    return Tensor(np.asarray(value, dtype), requires_grad=True)


def neurons():
    names = {
        "w1": leaf(0.5),
        "b1": leaf(-0.5),
        "w2": leaf(-1.5),
        "b2": leaf(0.25),
        "x": Tensor(2.0),
    }
    w1, b1, w2, b2, x = names.values()
    return names, lambda: np.square(w2 * np.tanh(w1 * x + b1) + b2 - 1.0)


def perceptron():
    rng = np.random.default_rng(3)
    model = nn.MLP([2, 3, 2], rng=rng)
    names = dict(model.named_parameters()) | {
        "x": Tensor(rng.standard_normal((4, 2)).astype(np.float32)),
        "labels": Tensor(np.array([0, 1, 1, 0])),
    }
    return names, lambda: mg.cross_entropy(model(names["x"]), names["labels"])


def attention():
    """Broadcasting, products, powers, a value used three times, sums over axes."""
    rng = np.random.default_rng(4)
    names = {name: leaf(rng.standard_normal((3, 2))) for name in "qkv"} | {"b": leaf([0.3, -0.2])}
    q, k, v, b = names.values()

    def loss():
        score = mg.exp((q + b) @ k.T / 2)
        mixed = (score / score.sum(1, keepdims=True)) @ v
        return (
            ((mixed - mg.sigmoid(q)) ** 2).mean()
            - mg.log(1 + b * b).sum()
            + mg.sqrt(score).mean(0).sum()
        )

    return names, loss


NETS = {"neurons": neurons, "perceptron": perceptron, "attention": attention}
CLICKS = """const press = (element) => element.dispatchEvent(new MouseEvent("click", { bubbles: true }));
const choose = (place) => {
    const node = document.querySelector(`[data-node="${place}"]`);
    if (!node.classList.contains("chosen")) press(node.querySelector(".shape"));
};
const numbers = (which) => [...document.querySelectorAll(`#panel .${which} td > *`)];"""
"""As a reader would, but in one message to the browser."""


def edit(page, place, index, x):
    """Choose a node, then one of its numbers, and type; returns what the page says against it."""
    script = """const [place, index, text] = arguments;
    choose(place);
    if (!numbers("value")[index].parentElement.classList.contains("chosen")) press(numbers("value")[index]);
    const field = document.getElementById("edited");
    const said = field.closest("p").querySelector("output");
    field.value = text;
    field.dispatchEvent(new Event("change"));
    return said.textContent;"""
    return page.driver.execute_script(CLICKS + script, place, index, str(x))


def numbers_of(page, place):
    """The value and the gradient of a node, in full."""
    script = """choose(arguments[0]);
    return ["value", "gradient"].map((which) => numbers(which).map((cell) => Number(cell.title)));"""
    return page.driver.execute_script(CLICKS + script, place)


def assert_page_holds(page, loss, names):
    """Every value and gradient of the page is that of the loss, computed anew."""
    plain = picture.trace(loss, names, gradients=True)
    for node in plain.nodes:
        if node.kind == "constant" and not node.shapes[0]:
            continue  # a plain number; it is drawn in brief
        for stats, found in zip(
            (node.value, node.gradient), numbers_of(page, node.id), strict=True
        ):
            if stats is not None:
                expected = np.ravel(stats["values"])
                largest = np.abs(expected).max(initial=0)
                np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5 * largest)


def places_of(loss, names):
    """name -> the place in the page; labels have reached their op as an array without the Tensor's name."""
    nodes = picture.trace(loss, names).nodes
    places = {node.name: node.id for node in nodes if node.name in names}
    places.update(("labels", node.id) for node in nodes if node.dtypes == ("int64",))
    return places


@pytest.mark.parametrize("name", NETS)
def test_after_random_edits_the_page_holds_what_a_fresh_run_in_python_gives(open_page, name):
    names, f = NETS[name]()
    page = open_page(recorded(f), names)
    assert page.find("#lab").is_displayed()
    rng = np.random.default_rng(0)
    places = places_of(recorded(f), names)
    assert places.keys() == names.keys()
    for _ in range(50):
        key = rng.choice(list(names))
        data = names[key].data.copy()
        index = int(rng.integers(data.size))
        x = 1 - data.flat[index] if data.dtype.kind == "i" else round(float(rng.normal()), 3)
        assert edit(page, places[key], index, x) == ""
        data.flat[index] = x
        names[key].data = data
    assert_page_holds(page, recorded(f), names)
    page.press("restore")
    assert page.find("#moved").text == ""


def test_a_step_goes_against_the_gradient_and_the_recorded_numbers_come_back(open_page):
    names, f = neurons()
    page = open_page(recorded(f), names)
    leaves = {key: names[key].data for key in names}
    for _ in range(3):
        page.press("descend")
        loss = recorded(f)
        ws = [names[key] for key in ("w1", "b1", "w2", "b2")]
        for w, g in zip(ws, mg.grad(loss, ws), strict=True):
            w.data = w.data - 0.1 * g.data
    assert_page_holds(page, recorded(f), names)
    assert "→" in page.find("#moved").text
    page.press("restore")
    for key, data in leaves.items():
        names[key].data = data
    assert_page_holds(page, recorded(f), names)
    assert page.find("#moved").text == ""


def test_a_number_is_typed_in_place_and_its_chain_rule_follows(open_page):
    names, f = neurons()
    page = open_page(recorded(f), names)
    page.click_node("w2")
    page.find("#panel .value button").click()
    field = page.find("#edited")
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("2", Keys.ENTER)
    names["w2"].data = np.float64(2)
    (expected,) = mg.grad(recorded(f), [names["w2"]])
    total = float(page.find("#path-sum").get_attribute("data-sum"))
    assert total == pytest.approx(expected.item(), rel=1e-9)
    assert page.numbers("value") == [2.0]


@pytest.mark.parametrize(("key", "text"), [("labels", "2"), ("labels", "0.5"), ("x", "")])
def test_what_is_no_number_for_its_place_is_refused_with_the_reason(open_page, key, text):
    names, f = perceptron()
    page = open_page(recorded(f), names)
    assert "needed" in edit(page, places_of(recorded(f), names)[key], 0, text)
    assert_page_holds(page, recorded(f), names)


def test_a_graph_that_the_page_cannot_compute_says_why(open_page):
    w = leaf(np.ones((1, 1, 2, 2)))
    page = open_page(recorded(lambda: mg.conv2d(np.ones((1, 1, 4, 4)), w).sum()), {"w": w})
    assert not page.find("#lab").is_displayed()
    assert "the op conv2d is not among those" in page.panel


COMPUTE = """const [op, inputs, options, shape, g] = arguments;
if (unknownOp(op, options, inputs.map((x) => x.shape))) return null;
const y = valueOf(op, inputs, options, shape);
return JSON.stringify([y.data, backOf(op, {shape, data: g}, inputs, options, y).map((d) => d && d.data)]);"""


def test_every_op_of_the_page_has_the_value_and_the_derivatives_of_its_row(driver, open_page):
    if "Firefox" in type(driver).__name__:
        pytest.skip("its driver does not see the names of a page's script")
    page = open_page(recorded(lambda: leaf(1.0) * 1))
    ops = page.driver.execute_script("return [...Object.keys(ELEMENTWISE), ...Object.keys(WHOLE)]")
    assert len(ops) > 12
    met = set()
    for op in ops:
        for call in CASES[op]:
            if call_is_compared(page, op, call):
                met.add(op)
    assert met == set(ops)


def call_is_compared(page, op, call):
    """Compare one call of the table; False where it is not one op on its arguments, or one that the page leaves out."""
    xs = [leaf(a) for a in call.arguments()]
    with mg.record():
        y = call.on(*xs)
    plain = picture.trace(y)
    nodes = [node for node in plain.nodes if node.op == op]
    if y._node.op.name != op or len(nodes) != 1 or y.size == 0:
        return False
    sources = [edge.source for edge in plain.edges if edge.target == nodes[0].id]
    if any(plain.nodes[i].kind == "op" or plain.nodes[i].value is None for i in sources):
        return False
    values = [plain.nodes[i].value["values"] for i in sources]
    if None in values:
        return False
    inputs = [
        {"shape": plain.nodes[i].shapes[0], "data": np.ravel(v).tolist()}
        for i, v in zip(sources, values, strict=True)
    ]
    seed = np.linspace(0.5, 1.5, y.size).reshape(y.shape)
    given = (op, inputs, nodes[0].options, list(y.shape), seed.ravel().tolist())
    answer = page.driver.execute_script(COMPUTE, *given)
    if answer is None:
        return False
    data, gradients = json.loads(answer)
    np.testing.assert_allclose(data, y.data.ravel(), rtol=1e-10, atol=1e-12)
    expected = mg.grad(y, xs, seed)
    found = [g for i, g in zip(sources, gradients, strict=True) if plain.nodes[i].kind == "leaf"]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b.data.ravel(), rtol=1e-8, atol=1e-10)
    return True
