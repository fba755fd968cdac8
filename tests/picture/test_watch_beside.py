"""The page of two trainings beside each other: what is told of each, names beside the curves, smoothing."""

from __future__ import annotations

import re

import numpy as np
import pytest
from pages import data_in

import minigrad as mg
import nn
from minigrad import Tensor, picture

WITHIN = "transformer_blocks.attention_projection."  # too long to stand beside a curve as it is
STEEP = {
    "a": 1e-6,
    "b": 1.0,
    "c": 2.0,
    "d": 3.0,
    "e": 4.0,
    "f": 5.0,
    "g": 6.0,
}  # that of a vanishes


def run(names, steps, every, seed):
    """A watch over weights whose gradients are about as large as they are, but for that of a."""
    rng = np.random.default_rng(seed)
    params = {
        WITHIN + n: Tensor(np.full((2, 2), max(1.0, STEEP[n])), requires_grad=True) for n in names
    }
    optimizer = nn.optim.SGD([*params.values()], lr=1e-3)
    watch = picture.watch(params, every=every)
    for _ in range(steps):
        with watch:
            optimizer.zero_grad()
            sums = [(w * STEEP[n[-1]] * rng.uniform(0.5, 2)).sum() for n, w in params.items()]
            mg.stack(sums).sum().backward()
            optimizer.step()
        watch.note(loss=10 ** rng.uniform(-3, 0))  # so that its axis is logarithmic
    return watch


@pytest.fixture(scope="module")
def watches():
    return run("abcdef", 40, 4, 0), run("bcdefg", 15, 3, 1)


# --- the file -----------------------------------------------------------------------------------


def test_runs_have_the_names_of_their_variables(watches, tmp_path):
    slow, quick = watches
    held = data_in(slow.page(tmp_path / "pair.html", beside=quick))["runs"]
    assert [(one["name"], one["history"]["count"]) for one in held] == [("slow", 40), ("quick", 15)]
    del slow, quick
    held = data_in(watches[1].page(tmp_path / "pair.html", beside=watches[0]))["runs"]
    assert [one["name"] for one in held] == ["this run", "the other run"]


def test_what_cannot_be_shown_beside_is_refused(watches, tmp_path):
    idle = picture.watch(nn.Linear(1, 1))
    with pytest.raises(RuntimeError, match="nothing was seen yet of idle"):
        watches[0].page(tmp_path / "pair.html", beside=idle)
    with pytest.raises(TypeError, match="beside is a dict"):
        watches[0].page(tmp_path / "pair.html", beside={})
    assert list(tmp_path.iterdir()) == []


# --- in a browser -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def opened(driver, watches, tmp_path_factory):
    """The page of both, which all tests below share; its console must be silent."""
    slow, quick = watches
    driver.get(slow.page(tmp_path_factory.mktemp("pair") / "pair.html", beside=quick).as_uri())
    yield driver
    assert driver.get_log("browser") == []


def find(driver, selector):
    return driver.find_elements("css selector", selector)


def texts(driver, selector):
    return [e.get_property("textContent") for e in find(driver, selector)]


def press(driver, selector, *keys):
    find(driver, selector)[0].send_keys(*keys)


def figure(driver, title):
    (found,) = [f for f in find(driver, "figure") if f.text.startswith(title)]
    return found


def points(path):
    """Abscissas and heights of a path."""
    found = re.findall(r"[ML](\S+) ([\d.]+)", path.get_attribute("d"))
    return np.array(found, float).T


def test_a_step_is_read_of_both_runs_where_each_was_looked_at_next_to_it(opened, watches):
    from selenium.webdriver.common.keys import Keys

    def numbers():
        parts = texts(opened, f"#legend tr[aria-label='{WITHIN}b'] td:nth-child(2) div")
        return [text if text == "–" else float(text) for text in parts]

    def gradients(of_slow, of_quick):
        places = zip(watches, (of_slow, of_quick), strict=True)
        return pytest.approx(
            [w.samples[i].parameters[f"{WITHIN}b"].gradient for w, i in places], rel=1e-2
        )

    assert texts(opened, "#extent b") == ["slow", "quick"]
    step_12 = [
        watch.history()["notes"]["loss"][i] for watch, i in zip(watches, (3, 4), strict=True)
    ]
    told = "Step 12 · loss {:.4g} (slow), {:.4g} (quick) ·".format(*step_12)
    assert texts(opened, "#read")[0].startswith(told)  # the last that both have come to
    assert numbers() == gradients(3, 4)
    press(opened, "body", Keys.HOME, Keys.ARROW_RIGHT)
    assert texts(opened, "#read")[0].startswith("Step 3 ·")
    assert numbers() == gradients(1, 1)
    press(opened, "body", Keys.END)
    assert numbers()[1] == "–"
    assert texts(opened, f"#legend tr[aria-label='{WITHIN}a'] td:nth-child(2) div")[1] == "–"


