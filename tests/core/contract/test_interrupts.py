"""The engine's contract, clauses 3 and 15: a backward pass or kernel that is interrupted or entered again anywhere."""

import contextvars
import itertools
import sys
from contextlib import nullcontext

import numpy as np
import pytest
from interrupts import Interrupt, interrupted_at, where_signals_are_handled
from leaves import leaf

import minigrad as mg
from minigrad import Tensor
from minigrad.core import backward
from minigrad.core.graph import mode
from minigrad.modes import _open
from minigrad.ops.kernels import conv
from minigrad.ops.kernels.scratch import release_scratch

# 3. Backward ---------------------------------------------------------------------------------------------


def leaves_and_loss():
    """Three leaves, one of which has no gradient yet, a Tensor that keeps its own, and a loss of all."""
    a, b, c = leaf(1, 2), leaf(3, 4), leaf(5, 6)
    a.grad, b.grad = [10, 20], [30, 40]
    h = a * b
    h.retain_grad()
    h.grad = [50, 60]
    return (a, b, c, h), (h * c).sum()


BEFORE = [[10, 20], [30, 40], None, [50, 60]]
AFTER = [[25, 44], [35, 52], [3, 8], [55, 66]]


def grads_of(tensors):
    return [t.grad if t.grad is None else t.grad.tolist() for t in tensors]


def test_clause_03_an_interrupt_at_any_step_leaves_all_of_grad_written_or_none():
    met = []
    for step in itertools.count():
        tensors, loss = leaves_and_loss()
        if not interrupted_at(step, backward._store.__code__, loss.backward):
            break
        met.append(grads_of(tensors))
        assert met[-1] in (BEFORE, AFTER)
    assert step > 50
    assert BEFORE in met
    assert AFTER in met  # the last steps are after the writing
    assert grads_of(tensors) == AFTER


@pytest.mark.parametrize("retain", [False, True])
def test_clause_03_an_interrupt_at_any_step_leaves_the_recording_mode_as_it_was(retain):
    walk = backward.traverse.__code__
    offsets = where_signals_are_handled(walk)

    def interrupted(step):
        _, loss = leaves_and_loss()
        found = interrupted_at(
            step,
            walk,
            lambda: loss.backward(retain_graph=retain),
            lambda at, offset: at is walk and offset in offsets,
        )
        assert (leaf(1) * 2).requires_grad
        return found

    for step in itertools.count():
        if not contextvars.copy_context().run(interrupted, step):
            break
    assert step > 15


def test_clause_03_an_array_that_cannot_be_written_leaves_every_grad_as_it_was():
    for i in (0, 1, 3):
        tensors, loss = leaves_and_loss()
        tensors[i].grad.data.flags.writeable = False
        with pytest.raises(ValueError, match=r"\.grad of a Tensor of shape \(2,\) is read-only"):
            loss.backward()
        assert grads_of(tensors) == BEFORE


def test_clause_03_a_sum_that_overflows_leaves_every_grad_as_it_was_where_that_is_an_error():
    a, b = leaf(1, 2), leaf(3, 4)
    a.grad, b.grad = [1, 1], [3e38, 1]
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        (a + b * 3e38).sum().backward()
    assert grads_of([a, b]) == [[1, 1], np.float32([3e38, 1]).tolist()]


def test_clause_03_backward_adds_in_place_in_any_layout_of_memory():
    for grad in (np.ones((2, 3), "float32"), np.ones((3, 2), "float32").T):
        x = Tensor(np.ones((2, 3)), requires_grad=True, dtype="float32")
        x.grad = np.zeros((2, 3))
        x.grad.data = grad
        kept = x.grad, x.grad.data
        (x * np.arange(6.0, dtype="float32").reshape(2, 3)).sum().backward()
        assert x.grad is kept[0]
        assert x.grad.data is kept[1]
        np.testing.assert_array_equal(x.grad.data, 1 + np.arange(6).reshape(2, 3))


