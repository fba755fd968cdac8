"""A derivation in a browser, on a wide screen and on a phone: what is set, what scrolls, and what hints at it."""

from __future__ import annotations

import io

import numpy as np
import pytest

import minigrad as mg
import nn
from minigrad import picture

pytest.importorskip("selenium", reason="selenium is not installed")
imread = pytest.importorskip("matplotlib.image", reason="matplotlib is not installed").imread

PHONE = 390
SCROLLERS = ".symbols, .numbers, .given li"


@pytest.fixture
def derived(driver, tmp_path):
    """Open the derivation of a small classifier in a frame of the given width, narrower than a window may be."""

    def derived(width):
        model = nn.MLP([2, 3, 3], rng=np.random.default_rng(0))
        x = np.random.default_rng(1).standard_normal((4, 2)).astype(np.float32)
        with mg.record():
            loss = mg.cross_entropy(model(x), [0, 2, 1, 1])
        path = picture.derivation(loss, tmp_path / "board.html", params=model)
        around = tmp_path / "around.html"
        frame = f'<iframe src="{path.name}" style="border: 0; width: {width}px; height: 800px">'
        around.write_text(f'<!DOCTYPE html><body style="margin: 0">{frame}</iframe>')
        driver.get(around.as_uri())
        driver.switch_to.frame(driver.find_element("css selector", "iframe"))
        return driver

    yield derived
    assert driver.get_log("browser") == []
    driver.get("about:blank")


def test_fractions_and_matrices_are_set_as_such(derived):
    driver = derived(1280)
    above, below, left, right = driver.execute_script(
        """const box = (e) => e.getBoundingClientRect();
        const fraction = document.querySelector(".backward mfrac"), row = document.querySelector("mtr");
        return [box(fraction.children[0]).bottom, box(fraction.children[1]).top,
                box(row.children[0]).right, box(row.children[1]).left];"""
    )
    assert above <= below + 1
    assert left <= right + 1


@pytest.mark.parametrize("width", [1280, PHONE])
def test_an_equation_scrolls_by_itself_and_the_page_never_sideways(derived, width):
    driver = derived(width)
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    wide = driver.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map((e) => e.scrollWidth - e.clientWidth)",
        SCROLLERS,
    )
    assert (max(wide) > 1) == (width == PHONE)


def test_a_shadow_hints_at_what_is_beyond_an_edge_until_one_is_there(derived):
    driver = derived(PHONE)
    wide, narrow = driver.execute_script(
        """const all = [...document.querySelectorAll(".backward .numbers")];
        const beyond = (e) => e.scrollWidth - e.clientWidth;
        return [all.find((e) => beyond(e) > 9), all.find((e) => e.clientHeight && beyond(e) === 0)];"""
    )
    assert edges(driver, wide) == (False, True)
    assert edges(driver, narrow) == (False, False)
    driver.execute_script("arguments[0].scrollLeft = 1000", wide)
    assert edges(driver, wide) == (True, False)


def edges(driver, element):
    """Tell whether the left and the right edge of an element are shaded for the most part."""
    driver.execute_script("arguments[0].scrollIntoView({ block: 'center' })", element)
    image = imread(io.BytesIO(element.screenshot_as_png))[:, :, :3].mean(2)
    paper = image.max()
    return tuple(bool(np.mean(image[:, column] < paper - 0.02) > 0.5) for column in (1, -2))
