"""What a page saves: the step that is shown as SVG or PNG, and all steps in one zip."""

from __future__ import annotations

import io
import itertools
import zipfile
from xml.etree import ElementTree

import numpy as np
import pytest
from graphs import double, recorded, small_net

from minigrad import Tensor, picture

pytest.importorskip("selenium", reason="selenium is not installed")

import browsers
from selenium.webdriver.common.keys import Keys

SVG = "{http://www.w3.org/2000/svg}"
TAGS = {"svg", "g", "title", "rect", "path", "polygon", "text", "tspan"}
SEEN = """const told = (text) => text.textContent.replace(/^[▾▸] /, "");
return [...document.querySelectorAll("#graph text")].filter((text) => text.getBoundingClientRect().width).map(told);"""
HOSTILE = "</text><script>&amp;\"'\x08]]>"
FLOW = (0xC2, 0x41, 0x0C)


def whole(content):
    """The picture, which needs nothing beside it: no rule of a style, no file, no script."""
    root = ElementTree.fromstring(content)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= TAGS
    for element in root.iter():
        for name, value in element.items():
            assert name not in ("class", "style", "id")
            assert "href" not in name
            assert not name.startswith("on")
            assert "url(" not in value
            assert "var(" not in value
    return root


def texts(element):
    return ["".join(text.itertext()) for text in element.iter(f"{SVG}text")]


def parts(root):
    """The graph, the number of the step, and what is said about it."""
    drawn, caption = root.findall(f"{SVG}g")
    step, *story = texts(caption)
    return drawn, step, " ".join(story)


def outlines(drawn):
    """Where the boxes and frames stand, with their sizes."""
    return [
        (group.get("transform"), *(shape.get(name) for name in ("points", "x", "y", "width")))
        for group in drawn.iter(f"{SVG}g")
        for shape in [*group.findall(f"{SVG}rect"), *group.findall(f"{SVG}polygon")]
        if shape.get("x") != "2"  # what stands on a line, and grows
    ]


def seen(page):
    return page.driver.execute_script(SEEN)


def test_a_step_is_saved_as_it_is_seen_with_what_is_said_about_it(open_page):
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    page = open_page(*recorded(small_net))
    page.press("next")
    page.press("next")
    name, content = page.save("svg")
    assert name == "graph_backward_step_002.svg"
    root = whole(content)
    drawn, step, story = parts(root)
    assert texts(drawn) == seen(page)
    assert "grad 1" in texts(drawn)
    assert (step, story) == ("Step 2 of 5, backward", page.story)
    name, content = page.save("png")
    assert name == "graph_backward_step_002.png"
    taken = np.asarray(image.open(io.BytesIO(content)).convert("RGB"))
    assert taken.shape == (2 * int(root.get("height")), 2 * int(root.get("width")), 3)
    assert np.mean(np.all(taken == 255, axis=-1)) > 0.3  # paper
    assert np.sum(np.all(taken == FLOW, axis=-1)) > 1000  # what flows, and the op in play


def test_a_name_is_saved_as_text_that_xml_can_hold(open_page):
    a = Tensor(3.0, requires_grad=True)
    page = open_page(recorded(lambda: a + a), {HOSTILE: a})
    drawn, *_ = parts(whole(page.save("svg")[1]))
    assert any(text.startswith("</text><script>&amp;") for text in texts(drawn))


def test_all_steps_are_numbered_files_of_one_zip_in_which_nothing_moves(open_page):
    page = open_page(*recorded(small_net))
    page.press("next")
    name, content = page.save("zip")
    assert name == "graph_backward.zip"
    assert page.find("#step").text == "1 of 5"
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert file.testzip() is None
        assert file.namelist() == [f"step_{k:03}.svg" for k in range(1, 6)]
        frames = [whole(file.read(name)) for name in file.namelist()]
    page.press("first")
    for frame in frames:
        page.press("next")
        drawn, step, story = parts(frame)
        assert texts(drawn) == seen(page)
        assert step.startswith(f"Step {page.find('#step').text}")
        assert story == page.story
    assert all(frame.get("viewBox") == frames[0].get("viewBox") for frame in frames)
    stand = [outlines(parts(frame)[0]) for frame in frames]
    assert len(stand[0]) >= 11
    assert all(places == stand[0] for places in stand)


def test_what_happens_in_a_folded_module_is_one_file_and_forward_is_saved_too(open_page):
    page = open_page(*recorded(small_net))
    page.press("fold")
    page.press("fold")
    page.press("forward")
    name, content = page.save("zip")
    assert name == "graph_forward.zip"
    names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    presses = 0
    while page.find("#slider").get_property("value") != page.find("#slider").get_property("max"):
        page.press("next")
        presses += 1
    assert len(names) == presses == 3  # the module, the loss, the output


def test_keys_alone_save_and_lead_out_again(open_page):
    page = open_page(*recorded(double))
    page.find("body").send_keys("ns")
    page.keys(Keys.TAB)
    page.keys(Keys.ENTER)
    assert page.saved()[0] == "graph_backward_step_001.png"
    page.keys(Keys.ENTER)  # on the menu
    assert page.find("#save-svg").is_displayed()
    page.keys(Keys.ESCAPE)
    assert not page.find("#save-svg").is_displayed()
    assert page.driver.switch_to.active_element.tag_name == "summary"


def test_the_page_saves_also_inside_a_notebook(driver, tmp_path):
    loss, params = recorded(double)
    shown = picture.page(loss, tmp_path / "graph.html", params)._repr_html_()
    (tmp_path / "notebook.html").write_text(f"<!DOCTYPE html>{shown}", encoding="utf-8")
    driver.get((tmp_path / "notebook.html").as_uri())
    page = browsers.Page(driver)
    driver.switch_to.frame(page.find("iframe"))
    try:
        for form, beginning in {"svg": b"<?xml", "png": b"\x89PNG", "zip": b"PK\3\4"}.items():
            assert page.save(form)[1].startswith(beginning)
    finally:
        driver.switch_to.default_content()


def test_a_set_of_too_many_pictures_is_refused_with_the_remedy(open_page):
    x = Tensor(1.0, requires_grad=True)

    def thue():  # no stretch of this word is followed by itself, and so nothing is rolled up
        h, odd = x, [k.bit_count() % 2 for k in range(251)]
        for before, after in itertools.pairwise(odd):
            h = (h + x, h * x, h - x)[after - before]
        return h

    page = open_page(recorded(thue), {"x": x})
    with pytest.raises(AssertionError, match=r"251 pictures of 252 boxes are .* fold"):
        page.save("zip")