def test_clause_03_two_leaves_whose_grad_is_one_array_add_both():
    a, b, one = leaf(1, 2), leaf(3, 4), np.zeros(2, "float32")
    for x in (a, b):
        x.grad = one
        x.grad.data = one
    (a * 2 + b * 3).sum().backward()
    assert one.tolist() == [5, 5]


# 15. Scratch ---------------------------------------------------------------------------------------------


def convolved(seed):
    """The output and all gradients of a convolution of one and the same shape."""
    rng = np.random.default_rng(seed)
    x, w, b = (rng.standard_normal(s).astype("f4") for s in [(2, 3, 6, 6), (4, 3, 3, 3), (4,)])
    leaves = [Tensor(value, requires_grad=True) for value in (x, w, b)]
    y = mg.conv2d(*leaves, padding=1)
    return [y.data, *[g.data for g in mg.grad((y * y).sum(), leaves)]]


def test_clause_15_a_model_that_runs_amid_a_kernel_changes_nothing():
    """As a signal handler does: at each line of the kernels in turn, another convolution of the same shapes runs."""
    files = {conv.__file__, mg.ops.kernels.scratch.__file__}
    expected = {seed: convolved(seed) for seed in (0, 1)}

    def run_with_another_at(line):
        lines, inner = itertools.count(), []

        def trace(frame, event, argument):
            if frame.f_code.co_filename not in files:
                return None
            if event == "line" and next(lines) == line:
                sys.settrace(None)
                with mg.enable_grad():  # it may come amid a backward pass
                    inner.append(convolved(1))
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            return convolved(0), inner
        finally:
            sys.settrace(before)

    for line in itertools.count():
        outer, inner = run_with_another_at(line)
        for a, e in zip(outer, expected[0], strict=True):
            np.testing.assert_array_equal(a, e)
        if not inner:
            break
        for a, e in zip(inner[0], expected[1], strict=True):
            np.testing.assert_array_equal(a, e)
    assert line > 100


def test_clause_15_an_interrupt_amid_a_kernel_neither_loses_nor_miscounts_scratch():
    release_scratch()
    expected = convolved(0)
    kept = mg.ops.kernels.scratch.scratch_bytes()
    for step in range(0, 2000, 7):
        if not interrupted_at(step, conv.conv2d.__code__, lambda: convolved(1)):
            break
        assert all(map(np.array_equal, convolved(0), expected))
        assert mg.ops.kernels.scratch.scratch_bytes() == kept
    assert step > 100


# Modes ---------------------------------------------------------------------------------------------------


def interrupted_after_call(step, call):
    """`call()`, interrupted as by a signal handler, after that call of a C function; False if it ended before."""
    steps, met = itertools.count(), []

    def profile(frame, event, argument):
        if event == "c_return" and next(steps) == step:
            met.append(event)
            raise Interrupt

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        call()
    except Interrupt:
        pass
    finally:
        sys.setprofile(before)
    return bool(met)


def blocks():
    outer = mg.no_grad()
    with outer, mg.enable_grad(), outer:
        pass


@mg.enable_grad
def differentiated():
    x = leaf(1, 2)
    mg.grad((x * x).sum(), x, create_graph=True)
    with mg.record():
        (x * x).sum().backward()
    mg.checkpoint(lambda x: x * x)(x).sum().backward()


# Python swallows, with a warning, what is raised while a weak reference is called back, as `record()` uses them
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("call", [blocks, differentiated])
@pytest.mark.parametrize("within", [None, mg.no_grad, mg.record])
def test_an_interrupt_leaves_the_mode_as_it_was(call, within):
    with within() if within else nullcontext():
        before = mode.get(), _open.get()
        for step in itertools.count():
            if not interrupted_after_call(step, call):
                break
            assert (mode.get(), _open.get(), mg.recomputing()) == (*before, False)
    assert step > 10
