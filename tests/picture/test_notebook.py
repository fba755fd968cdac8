"""What a notebook shows: graphs, heat maps, trees of modules, and the pictures and pages that were written."""

import base64
import io
import pickle
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import minigrad as mg
import nn
from minigrad import Tensor, picture


def leaf(*shape):
    return Tensor(np.ones(shape, np.float32), requires_grad=True)


HOSTILE = '<script>alert("x")</script>&'


def test_a_tensor_with_history_shows_its_graph_below_its_repr():
    html = (leaf(2) * 2)._repr_html_()
    if html is None:
        pytest.skip("nothing here can lay a graph out")
    assert "multiply" in html[html.index("<svg") :]
    assert html.startswith("<pre>Tensor([2., 2.]")


def test_a_leaf_and_a_machine_without_renderer_leave_repr_alone(monkeypatch):
    assert leaf(2)._repr_html_() is None
    monkeypatch.setattr("minigrad.picture.render.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    assert (leaf(2) * 2)._repr_html_() is None


def test_a_module_shows_its_tree_with_every_text_escaped():
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
    setattr(model, HOSTILE, nn.Linear(3, 1))
    html = model._repr_html_()
    ElementTree.fromstring(html)
    assert "weight (3, 2)" in html
    assert "13 parameters" in html
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def attributes_of(html, tag):
    """The attributes of the first element of a kind, as a browser reads them."""
    found = []

    class Reader(HTMLParser):
        def handle_starttag(self, name, attributes):
            if name == tag:
                found.append(dict(attributes))

    Reader().feed(html)
    return found[0]


def content_of(url):
    return base64.b64decode(url.partition(";base64,")[2])


def test_a_leaf_or_a_gradient_of_many_numbers_shows_them_as_colours():
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    values = np.linspace(-1, 1, 91).reshape(7, 13)
    values[6, 12] = np.nan
    w = Tensor(values, requires_grad=True)
    (w * w).sum().backward()
    for tensor in (w, w.grad):
        html = tensor._repr_html_()
        assert html.startswith("<pre>Tensor(")
        drawn = image.open(io.BytesIO(content_of(attributes_of(html, "img")["src"])))
        colours = np.asarray(drawn.convert("RGB")).astype(int)
        assert colours.shape == (7, 13, 3)
        np.testing.assert_array_equal(colours[0, 0], [33, 102, 172])  # the lowest is blue,
        np.testing.assert_array_equal(colours[3, 6], [247, 247, 247])  # zero is white,
        np.testing.assert_array_equal(colours[6, 12], [0, 0, 0])  # and what is not finite is black
        assert np.all(np.diff(colours[:4].reshape(-1, 3)[:46, 0]) >= 0)


@pytest.fixture
def loss():
    model = nn.MLP([2, 3, 2], rng=np.random.default_rng(0))
    with mg.record():
        return mg.cross_entropy(model(np.ones((4, 2), np.float32)), [0, 1, 1, 0])


def test_a_page_that_was_written_is_a_path_and_shows_itself_in_a_frame(loss, tmp_path):
    path = picture.page(loss, tmp_path / 'a "page" of <b>.html')
    assert isinstance(path, Path)
    assert pickle.loads(pickle.dumps(path)) == path
    frame = attributes_of(path._repr_html_(), "iframe")
    assert frame["srcdoc"] == path.read_text(encoding="utf-8")
    assert frame["title"] == path.name
    assert "allow-same-origin" not in frame["sandbox"]  # what runs in the page reaches no notebook


def test_a_training_shows_itself_as_its_page(tmp_path):
    w = leaf(2)
    watch = picture.watch({"w": w}, every=1)
    with watch:
        (w * w).sum().backward()
    assert attributes_of(watch.page(tmp_path / "t.html")._repr_html_(), "iframe")["srcdoc"]


@pytest.mark.parametrize(("suffix", "kind"), [(".svg", "image/svg+xml"), (".png", "image/png")])
def test_a_picture_that_was_drawn_shows_itself_as_an_image(loss, tmp_path, suffix, kind):
    try:
        path = picture.draw(loss, tmp_path / f"graph{suffix}")
    except RuntimeError as error:
        pytest.skip(str(error))
    url = attributes_of(path._repr_html_(), "img")["src"]
    assert url.startswith(f"data:{kind};base64,")
    assert content_of(url) == path.read_bytes()


def test_what_no_notebook_can_show_stays_a_path(loss, tmp_path, monkeypatch):
    path = picture.draw(loss, tmp_path / "graph.gv")
    assert path._repr_html_() is None
    assert (path.parent / "missing.html")._repr_html_() is None
    page = picture.page(loss, tmp_path / "page.html")
    monkeypatch.setattr("minigrad.picture.written.MOST_SHOWN", 1000)
    assert page._repr_html_() is None
