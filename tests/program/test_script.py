"""Scripts: what they refuse, what they check, what they leave behind, and the file that they are saved to."""

import ast
import copy
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import minigrad as mg
import nn
from minigrad import Tensor
from minigrad.program.lines import wrapped

rng = np.random.default_rng(0)
X = rng.standard_normal((6, 4)).astype(np.float32)
LABELS = np.array([0, 1, 2, 2, 1, 0])


def floats(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def step_of(model, loss=mg.cross_entropy):
    def step(x, y):
        value = loss(model(x), y)
        value.backward()
        return value

    return step


def eager(model, step, *args):
    for p in model.parameters():
        p.grad = None
    value = step(*args)
    return [value.data, *[p.grad.data for p in model.parameters()]]


def convolutional():
    return nn.Sequential(
        *(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(36, 3)),
    )


class LastOf(nn.Module):
    """The last state of a recurrent layer, scored."""

    def __init__(self, layer):
        self.layer = layer
        self.out = nn.Linear(5, 3)

    def forward(self, x):
        return self.out(self.layer(x)[0][-1])


class Attends(nn.Module):
    def __init__(self):
        self.words = nn.Embedding(7, 8)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0)
        self.out = nn.Linear(8, 7)

    def forward(self, i):
        return self.out(self.block(self.words(i))).reshape(-1, 7)


NETS = {
    "mlp": (lambda: nn.MLP([4, 8, 3]), X, LABELS),
    "tanh": (lambda: nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)), X, LABELS),
    "norm": (
        lambda: nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 3)),
        X,
        LABELS,
    ),
    "dropout": (
        lambda: nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3)),
        X,
        LABELS,
    ),
    "cnn": (
        convolutional,
        floats(6, 2, 6, 6),
        LABELS,
    ),
    "lstm": (lambda: LastOf(nn.LSTM(4, 5)), floats(7, 6, 4), LABELS),
    "gru": (lambda: LastOf(nn.GRU(4, 5)), floats(7, 6, 4), LABELS),
    "attention": (Attends, rng.integers(0, 7, (3, 6)), rng.integers(0, 7, 18)),
}


@pytest.mark.parametrize("name", NETS)
def test_a_script_gives_the_bits_of_eager_while_the_parameters_learn(name):
    make, x, y = NETS[name]
    mg.seed(0)
    model = make()
    twin = copy.deepcopy(model)
    script = mg.script(step_of(model), x, y)
    step = step_of(twin)
    for turn in range(3):
        mg.seed(turn)
        expected = eager(twin, step, x, y)
        mg.seed(turn)
        found = script(x, y)
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            assert np.array_equal(a, b)
        pairs = zip(model.parameters(), twin.parameters(), expected[1:], strict=True)
        for mine, other, g in pairs:
            mine.assign(mine.data - 0.1 * g)
            other.assign(other.data - 0.1 * g)
        for mine, other in zip(
            model.state_dict().values(), twin.state_dict().values(), strict=True
        ):
            assert np.array_equal(mine, other)


def test_writing_a_script_leaves_parameters_gradients_buffers_and_generators_as_they_were():
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))
    step_of(model)(X, LABELS)
    before = [np.array(v) for v in model.state_dict().values()]
    arrays = [p.data for p in model.parameters()]
    gradients = [p.grad for p in model.parameters()]
    mg.seed(3)
    expected = mg.generator().random(4)
    mg.seed(3)
    mg.script(step_of(model), X, LABELS)
    assert np.array_equal(mg.generator().random(4), expected)
    assert all(p.data is a for p, a in zip(model.parameters(), arrays, strict=True))
    assert all(p.grad is g for p, g in zip(model.parameters(), gradients, strict=True))
    for a, b in zip(model.state_dict().values(), before, strict=True):
        assert np.array_equal(a, b)


# What is refused -----------------------------------------------------------------------------------------

GLOBAL = [0]
OWN = np.random.default_rng(0)


def counts():
    GLOBAL[0] += 1
    return GLOBAL[0]


