"""Derivations: the equations are the graph's, the numbers are the engine's, and both files are what they say."""

import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from evaluated import NotEvaluated, value_of
from latex_syntax import check

import minigrad as mg
import nn
from minigrad import Tensor, picture
from minigrad.core.graph import Node, creation_order, wrap
from minigrad.picture.board import html_of, latex_of
from minigrad.picture.derivation import MOST, derive
from minigrad.picture.equations import in_latex
from minigrad.picture.letters import option_term
from minigrad.picture.mathematics import Term
from minigrad.picture.terms import LOSS

RNG = np.random.default_rng(0)


def leaf(*shape):
    return Tensor(RNG.normal(size=shape), requires_grad=True)


def neuron():
    w, b = leaf(), leaf()
    return (mg.tanh(1.5 * w + b) - 0.25) ** 2, {"w": w, "b": b}


def classifier():
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 3)).astype(np.float64)
    return mg.cross_entropy(model(RNG.normal(size=(4, 2))), np.array([0, 2, 1, 1])), model


def convolution():
    w, b = leaf(2, 1, 2, 2), leaf(2)
    return mg.relu(mg.conv2d(RNG.normal(size=(1, 1, 3, 3)), w, b)).sum(), {"w": w, "b": b}


def attention():
    x, wq, wk, wv = leaf(3, 2), leaf(2, 2), leaf(2, 2), leaf(2, 2)
    p = mg.softmax((x @ wq) @ (x @ wk).mT / 2**0.5, 1)
    return ((p @ (x @ wv)) ** 2).mean(), {"x": x, "wq": wq, "wk": wk, "wv": wv}


def shared_weights():
    w, x = leaf(2, 2), leaf(3, 2)
    return mg.sigmoid(mg.sigmoid(x @ w) @ w).sum(), {"w": w, "x": x}


def broadcasting():
    a, b, c = leaf(3, 2), leaf(2), leaf(3, 1)
    return (a * b + c - b / a.exp()).sum(), {"a": a, "b": b, "c": c}


def second_use():
    x = leaf(3)
    y = x * x
    return (y + y.sin() + x).sum(), {"x": x}


def second_order():
    x = leaf(2)
    (slope,) = mg.grad((x**3).sum(), [x], create_graph=True)
    return (slope**2).sum(), {"x": x}


def several_outputs():
    x = leaf(4)
    a, b = mg.split(x, 2)
    return (a * b).sum() + abs(x).max(), {"x": x}


def batched_product():
    a, b = leaf(2, 2, 3), leaf(3, 2)
    return np.log(1 + (a @ b) ** 2).sum(), {"a": a, "b": b}


def recurrence():
    w, h = leaf(2, 2), leaf(2)
    state = h
    for _ in range(2):
        state = mg.tanh(state @ w)
    return mg.norm(state) + mg.maximum(state, 0.1).sum(), {"w": w, "h": h}


GRAPHS = [
    neuron, classifier, convolution, attention, shared_weights, broadcasting, second_use, second_order,
    several_outputs, batched_product, recurrence,
]  # fmt: skip


@pytest.fixture(scope="module")
def derived():
    found = {}
    for graph in GRAPHS:
        with mg.record():
            loss, params = graph()
        found[graph.__name__] = loss, derive(loss, params=params)
    return found


