"""Rows of a user with any number of arguments or several outputs, and their derivatives of any order."""

import numpy as np
import pytest
from leaves import leaf64 as leaf

import minigrad as mg
from minigrad import Tensor, check_grads, elementwise, grad, primitive


def interior(*values):
    return leaf(*values) * 1


# Variadic ops --------------------------------------------------------------------------------------------


def _weighted(*xs, power=1):
    total = 0
    for i, x in enumerate(xs):
        total = total + (i + 1) * x.sum() ** power
    return total


def _weighted_member(g, i, xs, xs_shape, power):
    factor = (i + 1) * power * xs.sum() ** (power - 1)
    return mg.broadcast_to(g * factor, xs_shape)


weighted = primitive(_weighted, xs=_weighted_member)


def test_a_variadic_rule_runs_per_member_that_needs_a_gradient():
    a, b, c = leaf(1, 2), leaf(3), Tensor([[9.0]])
    y = weighted(a, c, b, power=2)
    y.backward()
    assert np.array_equal(a.grad, [6, 6])
    assert np.array_equal(b.grad, [18])
    assert [p is t for p, t in zip(y._node.parents, (a, None, b), strict=True)] == [True] * 3


def test_a_variadic_op_saves_per_member():
    a, b, c = leaf(1, 2), leaf(3), Tensor(np.ones((9, 9)))
    assert weighted(a, c, b)._node.saved_bytes == a.nbytes + b.nbytes
    sizes = primitive(_weighted, xs=lambda g, xs_shape: mg.broadcast_to(g, xs_shape))
    assert sizes(a, b)._node.saved_bytes == 0


def test_a_variadic_op_is_differentiable_at_every_order_and_plain_without_tensors():
    members = [np.array([1.0, 2.0]), np.array([[3.0]])]
    check_grads(lambda *xs: weighted(*xs, power=3), members, order=3)
    assert weighted(np.ones(2), np.ones(3)) == 2 + 2 * 3


def test_errors_of_a_variadic_op_name_the_member():
    wrong = primitive(lambda *xs: xs[0] + xs[1], xs=lambda g, i: g if i == 0 else g[:1])
    with pytest.raises(ValueError, match=r"xs\[1\]"):
        wrong(leaf(1, 2), leaf(3, 4)).sum().backward()
    with pytest.raises(TypeError, match=r"unexpected argument `n`"):
        weighted(leaf(1), n=1)
    with pytest.raises(TypeError, match=r"`power`.*requires grad"):
        weighted(leaf(1), power=leaf(2))


# Several outputs -----------------------------------------------------------------------------------------


def _exp_and_square(x):
    return np.exp(x), x * x


exp_and_square = primitive(_exp_and_square, x=lambda g, y, x: g[0] * y[0] + g[1] * 2 * x)


def test_each_output_is_differentiable_and_unused_ones_reach_the_rule_as_zeros():
    given = []
    row = primitive(
        _exp_and_square, x=lambda g, y, x: (given.append(g), g[0] * y[0] + g[1] * 2 * x)[1]
    )
    x = leaf(1, 2)
    e, s = row(x)
    assert np.array_equal(grad(s.sum(), x, retain_graph=True), [2, 4])
    assert np.array_equal(given[0][0], [0, 0])
    assert np.array_equal(grad(e.sum(), x, retain_graph=True), np.exp([1, 2]))
    assert np.array_equal(grad((e + s * 3).sum(), x), np.add(np.exp([1, 2]), [6, 12]))
    assert len(given) == 3, "one call per backward, however many outputs take part"


def test_zeros_have_the_shape_and_dtype_of_their_output():
    given = []
    row = primitive(
        lambda x: (x.sum(), x.astype("float64"), x * 1),
        x=lambda g: (given.extend(g), mg.broadcast_to(g[0], (2,)))[1],
    )
    x = leaf(1, 2, dtype="float32")
    row(x)[0].backward()
    assert [(g.shape, g.dtype) for g in given] == [
        ((), "float32"),
        ((2,), "float64"),
        ((2,), "float32"),
    ]


def test_several_outputs_are_differentiable_at_every_order():
    x = np.array([0.3, -0.7])
    check_grads(exp_and_square, [x], order=3)
    check_grads(lambda x: exp_and_square(exp_and_square(x)[1])[0], [x], order=3)


