"""The page of a training, opened in a browser: what a reader sees and does."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg
import nn
from minigrad import Tensor, picture

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")

from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402


@pytest.fixture
def open_watch(driver, tmp_path):
    """Open the page of a watch; at the end of the test its console must be silent."""

    def open_watch(watch):
        driver.get(watch.page(tmp_path / "training.html").as_uri())
        return driver

    yield open_watch
    assert driver.get_log("browser") == []


@pytest.fixture(scope="module")
def trained():
    """A watch over thirty steps of a small net."""
    rng = np.random.default_rng(0)
    model = nn.MLP([2, 8, 3], rng=rng)
    optimizer = nn.optim.SGD(model.parameters(), lr=0.1)
    watch = picture.watch(model, every=2)
    for _ in range(30):
        x, y = rng.standard_normal((16, 2)).astype(np.float32), rng.integers(0, 3, 16)
        with watch:
            loss = mg.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        watch.note(loss=loss)
    return watch


def texts(driver, selector):
    return [e.get_property("textContent") for e in driver.find_elements(By.CSS_SELECTOR, selector)]


def read(driver):
    return driver.find_element(By.ID, "read").text


def test_there_is_a_plot_of_everything_that_was_seen(open_watch, trained):
    driver = open_watch(trained)
    titles = [text.split()[0] for text in texts(driver, "figcaption")]
    assert titles == ["loss", "Gradient", "Weights", "Update", "Dead"]
    assert texts(driver, "#extent") == ["30 steps, one in 2 was looked at"]
    lines = [
        len(plot.find_elements(By.CLASS_NAME, "line"))
        for plot in driver.find_elements(By.CLASS_NAME, "plot")
    ]
    assert lines == [1, 4, 4, 4, 1]
    named = ["0.bias", "0.weight", "1.relu", "2.bias", "2.weight"]
    assert sorted({*texts(driver, ".label text")}) == named  # short names are whole
    for line in driver.find_elements(By.CSS_SELECTOR, ".plot .line"):
        assert line.get_attribute("d").startswith("M")
        assert "NaN" not in line.get_attribute("d")


def test_the_table_shows_the_numbers_of_the_step_that_is_chosen(open_watch, trained):
    driver = open_watch(trained)
    slider = driver.find_element(By.ID, "slider")
    slider.send_keys(Keys.HOME)
    slider.send_keys(Keys.ARROW_RIGHT)
    names = texts(driver, "#legend tr.pick td:first-child span:first-of-type")
    assert names == ["0.weight", "0.bias", "2.weight", "2.bias", "1.relu"]
    seen = trained.samples[1].parameters["0.weight"]
    row = texts(driver, "#legend tr.pick:first-child td")[1:4]
    assert [float(text) for text in row] == pytest.approx(list(seen), rel=1e-2)
    assert read(driver).startswith("Step 2 · loss ")


def test_keys_lead_from_step_to_step_and_from_line_to_line(open_watch, trained):
    driver = open_watch(trained)
    body = driver.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.HOME)
    body.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT, Keys.ARROW_DOWN)
    gradient = trained.samples[1].parameters["0.weight"].gradient
    assert f"0.weight: norm of the gradient {gradient:.4g}" in read(driver)
    body.send_keys(Keys.ARROW_DOWN)
    assert "0.bias: norm" in read(driver)
    chosen = driver.find_elements(By.CSS_SELECTOR, ".has-chosen .line.chosen")
    assert {line.get_attribute("data-line") for line in chosen} == {"parameter 0.bias"}
    body.send_keys(Keys.ESCAPE)
    assert "0.bias" not in read(driver)
    body.send_keys(Keys.END, Keys.ARROW_RIGHT)
    assert read(driver).startswith("Step 28 ")


def test_pointing_at_a_line_reads_its_value(open_watch, trained):
    driver = open_watch(trained)
    gradient = driver.find_elements(By.TAG_NAME, "figure")[1]
    # the middle of the plot; whatever line is nearest there is told, with its name
    plot = gradient.find_element(By.CLASS_NAME, "plot")
    webdriver.ActionChains(driver).move_to_element(plot).perform()
    (told,) = [t.text for t in gradient.find_elements(By.CLASS_NAME, "told")]
    name, value = told.split()
    step = int(read(driver).split()[1])
    (sample,) = [s for s in trained.samples if s.step == step]
    assert float(value) == pytest.approx(sample.parameters[name].gradient, rel=1e-2)


def test_numbers_are_at_their_height(open_watch):
    watch = picture.watch({"w": Tensor([1.0], requires_grad=True)}, every=1)
    for value in (1.0, 10.0, 100.0, 0.0, float("nan"), 1000.0):
        with watch:
            pass
        watch.note(gain=value, size=value + 1e3)
    driver = open_watch(watch)
    lines = driver.find_elements(By.CSS_SELECTOR, ".line.noted")
    gain, size = [line.get_attribute("d") for line in lines]
    heights = [
        float(point.split()[1].split("h")[0]) for point in gain.replace("L", "M").split("M")[1:]
    ]
    from_zero = [heights[3] - h for h in heights]
    # not logarithmic: there is a 0
    assert from_zero[4] / from_zero[2] == pytest.approx(10, rel=0.01)
    assert gain.count("M") == 2  # a new stretch behind the nan
    assert size.count("M") == 2


def test_a_logarithmic_axis_has_steps_of_equal_height_for_powers_of_ten(open_watch):
    w = Tensor([1.0], requires_grad=True)
    watch = picture.watch({"w": w}, every=1)
    for factor in (1e-6, 1e-4, 1e-2, 0.0):
        with watch:
            (w * factor).sum().backward()
            w.grad = None
    driver = open_watch(watch)
    path = driver.find_element(By.CSS_SELECTOR, ".line").get_attribute("d")
    heights = [float(point.split()[1]) for point in path.replace("L", "M").split("M")[1:]]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=0.3)
    assert heights[3] > heights[0]
    assert "0" in texts(driver, ".plot text")


def test_what_strikes_is_said_above_the_plots(open_watch):
    w = Tensor([1.0], requires_grad=True)
    watch = picture.watch({"w": w, "idle": Tensor([2.0], requires_grad=True)}, every=1)
    with watch:
        mg.relu(w - 5.0).sum().backward()
    driver = open_watch(watch)
    said = texts(driver, "#symptoms p")
    assert said[0].startswith("No gradient came to idle")
    assert any(text.startswith("relu is dead") for text in said)


def test_one_step_makes_a_page_too(open_watch):
    model = nn.Linear(2, 1)
    watch = picture.watch(model)
    with watch:
        model(np.ones((1, 2), np.float32)).sum().backward()
    driver = open_watch(watch)
    assert driver.find_element(By.CSS_SELECTOR, ".line").get_attribute("d").endswith("h2")


HOSTILE = ["</script><script>window.hurt = 1</script>", "<img src=x onerror='window.hurt = 2'>",
           "${window.hurt = 3}", "__proto__", "'\"`&lt;b&gt;", "重み \u202e\u2028"]  # fmt: skip


def test_no_name_is_ever_run_and_each_is_shown_as_it_is(open_watch):
    params = {name: Tensor([1.0], requires_grad=True) for name in HOSTILE}
    watch = picture.watch(params, every=1)
    for _ in range(3):
        with watch:
            mg.stack(list(params.values())).sum().backward()
        watch.note(**dict.fromkeys(HOSTILE, 1.0))
    driver = open_watch(watch)
    names = texts(driver, "#legend tr.pick td:first-child span:first-of-type")
    assert names == HOSTILE
    captions = [text.strip() for text in texts(driver, "figcaption span:first-child")]
    assert captions[: len(HOSTILE)] == [name.strip() for name in HOSTILE]
    for row in driver.find_elements(By.CSS_SELECTOR, "tr.pick td:first-child"):
        row.click()
    assert driver.execute_script("return window.hurt") is None
    assert not driver.find_elements(By.CSS_SELECTOR, "img")


@pytest.mark.parametrize("width", [1400, 500])
def test_nothing_overlaps_in_a_wide_and_a_narrow_window(open_watch, trained, driver, width):
    driver.set_window_size(width, 900)
    open_watch(trained)
    boxes = [e.rect for e in driver.find_elements(By.CSS_SELECTOR, "figure, #legend, #symptoms")]
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            apart = (
                a["x"] + a["width"] <= b["x"] + 1 or b["x"] + b["width"] <= a["x"] + 1
                or a["y"] + a["height"] <= b["y"] + 1 or b["y"] + b["height"] <= a["y"] + 1
            )  # fmt: skip
            assert apart
    driver.set_window_size(1400, 900)
