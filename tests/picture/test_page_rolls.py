"""Loops on a page, in a browser: whichever step is open, what is drawn is whole, apart, and named."""

from __future__ import annotations

import io
import itertools
import zipfile
from xml.etree import ElementTree

import pytest
from loops import LOOPS

pytest.importorskip("selenium", reason="selenium is not installed")

from selenium.webdriver.common.keys import Keys

FAULTS = """
const isSeen = (element) => element.getClientRects().length > 0;
const seen = (selector) => [...document.querySelectorAll(selector)].filter(isSeen);
const named = (element) => element.closest("g[aria-label]").getAttribute("aria-label");
const faults = [];
const before = (a, b) => a.right < b.left + 3 || a.bottom < b.top + 3;
const isOn = (a, b) => !before(a, b) && !before(b, a);
const placed = (selector, name) => seen(selector).map((one) => [name(one), one.getBoundingClientRect()]);
const things = placed("#graph .node .shape, #graph .module.folded .frame", named);
const chips = placed("#graph .chip rect", (one) => one.parentNode.textContent);
const back = chips.filter(([text]) => text.startsWith("next step"));
things.forEach(([name, box], k) => {
  const others = [...things.slice(0, k), ...back].filter(([, place]) => isOn(box, place));
  faults.push(...others.map(([other]) => `${other} lies on ${name}`));
});
const stops = seen("#graph [tabindex='0']").length;
if (stops !== 1) faults.push(`Tab leads to ${stops} things`);
for (const element of seen("#graph [aria-label], #graph input")) {
  const name = element.getAttribute("aria-label");
  if (!name || name.split(",").some((part) => !part.trim())) faults.push(`a name is "${name}"`);
}
for (const { value, max } of seen(".steps input")) {
  if (!Number.isInteger(Number(value)) || value < 1 || Number(value) > max) faults.push(`step ${value}`);
}
for (const { scrollWidth, parentNode } of seen(".steps label")) {
  if (scrollWidth > parentNode.width.baseVal.value) faults.push("a field is cut");
}
return faults;"""
OPEN = """const [number, text] = arguments;
const field = [...document.querySelectorAll(".steps input")][number];
field.value = text;
field.dispatchEvent(new Event("change"));
return field.value;"""
"""As if it were typed, and Enter pressed."""


def faults(page):
    return page.driver.execute_script(FAULTS)


def unfold(page):
    while page.find("#unfold").is_enabled():
        page.press("unfold")


def told_steps(page):
    """The fields of open steps that are seen, as they read."""
    script = """const told = (label) => [...label.childNodes].map((part) => part.value ?? part.textContent);
    const isSeen = (label) => label.getClientRects().length > 0;
    return [...document.querySelectorAll(".steps label")].filter(isSeen).map((label) => told(label).join(""));"""
    return page.driver.execute_script(script)


@pytest.mark.parametrize("name", LOOPS)
def test_however_a_loop_is_folded_turned_and_opened_all_is_apart_reached_and_named(open_page, name):
    page = open_page(*LOOPS[name]())
    assert faults(page) == []
    unfold(page)
    for _ in range(2):
        for number, field in enumerate(page.all(".steps input")):
            for step in (field.get_attribute("max"), "2", "1"):
                assert page.driver.execute_script(OPEN, number, step) == step
                assert faults(page) == []
        page.press("turn")
    for name in ("next", "next", "next", "last"):
        page.press(name)
        assert faults(page) == []
        assert [thing.is_displayed() for thing in page.all(".current")].count(True) == 1
    while page.find("#fold").is_enabled():
        page.press("fold")
        assert faults(page) == []


@pytest.mark.parametrize(
    ("text", "step"),
    [("0", "1"), ("-3", "1"), ("99999", "5"), ("", "1"), ("2.5", "2"), ("1e9", "5"), ("04", "4")],
)
def test_whatever_is_typed_a_whole_step_of_the_loop_is_open(open_page, text, step):
    page = open_page(*LOOPS["blocks"]())
    unfold(page)
    shown = len(page.shown())
    assert page.driver.execute_script(OPEN, 0, text) == step
    assert faults(page) == []
    assert len(page.shown()) == shown


def test_tab_leads_to_what_stands_for_the_first_node_and_keys_typed_as_a_step_are_its_own(
    open_page,
):
    page = open_page(*LOOPS["there and back"]())
    while page.find("#fold").is_enabled():
        page.press("fold")
    page.focus(page.find("#save summary"))
    page.keys(Keys.TAB, Keys.TAB)  # over printing
    unfold(page)
    for _ in range(30):
        page.keys(Keys.TAB)
        if page.driver.switch_to.active_element.tag_name == "input":
            break
    page.keys(Keys.CONTROL, "a")
    page.keys("3", Keys.HOME, Keys.END, Keys.ENTER)
    assert "step 3 of 12" in told_steps(page)
    assert page.find("#step").text.startswith("0 of")


def test_a_folded_loop_is_joined_to_one_box_of_its_data_and_what_it_hands_on_is_told_once(
    open_page,
):
    page = open_page(*LOOPS["there and back"]())
    while page.find("#fold").is_enabled():
        page.press("fold")
    data = [node for node in page.all(".node.constant") if node.is_displayed()]
    assert len(data) <= 4
    for _ in range(4):
        page.press("next")
    assert page.story.count("weight_ih") == 1
    assert "12 gradients to weight_ih" in page.story


def test_a_module_that_is_all_of_a_step_is_played_step_by_step_when_it_is_folded(open_page):
    page = open_page(*LOOPS["a module with a weight for each step"]())
    unfold(page)
    page.press("fold")
    slider, seen = page.find("#slider"), []
    while slider.get_property("value") != slider.get_property("max"):
        page.press("next")
        seen += told_steps(page)
    steps = [f"step {k} of 8" for k in range(8, 0, -1)]
    assert seen == ["step 1 of 8", "step 1 of 8", *steps]  # first the loss and the sum


def test_what_is_saved_tells_the_step_that_is_open_and_a_set_opens_each_in_its_turn(open_page):
    page = open_page(*LOOPS["loops in blocks"]())
    unfold(page)
    for _ in range(6):
        page.press("next")
    told = told_steps(page)
    assert "step 8 of 8" in told

    def saved(content):
        texts = ["".join(text.itertext()) for text in ElementTree.fromstring(content).iter()]
        return {text for text in texts if text.startswith("step ") and " of " in text}

    assert saved(page.save("svg")[1]) == set(told)
    with zipfile.ZipFile(io.BytesIO(page.save("zip")[1])) as file:
        frames = [saved(file.read(name)) for name in file.namelist()]
    assert set(itertools.chain(*frames)) >= {f"step {k} of 5" for k in range(1, 6)}
    assert told_steps(page) == told
