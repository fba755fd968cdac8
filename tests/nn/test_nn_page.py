"""The page of nn: its tables are up to date and complete, its code runs, and its traps are PyTorch's."""

import doctest
import importlib
import re

import nn_page
import numpy as np
import pytest
import torch_names
from nn_page import DIFFERENCES, HERE, MISSING, NAMES, NOWHERE, OTHER_NAMES, PAGE, REASONS, VERSION

import minigrad
import nn
from minigrad import Tensor

COMMAND = "run `python tests/helpers/nn_page.py`"


def codes(text):
    return re.findall(r"`([^`]+)`", text)


def names(text):
    """The names of ours in the code of a text."""
    return re.findall(r"(?<![\w.])(?:nn|minigrad)\.[a-zA-Z_][\w.]*\w", " ".join(codes(text)))


def test_the_tables_are_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == nn_page.page(), COMMAND


def test_the_names_and_arguments_of_pytorch_are_those_of_the_installed_one():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    if torch_names.version_of(torch) != VERSION:
        pytest.skip(f"the stored names are those of PyTorch {VERSION}")
    assert torch_names.STORED.read_text(encoding="utf-8").splitlines() == torch_names.installed(), (
        COMMAND
    )


def test_a_name_of_pytorch_is_here_or_has_one_reason_why_not():
    for name in MISSING:
        patterns = [pattern for pattern in REASONS if nn_page.matches(name, pattern)]
        assert patterns, f"say in REASONS of nn_page.py why {name} is not here, and what to use"
        assert len(patterns) == 1, f"{name} has several reasons: {patterns}"
    for pattern in REASONS:
        here = [name for name in HERE if nn_page.matches(name, pattern)]
        assert not here, (
            f"{here} came: take {pattern!r} out of REASONS of nn_page.py, and {COMMAND}"
        )
        assert any(nn_page.matches(name, pattern) for name in MISSING), f"{pattern!r} is no name"


def test_a_reason_is_a_sentence_and_what_it_names_exists():
    for why in [*REASONS.values(), *DIFFERENCES.values()]:
        assert [name for name in names(why) if not nn_page.found(name)] == []
    for why in REASONS.values():
        assert why.endswith(".")


def test_what_is_said_of_a_difference_is_of_a_name_that_is_here():
    assert not DIFFERENCES.keys() - HERE.keys(), "take them out of DIFFERENCES of nn_page.py"
    assert not OTHER_NAMES.keys() - NAMES.keys()
    for theirs, ours in OTHER_NAMES.items():
        assert nn_page.found(ours), ours
        assert theirs in DIFFERENCES or theirs.rpartition(".")[2] == ours.rpartition(".")[2]


def test_a_word_that_is_said_to_be_taken_nowhere_is_taken_nowhere():
    for name in HERE:
        taken = nn_page.words_of(NOWHERE) & nn_page.parameters(name).keys()
        assert not taken, f"{HERE[name]} takes {taken}: take it out of NOWHERE of nn_page.py"
    known = {word for arguments in NAMES.values() for word in arguments}
    assert nn_page.words_of(NOWHERE) <= known


# What to write instead of a name that is not here, as its reason says it ------------------------------------

X = np.random.default_rng(0).uniform(0.1, 2, (2, 3, 4, 4))


def test_the_lines_that_stand_for_layers_give_what_pytorch_gives():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x, t = Tensor(X), torch.tensor(X)
    for ours, theirs in [
        (
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)(x),
            torch.nn.UpsamplingBilinear2d(scale_factor=2)(t),
        ),
        (nn.Upsample(scale_factor=2)(x), torch.nn.UpsamplingNearest2d(scale_factor=2)(t)),
    ]:
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-12)


def test_the_lines_that_stand_for_max_unpool_put_the_maxima_where_they_were():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    y, i = nn.MaxPool2d(2, return_indices=True)(Tensor(X))
    theirs = torch.nn.MaxUnpool2d(2)(torch.tensor(y.numpy()), torch.tensor(i.numpy()))
    flat = Tensor(np.zeros((2, 3, 16)))
    ours = minigrad.put_along_axis(flat, i.reshape(2, 3, -1), y.reshape(2, 3, -1), 2)
    np.testing.assert_array_equal(ours.reshape(X.shape).numpy(), theirs.numpy())


