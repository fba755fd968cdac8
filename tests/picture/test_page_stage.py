"""The stage of a page, driven in a browser: legible letters, directions, moving, and the map of the whole."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import recorded, small_net

import minigrad as mg
import nn
from minigrad import Tensor

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")

from browsers import HEIGHT, WIDTH  # noqa: E402

SMALLEST = 12  # pixels


def deep():
    """A perceptron of twelve layers, which no screen shows whole."""
    model = nn.MLP([2] * 13)
    return recorded(lambda: (model(np.ones((3, 2), np.float32)) ** 2).sum()), model


def branches():
    """One sum of ten products: a wide graph of few levels."""
    leaves = {f"w{i}": Tensor(np.ones(3), requires_grad=True) for i in range(10)}
    return recorded(lambda: mg.stack([w * w for w in leaves.values()]).sum()), leaves


def letters_of(page):
    """The height of the letters of each text that is shown, in pixels of the screen."""
    sizes = page.driver.execute_script(
        """return [...document.querySelectorAll("#graph text")].filter((text) => text.getClientRects().length)
        .map((text) => parseFloat(getComputedStyle(text).fontSize))"""
    )
    return [size * page.scale for size in sizes]


def texts_that_leave_their_box(page):
    return page.driver.execute_script(
        """const out = [];
        for (const node of document.querySelectorAll("#graph .node")) {
          const frame = node.querySelector(".shape").getBoundingClientRect();
          for (const text of node.querySelectorAll("text")) {
            const box = text.getBoundingClientRect();
            if (box.width && (box.left < frame.left || box.right > frame.right)) out.push(text.textContent);
          }
        }
        return out"""
    )


def is_in_sight(page, element):
    """Return whether all of it is on the stage, up to the width of a line."""
    stage, box = page.find("#stage").rect, element.rect
    return all(
        stage[a] - 2 <= box[a] and box[a] + box[d] <= stage[a] + stage[d] + 2
        for a, d in (("x", "width"), ("y", "height"))
    )


@pytest.mark.parametrize("graph", [small_net, deep, branches])
def test_at_first_sight_every_letter_can_be_read_and_play_stays_in_sight(laptop_page, graph):
    made = graph()
    page = laptop_page(*(made if graph is not small_net else recorded(small_net)))
    assert min(letters_of(page)) >= SMALLEST - 0.01
    is_whole = all(is_in_sight(page, node) for node in page.shown())
    assert page.find("#map").is_displayed() != is_whole
    for _ in range(6):
        page.press("next")
        (playing,) = page.all(".node.current, .module.current > .frame")
        assert is_in_sight(page, playing)
        assert texts_that_leave_their_box(page) == []
    if page.find("#unfold").is_displayed() and page.find("#unfold").is_enabled():
        page.press("unfold")
        assert min(letters_of(page)) >= SMALLEST - 0.01


def test_the_map_leads_to_where_it_is_pressed(laptop_page):
    page = laptop_page(*deep())
    page.press("unfold")
    drawn = page.find("#map")
    loss = page.node("loss")
    assert is_in_sight(page, loss)
    middle = webdriver.ActionChains(page.driver).move_to_element_with_offset(
        drawn, 0, -int(drawn.rect["height"] / 2) + 2
    )
    middle.click().perform()
    assert not is_in_sight(page, loss)
    page.press("fit")
    assert not drawn.is_displayed()


def test_the_direction_suits_the_graph_and_can_be_turned(laptop_page):
    page = laptop_page(*branches())

    def are_leaves_beside_each_other():
        first, last = (page.node(name).rect for name in ("w0", "w9"))
        return abs(last["x"] - first["x"]) > abs(last["y"] - first["y"])

    assert not are_leaves_beside_each_other()  # ten have no room beside each other
    page.press("turn")
    assert are_leaves_beside_each_other()
    page.find("body").send_keys("t")
    assert not are_leaves_beside_each_other()
    for _ in range(3):
        page.press("next")
    assert page.story.startswith("stack has its whole gradient")


def test_a_trackpad_pans_and_pinches_and_a_mouse_zooms(open_page):
    page = open_page(*recorded(small_net))
    (x, y), scale = page.place, page.scale
    page.wheel(deltaX=3, deltaY=5)
    page.wheel(deltaX=0, deltaY=80)  # the same gesture
    assert page.place == pytest.approx((x - 3, y - 85))
    assert page.scale == scale
    page.wheel(deltaY=-10, ctrlKey=True)  # a pinch, as browsers tell it
    assert page.scale == pytest.approx(scale * np.exp(0.1))
    before = page.scale
    page.wheel(deltaY=-3, deltaMode=1)  # by lines, as only a mouse does
    assert page.scale > before


def test_a_line_from_a_folded_module_tells_the_shape_that_flows(open_page):
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    page = open_page(recorded(lambda: model(np.ones((5, 4), np.float32)).sum()), model)
    for title in ("0: Linear", "1: Linear"):
        page.click_module(title)
    chips = [chip.get_property("textContent") for chip in page.all(".chip") if chip.is_displayed()]
    assert "(5, 3)" in chips
    assert not [chip for chip in chips if "edges" in chip]


def test_a_printed_page_has_the_whole_graph_below_its_header(open_page):
    page = open_page(*deep())
    page.driver.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    page.resize(900, 700)  # as paper does; the graph stays whole on it
    header, stage = page.find("header").rect, page.find("#stage").rect
    assert header["y"] + header["height"] <= stage["y"] + 1
    assert all(is_in_sight(page, node) for node in page.shown())
    page.driver.execute_script("window.dispatchEvent(new Event('afterprint'))")
    assert page.find("#graph").get_dom_attribute("viewBox") is None
    page.driver.set_window_size(WIDTH, HEIGHT)
