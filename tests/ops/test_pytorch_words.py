"""Words of PyTorch's that are not ours: each error gives a line that works, and does what PyTorch's line does."""

import importlib
import pickle
import re

import numpy as np
import pytest
from leaves import leaf

import minigrad as mg
import nn
from minigrad import Tensor
from minigrad.ops.pytorch_words import ARGUMENTS, LINES, SENTENCES, hints

ARRAYS = {
    "t": np.array([[0.3, 0.7, 0.1], [0.6, 0.8, 0.2]]),
    "u": np.array([[0.5, 0.2, 0.9], [0.6, 0.4, 0.1]]),
    "v": np.array([0.25, 0.5, 0.75]),
    "s": np.array([[2.0, 0.5], [0.5, 1.0]]),
    "b": np.linspace(-1, 1, 8).reshape(2, 2, 2),
    "i": np.array([1, 0]),
    "j": np.array([3, 2]),
    "places": np.array([[2, 0], [1, 2]]),
    "mask": np.array([[True, False, True], [False, False, True]]),
}
WIDER = {"t.acosh()": {"t": ARRAYS["t"] + 1}}
"""Arrays for a line that is not defined on those."""
RANDOM = ("rand", "uniform", "normal", "bernoulli", "empty", "seed")
"""Lines whose values are not the same twice: their shapes and dtypes are."""


def ours(line, **given):
    arrays = {name: Tensor(a.copy()) for name, a in (ARRAYS | given).items()}
    return eval(line, {**arrays, "a": ARRAYS["t"], "np": np, "minigrad": mg})


def numpys(value):
    if isinstance(value, (tuple, list)):
        return [numpys(part) for part in value]
    value = value.detach().numpy() if hasattr(value, "detach") else value
    return value if isinstance(value, type) else np.asarray(value)


def word_of(line):
    return line.partition("(")[0].rpartition(".")[2]