def engine(loss):
    """(shape, gradient) of everything, by one call of `grad` for all: not the way in which lines are summed."""
    things = {p: None for node in creation_order(loss._node) for p in (node, *node.parents)}
    keys = [k for k in things if k is not None and not isinstance(getattr(k, "dtype", None), tuple)]
    keys = [k for k in keys if isinstance(k, Node) or k.requires_grad]
    xs = [wrap(None, k) if isinstance(k, Node) else k for k in keys]
    return [g.data for g in mg.grad(loss, xs, retain_graph=True) if g is not None]


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: graph.__name__)
def test_every_gradient_on_the_board_is_the_engines(derived, graph):
    loss, board = derived[graph.__name__]
    expected = engine(loss)
    shown = [line.value for line in board.backward]
    assert len(shown) == len(expected)  # each once
    for value in shown:
        near = [g for g in expected if g.shape == value.shape and np.allclose(g, value, rtol=1e-12)]
        assert near
        expected = [g for g in expected if g is not near[0]]


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: graph.__name__)
def test_an_equation_computed_by_hand_gives_the_number_beside_it(derived, graph):
    _, board = derived[graph.__name__]
    known = {line.left: line.value for line in [*board.given, *board.forward, *board.backward]}
    known = {term: value for term, value in known.items() if value is not None}
    computed = 0
    for line in [*board.forward, *board.backward]:
        first = line.right[0]
        try:
            value = value_of(first, known) if isinstance(first, Term) else None
        except NotEvaluated:
            continue
        if value is not None and line.value is not None:
            value = value.reshape(line.shape) if value.size == line.value.size else value
            np.testing.assert_allclose(np.broadcast_to(value, line.shape), line.value, rtol=1e-9)
            computed += 1
    assert computed > len(board.backward) / 2


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: graph.__name__)
def test_the_page_holds_every_number_and_is_well_formed(derived, graph):
    _, board = derived[graph.__name__]
    text = html_of(board, "board")
    body = text[text.index("<main>") : text.index("</body>")]
    page = ElementTree.fromstring(body)
    lines = [e for e in page.iter("li") if e.get("class", "").startswith("line")]
    assert [e.get("value") for e in lines] == [str(i + 1) for i in range(len(lines))]
    for element, line in zip(lines, [*board.forward, *board.backward], strict=True):
        if line.value is not None:
            assert json.loads(element.get("data-values")) == np.ravel(line.value).tolist()
    assert "<script" not in text
    assert "http" not in text.replace("http-equiv", "")


def test_every_document_is_latex(derived):
    known = {
        "documentclass", "usepackage", "setlength", "parindent", "newcommand", "fit", "eq", "numbers", "displaystyle",
        "ifdim", "wd", "resizebox", "usebox", "else", "fi", "medskip", "makebox", "linewidth", "hfill", "small",
        "itshape", "par", "smallskip", "hspace", "section", "subsection", "sbox",
    }  # fmt: skip
    for _, board in derived.values():
        head, _, body = latex_of(board).partition(r"\begin{document}")
        assert "\\newcommand{\\eq}" in head
        # the arguments of these two macros are mathematics
        body = re.sub(r"\\eq\{(.*?)\}\{(.*)\}\{(.*)\}\n", r"$\2$ \3\n", body)
        body = re.sub(r"\\numbers\{(.*)\}\n", r"$\1$\n", body)
        check(r"\begin{document}" + body, known)


def test_a_neuron_is_derived_as_on_a_board(derived):
    _, board = derived["neuron"]
    found = [re.sub(r"\s+", "", in_latex(line.right)) for line in board.backward]
    assert found[:3] == [
        "$1$",
        r"$2\,{z}_{\mathrm{3}}$",
        r"$\frac{\partialL}{\partial{z}_{\mathrm{3}}}$",
    ]
    assert [line.left.parts[1].text for line in board.backward[-2:]] == ["b", "w"]


def test_a_line_is_referred_to_by_the_number_that_it_has_in_both_files(derived):
    for _, board in derived.values():
        page, document = html_of(board, "board"), latex_of(board)
        numbers = re.findall(r"\\eq\{\((\d+)\)\}", document)
        assert numbers == re.findall(r'value="(\d+)"', page)
        assert numbers == [str(i + 1) for i in range(len(numbers))]
        for line in board.backward:
            for op, number in re.findall(r"(\w+) in \((\d+)\)", line.about):
                assert board.forward[int(number) - 1].about == op


def test_where_paths_meet_a_sum_is_shown(derived):
    for graph, paths in (("second_use", 3), ("shared_weights", 2)):
        _, board = derived[graph]
        line = board.backward[-1]
        meeting = [line for line in board.backward if line.parts]
        assert max(len(line.parts) for line in meeting) == paths
        for line in meeting:
            assert line.right[0].kind == "sum"
            np.testing.assert_allclose(sum(line.parts), line.value)
            assert f"{len(line.parts)} paths meet" in line.about


