"""Checkpoints: the same values and gradients at every order, less memory, and no silent wrong second time."""

import gc
import itertools
import tracemalloc
from collections import namedtuple

import numpy as np
import pytest

import minigrad as mg
import nn
from minigrad import Tensor, checkpoint, grad

rng = np.random.default_rng(0)
W = nn.Parameter(rng.standard_normal((3, 3)))


def block(x):
    return np.tanh(x @ W) * np.sin(x)


def up_to_order_three(f):
    x = Tensor(np.random.default_rng(1).standard_normal((2, 3)), requires_grad=True)
    total = (f(x * 2) ** 2).sum()
    found = [total]
    for _ in range(3):
        gradients = grad(total, [x, W], create_graph=True)
        found += gradients
        total = sum((g * g).sum() for g in gradients)
    return [t.data for t in found]


def test_values_and_gradients_of_every_order_are_those_without_a_checkpoint():
    for ours, plain in zip(
        up_to_order_three(checkpoint(block)), up_to_order_three(block), strict=True
    ):
        np.testing.assert_allclose(ours, plain, rtol=1e-12)


def test_parameters_from_outside_get_their_gradient_also_where_no_argument_needs_one():
    W.grad = None
    checkpoint(block)(np.ones((2, 3))).sum().backward()
    (expected,) = grad(block(np.ones((2, 3))).sum(), [W])
    np.testing.assert_array_equal(W.grad.data, expected.data)
    W.grad = None


def test_several_outputs_and_unused_ones():
    def two(x):
        return np.sin(x), np.cos(x) @ W

    x = Tensor(np.ones((2, 3)), requires_grad=True)
    for use in (lambda a, b: a.sum() + (b * b).sum(), lambda a, b: b.sum()):
        plain, ours = grad(use(*two(x)), [x, W]), grad(use(*checkpoint(two)(x)), [x, W])
        for a, b in zip(plain, ours, strict=True):
            np.testing.assert_allclose(a.data, b.data, rtol=1e-12)


def test_random_numbers_are_the_same_the_second_time_and_go_on_afterwards():
    mine = np.random.default_rng(3)

    def noisy(x):
        return x * (mg.generator().random(3) + mine.random(3))

    mg.seed(0)
    x = Tensor(np.ones(3), requires_grad=True)
    y = checkpoint(noisy, rngs=[mine])(x)
    before = mg.generator().random(), mine.random()
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.data, y.data)
    after = mg.generator().random(), mine.random()
    mg.seed(0)
    mine = np.random.default_rng(3)
    mg.generator().random(3), mine.random(3)
    assert [before, after] == [(mg.generator().random(), mine.random()) for _ in range(2)]


def test_a_generator_that_was_not_passed_is_found():
    mine = np.random.default_rng(3)
    x = Tensor(np.ones(3), requires_grad=True)
    y = checkpoint(lambda x: x * mine.random(3))(x)
    with pytest.raises(RuntimeError, match=r"another value the second time.*rngs="):
        y.sum().backward()
    assert x.grad is None


def test_statistics_can_know_that_they_are_computed_again():
    seen = []

    def counting(x):
        seen.append(mg.recomputing())
        return x * 2

    x = Tensor(np.ones(3), requires_grad=True)
    checkpoint(counting)(x).sum().backward()
    assert seen == [False, True]
    assert not mg.recomputing()


def test_a_tensor_with_history_from_outside_is_refused():
    x = Tensor(np.ones(3), requires_grad=True)
    h = x * 2
    with pytest.raises(RuntimeError, match="made by multiply; pass it as an argument"):
        checkpoint(lambda z: z * h)(x)


def test_a_parameter_written_between_forward_and_backward_is_found():
    w = nn.Parameter(np.ones(3))
    y = checkpoint(lambda x: x * w)(Tensor(np.ones(3), requires_grad=True))
    with mg.no_grad():
        w -= 1.0
    with pytest.raises(RuntimeError, match="written after the forward pass"):
        y.sum().backward()


def test_a_small_array_among_the_arguments_may_be_filled_again():
    x, a = Tensor(np.ones(3), requires_grad=True), np.array([1.0, 2.0, 3.0])
    y = checkpoint(lambda x, given: x * given[0])(x, [a]).sum()
    a[...] = 0
    y.backward()
    assert np.array_equal(x.grad, [1, 2, 3])


