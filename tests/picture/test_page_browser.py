"""The page of a graph, driven in a browser: what a reader sees and does."""

from __future__ import annotations

import math

import numpy as np
import pytest
from graphs import double, recorded, small_net
from loops import LOOPS, Cell

import minigrad as mg
from minigrad import Tensor

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")

from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.select import Select  # noqa: E402
from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402

RULE_OF_RELU = "∂L∂x={gif\N{NO-BREAK SPACE}y>00otherwise"  # two lines with two columns

# --- playing ----------------------------------------------------------------------------------


def test_the_sum_of_a_node_grows_step_by_step(open_page):
    page = open_page(*recorded(double))
    seen = []
    for _ in range(3):
        page.press("next")
        seen.append(page.gradient_beside("a"))
    assert seen == ["", "", "grad 2 + 2 = 4"]
    page.press("previous")
    assert page.gradient_beside("a") == ""
    assert "1 + 1 = 2" in page.story


def test_played_to_the_end_every_leaf_shows_its_grad(open_page):
    loss, model = recorded(small_net)
    page = open_page(loss, model)
    page.press("last")
    assert "every leaf holds its .grad" in page.story
    loss.backward()
    for name, parameter in model.named_parameters():
        (shown,) = [
            n
            for n in page.all(".node.parameter")
            if n.find_element(By.CLASS_NAME, "title").get_property("textContent").endswith(name)
        ]
        page.click(shown)
        np.testing.assert_allclose(
            page.numbers("gradient"), parameter.grad.numpy().ravel(), rtol=1e-6
        )
        said = shown.find_element(By.CLASS_NAME, "gradient").get_property("textContent")
        assert float(said.removeprefix("grad norm ")) == pytest.approx(
            np.linalg.norm(parameter.grad.numpy()), rel=1e-3
        )


def test_the_slider_and_the_keys_lead_through_the_pass(open_page):
    page = open_page(*recorded(double))
    slider = page.find("#slider")
    slider.send_keys(Keys.END)
    assert page.gradient_beside("a") == "grad 2 + 2 = 4"
    slider.send_keys(Keys.HOME)
    assert page.gradient_beside("a") == ""
    page.find("body").send_keys("nnn")
    assert page.gradient_beside("a") == "grad 2 + 2 = 4"
    page.find("body").send_keys("p")
    assert page.gradient_beside("a") == ""


def test_play_goes_on_by_itself_and_stops_at_the_end(open_page):
    page = open_page(*recorded(double))
    page.press("play")
    assert page.find("#play").text.endswith("Pause")
    WebDriverWait(page.driver, 20, 0.1).until(lambda _: page.find("#play").text.endswith("Play"))
    assert page.gradient_beside("a") == "grad 2 + 2 = 4"


def test_the_forward_pass_shows_values_as_they_come(open_page):
    page = open_page(*recorded(double))
    page.press("forward")
    values = [n.get_property("textContent") for n in page.all(".node.op .what")]
    assert values == ["", ""]
    page.press("next")
    values = [n.get_property("textContent").strip() for n in page.all(".node.op .what")]
    assert values == ["= 6", ""]
    assert "a = 3" in page.story


def test_a_long_chain_plays_to_its_end(open_page):
    x = Tensor(1.0, requires_grad=True)

    def chain():
        h = x
        for _ in range(600):
            h = h * x
        return h

    page = open_page(recorded(chain), {"x": x})
    assert len(page.shown()) < 40
    page.press("last")
    assert page.gradient_beside("x") == "grad 601"


def test_a_pass_opens_the_steps_of_a_loop_as_it_goes_and_any_can_be_opened(open_page):
    model = Cell()
    page = open_page(recorded(lambda: model.over(6)), model)
    if page.find("#unfold").is_enabled():
        page.press("unfold")
    shown = len(page.shown())
    field = page.find(".steps input")
    assert field.get_property("value") == "1"
    assert page.all(".edge.elsewhere path")
    field.send_keys(Keys.END + Keys.BACKSPACE + "6" + Keys.ENTER)  # its output goes to the sum
    assert len(page.shown()) == shown
    told = [c.get_property("textContent") for c in page.all(".chip") if c.is_displayed()]
    assert "step 1" in told  # which alone begins with what the loop was given
    assert "step 6" not in told
    field.send_keys(Keys.END + Keys.BACKSPACE + "1" + Keys.ENTER)
    for _ in range(3):  # the loss, the sum, and the last step
        page.press("next")
    assert field.get_property("value") == "6"
    (current,) = page.all(".node.current")
    assert current.is_displayed()
    assert len(page.shown()) == shown
    assert len([e for e in page.all(".edge.carried path") if e.is_displayed()]) == 2
    page.press("fit")
    page.click_module("× 6 in a chain")
    page.find("body").send_keys("n")  # over all that happens in the loop
    assert "every leaf holds its .grad" in page.story
    for name, _ in model.named_parameters():
        arrived = page.gradient_beside(name).removeprefix("grad ")
        assert f"6 gradients to {name} ({arrived})" in page.story
        assert f"6 gradients to {name}, which has gathered {arrived}" in page.panel


