"""The tour as a notebook: every cell is run, and what Jupyter would show is looked at."""

from __future__ import annotations

import ast
import html
import json
import re

import notebooks
import numpy as np
import pytest
from places import DEMOS

from minigrad.picture.render import render_as

pytestmark = pytest.mark.untraced

TOUR = DEMOS / "tour.ipynb"


@pytest.fixture(scope="module")
def tour(tmp_path_factory):
    """The variables at the end, and the HTML that the cells show, one after the other."""
    try:
        render_as("digraph { a }", "svg")
    except RuntimeError as error:
        pytest.skip(str(error))
    names, shown = {"__name__": "__main__"}, []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("tour"))
        for number, cell in enumerate(json.loads(TOUR.read_text(encoding="utf-8"))["cells"]):
            if cell["cell_type"] == "code":
                tree = ast.parse("".join(cell["source"]), f"cell {number}")
                last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
                exec(compile(tree, f"cell {number}", "exec"), names)
                if last is not None:
                    seen = eval(
                        compile(ast.Expression(last.value), f"cell {number}", "eval"), names
                    )
                    shown.append(seen._repr_html_())
    return names, shown


def test_it_is_a_notebook_without_outputs():
    notebooks.check(TOUR)
    cells = json.loads(TOUR.read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
    assert TOUR.stat().st_size < 10_000


def test_it_shows_tensors_graphs_pages_and_a_training(tour):
    _, shown = tour
    kinds = [re.search(r"<(img|svg|iframe)\b", one)[1] for one in shown]
    assert kinds == ["img", "img", "svg", "img", "iframe", "img", "iframe", "iframe", "img"]
    assert "data:image/png" in shown[0]
    assert "multiply" in shown[2]
    assert "data:image/svg+xml" in shown[5]
    for frame, title in ((4, "neuron"), (6, "rings"), (7, "training")):
        assert f"<title>{title}</title>" in html.unescape(shown[frame])


def test_what_it_says_is_so(tour):
    names, _ = tour
    waves, w, b = names["waves"], names["w"], names["b"]
    np.testing.assert_allclose(waves.grad.numpy(), waves.numpy() * 2 / waves.size, rtol=1e-6)
    assert w.grad is None
    assert b.grad is None  # pages and pictures leave them alone
    assert len(names["slides"]) == 6
    assert names["watch"].history()["notes"]["loss"][-1] < 0.1
    assert np.mean(names["model"](names["points"]).numpy().argmax(1) == names["label"]) > 0.97
    assert names["model"][2].weight.shape[0] == 16
