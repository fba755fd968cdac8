"""Arrays that a call was given and that need no gradient, filled with other values between forward and backward."""

import copy
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
    monkeypatch.setattr("minigrad.core.rule.SMALL", 0)
    for place in range(len(call.arguments())):
        expected = gradient(call, place, given, False)
        try:
            found = gradient(call, place, given, True, mg.debug)
        except RuntimeError as error:
            assert "changed after the forward pass" in str(error)  # noqa: PT017
        else:
            assert found == expected