def test_a_module_folded_within_a_loop_is_that_of_the_step_that_plays(open_page):
    page = open_page(*LOOPS["blocks"]())
    page.press("unfold")
    page.press("unfold")
    page.press("fold")  # the linear layers of a block, which stays open
    seen = []
    while "4" not in seen[-1:]:
        page.press("next")
        if page.all(".module.current"):
            home, title = page.panel.split("\n")[:2]
            seen.append(page.find(".steps input").get_property("value"))
            assert f"{int(seen[-1]) - 1}." in home + title
    assert seen[:2] == ["5", "5"]


def test_a_folded_module_around_a_loop_is_played_in_one_go(open_page):
    page = open_page(*LOOPS["recorded cell"]())
    while page.find("#fold").is_enabled():
        page.press("fold")
    page.press("next")
    page.press("next")
    assert "every leaf holds its .grad" in page.story


# --- looking ----------------------------------------------------------------------------------


def test_a_module_folds_into_one_box_and_unfolds_again(open_page):
    page = open_page(*recorded(small_net))
    before = len(page.shown())
    page.click_module("0: Linear")
    folded = len(page.shown())
    assert folded == before - 3
    page.click_module("0: Linear")
    assert len(page.shown()) == before


def test_no_box_lies_on_another_however_it_is_folded(open_page):
    page = open_page(*recorded(small_net))
    for title in (None, "0: Linear", "2: Linear", "0: Linear", "MLP", "MLP"):
        if title:
            page.click_module(title)
        shapes = page.all(".node .shape") + page.all(".module.folded .frame")
        boxes = [shape.rect for shape in shapes if shape.is_displayed()]
        for i, a in enumerate(boxes):
            for b in boxes[:i]:
                assert (
                    a["x"] + a["width"] <= b["x"] + 1
                    or b["x"] + b["width"] <= a["x"] + 1
                    or a["y"] + a["height"] <= b["y"] + 1
                    or b["y"] + b["height"] <= a["y"] + 1
                )


def test_fold_and_unfold_go_by_one_level(open_page):
    page = open_page(*recorded(small_net))
    counts = [len(page.shown())]
    for name in ("fold", "fold", "unfold", "unfold"):
        page.press(name)
        counts.append(len(page.shown()))
    assert counts == [11, 5, 4, 5, 11]
    assert not page.find("#unfold").is_enabled()


def test_a_folded_module_tells_what_it_holds_and_the_gradients_in_it(open_page):
    loss, model = recorded(small_net)
    page = open_page(loss, model)
    page.click_module("0: Linear")
    (box,) = page.all(".module.folded")
    page.focus(box)
    text = page.find("#panel").text
    loss.backward()
    norm = np.linalg.norm(model[0].weight.grad.numpy())
    assert "2 parameters, 1 op" in text
    assert f"0.weight (4, 2): {norm:.4g}" in text


def test_search_finds_by_name_and_opens_what_is_folded(open_page):
    page = open_page(*recorded(small_net))
    page.click_module("0: Linear")
    search = page.find("#search")
    search.send_keys("0.weight")
    assert page.find("#found").text == "1 found"
    search.send_keys(Keys.ENTER)
    assert page.find("#panel h2").text.endswith("0.weight")
    (chosen,) = page.all(".node.chosen")
    assert chosen.is_displayed()


def test_zoom_and_fit(open_page):
    page = open_page(*recorded(small_net))
    start = page.scale
    page.press("larger")
    assert page.scale == pytest.approx(start * 1.25)
    page.find("body").send_keys("--")
    assert page.scale == pytest.approx(start * 0.8)
    page.press("fit")
    assert page.scale == pytest.approx(start)


def test_everything_is_in_sight_at_first(open_page):
    page = open_page(*recorded(small_net))
    stage = page.find("#stage").rect
    for node in page.shown():
        assert stage["x"] <= node.rect["x"]
        assert node.rect["x"] + node.rect["width"] <= stage["x"] + stage["width"]
        assert stage["y"] <= node.rect["y"]
        assert node.rect["y"] + node.rect["height"] <= stage["y"] + stage["height"]


def test_a_node_tells_its_formula_and_rules_under_the_pointer(open_page):
    page = open_page(recorded(lambda: mg.relu(Tensor([-1.0, 2.0], requires_grad=True)).sum()))
    webdriver.ActionChains(page.driver).move_to_element(page.node("relu")).perform()
    assert page.maths == ["y=max(x,0)", RULE_OF_RELU]
    assert page.numbers("value") == [0.0, 2.0]
    assert page.numbers("gradient") == [1.0, 1.0]


