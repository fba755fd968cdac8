"""What is drawn of a graph: modules collapsed, repeated blocks once, never too many boxes."""

import re

import numpy as np
import pytest

import minigrad as mg
import nn
from minigrad import Tensor
from minigrad.picture import draw, trace
from minigrad.picture.draw import dot_of
from minigrad.picture.repeats import Run, repeated_runs
from minigrad.picture.scene import MANY, scene_of
from minigrad.picture.themes import THEMES
from minigrad.picture.tree import boxes, vertices_of


def leaf(*shape):
    return Tensor(np.ones(shape), requires_grad=True)


class Block(nn.Module):
    def __init__(self):
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, h):
        return h + self.second(mg.tanh(self.first(h)))


def recorded(model, x=None):
    with mg.record():
        return model(Tensor(np.ones((2, 3), np.float32)) if x is None else x).sum()


def blocks(count):
    """Something that repeats, kept alive with its loss: modules are referred to weakly."""
    model = nn.Sequential(*[Block() for _ in range(count)])
    return model, recorded(model)


def labels(dot):
    return re.findall(r'\[label="(.*?)"[,\]]', dot)


def names(scene):
    return sorted(b.vertices[0].op for b in boxes(scene.top) if b.is_vertex and b.vertices[0].op)


def tangled(length):
    """A graph in which nothing repeats."""
    rng = np.random.default_rng(0)
    pool = [leaf(3) for _ in range(4)]
    for _ in range(length):
        pool.append(
            mg.add(pool[-1], pool[-rng.integers(1, 5)]) if rng.random() < 0.5 else mg.tanh(pool[-1])
        )
    return pool[-1].sum()


# --- Modules ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("depth", "expected"),
    [(0, ["Sequential"]), (1, ["0: Block", "1: Block"]), (2, ["first: Linear", "second: Linear"])],
)
def test_modules_deeper_than_depth_are_one_box_each(depth, expected):
    _model, loss = blocks(2)
    dot = dot_of(trace(loss), depth=depth)
    boxed = [t.partition(r"\n")[0] for t in re.findall(r'label="(.*?)", shape="box3d"', dot)]
    assert sorted(set(boxed)) == sorted(expected)


def test_a_collapsed_module_tells_its_parameters_and_hides_their_arrows():
    _model, loss = blocks(2)
    scene = scene_of(trace(loss), depth=0)
    assert len(list(boxes(scene.top))) == 4  # data, the module, the sum, the output
    assert len(scene.links) == 3
    assert any("8 parameters, 48 numbers" in t for t in labels(dot_of(trace(loss), depth=0)))


def test_every_module_has_a_frame_in_that_of_its_parent():
    _model, loss = blocks(2)
    dot = dot_of(trace(loss))
    frames = re.findall(r'^( *)graph \[label="(.+?) *\\l"', dot, re.MULTILINE)
    depths = {title: len(indent) for indent, title in frames}
    assert depths["Sequential"] < depths["0: Block"] < depths["first: Linear"]
    assert r'"weight\n(3, 3)"' in dot  # the frame says the rest of its name


def test_a_module_of_a_single_op_is_a_line_in_its_box():
    model = nn.Sequential(nn.Tanh())
    loss = recorded(model, leaf(3))
    assert r'"{tanh|0: Tanh}"' in dot_of(trace(loss))


# --- Folding ----------------------------------------------------------------------------------


def test_a_repeated_module_is_drawn_once_with_its_count():
    _model, loss = blocks(12)
    scene = scene_of(trace(loss))
    assert names(scene) == ["add", "linear", "linear", "sum", "tanh"]
    assert any("0: Block" in t and "× 12 in a chain" in t for t in labels(dot_of(trace(loss))))
    assert "×" not in dot_of(trace(loss), fold=False)


def test_a_repeated_block_of_ops_is_drawn_once_and_what_all_share_stays_outside():
    w, h = leaf(2), leaf(2)
    for _ in range(20):
        h = mg.tanh(h * w)
    scene = scene_of(trace(h.sum(), {"w": w}))
    assert names(scene) == ["multiply", "sum", "tanh"]
    (frame,) = [item for item in scene.top.items if item not in list(boxes(scene.top))]
    assert (frame.roll.repeats, frame.roll.is_chain) == (20, True)
    assert all(v.name != "w" for v in vertices_of(frame))


