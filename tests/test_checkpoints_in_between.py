"""Checkpoints, and what changes between the forward pass and the second run: it changes nothing, or is found."""

import numpy as np
import pytest

import minigrad as mg
import nn
from minigrad import Tensor, checkpoint


def at_0(f, *constants):
    """A checkpoint of f whose value is 0 whatever the constants are, and the gradient by its argument."""
    x = Tensor(np.zeros(3), requires_grad=True)
    y = checkpoint(f)(x, *constants).sum()
    return x, y


SMALL_ONES = {
    "an array": (lambda x, a: x * a, lambda: np.arange(3.0), lambda a: a.fill(7)),
    "a Tensor": (lambda x, a: x * a, lambda: Tensor(np.arange(3.0)), lambda a: a.assign(np.full(3, 7.0))),
    "a list of arrays": (lambda x, a: x * a[0], lambda: [np.arange(3.0)], lambda a: a[0].fill(7)),
    "a dict of Tensors": (
        lambda x, a: x * a["k"], lambda: {"k": Tensor(np.arange(3.0))}, lambda a: a["k"].assign(np.full(3, 7.0)),
    ),
    "a list of numbers": (lambda x, a: x[a], lambda: [1, 2, 2], lambda a: a.__setitem__(slice(None), [0, 0, 0])),
    "a dict": (lambda x, a: x * a["k"], lambda: {"k": 2.0}, lambda a: a.update(k=7.0)),
}  # fmt: skip


@pytest.mark.parametrize(("f", "make", "write"), SMALL_ONES.values(), ids=SMALL_ONES)
def test_small_arguments_may_be_written_after_the_call(f, make, write):
    x, y = at_0(f, make())
    y.backward()
    expected = x.grad.data
    constant = make()
    x, y = at_0(f, constant)
    write(constant)
    y.backward()
    np.testing.assert_array_equal(x.grad.data, expected)


@pytest.mark.parametrize("given", [lambda a: a, lambda a: Tensor(a), lambda a: {"k": [a]}])
def test_a_large_argument_that_was_written_is_found_whatever_the_value(given):
    a = np.ones((10_000, 3))
    x, y = at_0(lambda x, a: x * (a["k"][0] if isinstance(a, dict) else a), given(a))
    mg.touch(a)
    with pytest.raises(RuntimeError, match=r"an argument of lambda, of shape .* was written after"):
        y.backward()
    assert x.grad is None


def test_a_parameter_that_was_frozen_in_between_is_found():
    w = nn.Parameter(np.ones(3))
    y = checkpoint(lambda x: (x * w).sum())(Tensor(np.ones(3), requires_grad=True))
    w.requires_grad = False
    with pytest.raises(RuntimeError, match="was frozen after lambda used it"):
        y.backward()


def test_a_new_seed_in_between_changes_nothing_that_is_drawn_again():
    mg.seed(0)
    x = Tensor(np.zeros(1000), requires_grad=True)
    y = checkpoint(lambda x: x * mg.generator().random(1000))(x)
    mg.seed(1)
    y.sum().backward()
    mg.seed(0)
    np.testing.assert_array_equal(x.grad.data, mg.generator().random(1000))


def test_another_number_of_outputs_the_second_time_is_found():
    x, counts = Tensor(np.ones(3), requires_grad=True), iter([2, 1])
    ys = checkpoint(lambda x: tuple(x * k for k in range(next(counts))))(x)
    with pytest.raises(RuntimeError, match="another value the second time"):
        sum(y.sum() for y in ys).backward()


def test_a_large_seed_of_float16_does_not_warn():
    x = Tensor(np.full(3, 100, np.float16), requires_grad=True)
    checkpoint(lambda x: x * 2)(x).backward(np.full(3, 3e4, np.float16))
    assert np.array_equal(x.grad, np.full(3, 6e4, np.float16))