@pytest.mark.parametrize("theirs", LINES)
def test_the_line_that_is_given_does_what_theirs_does(theirs):
    given = WIDER.get(theirs, {})
    found = numpys(ours(LINES[theirs], **given))
    line = theirs.removeprefix("scipy.special.")
    if line != theirs:
        space = {**vars(pytest.importorskip("scipy.special")), **ARRAYS}
    else:
        torch = pytest.importorskip("torch", reason="PyTorch is not installed")
        space = {name: torch.tensor(a) for name, a in (ARRAYS | given).items()} | {"torch": torch}
    expected = numpys(eval(line, {**space, "a": ARRAYS["t"]}))
    several = isinstance(expected, list)
    for f, e in zip(found, expected, strict=True) if several else [(found, expected)]:
        if word_of(theirs) == "manual_seed":
            continue
        assert (f.shape, f.dtype) == (e.shape, e.dtype)
        if not any(word in theirs for word in RANDOM):
            np.testing.assert_allclose(f, e, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("word", hints())
def test_a_word_that_is_not_ours_is_answered_with_a_line_and_not_accepted(word):
    owners = [owner for owner in (leaf(1), mg) if not hasattr(owner, word)]
    assert owners
    for owner in owners:
        with pytest.raises(AttributeError, match=f"has no attribute '{word}'; .") as error:
            getattr(owner, word)
        assert hints()[word] in str(error.value)


def test_every_line_is_told_by_its_word():
    for theirs, line in LINES.items():
        assert f"{theirs} is {line} here" in hints()[word_of(theirs)]
    assert "t.to('cpu') is t here, t.to(torch.float32) is " in hints()["to"]


@pytest.mark.parametrize("sentence", sorted({*SENTENCES.values(), *ARGUMENTS.values()}))
def test_what_a_sentence_names_exists(sentence):
    names = re.findall(r"\b(np|nn|minigrad|t)\.([\w.]*\w)", sentence)
    for owner, name in names:
        if (owner, name) == ("t", "svd"):  # PyTorch's
            continue
        found = {"np": np, "nn": nn, "minigrad": mg, "t": leaf(1)}[owner]
        for part in name.split("."):
            found = getattr(found, part)


METHODS = [
    "abs", "add", "all", "any", "argmax", "argmin", "chunk", "clamp", "clone", "contiguous", "cos", "cpu", "cuda",
    "cumsum", "detach", "device", "dim", "div", "double", "dtype", "exp", "expand", "flatten", "float", "gather",
    "half", "index_add", "index_select", "item", "lt", "log", "long", "masked_fill", "matmul", "max", "mean",
    "min", "mul", "ne", "neg", "nelement", "new_zeros", "norm", "numel", "numpy", "permute", "pow", "prod",
    "repeat", "repeat_interleave", "reshape", "round", "scatter", "scatter_add", "sigmoid", "sin", "size",
    "softmax", "sort", "split", "sqrt", "squeeze", "std", "sub", "sum", "t", "tanh", "to", "tolist", "topk",
    "transpose", "triu", "type", "unbind", "unsqueeze", "var", "view", "view_as", "zero_",
]  # fmt: skip
FUNCTIONS = [
    "abs", "add", "all", "allclose", "arange", "argmax", "argmin", "bmm", "cat", "chunk", "clamp", "cos",
    "cumsum", "diag", "einsum", "empty", "exp", "eye", "flatten", "from_numpy", "full", "gather", "isnan",
    "linspace", "load", "log", "log_softmax", "logsumexp", "manual_seed", "matmul", "max", "maximum", "mean",
    "meshgrid",
    "min", "mm", "mul", "multinomial", "no_grad", "norm", "ones", "ones_like", "outer", "permute", "pow", "rand",
    "randint", "randn", "randn_like", "randperm", "relu", "round", "save", "sigmoid", "sin", "softmax", "sort", "split",
    "sqrt", "stack", "std", "sum", "tanh", "tensor", "topk", "transpose", "tril", "triu", "unique", "unsqueeze",
    "utils", "var", "where", "zeros", "zeros_like",
]  # fmt: skip
"""Words that programs in PyTorch use most."""


@pytest.mark.parametrize(("owner", "words"), [(leaf(1), METHODS), (mg, FUNCTIONS)])
def test_the_common_words_of_pytorch_are_ours_or_answered(owner, words):
    for word in words:
        if not hasattr(owner, word):
            with pytest.raises(AttributeError, match=f"'{word}'; "):
                getattr(owner, word)


def test_functions_that_are_no_methods_and_methods_that_are_numpys_functions_are_named():
    with pytest.raises(
        AttributeError, match=r"Tensor has no attribute 'gelu'; it is a function, minigrad.gelu\(t"
    ):
        leaf(1).gelu  # noqa: B018
    with pytest.raises(AttributeError, match=r"'exp_'; t.assign\(t.exp\(\.\.\.\)\) writes a leaf"):
        leaf(1).exp_  # noqa: B018
    with pytest.raises(
        AttributeError, match=r"minigrad has no attribute 'isnan'; NumPy's takes Tensors: np.isnan$"
    ):
        mg.isnan  # noqa: B018
    with pytest.raises(
        AttributeError, match=r"Parameter has no attribute 'pow'; t.pow\(2\) is t \*\* 2 here"
    ):
        nn.Parameter([1.0]).pow  # noqa: B018


@pytest.mark.parametrize("theirs", ["dim", "keepdim", "device", "unbiased"])
@pytest.mark.parametrize("name", ["sum", "mean", "max", "std"])
def test_pytorchs_arguments_are_answered_with_ours(name, theirs):
    for call in (getattr(leaf(1), name), lambda **options: getattr(mg, name)(leaf(1), **options)):
        with pytest.raises(
            TypeError, match=rf"^{name} has no argument '{theirs}'; {ARGUMENTS[theirs]}"
        ):
            call(**{theirs: 0})


def test_a_tensor_and_its_backward_say_so_too():
    with pytest.raises(TypeError, match=r"^Tensor has no argument 'device'; leave it out"):
        Tensor([1.0], device="cpu")
    with pytest.raises(
        TypeError, match=r"^backward has no argument 'create_graph'; .*minigrad.grad\(y, xs, create"
    ):
        leaf(1).sum().backward(create_graph=True)


def test_a_misspelled_argument_of_a_tensor_is_named():
    with pytest.raises(TypeError, match=r"^Tensor has no argument 'requires_gard'$"):
        Tensor([1.0], requires_gard=True)


def test_numpys_words_of_methods_whose_words_are_others_are_answered_with_ours():
    for word, call in {
        "min": lambda t: t.clip(min=0), "max": lambda t: mg.clip(t, max=1), "kind": lambda t: t.sort(kind="stable"),
        "stable": lambda t: t.argsort(stable=True), "descending": lambda t: t.argsort(descending=True),
    }.items():  # fmt: skip
        with pytest.raises(
            TypeError, match=re.escape(f" has no argument '{word}'; {ARGUMENTS[word]}")
        ):
            call(leaf(1, 2))


def test_pytorchs_tensor_is_answered_though_a_file_has_that_name():
    with pytest.raises(AttributeError, match=r"'tensor'; torch.tensor\(.*\) is minigrad.Tensor\("):
        mg.tensor([1.0])
    module = importlib.import_module("minigrad.tensor")
    assert module.Tensor is Tensor is pickle.loads(pickle.dumps(Tensor))


def test_a_name_that_nobody_knows_raises_plainly():
    with pytest.raises(AttributeError, match=r"Tensor has no attribute 'nonsense'$"):
        leaf(1).nonsense  # noqa: B018
    with pytest.raises(AttributeError):
        leaf(1).nonsense = 1
    assert not hasattr(mg, "nonsense")
    assert not hasattr(mg, "typecodes")  # NumPy's, and no function


# Lines that both have, with two meanings ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "numpys", "words"),
    [
        (
            lambda t: t.transpose(0, 1),
            lambda a: a,
            [r"t.transpose\(\(0, 1\)\)", r"t.swapaxes\(0, 1\)"],
        ),
        (lambda t: t.transpose(-2, -1), lambda a: a, [r"t.swapaxes\(-2, -1\)"]),
        (
            lambda t: t.repeat(2, 1),
            lambda a: a.repeat(2, 1),
            [r"t.repeat\(2, axis=1\)", r"t.tile\(\(2, 1\)\)"],
        ),
    ],
)
def test_a_call_that_pytorch_reads_otherwise_warns_with_both_spellings(call, numpys, words):
    t = Tensor(ARRAYS["t"])
    with pytest.warns(UserWarning, match=".*".join(words)) as warned:
        y = call(t)
    np.testing.assert_array_equal(y.data, numpys(ARRAYS["t"]))
    line = call.__code__.co_firstlineno
    assert [(w.filename, w.lineno) for w in warned] == [(__file__, line)]


