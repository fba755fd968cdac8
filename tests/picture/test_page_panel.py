"""The panel of a page, driven in a browser: the step that plays, one element, heat maps, the search."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import double, recorded, small_net

import minigrad as mg
from minigrad import Tensor

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")

from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.select import Select  # noqa: E402
from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402


def test_the_panel_tells_the_step_that_plays(open_page):
    a, b = Tensor(3.0, requires_grad=True), Tensor(-2.0, requires_grad=True)
    page = open_page(recorded(lambda: a * b + a), {"a": a, "b": b})
    assert page.find("#panel h2").text == "About this page"
    for _ in range(3):
        page.press("next")
    card = page.find("#in-play")
    assert card.find_element(By.TAG_NAME, "h2").text == "multiply"
    assert "lambda: a * b + a" in card.find_element(By.CLASS_NAME, "source").text
    given = [row.text for row in card.find_elements(By.CSS_SELECTOR, ".given tr")]
    assert given == ["a a scalar = 3", "b b scalar = -2", "y scalar = -6"]
    (rule, numbers), _ = (
        [math.get_property("textContent") for math in block.find_elements(By.TAG_NAME, "math")]
        for block in card.find_elements(By.CLASS_NAME, "handed")
    )
    assert rule == "∂L∂a=g⊙b"
    assert numbers == "=1×(−2)=−2"
    handed = [block.text for block in card.find_elements(By.CLASS_NAME, "handed")]
    assert "a has gathered 1 − 2 = -1" in handed[0]
    page.click_node("b")  # what is chosen is told until the next step
    assert page.find("#panel h2").text == "b"
    page.press("previous")
    assert page.find("#panel h2").text == "add"
    page.press("first")
    assert page.find("#panel h2").text == "About this page"
    page.press("forward")
    page.press("next")
    assert page.maths == ["y=ab", "y=3×(−2)=−6"]


def test_a_sum_of_paths_is_told_as_it_grows(open_page):
    page = open_page(*recorded(double))
    page.press("next")
    page.press("next")
    assert "add has gathered 1 + 1 = 2" in page.panel
    page.press("next")
    assert [line.text for line in page.all("#panel .sum")] == [
        "a has gathered 2 + … so far",
        "a has gathered 2 + 2 = 4",
    ]


def test_a_folded_module_is_told_by_its_own_name_with_what_is_inside(open_page):
    loss, model = recorded(small_net)
    page = open_page(loss, model)
    page.click_module("0: Linear")
    page.press("last")
    assert page.story.startswith("0: Linear has its whole gradient")
    assert "0.weight and 0.bias hold theirs" in page.story
    loss.backward()
    assert "1 op inside" in page.panel
    assert f"0.weight (4, 2): norm {np.linalg.norm(model[0].weight.grad.numpy()):.4g}" in page.panel
    page.press("forward")
    page.press("next")
    assert page.story.startswith("0: Linear takes ")
    assert page.find("#panel h2").text == "0: Linear"


def test_the_chain_rule_of_an_element_is_in_sight_at_once(laptop_page):
    loss, model = recorded(small_net)
    page = laptop_page(loss, model)
    if page.find("#unfold").is_enabled():
        page.press("unfold")
    page.click_node("0.weight")
    buttons = page.all("#panel .gradient td button")
    page.driver.execute_script("arguments[0].scrollIntoView()", buttons[3])
    buttons[3].click()
    for selector in ("#path-sum", "#panel td.chosen"):
        box = page.find(selector).rect
        assert page.find("#panel").rect["y"] <= box["y"]
        assert box["y"] + box["height"] <= 720 - page.find("footer").rect["height"]


@pytest.mark.parametrize("size", [(1280, 720), (1024, 768), (500, 844)])
@pytest.mark.parametrize(("index", "told"), [(2, "One path: 6"), (63, "No path leads")])
def test_of_a_tall_tensor_too_a_number_and_what_is_told_of_it_are_in_sight(
    laptop_page, size, index, told
):
    x = Tensor(np.arange(64.0).reshape(16, 4) + 1, requires_grad=True)
    page = laptop_page(recorded(lambda: (x[:8] ** 2).sum()), {"x": x})
    page.resize(*size)
    page.click_node("x")
    button = page.all("#panel .value td button")[index]
    page.driver.execute_script("arguments[0].scrollIntoView()", button)
    button.click()
    assert page.find("#path-sum").text.startswith(told)
    panel = page.find("#panel").rect
    for selector in ("#path-sum", "#panel td.chosen"):
        box = page.find(selector).rect
        assert panel["y"] <= box["y"]
        assert box["y"] + box["height"] <= panel["y"] + panel["height"] + 1


def test_a_number_that_is_chosen_by_keys_keeps_the_focus_and_is_described(open_page):
    x = Tensor([1.0, 2.0], requires_grad=True)
    page = open_page(recorded(lambda: (x**2).sum()), {"x": x})
    page.click_node("x")
    page.focus(page.all("#panel .gradient button")[1])
    page.keys(Keys.ENTER)
    chosen = page.driver.switch_to.active_element
    assert (chosen.tag_name, chosen.text) == ("button", "4")
    assert page.find("#" + chosen.get_attribute("aria-describedby")).text.startswith("One path: 4")
    page.keys(Keys.ENTER)
    assert page.driver.switch_to.active_element.get_attribute("id") == "panel"


@pytest.mark.parametrize("width", [1280, 1000])
def test_header_and_footer_take_one_row_each(laptop_page, width):
    loss, model = recorded(small_net)
    page = laptop_page(
        loss, model, name="a_long_name_of_a_file_that_is_cut_rather_than_wrapped.html"
    )
    page.resize(width, 720)
    assert page.find("#lab").is_displayed()
    for bar in ("header", "footer"):
        assert page.find(bar).rect["height"] < 60


def test_a_heat_map_reads_out_the_element_under_the_pointer_and_by_keys(open_page):
    w = Tensor(np.arange(200.0).reshape(10, 20), requires_grad=True)
    page = open_page(recorded(lambda: (w * w).sum()), {"w": w})
    page.click_node("w")
    canvas, told = page.find("#panel .value canvas"), page.find("#panel .value .read-out")
    everything = told.text
    webdriver.ActionChains(page.driver).move_to_element_with_offset(canvas, 4, 4).perform()
    assert told.text == "[5, 10] ≈ 110"
    page.focus(canvas)
    page.keys(Keys.ARROW_DOWN, Keys.ARROW_RIGHT)
    assert told.text == "[1, 1] ≈ 20"  # one of 127 shades
    webdriver.ActionChains(page.driver).move_to_element(page.find("h1")).perform()
    assert told.text == everything


@pytest.mark.parametrize("word", ["-0.625", "max(x, 0)", "where(y"])
def test_search_finds_values_and_formulas(open_page, word):
    x = Tensor([-0.625, 2.0], requires_grad=True)
    page = open_page(recorded(lambda: mg.relu(x).sum()), {"x": x})
    page.find("#search").send_keys(word, Keys.ENTER)
    assert page.find("#panel h2").text == ("x" if word[0] == "-" else "relu")


def test_play_goes_on_at_another_speed(open_page):
    page = open_page(*recorded(double))
    page.press("play")
    Select(page.find("#speed")).select_by_value("4")
    assert page.find("#play").text.endswith("Pause")
    WebDriverWait(page.driver, 20, 0.1).until(lambda _: page.find("#play").text.endswith("Play"))
    assert page.gradient_beside("a") == "grad 2 + 2 = 4"


def test_accessible_names_have_no_empty_parts(open_page):
    page = open_page(recorded(lambda: (Tensor(2.0, requires_grad=True) * 3 + np.ones(2)).sum()))
    page.press("last")
    said = [e.get_attribute("aria-label") for e in page.all("#graph [role=button]")]
    assert said
    for text in said:
        assert ", ," not in text
        assert not text.endswith((",", ", "))
        assert "  " not in text
    buttons = page.all("button, input, select")
    assert all(b.get_attribute("aria-label") or b.text or b.get_attribute("title") for b in buttons)
