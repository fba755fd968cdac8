"""Nothing that a user named is ever run: names, modules, lines and titles in the page, pictures and notebooks."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from graphs import recorded

import minigrad as mg
import nn
from minigrad import Tensor, picture

# without dots, which names of parameters cannot have
HOSTILE = [
    "</script><script>hurt = 1</script>", "<img src=x onerror='hurt = 2'>",
    "<svg onload=hurt=3>", "${hurt = 4}", "'\"`&lt;b&gt; \\u003c", "\u2028 重み 😀 \u202e", "]]>-->",
    '"><foreignObject><body onload="hurt=5">', "<HTML>", "\\N\\l{|}", "__proto__",
]  # fmt: skip


def of_hostile_modules():
    """A loss inside of modules whose classes and attributes have these names, made in a file that has one too."""
    source = "def forward(self, x):\n    return self.inner(x) if hasattr(self, 'inner') else x * self.weight\n"
    space: dict = {}
    exec(compile(source, f"/{HOSTILE[1]}.py", "exec"), space)
    module = None
    for name in HOSTILE:
        kind = type(name, (nn.Module,), {"forward": space["forward"]})
        outer = kind()
        if module is None:
            outer.weight = nn.Parameter(np.ones(2, np.float32))
        else:
            outer.inner = module
            setattr(outer, name, nn.Parameter(np.ones(2, np.float32)))
        module = outer
    return recorded(lambda: module(np.ones(2, np.float32)).sum()), module


def test_no_name_is_ever_run_and_each_is_shown_as_it_is(open_page):
    params = {name: Tensor([1.0], requires_grad=True) for name in HOSTILE}
    page = open_page(recorded(lambda: mg.stack(list(params.values())).sum()), params)
    page.press("last")
    for shown, name in zip(page.all(".node.parameter"), HOSTILE, strict=True):
        page.click(shown)
        assert page.find("#panel h2").get_property("textContent") == name
        page.find("#panel .gradient td button").click()
    assert_unhurt(page)


def test_no_module_line_or_title_is_ever_run(open_page):
    loss, module = of_hostile_modules()
    page = open_page(loss, module, name="<img src=x onerror=window.hurt=6>.html")
    for press in ("fold", "unfold", "unfold", "fold", "last"):
        if page.find(f"#{press}").is_enabled():
            page.press(press)
    for shown in page.shown()[:3]:
        page.click(shown)
    assert page.find("h1").text == "<img src=x onerror=window.hurt=6>"
    assert_unhurt(page)


def test_no_formula_is_ever_run(open_page):
    def twice(x):
        return 2 * x

    twice.__doc__ = f"2 x, {HOSTILE[1]} {HOSTILE[7]}"
    op = mg.primitive(twice, x=lambda g: g * len("<img src=x onerror='hurt = 8'>") / 15)
    page = open_page(recorded(lambda: op(Tensor([1.0], requires_grad=True)).sum()))
    for step in ("next", "next", "next", "forward", "next"):
        page.press(step)
    assert "<imgsrc=xonerror=" in "".join(page.panel.split())
    assert_unhurt(page)


def assert_unhurt(page):
    assert page.driver.execute_script("return document.defaultView.hurt") is None
    assert not page.all("#graph image, #panel img, body > svg, h1 *, foreignObject, svg svg")
    assert len(page.all("script")) == 3  # the data, the program, and what runs it


@pytest.mark.parametrize("detail", ["shapes", "values", "gradients", "saved"])
@pytest.mark.parametrize("depth", [None, 0, 3])
def test_a_still_picture_holds_names_as_text_alone(tmp_path, detail, depth):
    loss, module = of_hostile_modules()
    for given in (loss, recorded(lambda: loss * 1)):
        path = picture.draw(given, tmp_path / "graph.svg", module, detail=detail, depth=depth)
        tags = {e.tag.rpartition("}")[2] for e in ET.parse(path).iter()}
        assert tags <= {"svg", "g", "title", "text", "path", "polygon", "polyline", "ellipse", "a"}
        assert not re.search(r"<[^>]*\son\w+=", re.sub(r'"[^"]*"', '""', path.read_text("utf-8")))


def test_a_notebook_shows_names_as_text_alone():
    loss, module = of_hostile_modules()
    for html in (loss._repr_html_(), module._repr_html_()):
        assert "&lt;img src=x onerror=" in html or html.startswith("<pre>Tensor(")
        assert not re.search(r"<(script|img|foreignObject|body|svg onload)", html)
