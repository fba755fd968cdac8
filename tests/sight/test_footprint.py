"""What a graph keeps for backward: `saved_bytes` says what tracemalloc measures, and it is what the rules name."""

import gc
import tracemalloc
from contextlib import contextmanager

import numpy as np
import pytest
from accounting import STEPS, living_arrays
from cases import CASES
from hypothesis import given
from programs import OURS, drawn, programs, seldom
from programs import STEPS as PROGRAM_STEPS

import minigrad as mg
import nn
from minigrad import Tensor, primitive, saved_bytes
from minigrad.core.options import SMALL
from minigrad.trust.other_library import Opaque

N = 1000
BYTES = 4 * N  # of one array of these tests


def leaf():
    return Tensor(np.linspace(0.1, 1, N, dtype=np.float32), requires_grad=True)


@contextmanager
def traced():
    """With memory traced, and freed by reference counting alone."""
    gc.disable()
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()
        gc.enable()


def saved_by(function, *arguments):
    """saved_bytes of the sum of what a function returns, held by nobody (pytest holds all that an assert computes)."""
    loss = function(*arguments).sum()
    return saved_bytes(loss)


# It is what is measured ----------------------------------------------------------------------------------


def assert_said_is_measured(make_loss):
    """saved_bytes of a loss, of whose graph nothing else is kept, is the bytes of arrays that go with the loss."""
    with traced():
        loss = make_loss()
        said, value, before = saved_bytes(loss), loss.data, living_arrays()[1]
        del loss
        assert said == before - living_arrays()[1]
        assert value.nbytes  # the value is the loss's own, not the graph's


@pytest.mark.parametrize("name", STEPS)
def test_what_the_loss_of_a_network_saved_is_what_goes_with_it(name):
    assert_said_is_measured(STEPS[name]().loss)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(call, id=f"{row}{n}")
        for row, calls in CASES.items()
        for n, call in enumerate(calls)
        if all(a.size for a in call.arguments())  # NumPy gives an empty array a byte of memory
    ],
)
def test_what_each_row_of_the_table_saved_is_what_goes_with_it(call):
    xs = [Tensor(a, requires_grad=True) for a in call.arguments()]
    assert_said_is_measured(lambda: call.on(*[x * 1.0 for x in xs]).sum())


@seldom
@given(program=programs(PROGRAM_STEPS))
def test_what_a_program_saved_is_what_goes_with_it(program):
    f, arrays, _ = drawn(program)
    xs = [Tensor(a, requires_grad=True) for a in arrays]
    assert_said_is_measured(lambda: f(OURS, *xs))


def test_what_a_recorded_gradient_saved_is_what_goes_with_it():
    x = leaf()
    assert_said_is_measured(lambda: mg.grad(np.exp(np.sin(x)).sum(), x, create_graph=True).sum())


def test_what_was_saved_is_what_backward_frees():
    x = leaf()
    with traced():
        loss = np.exp(np.sin(np.exp(x))).sum()
        x.grad = np.zeros(N)
        before, said = living_arrays()[1], saved_bytes(loss)
        loss.backward()
        assert before - living_arrays()[1] == said == 2 * BYTES


# It is what the rules name -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("use", "arrays"),
    [
        (lambda h: h + 1, 0),
        (lambda h: -h * 3, 0),
        (lambda h: h.reshape(10, -1).T, 0),
        (mg.relu, 1),  # its output
        (np.exp, 1),
        (np.sin, 1),  # its input
        (lambda h: h * h, 1),  # twice the same
        (lambda h: np.sin(h) + np.cos(h), 1),  # from two nodes
        (lambda h: np.sin(h[::-1]) + np.cos(h.reshape(10, -1)).sum(), 1),  # views of one block
        (lambda h: np.sin(h[:10]), 1),  # a view keeps the whole block
        (lambda h: np.sin(h) * np.cos(h), 3),
        (lambda h: np.sin(np.exp(h)), 1),  # one rule names it as its output, the other as its input
        (lambda h: np.sin(np.sin(h)), 2),
    ],
)
def test_saved_is_what_the_rules_name_each_block_once(use, arrays):
    x = leaf()
    assert saved_by(lambda: use(x + 1)) == arrays * BYTES


@pytest.mark.parametrize(
    ("op", "of_input", "of_output"),
    [(mg.relu, 0, 1), (np.exp, 0, 1), (np.sin, 1, 0), (np.negative, 0, 0)],
)
def test_the_array_that_is_saved_is_the_one_that_the_rule_names(op, of_input, of_output):
    h = leaf() + 1
    y = op(h)
    loss = y.sum()
    assert saved_bytes(loss) == 0
    del h
    assert saved_bytes(loss) == of_input * BYTES
    del y
    assert saved_bytes(loss) == (of_input + of_output) * BYTES


def test_a_dense_layer_and_relu_save_one_array():
    layer, x = nn.Linear(20, 30), np.ones((50, 20), np.float32)
    assert saved_by(lambda: mg.relu(layer(x))) == 4 * 50 * 20 + 4 * 50 * 30  # a copy of x, and y


def test_only_what_rules_of_needed_gradients_name_is_saved():
    x, w = Tensor(np.ones(N, np.float32)), leaf()
    assert saved_by(lambda: np.exp(x) * w) == BYTES  # exp(x), for w
    assert (
        saved_by(lambda: x * np.sin(w)) == BYTES
    )  # a copy of x, for w; and w itself, which is held here
    with mg.no_grad():
        assert saved_by(lambda: np.exp(x) * w) == 0