def test_the_norm_of_all_gradients_is_that_of_a_clip_that_clips_nothing():
    parameters = nn.Linear(3, 2, dtype="float64").parameters()
    parameters = list(parameters)
    for p in parameters:
        p.grad = np.full(p.shape, 2.0)
    assert nn.optim.clip_grad_norm_(parameters, np.inf) == pytest.approx(2 * np.sqrt(8))
    assert parameters[0].grad.data.max() == 2.0


# The words, written by hand --------------------------------------------------------------------------------

TEXT = PAGE.read_text(encoding="utf-8")
MATRIX = np.array([[0.5, -1.0, 3.0, 0.25], [2.0, 0.75, -0.5, 1.5], [-2.0, 4.0, 1.0, -3.0]])


def rows_of(title):
    """The cells of the table below a title of the page."""
    below = TEXT.partition(f"# {title}\n")[2].partition("\n#")[0]
    return [line.strip("| ").split(" | ") for line in below.splitlines() if line.startswith("| ")][
        1:
    ]


def first_codes(title, column):
    return [(codes(row[0])[0], codes(row[column])[0]) for row in rows_of(title)]


def outcome(line, names):
    """What a line of code gives: its value, or, of statements, `t` and the weights of the model, as arrays."""
    names = dict(names)
    try:
        code = compile(line, line, "eval")
    except SyntaxError:
        exec(line, names)
        return arrays((names["t"], *names["model"].parameters()))
    return arrays(eval(code, names))


def arrays(value):
    if isinstance(value, (tuple, list)):
        return [arrays(part) for part in value]
    if isinstance(value, nn.Module):
        return None
    value = value.detach() if hasattr(value, "detach") else value
    return np.asarray(value.numpy() if hasattr(value, "numpy") else value)


def alike(a, b):
    if isinstance(a, list) or isinstance(b, list):
        return (
            isinstance(a, list)
            and isinstance(b, list)
            and len(a) == len(b)
            and all(map(alike, a, b))
        )
    if a is None or b is None:
        return a is b
    is_alike = a.shape == b.shape and a.dtype.kind == b.dtype.kind
    return is_alike and np.allclose(a, b, 1e-6, 1e-6)


def names_of(tensor, parameter, integers, package):
    """What the lines of PyTorch's tables name, made by a library."""
    model = package.Linear(4, 2)
    return {
        "np": np, "nn": package, "a": MATRIX.copy(), "t": tensor(MATRIX), "v": tensor(MATRIX[1]),
        "x": tensor(X[0]), "w": parameter(MATRIX), "i": integers([[0, 1], [3, 3], [2, 0]]), "y": integers([1, 0, 3]),
        "model": model,
    }  # fmt: skip


def our_names():
    minigrad.seed(0)
    made = names_of(Tensor, nn.Parameter, np.array, nn)
    o = nn.optim.SGD(made["model"].parameters(), lr=0.1)
    return made | {
        "minigrad": minigrad, "torch": minigrad, "F": minigrad, "grad": minigrad.grad, "o": o
    }  # fmt: skip


def their_names(torch, ours):
    def parameter(values):
        return torch.nn.Parameter(torch.tensor(values))

    made = names_of(torch.tensor, parameter, torch.tensor, torch.nn)
    state = {name: torch.tensor(w) for name, w in ours["model"].state_dict().items()}
    made["model"].load_state_dict(state)
    o = torch.optim.SGD(made["model"].parameters(), lr=0.1)
    return made | {
        "torch": torch, "F": torch.nn.functional, "grad": torch.autograd.grad, "o": o
    }  # fmt: skip


TRAPS = first_codes("The traps", 2)
WORDS = first_codes("The words", 1)