class Changed(list):
    """A list that f reads; its first number is another one after the forward pass."""

    def __init__(self, number):
        super().__init__([number])

    def change(self):
        self[0] += 1


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize(
    "f",
    [
        lambda x, k: x * np.zeros(3) * np.array(k[0]),  # another factor of the same value
        lambda x, k: x[np.full(3, k[0])],  # another index of the same value
        lambda x, k: x * 0 * k[0],  # another number
        lambda x, k: x * 0 if k[0] == 1 else x - x,  # another op
        lambda x, k: x * 0 if k[0] == 1 else x * 0 + 0,  # more ops
    ],
)
def test_debug_finds_a_change_that_the_value_does_not_show(f, create_graph):
    x = Tensor(np.ones(3), requires_grad=True)
    k = Changed(1)
    with mg.debug():
        y = checkpoint(lambda x: f(x, k))(x).sum()
    same = grad(y, x, create_graph=create_graph, retain_graph=True)
    assert same.shape == (3,)
    k.change()
    with pytest.raises(RuntimeError, match="checkpoint: lambda, computed again"):
        grad(y, x, create_graph=create_graph)


@pytest.mark.parametrize("f", [block, lambda x: nn.Dropout(0.5)(block(x))])
def test_debug_lets_an_honest_checkpoint_pass_at_every_order(f):
    with mg.debug():
        found = up_to_order_three(checkpoint(f))
    assert np.isfinite(found[-1]).all()


def test_only_the_arguments_stay_in_memory():
    def deep(x):
        for _ in range(50):
            x = np.sin(x)
        return x

    def held(f):
        x = Tensor(np.ones(100_000), requires_grad=True)
        gc.collect()
        tracemalloc.start()
        y = f(x)
        size = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        y.sum().backward()
        return size

    assert held(checkpoint(deep)) < 3 * 800_000
    assert held(deep) > 40 * 800_000


def test_without_recording_the_function_is_simply_called():
    x = Tensor(np.ones(3), requires_grad=True)
    with mg.no_grad():
        assert not checkpoint(lambda x: x * 2)(x).requires_grad
    calls = []
    y = checkpoint(lambda x: calls.append(1) or Tensor(x) * 2)(np.ones(3))
    assert y.tolist() == [2, 2, 2]
    assert calls == [1]
    with pytest.raises(TypeError, match="must return a Tensor or a tuple of them, not a float"):
        checkpoint(lambda x: 1.0)(x)


# Hooks ---------------------------------------------------------------------------------------------------


def depth(n):
    def wrap(f):
        for _ in range(n):
            f = checkpoint(f)
        return f

    return wrap


@pytest.mark.parametrize("n", [0, 1, 2, 3])
@pytest.mark.parametrize("uses", [1, 2])
def test_a_hook_on_a_parameter_runs_once_whatever_is_computed_again(n, uses):
    w, x = (Tensor(2.0, requires_grad=True, dtype="float64") for _ in range(2))
    seen = []
    w.register_hook(lambda g: (seen.append(g.item()), g * 10)[1])
    f = depth(n)(lambda x: x * x * w)
    sum(f(x) for _ in range(uses)).backward()
    assert (seen, w.grad.item(), x.grad.item()) == ([4 * uses], 40 * uses, 8 * uses)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_a_hook_on_a_parameter_runs_once_per_walk_at_order_2_too(n):
    w, x = (Tensor(2.0, requires_grad=True, dtype="float64") for _ in range(2))
    seen = []
    w.register_hook(lambda g: (seen.append(1), g * 10)[1])
    y = depth(n)(lambda x: x * x * w)(x)
    by_w, by_x = grad(y, [w, x], create_graph=True)
    assert (by_w.item(), by_x.item(), len(seen)) == (40, 8, 1)
    again = grad(3 * by_w + by_x, [w, x])
    # by_w = 10 x^2 and by_x = 2 x w: 3 * 20 x + 2 w by x, and 2 x by w, which its hook makes ten times as large
    assert [g.item() for g in again] == [40, 124]
    assert len(seen) == 2


def test_a_hook_on_an_argument_or_within_the_function_runs_once():
    x, seen = Tensor([1.0, 2.0], requires_grad=True), []

    def f(z):
        h = z * 3
        if h.requires_grad:
            h.register_hook(lambda g: (seen.append("inside"), g * 2)[1])
        return h

    h = x * 1
    h.register_hook(lambda g: (seen.append("argument"), g * 5)[1])
    checkpoint(f)(h).sum().backward()
    assert sorted(seen) == ["argument", "inside"]
    assert np.array_equal(x.grad, [30, 30])