# What somebody else holds does not count -----------------------------------------------------------------


@pytest.mark.parametrize(
    "hold",
    [
        lambda h: h,
        lambda h: h.data,
        lambda h: h.numpy(),
        lambda h: h.detach(),
        lambda h: h[3:],
        lambda h: h.data[::7],
        lambda h: [(h.data.reshape(10, -1).T,)],
        lambda h: memoryview(h.data),
        lambda h: np.lib.stride_tricks.sliding_window_view(h.data, 3),
    ],
)
def test_a_value_that_somebody_holds_does_not_count_until_it_is_dropped(hold):
    h = np.exp(leaf())
    loss, held = np.sin(h[::2]).sum(), hold(h)
    del h
    assert saved_bytes(loss) == 0
    del held
    assert saved_bytes(loss) == BYTES


def test_leaves_do_not_count_nor_do_views_of_them():
    x = leaf()
    assert saved_by(lambda: x * x) == 0
    assert saved_by(lambda: np.sin(x.reshape(10, -1).T[1:])) == 0
    assert saved_by(lambda: leaf() * leaf()) == 0  # not even those that nobody else holds


def test_arrays_count_that_were_made_for_the_call_alone():
    x, mine = leaf(), np.ones((SMALL // BYTES + 1, N), np.float32)
    assert saved_by(lambda: x * mine) == 0
    assert saved_by(lambda: x * mine[::-1]) == 0
    assert saved_by(lambda: x * np.ones_like(mine)) == mine.nbytes


def test_small_arrays_of_the_call_count_as_they_are_copied_but_not_what_cannot_be_written():
    x, mine = leaf(), np.ones(N, np.float32)
    assert saved_by(lambda: x * mine) == BYTES
    assert saved_by(lambda: x * mine[::2].repeat(2)) == BYTES
    mine.flags.writeable = False  # until somebody sets it again
    assert saved_by(lambda: x * mine) == BYTES
    of_bytes = np.frombuffer(bytes(BYTES), np.float32)
    assert saved_by(lambda: x * of_bytes) == 0


def test_the_value_of_the_tensor_itself_does_not_count():
    y = np.exp(leaf())
    assert saved_bytes(y) == 0
    y = y.reshape(10, -1)
    assert saved_bytes(y) == 0


def test_of_several_outputs_those_count_that_nobody_holds():
    def grow_and_decay(x):
        return np.exp(x), np.exp(-x)

    both = primitive(grow_and_decay, x=lambda g, y: g[0] * y[0] - g[1] * y[1])
    a, b = both(leaf())
    loss = (a + b).sum()
    assert saved_bytes(loss) == 0
    del a
    assert saved_bytes(loss) == BYTES
    del b
    assert saved_bytes(loss) == 2 * BYTES


def test_memory_that_is_no_array_counts_as_what_it_holds():
    x = leaf()
    loss = (x * np.frombuffer(bytes(BYTES), np.float32)[::-1]).sum()
    assert saved_bytes(loss) == BYTES
    buffer = bytearray(SMALL // BYTES * BYTES + BYTES)
    loss = (x * np.frombuffer(buffer, np.float32).reshape(-1, N)[::-1]).sum()
    assert saved_bytes(loss) == 0
    size = len(buffer)
    del buffer
    assert saved_bytes(loss) == size


def test_arrays_of_other_libraries_count_by_identity():
    x = Tensor(Opaque(np.ones(N, np.float32))).requires_grad_()
    h = np.exp(x)
    loss = (np.sin(h) + np.cos(h)).sum()
    assert saved_bytes(loss) == 0
    del h
    assert saved_bytes(loss) == BYTES


# Graphs --------------------------------------------------------------------------------------------------


def test_what_two_losses_share_counts_once():
    h = np.exp(leaf())
    first, second = np.sin(h + 1).sum(), h.sum()
    del h
    assert (saved_bytes(first), saved_bytes(second)) == (2 * BYTES, BYTES)
    assert saved_bytes(first, second) == saved_bytes(first, first) == 2 * BYTES


def test_nothing_is_saved_without_history_or_after_backward():
    x = leaf()
    assert saved_bytes() == saved_bytes(x) == saved_bytes(Tensor([1.0]) * 2) == 0
    loss = np.exp(np.exp(x)).sum()
    loss.backward(retain_graph=True)
    assert saved_bytes(loss) == 2 * BYTES
    loss.backward()
    assert saved_bytes(loss) == 0


def test_what_is_no_tensor_is_refused():
    with pytest.raises(TypeError, match="ndarray has no graph"):
        saved_bytes(np.ones(3))


def test_asking_changes_nothing():
    loss = np.exp(np.exp(leaf())).sum()
    assert [saved_bytes(loss) for _ in range(3)] == [2 * BYTES] * 3


def test_a_deep_graph_is_asked_too():
    h = leaf()
    for _ in range(20_000):
        h = -h
    assert saved_by(lambda: np.exp(h)) == BYTES


# The peak ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [4, 32])
def test_backward_frees_as_it_goes_and_needs_three_arrays_at_any_depth(depth):
    """Besides what was saved: the gradient that a rule is given, the one that it makes, and a temporary."""
    h = x = Tensor(np.linspace(0.1, 1, 100 * N, dtype=np.float32), requires_grad=True)
    for _ in range(depth):
        h = mg.relu(h * 0.5)
    loss = h.sum()
    del h
    with traced():
        loss.backward()
        peak = tracemalloc.get_traced_memory()[1]
    assert x.grad is not None
    assert peak < 3 * 100 * BYTES
