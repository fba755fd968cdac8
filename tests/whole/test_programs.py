"""Whole programs have the values and derivatives of PyTorch and of finite differences, however they are asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from programs import (
    LAYOUTS,
    OURS,
    SMOOTH,
    STEPS,
    WRITES,
    agrees_with_pytorch,
    close,
    derivatives,
    drawn,
    full,
    leaf,
    often,
    programs,
    scales_of,
    seldom,
    take,
    values_of,
)

import minigrad as mg
from minigrad import Tensor, check_grads, grad

pytestmark = pytest.mark.untraced


@pytest.mark.parametrize("name", STEPS)
def test_each_step_alone_agrees_with_pytorch(name):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((2, 3)), rng.standard_normal(3)]
    agrees_with_pytorch(lambda m, a, b: (full(m, take(name, m, a, b)) ** 2).sum(), arrays, rng)


@often
@given(program=programs(STEPS))
def test_a_program_has_the_value_and_the_first_and_second_derivatives_of_pytorch(program):
    agrees_with_pytorch(*drawn(program))


@seldom
@given(program=programs(SMOOTH))
def test_the_derivatives_of_a_program_are_those_of_finite_differences(program):
    f, arrays, rng = drawn(program)
    check_grads(lambda *xs: f(OURS, *xs), arrays, rtol=1e-4, atol=1e-4, rng=rng)


@seldom
@given(program=programs(STEPS))
def test_a_program_gives_the_same_on_plain_arrays_and_recorded_or_not(program):
    f, arrays, _ = drawn(program)
    xs = [Tensor(a, requires_grad=True) for a in arrays]
    y = f(OURS, *xs)
    with mg.no_grad():
        z = f(OURS, *xs)
    assert not z.requires_grad
    assert y.item() == z.item() == float(f(OURS, *arrays))
    plain, recorded = grad(y, xs, retain_graph=True), grad(y, xs, create_graph=True)
    y.backward()
    for x, g, h in zip(xs, plain, recorded, strict=True):
        assert (x.grad is None) == (g is None) == (h is None)
        assert g is None or x.grad.data.tobytes() == g.data.tobytes() == h.data.tobytes()


@seldom
@given(program=programs(STEPS))
def test_gradients_at_interior_values_are_the_same_asked_together_or_one_by_one(program):
    steps, shapes, used, seed = program
    arrays = [np.random.default_rng(seed).standard_normal(shape) for shape in shapes]
    xs = [Tensor(a, requires_grad=True) for a in arrays]
    values = values_of(steps, OURS, xs, scales_of(steps, arrays))
    y = sum(mg.sum(full(OURS, values[at % len(values)])) for at in used)
    together = grad(y, values, retain_graph=True)
    for value, g in zip(values, together, strict=True):
        alone = grad(y, value, retain_graph=True)
        assert (alone is None) == (g is None)
        assert g is None or alone.data.tobytes() == g.data.tobytes()


@seldom
@given(program=programs(STEPS), layouts=st.tuples(*[st.sampled_from([*LAYOUTS])] * 2))
def test_a_program_has_the_same_derivatives_in_whatever_layout_its_leaves_lie(program, layouts):
    f, arrays, rng = drawn(program)
    directions = [rng.standard_normal(a.shape) for a in arrays]
    plain = [leaf(a) for a in arrays]
    laid = [leaf(LAYOUTS[layout](a)) for layout, a in zip(layouts, arrays, strict=True)]
    y, *expected = derivatives(f, plain, directions)
    z, *found = derivatives(f, laid, directions)
    close(z, y.data)
    for x, mine, right in zip(
        arrays * 2, [*found[0], *found[1]], [*expected[0], *expected[1]], strict=True
    ):
        close(mine, np.zeros_like(x) if right is None else right.data)


@seldom
@given(program=programs(STEPS), at=st.integers(0, 99))
def test_a_hook_that_doubles_a_gradient_doubles_all_that_flows_through_its_value(program, at):
    f, arrays, _ = drawn(program)
    changed = len(arrays) + at % len(program[0])

    def hooked(place, value):
        if place == changed:
            value.register_hook(lambda g: 2 * g)
        return value

    def doubled(place, value):
        return 2 * value - value.detach() if place == changed else value

    xs, ys = [[leaf(a) for a in arrays] for _ in range(2)]
    f(OURS, *xs, change=hooked).backward()
    f(OURS, *ys, change=doubled).backward()
    for x, y in zip(xs, ys, strict=True):
        close(x.grad, np.zeros(x.shape) if y.grad is None else y.grad.data)


@pytest.mark.parametrize("way", WRITES)
@seldom
@given(program=programs(STEPS, 1, 6), which=st.integers(0, 1))
def test_after_a_write_backward_refuses_or_has_the_gradient_of_the_forward_pass(
    way, program, which
):
    f, arrays, rng = drawn(program)
    xs = [leaf(a.copy()) for a in arrays]
    expected = grad(f(OURS, *xs), xs)
    y = f(OURS, *xs)
    WRITES[way](xs[which], rng.standard_normal(xs[which].shape))
    refusal = None
    try:
        y.backward()
    except RuntimeError as error:
        refusal = str(error)
    if refusal is not None:
        assert "written after the forward pass" in refusal
        assert all(x.grad is None for x in xs)
        return
    for x, right in zip(xs, expected, strict=True):
        close(x.grad, np.zeros(x.shape) if right is None else right.data)