def test_calls_that_have_one_meaning_do_not_warn():  # a warning is an error here
    t, a = Tensor(ARRAYS["t"]), ARRAYS["t"]
    for y, expected in [
        (t.transpose(1, 0), a.T), (t.transpose((0, 1)), a), (np.transpose(t, (0, 1)), a), (t.transpose(), a.T),
        (t[None].transpose(0, 2, 1), a[None].transpose(0, 2, 1)), (mg.transpose(t, (0, 1)), a),
        (t.repeat(2, -1), a.repeat(2, -1)), (t.repeat(2, 0), a.repeat(2, 0)),  # which mean nothing in PyTorch
        (t.repeat(2, axis=1), a.repeat(2, 1)), (t.repeat([1, 2], 0), a.repeat([1, 2], 0)), (t.repeat(2), a.repeat(2)),
        (mg.repeat(t, 2, 1), a.repeat(2, 1)), (np.repeat(t, 2, 1), a.repeat(2, 1)),
    ]:  # fmt: skip
        np.testing.assert_array_equal(y.data, expected)


def test_a_call_that_has_pytorchs_meaning_alone_raises_with_ours():
    t = Tensor(ARRAYS["b"])
    with pytest.raises(
        ValueError, match=r"each of the 3 axes once; to exchange two, write swapaxes\(1, 2\)"
    ):
        t.transpose(1, 2)
    with pytest.raises(TypeError, match=r"PyTorch's t.repeat\(2, 1, 1\) is t.tile\(\(2, 1, 1\)\)"):
        t.repeat(2, 1, 1)
