"""Ways out of a Tensor that requires grad, tried one by one: each raises or is recorded, none is unseen."""

import array
import copy
import ctypes
import math
import operator
import pickle
import statistics
import struct

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, grad

X = np.array([[0.3, -1.7, 2.4], [1.6, 0.8, -0.2]])
Y = np.array([[1.2, 0.9, -0.6], [0.4, 2.2, 1.1]])


def leaf(values=X):
    return Tensor(np.array(values, float), requires_grad=True)


A = np.ones((2, 3))
WAYS = {
    "asarray": np.asarray,
    "asanyarray": np.asanyarray,
    "ascontiguousarray": np.ascontiguousarray,
    "require": np.require,
    "asarray of a list": lambda t: np.asarray([t, t]),
    "array of objects": lambda t: np.array([t, t], dtype=object).astype(float),
    "full": lambda t: np.full(t.shape, t),
    "fromiter": lambda t: np.fromiter((v for v in t.ravel()), float),
    "r_": lambda t: np.r_[t, t],
    "c_": lambda t: np.c_[t, t],
    "matrix": np.matrix,
    "masked array": np.ma.array,
    "as_strided": lambda t: np.lib.stride_tricks.as_strided(t, (2,)),
    "nditer": lambda t: list(np.nditer(t)),
    "ndenumerate": lambda t: list(np.ndenumerate(t)),
    "vectorize": lambda t: np.vectorize(math.exp)(t),
    "vectorize with a keyword": lambda t: np.vectorize(lambda a, b: a * b)(A, b=t),
    "sum of a list": lambda t: np.sum([t, t]),
    "mean of a nested list": lambda t: np.mean([[t], [t]]),
    "exp of a list": lambda t: np.exp([t, t]),
    "add of a list": lambda t: np.add(A, [t, t]),
    "out": lambda t: np.exp(A, out=t),
    "out of a reduction": lambda t: np.sum(A, out=t),
    "out of an inspection": lambda t: np.round(A, out=t),
    "into an array": lambda t: np.exp(t, out=np.ones((2, 3))),
    "where of a ufunc": lambda t: np.exp(A, out=A.copy(), where=t),
    "where of a reduction": lambda t: np.sum(A, where=t),
    "initial": lambda t: np.sum(A, initial=t[0, 0]),
    "reduce with initial": lambda t: np.add.reduce(A, initial=t[0, 0]),
    "reduce with out": lambda t: np.add.reduce(A, out=t[0]),
    "pad with": lambda t: np.pad(A, 1, constant_values=t[0, 0]),
    "full_like": lambda t: np.full_like(A, t),
    "arange": lambda t: np.arange(t[0, 0]),
    "copyto": lambda t: np.copyto(A.copy(), t),
    "fill_diagonal": lambda t: np.fill_diagonal(A.copy(), t[0, 0]),
    "put_along_axis": lambda t: np.put_along_axis(A.copy(), np.zeros((1, 3), int), t[:1], 0),
    "+= into an array": lambda t: operator.iadd(A.copy(), t),
    "@= into an array": lambda t: operator.imatmul(np.ones((2, 2)), t[:, :2]),
    "a[...] = t": lambda t: operator.setitem(A.copy(), ..., t),
    "a[i, j] = t[0, 0]": lambda t: operator.setitem(A.copy(), (0, 0), t[0, 0]),
    "a[mask] += t": lambda t: operator.setitem(A.copy(), A > 0, A[A > 0] + t.ravel()),
    "a.flat": lambda t: setattr(A.copy(), "flat", t),
    "a.real": lambda t: setattr(A.copy(), "real", t),
    "a.fill": lambda t: A.copy().fill(t[0, 0]),
    "a.put": lambda t: A.copy().put([0], t[0, 0]),
    "a.dot": lambda t: A.dot(t.T),
    "a.sum": lambda t: A.sum(initial=t[0, 0]),
    "a.searchsorted": lambda t: A[0].searchsorted(t),
    "a.round": lambda t: A.round(out=t),
    "a.clip": lambda t: A.clip(t, 5),
    "a.take": lambda t: A.take(t),
    "a.__contains__": lambda t: np.isin(A, [t, t]),
    "math.exp": lambda t: math.exp(t[0, 0]),
    "math.floor": lambda t: math.floor(t[0, 0]),
    "math.fsum": lambda t: math.fsum(t.ravel()),
    "math.isclose": lambda t: math.isclose(t[0, 0], 1),
    "float": lambda t: float(t[0, 0]),
    "complex": lambda t: complex(t[0, 0]),
    "percent": lambda t: "%f" % t[0, 0],  # noqa: UP031
    "statistics": lambda t: statistics.fmean(t.ravel()),
    "struct": lambda t: struct.pack("d", t[0, 0]),
    "array.array": lambda t: array.array("d", t.ravel()),
    "ctypes": lambda t: ctypes.c_double(t[0, 0]),
    "memoryview": memoryview,
    "bytes": bytes,
    "random normal": lambda t: np.random.default_rng(0).normal(t),
    "random choice": lambda t: np.random.default_rng(0).choice(t),
    "random permutation": lambda t: np.random.default_rng(0).permutation(t),
    "random shuffle": lambda t: np.random.default_rng(0).shuffle(t),
    "assert_allclose": lambda t: np.testing.assert_allclose(t, X),
    "assert_array_equal": lambda t: np.testing.assert_array_equal(X, t),
    "assert_array_almost_equal": lambda t: np.testing.assert_array_almost_equal(t, X),
    "assert_array_less": lambda t: np.testing.assert_array_less(t, X + 1),
    "Tensor of a list": lambda t: Tensor([t, t]),
    "Tensor of a nested list": lambda t: Tensor([[t], [t]]),
    "assign": lambda t: Tensor(A.copy()).assign(t),
    "an option": lambda t: mg.pad(Tensor(A), 1, t[0, 0]),
    "an index": lambda t: Tensor(A)[t],
    "from_dlpack": np.from_dlpack,
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")  # of np.matrix and rng.shuffle
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("make", [leaf, lambda: leaf() * 1], ids=["leaf", "interior"])
def test_no_way_out_of_a_tensor_that_requires_grad_is_unseen(way, make):
    with pytest.raises((TypeError, ValueError, AttributeError, struct.error)):
        way(make())


@pytest.mark.parametrize(
    "compare",
    [
        np.testing.assert_allclose,
        np.testing.assert_array_equal,
        np.testing.assert_array_almost_equal,
    ],
)
def test_numpys_assertions_take_tensors_and_say_what_to_do_where_one_requires_grad(compare):
    compare(Tensor(X), X)
    compare(leaf().detach(), Tensor(X))
    with pytest.raises(AssertionError):
        compare(Tensor(X), Y)
    with pytest.raises(TypeError, match=r"requires grad.*t\.detach\(\)\.numpy\(\)"):
        compare(leaf(), X)


RECORDED = {
    "an array on the left": lambda t: np.ones((2, 3)) + t,
    "a scalar of numpy": lambda t: np.float64(2) * t,
    "a method of an array": lambda t: A.clip(t),
    "a matrix product": lambda t: A.T @ t,
    "ends of a line": lambda t: np.linspace(0, t, 3),
    "a bound": lambda t: np.clip(A, t, 5),
    "a value to fill with": lambda t: np.full_like(t, t[0, 0]),
    "nested lists": lambda t: np.block([[t[0, 0], t[0, 1]], [t[1, 0], t[1, 1]]]),
    "the sum of Python": lambda t: sum(row.sum() for row in t),
    "the product of Python": lambda t: math.prod(t.ravel()),
    "the maximum of Python": lambda t: max(t.ravel()),
    "a sorted list": lambda t: sorted(t.ravel())[0],
    "an array of objects": lambda t: objects(t)[0] * 2,
    "a polynomial of numpy": lambda t: np.polynomial.polynomial.polyval(t, [1.0, 2.0, 3.0]),
    "a shallow copy": lambda t: copy.copy(t * 1),
    "a default": lambda t: np.sum(t, out=None),
    "keywords": lambda t: np.sum(a=t, axis=0, keepdims=True),
}


def objects(t):
    made = np.empty(2, object)
    made[0] = t[0]
    return made


@pytest.mark.parametrize("way", RECORDED.values(), ids=RECORDED)
def test_what_computes_with_a_tensor_records_it(way):
    x = leaf()
    y = way(x)
    assert y.requires_grad
    assert grad(y.sum(), x) is not None


def test_pickling_keeps_leaves_and_refuses_or_keeps_history():
    twin = pickle.loads(pickle.dumps({"w": leaf(), "grads": [leaf()]}))["w"]
    assert twin.requires_grad
    assert np.array_equal(twin.detach(), X)
    try:
        again = pickle.loads(pickle.dumps(leaf() * 2))
    except Exception:  # refusing is as good as keeping
        return
    assert again.requires_grad