def test_a_result_without_history_has_none_outside_either():
    def f(x):
        with mg.no_grad():
            stopped = x * 2
        return stopped, x * 3, x.detach()

    x = Tensor([1.0, 2.0], requires_grad=True)
    ys = checkpoint(f)(x)
    assert [y.requires_grad for y in ys] == [False, True, False]
    sum(y.sum() for y in ys).backward()
    assert np.array_equal(x.grad, [3, 3])


Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize("n", [0, 1, 2])
@pytest.mark.parametrize("needs", [True, False])
def test_a_result_keeps_its_kind(n, needs):
    x = Tensor(np.ones((1, 3)), requires_grad=needs)
    for kind in (
        lambda y: (y,),
        lambda y: (y, y),
        lambda y: Pair(y, y * 2),
        lambda y: (),
        lambda y: y,
    ):
        plain, ours = kind(x * 2), depth(n)(lambda x, kind=kind: kind(x * 2))(x)
        assert type(ours) is type(plain)
        assert len(ours) == len(plain)
        assert [y.shape for y in ours] == [y.shape for y in plain]


# Dtypes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtypes", [*itertools.product(("float16", "float32", "float64"), repeat=2)]
)
@pytest.mark.parametrize("shapes", [((3,), (3,)), ((3,), ()), ((), ()), ((2, 3), (1,))])
@pytest.mark.parametrize("n", [1, 2])
def test_arguments_of_several_dtypes_are_met_again_as_they_were(dtypes, shapes, n):
    def derivatives(n):
        rng = np.random.default_rng(4)
        xs = [
            Tensor(rng.standard_normal(shape).astype(dtype), requires_grad=True)
            for shape, dtype in zip(shapes, dtypes, strict=True)
        ]
        w = Tensor(0.7, requires_grad=True, dtype="float64")
        y = depth(n)(lambda a, b: (np.sin(a) * 2, np.exp(b) * a * w))(*xs)
        first = grad((y[0] ** 2).sum() + y[1].sum(), [*xs, w], create_graph=True)
        second = grad(sum((g.astype("float64") ** 2).sum() for g in first), [*xs, w])
        return [*y, *first, *second]

    for ours, plain in zip(derivatives(n), derivatives(0), strict=True):
        assert ours.dtype == plain.dtype
        eps = np.finfo(plain.dtype).eps
        np.testing.assert_allclose(ours.data, plain.data, rtol=16 * eps, atol=16 * eps)


# What f returns as it is -----------------------------------------------------------------------------------

RETURNS = {
    "a parameter": lambda x, w: w,
    "its argument": lambda x, w: x,
    "both": lambda x, w: (x, w),
    "a parameter twice": lambda x, w: (w, w),
    "a parameter and a result of it": lambda x, w: (w, w * x),
    "a parameter and a result without it": lambda x, w: (x * 2, w),
    "a parameter and a constant": lambda x, w: (Tensor(np.ones(3)), w),
    "nothing that needs a gradient": lambda x, w: (Tensor(np.ones(3)), Tensor(np.ones(3)) * 2),
}


@pytest.mark.parametrize("returned", RETURNS.values(), ids=RETURNS)
@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("needs", ["x", "w", "xw", ""])
def test_leaves_that_are_returned_as_they_are_keep_their_gradients(returned, n, needs):
    def derivatives(n):
        x, w = (
            Tensor(np.array([1.0, 2.0, 3.0]) * k, requires_grad=name in needs)
            for k, name in ((1, "x"), (-2, "w"))
        )
        f = depth(n)(lambda x: returned(x, w))
        outputs = f(x)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        total = sum((k * y**3).sum() for k, y in enumerate(outputs, 1))
        xs = [t for t in (x, w) if t.requires_grad]
        if not total.requires_grad:
            return []
        first = grad(total, xs, create_graph=True)
        slope = sum((g * g).sum() for g in first if g is not None)
        second = grad(slope, xs) if slope.requires_grad else [None] * len(xs)
        return [np.zeros(3) if g is None else g.data for g in (*first, *second)]

    for ours, plain in zip(derivatives(n), derivatives(0), strict=True):
        np.testing.assert_array_equal(ours, plain)