REFUSED = {
    "item": (lambda x: x * x.sum().item(), "item"),
    "float": (lambda x: x * float(x.sum()), "float"),
    "bool": (lambda x: x if x.sum() > 0 else -x, "bool"),
    "asarray": (lambda x: x * np.asarray(x.numpy()), "np.asarray"),
    "mask": (lambda x: x[x > 0], "boolean mask"),
    "nonzero": (lambda x: x[np.nonzero(x)], "np.nonzero"),
    "unique": (lambda x: x.sum() * np.unique(x).size, "np.unique"),
    "np.random": (lambda x: x * np.random.rand(), "np.random"),  # noqa: NPY002
    "counter": (lambda x: x * counts(), "did something else"),
    "a generator of its own": (lambda x: x * OWN.random(), "draws from OWN"),
    "arrays of its own": (lambda x: x * OWN.random(4), "draws from OWN"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_looks_into_values_or_changes_by_itself_is_refused_with_the_users_line(name):
    f, words = REFUSED[name]
    with pytest.raises(TypeError, match=words) as caught:
        mg.script(f, Tensor(X))
    if words != "np.random":
        assert "test_script.py:" in str(caught.value)


def test_a_generator_of_ones_own_is_where_it_was_after_the_refusal():
    state = OWN.bit_generator.state
    with pytest.raises(TypeError, match="draws from OWN"):
        mg.script(lambda x: x * OWN.random(4), Tensor(X))
    assert OWN.bit_generator.state == state


def test_writing_into_an_array_that_is_no_input_is_refused():
    def f(x):
        total = np.zeros(4)
        total += x.sum(axis=0)
        return total

    with pytest.raises(TypeError, match=r"writes into a ndarray at .*test_script.py"):
        mg.script(f, X)
    kept = np.zeros_like(X)
    with pytest.raises(TypeError, match=r"np\.copyto writes into a ndarray"):
        mg.script(lambda x: np.copyto(kept, x * 2), X)
    assert not kept.any()


def test_an_array_from_around_is_read_as_it_is_at_each_run():
    table = X.copy()
    script = mg.script(lambda x: (x * table).sum(axis=0), X)
    table[1] = 7
    assert np.array_equal(script(X), (X * table).sum(axis=0))


# What is checked -----------------------------------------------------------------------------------------


def test_an_index_out_of_range_raises_as_in_eager_and_is_an_assert_in_the_script():
    table = nn.Embedding(5, 3)
    script = mg.script(lambda i: table(i), np.array([0, 4]))
    for wrong in (-1, 5):
        i = np.array([1, wrong])
        with pytest.raises(IndexError, match="embedding: index"):
            script.program.run(script.arrays(i))
        with pytest.raises(AssertionError, match=r"embedding: an index is outside \[0, 5\)"):
            script(i)


def test_a_label_out_of_range_raises_as_in_eager_and_is_an_assert_in_the_script():
    script = mg.script(step_of(nn.MLP([4, 8, 3])), X, LABELS)
    for wrong in (-1, 3):
        y = np.where(LABELS == 2, wrong, LABELS)
        with pytest.raises(IndexError, match=r"label -?\d in row 2"):
            script.program.run(script.arrays(X, y))
        with pytest.raises(AssertionError, match=r"a label is outside \[0, 3\)"):
            script(X, y)


def test_labels_that_are_ignored_where_none_were_are_refused():
    script = mg.script(step_of(nn.MLP([4, 8, 3])), X, LABELS)
    y = np.where(LABELS == 2, -100, LABELS)
    with pytest.raises(ValueError, match="other values"):
        script.program.run(script.arrays(X, y))
    with pytest.raises(AssertionError):
        script(X, y)


def test_arrays_of_another_shape_or_dtype_are_refused_with_both():
    script = mg.script(step_of(nn.MLP([4, 8, 3])), X, LABELS)
    with pytest.raises(
        AssertionError, match=r"x is \(5, 4\) float32.*written for \(6, 4\) float32"
    ):
        script(X[:5], LABELS)
    with pytest.raises(
        AssertionError, match=r"x is \(6, 4\) float64.*written for \(6, 4\) float32"
    ):
        script(X.astype(float), LABELS)


# What is written -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETS)
def test_a_saved_script_runs_without_minigrad(name, tmp_path):
    make, x, y = NETS[name]
    model = make().eval()
    script = mg.script(step_of(model), x, y)
    path = tmp_path / "step.py"
    script.save(path)
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).split(".")[0]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    assert imported <= {"numpy", *sys.stdlib_module_names}
    np.savez(tmp_path / "given.npz", *script.arrays(x, y))
    code = (
        "import sys, numpy as np, step\n"
        "given = np.load('given.npz')\n"
        "found = step.step(*[given[f'arr_{i}'] for i in range(len(given.files))])\n"
        "assert 'minigrad' not in sys.modules\n"
        "np.savez('found.npz', *found)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    found = np.load(tmp_path / "found.npz")
    for n, expected in enumerate(eager(model, step_of(model), x, y)):
        assert np.array_equal(found[f"arr_{n}"], expected)


def test_a_script_that_cannot_be_saved_leaves_the_old_file(tmp_path, monkeypatch):
    script = mg.script(lambda x: x * 2, X)
    path = tmp_path / "step.py"
    path.write_text("old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        script.save(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_parameters_are_named_by_their_modules_and_gradients_by_parameters():
    script = mg.script(step_of(nn.MLP([4, 8, 3])), X, LABELS)
    assert "def step(x, y, W0, b0, W2, b2):" in str(script)
    assert "return loss, dW0, db0, dW2, db2" in str(script)


class Unrolled(nn.Module):
    """Turns of a recurrent layer, as Python's own loop leaves them."""

    def __init__(self, gated):
        self.gated = gated
        self.inp, self.rec = nn.Linear(4, 20 if gated else 5), nn.Linear(5, 20 if gated else 5)
        self.out = nn.Linear(5, 3)

    def forward(self, x):
        h = c = mg.Tensor(np.zeros((6, 5), np.float32))
        hs = []
        for x_t in x:
            if self.gated:
                h, c = mg.lstm_step(self.inp(x_t), self.rec(h), (h, c))
            else:
                h = np.tanh(self.inp(x_t) + self.rec(h))
            hs.append(h)
        return self.out(mg.stack(hs).sum(axis=0) + hs[1] * hs[2])


@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("turns", [1, 2, 3, 4, 9])
def test_equal_turns_are_written_as_a_loop_with_the_bits_of_eager(gated, turns):
    model, x = Unrolled(gated), floats(max(turns, 3), 6, 4)
    script = mg.script(step_of(model), x, LABELS)
    for a, b in zip(script(x, LABELS), eager(model, step_of(model), x, LABELS), strict=True):
        assert np.array_equal(a, b)
    if turns > 4:
        text = str(script)
        assert f"for t in range({turns}):" in text
        longer = mg.script(step_of(model), floats(2 * turns, 6, 4), LABELS)
        assert len(str(longer).splitlines()) < len(text.splitlines()) + 10


def test_equal_steps_are_written_once_and_steps_without_bearing_on_the_result_not_at_all():
    def f(x):
        np.sin(x)
        return np.exp(x) + np.exp(x)

    script = mg.script(f, X)
    assert str(script).count("np.exp") == 1
    assert "np.sin" not in str(script)


def test_what_is_written_into_is_read_before_and_after_as_in_eager():
    def f(x):
        y = x * 1.5
        first = y.copy()
        y[0] += 1
        view = y[1:]
        view *= 2
        return first + y, y

    script = mg.script(f, X)
    for a, b in zip(script(X), f(X), strict=True):
        assert np.array_equal(a, b)


def test_what_is_read_before_a_write_is_not_written_behind_it():
    def f(x):
        y = np.exp(x)
        before = y[0] * 2
        y[0] = 0
        return before + 1, y

    script = mg.script(f, X)
    for a, b in zip(script(X), f(X), strict=True):
        assert np.array_equal(a, b)


def test_a_copy_in_another_layout_stays():
    def f(x):
        return np.sin(x).copy(order="F").sum(axis=1), np.cos(x).copy().sum(axis=1)

    text = str(mg.script(f, X))
    assert "np.sin(x).copy(order='F')" in text
    assert "np.cos(x).sum(axis=1)" in text


def test_inputs_are_as_they_were_unless_the_function_writes_into_them():
    x = X.copy()
    mg.script(lambda x: x.sum() + 1, x)(x)
    assert np.array_equal(x, X)


@pytest.mark.parametrize(
    "line",
    [
        'assert target.min() >= 0 and target.max() < 40000, "cross_entropy: a label is outside [0, 40000)"',
        "loss = " + " + ".join(f"(a_{i} * b_{i})" for i in range(30)),
        "y = f(x, 'a text (with', 'brackets) and \\' quotes', \"and 'others'\", "
        + ", ".join("abcdefgh" * 9)
        + ")",
        "y = np.frombuffer(bytes.fromhex('" + "00 " * 60 + "'), np.float32).reshape((2, 3))",
        "y = " + "x" * 200 + "(a, b)",
    ],
)
def test_a_line_that_is_broken_is_the_same_line(line):
    lines = wrapped("    " + line)
    assert ast.dump(ast.parse(textwrap.dedent("\n".join(lines)))) == ast.dump(ast.parse(line))
    assert len(lines) > 1 or "(a_0" not in line