@pytest.mark.filterwarnings("ignore")  # PyTorch's, and ours where a trap can be told
@pytest.mark.parametrize(("line", "right"), TRAPS, ids=[line for line, _ in TRAPS])
def test_a_trap_runs_here_and_gives_something_else_and_the_other_line_gives_what_pytorch_gives(
    line, right
):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    ours = our_names()
    theirs = outcome(line, their_names(torch, ours))
    as_written = outcome(line.replace("torch.tensor", "minigrad.Tensor"), ours)
    assert not alike(as_written, theirs)
    assert alike(outcome(right, our_names()), theirs)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("line", "ours"), WORDS, ids=[line for line, _ in WORDS])
def test_our_words_give_what_pytorchs_give(line, ours):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    names = our_names()
    torch.manual_seed(0)
    mine, theirs = outcome(ours, names), outcome(line, their_names(torch, names))
    if "normal_" in line:  # random
        assert mine.shape == theirs.shape
        assert mine.std() == pytest.approx(theirs.std(), rel=0.9)
    else:
        assert alike(mine, theirs)


@pytest.mark.filterwarnings("ignore")
def test_every_line_of_ours_in_the_tables_runs():
    for _, line in TRAPS + WORDS:
        outcome(line, our_names())
    for row in rows_of("Coming from Keras"):
        (line, *_) = codes(row[1])
        if "loader" not in line:  # the loop is run below
            made = eval(line, our_names() | {"x": np.ones((3, 4), np.float32)})
            assert made is not None


@pytest.mark.parametrize("title", ["Coming from HIPS/autograd", "Coming from JAX"])
def test_the_words_of_other_libraries_give_what_theirs_give(title):
    u, v = MATRIX[0], MATRIX[1]
    functions = {
        "f": lambda x: (x**3).sum(), "g": lambda x: x**2 * x[0], "h": lambda x, y: (x * y**3).sum(),
    }  # fmt: skip
    names = {"np": np, "u": u, "v": v, **functions}
    theirs = names_of_library(title)
    for line, ours in first_codes(title, 1):
        mine = outcome(ours, names | {"minigrad": minigrad})
        if theirs is not None:
            assert alike(mine, outcome(line, names | theirs)), line
    if theirs is None:
        pytest.skip("the library is not installed")


def names_of_library(title):
    try:
        if "JAX" in title:
            import jax
            import jax.flatten_util
            import jax.scipy

            return {"jax": jax, "jnp": jax.numpy}
        import autograd
        from autograd import differential_operators
        from autograd.misc import flatten
        from autograd.scipy.stats import norm
    except ImportError:
        return None
    return vars(differential_operators) | {"np": autograd.numpy, "flatten": flatten, "norm": norm}


def test_the_loop_on_the_page_trains():
    minigrad.seed(0)
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "page", "nn/README.md", 0)
    result = doctest.DocTestRunner().run(test)
    assert result.attempted > 8
    assert result.failed == 0


def test_every_file_of_nn_is_on_the_map():
    on_map = re.findall(r"\]\(([^)#]+)\)", TEXT.partition("\n## ")[0])
    here = [p for p in PAGE.parent.iterdir() if p.suffix == ".py" or p.is_dir()]
    assert {p.name for p in here if p.name[0] != "_"} == {*on_map}


def test_what_the_page_points_to_exists():
    for target in re.findall(r"\]\(([^)]+)\)", re.sub(r"`[^`\n]*`", "", TEXT)):
        file, _, title = target.partition("#")
        found = PAGE.parent / file if file else PAGE
        assert found.exists(), target
        titles = (
            re.findall(r"^#+ (.*)$", found.read_text(encoding="utf-8"), re.MULTILINE)
            if title
            else []
        )
        slugs = [re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in titles]
        assert not title or title in slugs, target


def test_the_rooms_of_pytorch_and_ours_exist():
    below = TEXT.rpartition("Whole rooms")[2]
    assert [name for name in names(below) if not nn_page.found(name)] == []
    pytest.importorskip("torch", reason="PyTorch is not installed")
    for name in codes(below):
        if name.startswith("torch."):
            importlib.import_module(name)
