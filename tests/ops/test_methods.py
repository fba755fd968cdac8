"""The methods of Tensor beside those of np.ndarray and torch.Tensor: which there are, and that they do the same."""

import subprocess
import sys

import numpy as np
import pytest
from leaves import leaf

import minigrad as mg
from minigrad import Tensor
from minigrad.methods import Later, Methods
from minigrad.ops import LATER
from minigrad.ops.inspection import FUNCTIONS, UFUNCS
from minigrad.ops.pytorch_words import hints

NUMPYS_ALONE = {
    **dict.fromkeys(("base", "ctypes", "flags", "strides", "byteswap", "setflags", "flat"), "about memory"),
    **dict.fromkeys(("dump", "dumps", "tobytes", "tostring", "tofile", "getfield", "setfield"), "about bytes"),
    **dict.fromkeys(("conj", "conjugate", "imag", "real"), "about complex numbers"),
    **dict.fromkeys(("device", "to_device", "itemsize", "view"), "about what an array is stored as"),
    **dict.fromkeys(("fill", "put", "resize"), "they write into the array"),
}  # fmt: skip
"""Methods of np.ndarray that a Tensor has not, and why."""

OTHERWISE = {
    **dict.fromkeys(("absolute", "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not", "bitwise_left_shift",
                     "bitwise_right_shift", "less", "less_equal", "greater", "greater_equal", "not_equal", "invert",
                     "left_shift", "right_shift"), "an operator spells it"),
    **dict.fromkeys(("cross", "equal", "where", "split", "select", "unfold", "scatter", "scatter_add", "polygamma",
                     "resize", "histogram"), "PyTorch's arguments are others"),
    **dict.fromkeys(("cummax", "cummin", "lu", "svd"), "PyTorch's results are others"),
    **dict.fromkeys(("solve", "lstsq", "cholesky", "qr"), "PyTorch's is deprecated"),
    **dict.fromkeys(("fix", "angle", "imag", "isreal"), "old, or about complex numbers"),
}  # fmt: skip
"""Names of functions here and of methods of torch.Tensor that are no methods of a Tensor, and why."""


def test_the_methods_of_an_array_are_those_of_a_tensor():
    # of those that went with NumPy 2, there are names that raise
    theirs = {n for n in dir(np.ndarray) if not n.startswith("_") and hasattr(np.ones((1, 1)), n)}
    assert theirs - set(dir(Tensor)) == theirs & NUMPYS_ALONE.keys()
    assert NUMPYS_ALONE.keys().isdisjoint(dir(Tensor))


def functions():
    """The names of the functions of the table, and of NumPy's that act on the data."""
    asked = {name for name, f in vars(np).items() if callable(f) and f in UFUNCS | FUNCTIONS}
    return asked | set(mg.__all__)


def test_what_is_a_function_here_and_a_method_in_pytorch_is_a_method_if_it_means_the_same():
    torch = pytest.importorskip("torch")
    both = functions() & {name for name in dir(torch.Tensor) if not name.startswith("_")}
    missing = both - set(dir(Tensor))
    assert missing <= OTHERWISE.keys()
    ours = OTHERWISE.keys() & set(mg.__all__)
    answered = hints().keys() | ours  # of a function of ours the error tells by itself
    assert missing - answered <= {"angle", "imag", "isreal"}


X = np.array([[0.3, 0.7, 0.1], [0.6, 0.8, 0.2]])
U = np.array([[0.5, 0.2, 0.9], [0.6, 0.4, 0.1]])
SPD = np.array([[2.0, 0.5], [0.5, 1.0]])
COUNTS = np.array([1, 0, 1, 3])
INTEGERS = np.array([[4, 6, 9], [12, 5, 7]])
CALLS = {
    **dict.fromkeys(
        ("add", "subtract", "multiply", "divide", "floor_divide", "remainder", "fmax", "fmin", "fmod", "maximum",
         "minimum", "hypot", "arctan2", "logaddexp", "logaddexp2", "copysign", "heaviside", "xlogy", "kron", "inner",
         "isclose", "allclose", "logical_and", "logical_or", "logical_xor"), (X, U)),
    **dict.fromkeys(("gcd", "lcm"), (INTEGERS, INTEGERS[::-1].copy())), "ldexp": (X, INTEGERS),
    "matmul": (X, U.T), "dot": (X[0], U[0]), "outer": (X[0], U[0]), "vdot": (X[0], U[0]), "prelu": (X, np.array([0.2])),
    **dict.fromkeys(("det", "slogdet"), (SPD,)), "matrix_power": (SPD, 3),
    "cholesky_solve": (X[:, :1], SPD), "bincount": (COUNTS,), "arccosh": (X + 1,),
    "quantile": (X, 0.3), "nanquantile": (X, 0.3), "hsplit": (X, 3), "vsplit": (X, 2), "dsplit": (X[..., None], 1),
    "take": (X, INTEGERS % 6), "clip": (X, 0.2, 0.5), "broadcast_to": (X, (2, 2, 3)), "swapaxes": (X, 0, 1),
    "moveaxis": (X, 0, 1), "roll": (X, 1), "tile": (X, (2,)), "topk": (X, 2), "reshape": (X, 3, 2), "flip": (X, (0,)),
    **dict.fromkeys(("softmax", "log_softmax", "logsumexp", "cumsum", "cumprod", "logcumsumexp"), (X, 0)),
    "transpose": (X, 1, 0), "round": (X * 9,), "median": (X[0],), "nanmedian": (X[0],), "squeeze": (X[:, :1],),
}  # fmt: skip
"""Arguments of methods that take more than the matrix X."""
BOTH_WITH_TWO_MEANINGS = {"nonzero", "repeat", "sort", "std", "var", "choose"}


