"""Arrays that a call was given and that need no gradient, filled with other values between forward and backward."""

import copy
from array import array
from collections import UserList, deque, namedtuple
from contextlib import nullcontext

import numpy as np
import pytest
from cases import CASES

import minigrad as mg
from minigrad import Tensor, grad
from minigrad.core.op import Primitive
from minigrad.core.writes import owner

CALLS = [
    pytest.param(call, id=f"{name}{n}")
    for name, calls in CASES.items()
    for n, call in enumerate(calls)
]


def arrays_in(value):
    """The arrays in an argument, and of its Tensors: (array, whether it needs a gradient)."""
    if isinstance(value, (tuple, list)):
        return [found for v in value for found in arrays_in(v)]
    if isinstance(value, Tensor):
        return [(value.data, value.requires_grad)]
    return [(value, False)] if isinstance(value, np.ndarray) else []


@pytest.fixture
def given(monkeypatch):
    """(array, whether it needs a gradient) of every array that a row was given or returned, also within composites."""
    met = []
    apply = Primitive._apply

    def call(self, args, *slots):
        result = apply(self, args, *slots)
        met.extend([*arrays_in(args), *arrays_in(result)])
        return result

    monkeypatch.setattr(Primitive, "_apply", call)
    return met


def fill_again(met):
    """Write other values of the same kind into the arrays without gradient; return what writes the old ones back."""
    kept = {id(owner(array)) for array, needs in met if needs}
    blocks = {id(a): a for a, _ in met if id(owner(a)) not in kept and a.flags.writeable}
    old = [(a, a.copy()) for a in blocks.values()]
    for a, before in old:
        a[...] = ~before if a.dtype == bool else before + 1 if a.dtype.kind == "f" else 0

    def put_back():
        for a, before in reversed(old):
            a[...] = before

    return put_back


def gradient(call, place, met, fills, block=nullcontext):
    """The gradient by one argument, the others being arrays; with the others filled again if `fills`."""
    met.clear()
    xs = [*call.arguments(), *copy.deepcopy(call.constants)]
    x = xs[place] = Tensor(xs[place], requires_grad=True)
    with block():
        y = call.f(*xs)
    seed = np.random.default_rng(0).standard_normal(y.shape)
    put_back = fill_again(met) if fills else lambda: None
    try:
        return grad(y, x, seed).data.tobytes()
    finally:
        put_back()


@pytest.mark.parametrize("call", CALLS)
def test_small_arrays_without_gradient_may_be_filled_again_after_the_call(call, given):
    for place in range(len(call.arguments())):
        assert gradient(call, place, given, True) == gradient(call, place, given, False)


@pytest.mark.parametrize("call", CALLS)
def test_in_debug_larger_ones_that_were_filled_again_are_found(call, given, monkeypatch):
    monkeypatch.setattr("minigrad.core.options.SMALL", 0)
    for place in range(len(call.arguments())):
        expected = gradient(call, place, given, False)
        try:
            found = gradient(call, place, given, True, mg.debug)
        except RuntimeError as error:
            assert "changed after the forward pass" in str(error)  # noqa: PT017
        else:
            assert found == expected


# Containers ----------------------------------------------------------------------------------------------

X = np.arange(12.0).reshape(4, 3)
Both = namedtuple("Both", "a b")
HELD = {  # makes an index that holds x, y or what follows from them; both are filled again
    "a slice of arrays": lambda x, y: slice(x[0], y[0]),
    "a slice of Tensors": lambda x, y: slice(Tensor(x)[0], Tensor(y)[0]),
    "a slice in a tuple": lambda x, y: (slice(x[0], y[0]), y),
    "arrays without axes": lambda x, y: (x[0:1].reshape(()), slice(None)),
    "a memoryview": lambda x, y: memoryview(x),
    "a Tensor": lambda x, y: Tensor(x),
    "a named tuple": lambda x, y: Both(x, y),
    "a named tuple of Tensors": lambda x, y: Both(Tensor(x), Tensor(y)),
    "a nested list": lambda x, y: ([x, y], y),
    "a view that cannot be written": lambda x, y: np.broadcast_to(x, (2, 2)),
}


def frozen(x, y):
    view = x[:]
    view.flags.writeable = False
    return view


@pytest.mark.parametrize("held", [*HELD.values(), frozen], ids=[*HELD, "a frozen view"])
def test_an_index_may_be_filled_again_whatever_holds_it(held):
    def gradient(fills):
        t, x, y = Tensor(X, requires_grad=True), np.array([1, 0]), np.array([2, 1])
        found = t[held(x, y)]
        if fills:
            x[:], y[:] = 0, 0
        return grad((found * found).sum(), t).data.tolist()

    assert gradient(True) == gradient(False)


@pytest.mark.parametrize(
    "make",
    [lambda: array("l", [1, 2]), lambda: deque([1, 2]), lambda: UserList([1, 2]), lambda: OwnList([1, 2])],
)  # fmt: skip
def test_sequences_as_indices_may_be_filled_again(make):
    t, index = Tensor(X, requires_grad=True), make()
    y = t[index].sum()
    index[0] = index[1] = 0
    assert grad(y, t).data.tolist() == [[0] * 3, [1] * 3, [1] * 3, [0] * 3]


class OwnList(list):
    pass


times = mg.primitive(
    lambda x, option: x * (option["k"] if isinstance(option, dict) else option.a),
    x=lambda g, option: g * (option["k"] if isinstance(option, dict) else option.a),
)


@pytest.mark.parametrize("given", [lambda a: {"k": a}, lambda a: Both(a, 2)])
@pytest.mark.parametrize("made", [lambda a: a, Tensor])
def test_options_within_a_dict_or_a_named_tuple_are_copied_watched_and_refused(given, made):
    x, a = Tensor([1.0, 2.0], requires_grad=True), np.array([3.0, 4.0])
    y = times(x, given(made(a))).sum()
    a.fill(9)
    assert grad(y, x).tolist() == [3, 4]
    with pytest.raises(TypeError, match="requires grad, but has no gradient rule"):
        times(x, given(x))
    x, a = Tensor(np.ones(10_000), requires_grad=True), np.ones(10_000)
    y = times(x, given(made(a))).sum()
    mg.touch(a)
    with pytest.raises(RuntimeError, match="written after the forward pass"):
        y.backward()