def test_what_feeds_a_block_alone_is_drawn_with_the_first_and_not_with_the_others():
    h, params = leaf(2), {f"w{i}": leaf(2) for i in range(20)}
    for w in params.values():
        h = mg.tanh(h * w)
    told = labels(dot_of(trace(h.sum(), params)))
    assert [t for t in told if t.startswith("w")] == [r"w0\n(2,)"]


def test_modules_of_the_same_ops_that_are_wired_otherwise_are_not_folded():
    class Wired(nn.Module):
        def __init__(self, crossed):
            self.crossed = crossed

        def forward(self, x):
            a, b = mg.tanh(x), mg.sin(x)
            return mg.subtract(a * b, a if self.crossed else b)

    def drawn(crossed):
        model = nn.Sequential(*[Wired(each) for each in crossed])
        return names(scene_of(trace(recorded(model, leaf(2))))).count("tanh")

    assert drawn([True] * 6) == 1
    assert drawn([True, False, False, True, False, True]) == 6


def test_branches_side_by_side_are_folded_too_and_told_from_a_chain():
    parts = [mg.tanh(mg.exp(leaf(2))) for _ in range(20)]
    scene = scene_of(trace(mg.concatenate(parts).sum()))
    (frame,) = [item for item in scene.top.items if item not in list(boxes(scene.top))]
    assert (frame.roll.repeats, frame.roll.is_chain) == (20, False)


def test_a_small_graph_is_not_folded():
    h = leaf(2)
    for _ in range(5):
        h = mg.tanh(h)
    assert names(scene_of(trace(h))) == ["tanh"] * 5


def test_blocks_that_differ_in_shape_or_option_are_not_folded():
    h = leaf(2)
    for i in range(30):  # longer by one each time
        h = mg.concatenate([h, h[:1]]) if i % 2 else mg.tanh(h)
    assert len(list(boxes(scene_of(trace(h)).top))) > 30


def test_runs_end_where_the_connections_change():
    steps = [0, 1] * 6
    chain = [(i, i + 1, "x") for i in range(11)]
    assert repeated_runs(steps, chain) == [Run(0, 2, 6)]
    across = [*chain, (0, 8, "also")]
    assert repeated_runs(steps, across)[-1] == Run(0, 2, 4)


def test_no_vertex_is_drawn_twice_and_every_arrow_joins_boxes_that_are_drawn():
    _model, loss = blocks(12)
    for depth in (None, 0, 1, 2, 3):
        scene = scene_of(trace(loss), depth)
        drawn = list(boxes(scene.top))
        ids = [v.id for box in drawn for v in box.vertices]
        assert len(ids) == len(set(ids))
        assert {link.source for link in scene.links} | {link.target for link in scene.links} == set(
            drawn
        )


# --- Many -------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [2_000, 20_000])
def test_a_graph_of_thousands_of_ops_stays_readable_and_says_what_was_left_out(length):
    plain = trace(tangled(length))
    scene = scene_of(plain)
    assert len(list(boxes(scene.top))) < 40
    assert "stretches" in scene.note
    assert "record()" in scene.note
    assert sum(len(box.vertices) for box in boxes(scene.top)) == len(plain.nodes)


def test_modules_collapse_by_themselves_with_a_note_until_the_picture_is_readable():
    class Tangle(nn.Module):
        def __init__(self, length):
            self.weight, self.length = nn.Parameter(np.ones(3)), length

        def forward(self, h):
            for i in np.random.default_rng(self.length).integers(3, size=self.length):
                h = [mg.tanh, mg.cos, mg.sin][i](h * self.weight)
            return h

    model = nn.Sequential(Tangle(150), Tangle(160))
    loss = recorded(model)
    scene = scene_of(trace(loss))
    assert len(list(boxes(scene.top))) <= MANY
    assert "depth" in scene.note
    assert scene_of(trace(loss), depth=5).note == ""
    bound = scene_of(trace(loss), depth=5, most=scene.size)
    assert "are collapsed" in bound.note
    assert "depth=" not in bound.note  # which was asked for