def test_lines_of_two_runs_have_two_colours_and_one_scale(opened, watches):
    for title in ("loss", "Weights"):
        lines = figure(opened, title).find_elements("css selector", ".line")
        colours = {line.value_of_css_property("stroke") for line in lines}
        assert len(colours) == 2
    for line, watch in zip(
        figure(opened, "loss").find_elements("css selector", ".line"), watches, strict=True
    ):
        across, heights = points(line)
        steps, values = watch.history()["steps"], watch.history()["notes"]["loss"]
        assert np.ptp(across) / np.ptp(steps) == pytest.approx(_per_step(opened), rel=1e-2)
        slope = np.polyfit(np.log10(values), heights, 1)
        assert heights == pytest.approx(np.polyval(slope, np.log10(values)), abs=0.2)


def test_the_line_that_a_fault_names_is_named_and_else_the_largest(opened):
    named = {}
    for title in ("Gradient", "Weights"):
        inside = figure(opened, title)
        clear = inside.find_elements("css selector", ".line:not(.faint)")
        named[title] = [
            e.get_property("textContent")[
                -1
            ]  # the rest is cut, but not so far that names are alike
            for e in inside.find_elements("css selector", ".label text")
        ]
        assert {line.get_attribute("data-line")[-1] for line in clear} == {*named[title]}
    assert named["Gradient"] == ["a"]
    assert sorted(named["Weights"]) == ["d", "d", "e", "e", "f", "f", "g"]


_BOXES = """
return [...document.querySelectorAll("svg.plot")].map((svg) => [".line", ".label text", ":scope"].map((selector) =>
  (selector === ":scope" ? [svg] : [...svg.querySelectorAll(selector)]).map((e) => {
    const { left, right, top, bottom } = e.getBoundingClientRect();
    return [left, right, top, bottom];
  })));
"""


@pytest.mark.parametrize("width", [1280, 500])
def test_names_stand_beside_the_curves_and_not_on_each_other(opened, width):
    from browsers import HEIGHT, WIDTH, Page

    Page(opened).resize(width, 720)
    opened.refresh()
    seen = opened.execute_script(_BOXES)
    opened.set_window_size(WIDTH, HEIGHT)
    assert max(len(labels) for _, labels, _ in seen) == 8
    for curves, labels, (plot,) in seen:
        for k, (left, right, top, bottom) in enumerate(labels):
            assert max(curve[1] for curve in curves) < left
            assert plot[1] >= right
            assert plot[2] <= top
            assert plot[3] >= bottom
            for _, _, above, below in labels[:k]:
                assert (
                    below <= top + 3 or bottom <= above + 3
                )  # a line of text has room above its letters


def test_a_smoothed_line_is_the_mean_of_its_neighbours_and_what_was_seen_stays_behind_it(
    opened, watches
):
    from selenium.webdriver.common.keys import Keys

    inside = figure(opened, "loss")
    step = texts(opened, "#read")
    before = [points(line) for line in inside.find_elements("css selector", ".line")]
    assert not find(opened, ".raw")
    press(opened, "#smoothing", Keys.END)
    assert texts(opened, "#span") == ["over 11 steps"]
    raw, smooth = (
        [*map(points, inside.find_elements("css selector", kind))] for kind in (".raw", ".line")
    )
    for (_, seen), (_, kept), (_, found), watch in zip(before, raw, smooth, watches, strict=True):
        assert kept.tolist() == seen.tolist()
        steps = np.array(watch.history()["steps"])
        away = np.subtract.outer(steps, steps) / (0.3 * 36 / 2)
        weights = np.clip(1 - away**2, 0, None)
        assert found == pytest.approx(weights @ seen / weights.sum(1), abs=0.15)
        assert np.ptp(found) < 0.8 * np.ptp(seen)
    press(opened, "#smoothing", Keys.HOME)
    assert not find(opened, ".raw")
    assert texts(opened, "#read") == step  # its keys are not those of the steps


def _per_step(driver):
    """Pixels of a step in the plot of the loss, by the marks of its axis."""
    marks = figure(driver, "loss").find_elements("css selector", "text[text-anchor=middle]")
    (x0, s0), *_, (x1, s1) = [(float(m.get_attribute("x")), float(m.text)) for m in marks]
    return (x1 - x0) / (s1 - s0)