def test_a_node_tells_the_same_when_it_has_the_focus(open_page):
    page = open_page(recorded(lambda: mg.relu(Tensor([-1.0, 2.0], requires_grad=True)).sum()))
    page.focus(page.node("relu"))
    assert RULE_OF_RELU in page.maths
    page.keys(Keys.ARROW_DOWN)
    assert page.find("#panel h2").text == "sum"


def test_a_leaf_that_is_clicked_tells_why_its_gradient_is_what_it_is(open_page):
    w, dead = Tensor([1.0, 2.0], requires_grad=True), Tensor([-1.0, -2.0], requires_grad=True)
    loss = recorded(lambda: (w * mg.relu(dead)).sum())
    page = open_page(loss, {"w": w, "dead": dead})
    for name, leaf in (("w", w), ("dead", dead)):
        page.click_node(name)
        assert page.find("#panel .why").text == str(mg.explain(leaf, loss))


def test_a_large_tensor_is_a_heat_map(open_page):
    w = Tensor(np.ones((10, 20)), requires_grad=True)
    page = open_page(recorded(lambda: (w * w).sum()), {"w": w})
    page.click_node("w")
    (value, gradient) = page.all("#panel canvas.heat")
    assert (value.get_attribute("width"), value.get_attribute("height")) == ("20", "10")
    assert gradient.is_displayed()


def test_colours_tell_large_gradients_from_small_ones(open_page):
    small, large = Tensor(1.0, requires_grad=True), Tensor(1e-6, requires_grad=True)
    page = open_page(recorded(lambda: small * large), {"small": small, "large": large})
    Select(page.find("#colours")).select_by_value("gradient")
    light = [
        sum(
            eval(
                page.node(name)
                .find_element(By.CLASS_NAME, "shape")
                .value_of_css_property("fill")[3:]
            )
        )
        for name in ("small", "large")
    ]
    assert light[0] > light[1]
    assert "1e-6" in page.find("#legend").text


def test_arrow_keys_go_from_node_to_node_and_enter_folds(open_page):
    page = open_page(*recorded(small_net))
    page.focus(page.node("loss"))
    page.keys(Keys.ARROW_UP)
    assert page.find("#panel h2").text == "softmax_cross_entropy"
    page.keys(Keys.ARROW_UP)
    assert page.find("#panel h2").text == "linear"
    before = len(page.shown())
    page.keys(Keys.ENTER)
    assert len(page.shown()) == before - 3
    assert page.driver.switch_to.active_element.get_attribute("aria-expanded") == "false"
    page.keys(Keys.ENTER)
    assert len(page.shown()) == before


def test_print_shows_the_whole_graph_on_paper(open_page):
    page = open_page(*recorded(small_net))
    assert page.driver.print_page()  # a PDF
    page.driver.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    assert page.find("#graph").get_dom_attribute("viewBox").startswith("0 0 ")
    page.driver.execute_script("window.dispatchEvent(new Event('afterprint'))")


# --- the scalar zoom --------------------------------------------------------------------------


def test_paths_of_one_element_sum_to_its_gradient(open_page):
    loss, model = recorded(small_net)
    page = open_page(loss, model)
    loss.backward()
    w = dict(model.named_parameters())["0.weight"]
    (shown,) = [
        n for n in page.all(".node.parameter") if "0.weight" in n.get_property("textContent")
    ]
    page.click(shown)
    for at in range(w.size):
        page.all("#panel .gradient td button")[at].click()
        sum_shown = float(page.find("#path-sum").get_attribute("data-sum"))
        assert math.isclose(sum_shown, w.grad.numpy().flat[at], rel_tol=1e-6, abs_tol=1e-9)
        page.all("#panel .gradient td button")[at].click()


def test_each_path_is_written_with_its_factors(open_page):
    page = open_page(*recorded(double))
    page.click_node("a")
    page.find("#panel .gradient td button").click()
    paths = [path.text for path in page.all(".paths li")]
    assert paths == ["a → add → add\n1 × 1 = 1"] * 4
    assert page.find("#path-sum").text == "4 paths, sum: 4; the gradient is 4"


def test_an_element_tells_the_scalars_that_made_it(open_page):
    x = Tensor([[1.0, 2.0]], requires_grad=True)
    w = Tensor([[3.0], [4.0]], requires_grad=True)
    page = open_page(recorded(lambda: (x @ w).sum()), {"x": x, "w": w})
    page.click_node("matmul")
    page.find("#panel .value td button").click()
    assert "matmul[0, 0] = 3 × x[0, 0] (1) + 4 × x[0, 1] (2) = 11" in page.find("#scalar").text