def test_two_thousand_linked_ops_are_drawn_by_either_renderer(tmp_path):
    h = leaf(3)
    for _ in range(2_000):
        h = mg.tanh(h)
    dot = draw(h, tmp_path / "graph.gv").read_text()
    assert dot.count("->") < 10
    assert "2,000" in dot


# --- Details ----------------------------------------------------------------------------------


def test_values_need_a_recorded_graph_and_are_told_then(tmp_path):
    with pytest.raises(RuntimeError, match=r"minigrad\.record\(\)"):
        draw(leaf(2).sum(), tmp_path / "graph.gv", detail="values")
    with mg.record():
        loss = (leaf(2) * 3).sum()
    assert r"{sum|= 6}" in draw(loss, tmp_path / "graph.gv", detail="values").read_text()


def test_gradients_are_told_without_a_trace_on_grad(tmp_path):
    w = leaf(2)
    dot = draw((w * 3).sum(), tmp_path / "graph.gv", {"w": w}, detail="gradients").read_text()
    assert r"w\n(2,)\ngrad [3, 3]" in dot
    assert w.grad is None


def test_saved_arrays_are_told_with_their_bytes_and_the_sum_of_distinct_blocks(tmp_path):
    y = mg.exp(leaf(5))
    dot = draw((y * y).sum(), tmp_path / "graph.gv", detail="saved").read_text()
    assert "keeps y (5,): 40 B" in dot
    assert "backward keeps 40 B" in dot
    assert THEMES["light"].saved[0] in dot


@pytest.mark.parametrize(
    "wrong",
    [{"detail": "all"}, {"direction": "up"}, {"theme": "blue"}, {"depth": -1}, {"depth": "1"}],
)
def test_wrong_options_are_refused_by_name_before_anything_is_written(tmp_path, wrong):
    with pytest.raises(ValueError, match=f"draw: {next(iter(wrong))}=.*must be"):
        draw(leaf(1), tmp_path / "graph.gv", **wrong)
    assert not list(tmp_path.iterdir())


def test_both_directions_and_themes_differ_and_say_the_same():
    plain = trace((leaf(2) * 2).sum(axis=0))
    down, right = dot_of(plain), dot_of(plain, direction="LR")
    assert "{sum|axis=0}" in down
    assert '"sum|axis=0"' in right
    dark = dot_of(plain, theme="dark")
    assert labels(dark) == labels(down)
    assert not set(re.findall("#[0-9a-f]{6}", dark)) & {THEMES["light"].paper, THEMES["light"].ink}


def test_the_outputs_of_an_op_have_ports_in_both_directions():
    first, second = mg.split(leaf(4), 2)
    plain = trace((first * second).sum())
    assert "|{<o0> 0|<o1> 1}}" in dot_of(plain)
    assert "|<o0> 0|<o1> 1" in dot_of(plain, direction="LR")
    assert len(re.findall(r"n\d+:o[01] -> ", dot_of(plain, direction="LR"))) == 2


def test_options_with_fields_of_their_own_are_told_field_by_field():
    (conv, *_) = [
        v for v in trace(mg.conv2d(leaf(1, 1, 4, 4), leaf(1, 1, 3, 3), padding=1)).nodes if v.op
    ]
    assert conv.options["kernel"] == "(3, 3)"
    assert conv.options["padding"] == "((1, 1), (1, 1))"


def test_ghosts_are_dashed_and_say_why():
    w = leaf(2)
    with mg.record():
        loss = (w * (w > 0)).sum()
    dot = dot_of(trace(loss))
    assert "no gradient: not differentiable" in dot
    assert len(re.findall('-> .*style="dashed"', dot)) == 2


def test_what_a_freed_graph_kept_must_be_drawn_before_or_recorded(tmp_path):
    def loss():
        x = Tensor(np.ones(5), requires_grad=True)
        return mg.exp(x).sum()

    freed = loss()
    freed.backward()
    with pytest.raises(RuntimeError, match=r"draw it before its backward, or .*record\(\)"):
        draw(freed, tmp_path / "graph.gv", detail="saved")
    with mg.record():
        recorded = loss()
    recorded.backward()
    assert "kept 40 B" in draw(recorded, tmp_path / "graph.gv", detail="saved").read_text()