@pytest.mark.parametrize(
    "name", sorted(n for n in dir(Methods) if not n.startswith("_") and n not in ("T", "mT"))
)
def test_a_method_that_pytorch_has_too_gives_what_pytorchs_gives(name):
    torch = pytest.importorskip("torch")
    if not callable(getattr(torch.Tensor, name, None)) or name in BOTH_WITH_TWO_MEANINGS:
        return
    args = CALLS.get(name, (X,))
    found, expected = (
        getattr(kind(args[0]), name)(
            *[kind(a) if isinstance(a, np.ndarray) else a for a in args[1:]]
        )
        for kind in (Tensor, torch.tensor)
    )
    several = isinstance(expected, tuple)
    for f, e in zip(found, expected, strict=True) if several else [(found, expected)]:
        np.testing.assert_allclose(np.asarray(f), np.asarray(e), rtol=1e-12, atol=1e-14)


def test_the_methods_of_an_array_do_what_they_do_on_an_array():
    for name, *args in [
        ("argpartition", 1), ("compress", [True, False, True], 1), ("compress", [False, True]), ("copy",),
        ("nonzero",), ("partition", 1), ("round", 1), ("searchsorted", [0.2, 0.5]), ("repeat", 2), ("argwhere",),
    ]:  # fmt: skip
        array = np.sort(X[0]) if name == "searchsorted" else X
        found = getattr(Tensor(array), name)(*args)
        if name in ("partition", "argwhere"):  # NumPy's partition writes into the array
            expected = getattr(np, name)(array, *args)
        else:
            expected = getattr(array.copy(), name)(*args)
        pairs = (
            zip(found, expected, strict=True)
            if isinstance(expected, tuple)
            else [(found, expected)]
        )
        for f, e in pairs:
            assert isinstance(f, Tensor)
            np.testing.assert_array_equal(f.data, e)
    np.testing.assert_array_equal(Tensor([1, 0]).choose([X[0, :2], U[0, :2]]), [0.5, 0.7])


def test_a_copy_keeps_the_history_in_memory_of_its_own():
    t = leaf(1, 2)
    y = t.copy()
    assert not np.shares_memory(y.data, t.data)
    (y * y).sum().backward()
    assert t.grad.tolist() == [2, 4]


def test_shifts_of_integers_are_numpys():
    a, b = np.array([1, 2, 8]), np.array([2, 0, 1])
    for shift in (lambda x, y: x << y, lambda x, y: x >> y):
        for x, y in [
            (Tensor(a), Tensor(b)),
            (Tensor(a), b),
            (a, Tensor(b)),
            (Tensor(a), 2),
            (5, Tensor(b)),
        ]:
            found = shift(x, y)
            assert isinstance(found, Tensor)
            np.testing.assert_array_equal(found.data, shift(np.asarray(x), np.asarray(y)))
    with pytest.raises(TypeError, match="left_shift"):
        leaf(1) << 1


def test_methods_of_files_that_are_read_later_are_there_and_read_nothing_before_they_are_named():
    code = """import sys
import minigrad
from minigrad.methods import Later
read = lambda: [n for n in minigrad.ops.LATER if f"minigrad.ops.{n}" in sys.modules]
t = minigrad.Tensor([[1.0, 2.0], [3.0, 5.0]], requires_grad=True)
assert {"quantile", "det", "heaviside"} <= set(dir(t)) and read() == []
assert t.quantile(0.5).item() == 2.5 and "quantiles" in read() and "linalg" not in read()
assert t.quantile.__func__ is minigrad.Tensor.quantile
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    later = [name for name, value in vars(Methods).items() if isinstance(value, Later)]
    assert {vars(Methods)[name].file for name in later} <= set(LATER)


@pytest.mark.parametrize("name", ["floor", "isnan", "logical_not"])
def test_a_method_without_gradient_refuses_to_write_into_another_tensor(name):
    with pytest.raises(TypeError, match="out= is a Tensor"):
        getattr(leaf(1), name)(Tensor([True if name != "floor" else 1.0]))