def test_an_output_of_several_counts_as_interior_at_second_order_as_any_other_tensor():
    x = leaf(1, 2)
    for y in (mg.exp(x), exp_and_square(x)[0]):
        first = grad(y.sum(), x, create_graph=True)  # exp(x), which is y
        assert np.array_equal(grad(first.sum(), y), [1, 1])


def test_integer_outputs_have_no_history():
    row = primitive(
        lambda x: (x.argsort(), x[x.argsort()]),
        ("x",),
        x=lambda g, y, x_shape: mg.scatter(g[1], y[0], x_shape),
    )
    x = leaf(3, 1, 2)
    order, values = row(x)
    assert not order.requires_grad
    assert order.tolist() == [1, 2, 0]
    (values * [10.0, 20.0, 30.0]).sum().backward()
    assert x.grad.tolist() == [30, 10, 20]


def test_an_elementwise_op_with_several_outputs_is_summed_back_too():
    both = elementwise(
        lambda a, b: (a + b, a - b), a=lambda g: g[0] + g[1], b=lambda g: g[0] - g[1]
    )
    a, b = Tensor(np.ones((2, 3)), requires_grad=True), leaf(1, 2, 3)
    plus, minus = both(a, b)
    (plus * 3 + minus).sum().backward()
    assert np.array_equal(a.grad, np.full((2, 3), 4))
    assert np.array_equal(b.grad, [4, 4, 4])


def test_outputs_that_need_no_gradient_come_as_a_tuple_of_tensors():
    e, s = exp_and_square(Tensor([1.0, 2.0]))
    assert not e.requires_grad
    assert not s.requires_grad


# Any order is free ---------------------------------------------------------------------------------------

times = elementwise(lambda a, b: a * b, a=lambda g, b: g * b, b=lambda g, a: g * a)
cube = elementwise(lambda x: x * x * x, x=lambda g, x: 3 * g * square(x))
square = elementwise(lambda x: x * x, x=lambda g, x: 2 * g * x)


@pytest.mark.parametrize("make", [leaf, interior])
def test_orders_two_and_three_of_a_users_row_equal_their_closed_forms(make):
    x = make(2.0, -3.0)
    first = grad(cube(x).sum(), x, create_graph=True)
    second = grad(first.sum(), x, create_graph=True)
    third = grad(second.sum(), x, create_graph=True)
    assert np.array_equal(first, [12, 27])
    assert np.array_equal(second, [12, -18])
    assert np.array_equal(third, [6, 6])


def test_mixed_second_derivatives_do_not_depend_on_the_order():
    a, b = leaf(1.5, 2.0), leaf(0.5, -1.0)
    y = (mg.exp(a * b) * times(a, times(a, b))).sum()
    da, db = grad(y, (a, b), create_graph=True)
    np.testing.assert_allclose(
        grad(da.sum(), b, retain_graph=True).numpy(), grad(db.sum(), a).numpy(), rtol=1e-14
    )


def test_the_third_derivative_of_sin_times_exp_of_the_square_is_pytorchs():
    torch = pytest.importorskip("torch")
    values = np.linspace(-1.5, 1.5, 13)
    x = Tensor(values, requires_grad=True)
    y = (np.sin(x) * np.exp(x**2)).sum()
    t = torch.tensor(values, requires_grad=True)
    z = (torch.sin(t) * torch.exp(t**2)).sum()
    for _ in range(3):
        y = grad(y, x, create_graph=True).sum()
        (dz,) = torch.autograd.grad(z, t, create_graph=True)
        z = dz.sum()
    np.testing.assert_allclose(grad(y, x).numpy(), torch.autograd.grad(z, t)[0].numpy(), rtol=1e-12)
    np.testing.assert_allclose(y.item(), z.item(), rtol=1e-12)


@pytest.mark.parametrize("x", [leaf(1, 2), Tensor([1.0, 2.0]), np.array([1.0, 2.0])])
def test_a_function_that_forgets_its_also_is_told_what_to_return(x):
    double = primitive(lambda x: x * 2, also={"p": lambda x: x}, x=lambda g, x, p: 2 * g * p / x)
    with pytest.raises(
        TypeError, match=r"must return \(y, p\), a tuple of 2, .* it returned a ndarray"
    ):
        double(x)