def test_only_what_is_on_a_path_is_derived():
    a, b = leaf(), leaf()
    y = a.exp() * b.sin()
    assert len(derive(y, b).backward) == 3  # L, sin(b), b
    assert derive(y, b, known={"b": b}).backward[-1].left == Term(
        "gradient", (LOSS, Term("name", text="b"))
    )
    assert len(derive(y).backward) == 5


def test_a_derivative_by_a_result_in_the_middle_ends_there():
    x = leaf(2)
    h = x.exp()
    board = derive((h * h).sum(), h, known={"h": h})
    assert [line.left.parts[1].text for line in board.backward] == ["L", "z1", "h"]


@pytest.mark.parametrize(
    "value", [0.1, -2.5, 12345, 1 / 6, 2**0.5, -(3**-0.5), 0.044715, 1e-12, 1e20, np.pi]
)
def test_a_constant_is_written_without_rounding(value):
    assert float(value_of(option_term(value), {})) == pytest.approx(value, rel=1e-15)


def test_names_are_the_users_and_letters_do_not_clash(tmp_path):
    z1, weight = leaf(2), leaf(2)
    product = (z1 * weight).exp()
    loss = product.sum()
    text = picture.derivation(loss, tmp_path / "d.tex").read_text()
    assert r"\mathrm{weight}" in text
    assert r"\mathrm{product} = \exp\left( {z}_{\mathrm{2}} \right)" in re.sub(r"\s+", " ", text)


def test_an_unrecorded_graph_has_its_gradients_and_says_what_is_missing(tmp_path):
    loss, _ = neuron()
    board = derive(loss)
    assert all(line.value is not None for line in board.backward)
    assert [line.value is None for line in board.forward] == [True, True, True, True, False]
    assert "record()" in html_of(board, "x")


def test_a_derivation_leaves_the_graph_and_grad_alone(tmp_path):
    loss, params = neuron()
    picture.derivation(loss, tmp_path / "a.html")
    assert all(p.grad is None for p in params.values())
    loss.backward()


def test_a_large_tensor_is_symbols_only():
    w = leaf(30, 30)
    board = derive((w**2).sum())
    assert board.backward[-1].numbers is None
    assert "data-values='[1.0]'" in html_of(board, "x")
    assert str(w.data[0, 0])[:8] not in html_of(board, "x")


def test_what_cannot_be_derived_is_said_with_the_remedy(tmp_path):
    x, other = leaf(2), leaf(2)
    y = x
    for _ in range(MOST + 1):
        y = y.sin()
    with pytest.raises(
        ValueError, match=r"62 ops, more than 60; derive a smaller net .* picture\.page"
    ):
        picture.derivation(y.sum(), tmp_path / "a.html")
    loss = x.sum()
    with pytest.raises(ValueError, match=r"does not depend on wrt\[1\] of shape \(2,\)"):
        derive(loss, [x, other])
    with pytest.raises(TypeError, match="wrt is a int"):
        derive(loss, 3)
    with pytest.raises(ValueError, match=r"'a\.pdf' ends in '\.pdf'; \.html and \.tex"):
        picture.derivation(loss, tmp_path / "a.pdf")
    with pytest.raises(RuntimeError, match="has no history"):
        derive(Tensor(1.0))
    assert not list(tmp_path.iterdir())


def test_names_of_a_user_cannot_become_markup(tmp_path):
    x = leaf()
    name = "<script>&$\\evil"
    html = picture.derivation(x * x, tmp_path / "a.html", params={name: x}).read_text()
    assert "<script" not in html
    assert "&lt;script&gt;&amp;$\\evil" in html
    assert (
        r"\textless{}script\textgreater{}\&\$\textbackslash{}evil"
        in picture.derivation(x * x, tmp_path / "a.tex", params={name: x}).read_text()
    )
