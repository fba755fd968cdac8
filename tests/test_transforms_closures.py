"""Transforms of functions that use what is no argument of theirs: nothing is lost, and nothing is kept for nothing."""

import numpy as np
import pytest

import minigrad as mg
import nn
from minigrad import Tensor, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp


def leaf(value):
    return Tensor(np.array(value, np.float64), requires_grad=True)


def derivative(f):
    return lambda *args: value_and_grad(f)(*args)[1]


def has_history(value):
    return isinstance(value, Tensor) and value.requires_grad


# What f closes over --------------------------------------------------------------------------------------

X, T = np.array([1.0, 2.0]), np.array([0.5, -1.0])

# name -> (w -> what the transform gives of f(x) = w x^3 at X, its derivative by w)
OF_A_CLOSURE = {
    "value": (lambda w: value_and_grad(lambda x: (w * x**3).sum())(X)[0], 9),
    "value_and_grad": (lambda w: value_and_grad(lambda x: (w * x**3).sum())(X)[1], 15),
    "a keyword": (lambda w: value_and_grad(lambda x, k: (k * x**3).sum())(X, k=w)[1], 15),
    "another argument": (lambda w: value_and_grad(lambda k, x: (k * x**3).sum(), 1)(w, X)[1], 15),
    "in a dict": (lambda w: value_and_grad(lambda x, d: (d["w"] * x**3).sum())(X, {"w": w})[1], 15),
    "by a dict": (lambda w: value_and_grad(lambda d: (w * d["x"] ** 3).sum())({"x": X})[1]["x"], 15),
    "vjp": (lambda w: vjp(lambda x: w * x**3, X)[1](np.ones(2))[0], 15),
    "the value of vjp": (lambda w: vjp(lambda x: w * x**3, X)[0], 9),
    "jvp": (lambda w: jvp(lambda x: w * x**3, [X], [np.ones(2)])[1], 15),
    "the value of jvp": (lambda w: jvp(lambda x: w * x**3, [X], [T])[0], 9),
    "jacobian": (lambda w: jacobian(lambda x: w * x**3)(X), 15),
    "jacobian forward": (lambda w: jacobian(lambda x: w * x**3, mode="forward")(X), 15),
    "hessian": (lambda w: hessian(lambda x: (w * x**3).sum())(X), 18),
    "hvp": (lambda w: hvp(lambda x: (w * x**3).sum(), [X], [np.ones(2)])[0], 18),
    "a product of w": (lambda w: derivative(lambda x, v=w * 1: (v * x**3).sum())(X), 15),
    "within another": (lambda w: derivative(lambda x: derivative(lambda z: (w * z**3).sum())(x).sum())(X), 18),
    "of a checkpoint": (lambda w: derivative(lambda x: mg.checkpoint(lambda z: w * z**3)(x).sum())(X), 15),
    "in a checkpoint": (
        lambda w: mg.checkpoint(lambda v: derivative(lambda x: (v * x**3).sum())(X))(w), 15
    ),
    "by a hook": (lambda w: derivative(lambda x: hooked(x, lambda g: g * w))(X), 15),
}  # fmt: skip


def hooked(x, hook):
    x.register_hook(hook)
    return (x**3).sum()


@pytest.mark.parametrize("name", OF_A_CLOSURE)
def test_a_result_can_be_differentiated_by_what_f_takes_from_outside(name):
    transform, expected = OF_A_CLOSURE[name]
    w = leaf(5)
    y = transform(w)
    y.sum().backward()
    assert w.grad.item() == expected
    if name != "by a hook":  # the function that JAX would be given has no hooks
        assert derivative(lambda w: transform(w).sum())(np.array(5.0)).item() == expected


def test_a_gradient_penalty_reaches_the_parameters_of_a_module():
    model = nn.Sequential(
        nn.Linear(2, 3, dtype="float64"), nn.Tanh(), nn.Linear(3, 1, dtype="float64")
    )
    slope = derivative(lambda x: model(x).sum())
    penalty = (slope(X[None]) ** 2).sum()
    penalty.backward()
    first = model[0].weight
    found = first.grad.numpy().copy()
    step = 1e-6 * np.ones((3, 2))
    sides = []
    for sign in (1, -1):
        first.data = first.data + sign * step
        sides.append((slope(X[None]).numpy() ** 2).sum())
        first.data = first.data - sign * step
    np.testing.assert_allclose((found * step).sum(), (sides[0] - sides[1]) / 2, rtol=1e-6)


def test_a_mixed_derivative_is_the_same_in_either_order():
    def f(x, y):
        return np.sin(np.sin(x) + np.sin(y))

    x, y = np.array(0.3), np.array(0.7)
    by_x = lambda x, y: value_and_grad(f, 0)(x, y)[1]  # noqa: E731
    by_y = lambda x, y: value_and_grad(f, 1)(x, y)[1]  # noqa: E731
    expected = -np.sin(np.sin(x) + np.sin(y)) * np.cos(x) * np.cos(y)
    assert value_and_grad(by_x, 1)(x, y)[1].item() == pytest.approx(expected, rel=1e-14)
    assert value_and_grad(by_y, 0)(x, y)[1].item() == pytest.approx(expected, rel=1e-14)


def test_a_parameter_learns_through_a_step_of_learning():
    """Meta-learning: the loss after w - rate * d loss / dw, by the rate."""
    rate = leaf(0.1)
    w = leaf([1.0, -2.0])
    g = derivative(lambda w: (w**2).sum())(w)
    after = ((w - rate * g) ** 2).sum()
    assert grad(after, rate).item() == pytest.approx(-4 * 5 * (1 - 0.2))


# History is kept exactly where there is something to depend on ---------------------------------------------


@pytest.mark.parametrize(
    ("f", "value", "gradient"),
    [
        (lambda x, w: (x**3).sum(), False, False),
        (lambda x, w: (x**3).sum() + w, True, False),
        (lambda x, w: (x * w).sum(), True, True),
        (lambda x, w: (x * w.detach()).sum(), False, False),
        (lambda x, w: w * 1, True, False),
        (lambda x, w: np.array(1.0) * x.sum(), False, False),
    ],
)
def test_a_result_has_history_exactly_where_it_depends_on_something_outside(f, value, gradient):
    w = leaf(2)
    y, g = value_and_grad(lambda x: f(x, w))(X)
    assert (has_history(y), has_history(g)) == (value, gradient)
    outputs, pull = vjp(lambda x: (f(x, w), f(x, w) * 2), X)
    assert [has_history(y) for y in outputs] == [value, value]
    assert has_history(pull((np.array(1.0), np.array(1.0)))[0]) == gradient


def test_a_seed_or_a_tangent_that_requires_grad_is_outside_too():
    seed = leaf([1.0, 1.0])
    (found,) = vjp(lambda x: x**2, X)[1](seed)
    np.testing.assert_array_equal(grad(found.sum(), seed).data, 2 * X)
    for transform in (jvp, hvp):
        tangent = leaf([1.0, 1.0])
        f = (lambda x: (x**2).sum()) if transform is hvp else (lambda x: x**2)
        moved = transform(f, [X], [tangent])[1 if transform is jvp else 0]
        expected = 2 * X if transform is jvp else np.array([2.0, 2.0])
        np.testing.assert_array_equal(grad(moved.sum(), tangent).data, expected)


# no_grad -------------------------------------------------------------------------------------------------


TWO = leaf(2)


def cubes(x):
    return (x**3).sum()


UNDER_NO_GRAD = {
    "value_and_grad": (lambda: value_and_grad(cubes)(X), (9, 3 * X**2)),
    "vjp": (lambda: vjp(lambda x: x**3, X)[1](T)[0], 3 * X**2 * T),
    "jvp": (lambda: jvp(lambda x: x**3, [X], [T]), (X**3, 3 * X**2 * T)),
    "jacobian": (lambda: jacobian(lambda x: x**3)(X), np.diag(3 * X**2)),
    "jacobian forward": (lambda: jacobian(lambda x: x**3, mode="forward")(X), np.diag(3 * X**2)),
    "hessian": (lambda: hessian(cubes)(X), np.diag(6 * X)),
    "hvp": (lambda: hvp(cubes, [X], [T])[0], 6 * X * T),
    "of a dict": (lambda: value_and_grad(lambda d: cubes(d["x"]))({"x": X})[1]["x"], 3 * X**2),
    "of a leaf": (lambda: value_and_grad(cubes)(leaf(X))[1], 3 * X**2),
    "of a closure": (lambda: value_and_grad(lambda x: (TWO * x).sum())(X)[1], [2, 2]),
}


@pytest.mark.parametrize("name", UNDER_NO_GRAD)
def test_a_transform_records_for_itself_under_no_grad_and_its_results_have_no_history(name):
    transform, expected = UNDER_NO_GRAD[name]
    with mg.no_grad():
        found = transform()
        assert not (leaf(1) * 2).requires_grad
    for a, b in (
        zip(found, expected, strict=True) if isinstance(found, tuple) else [(found, expected)]
    ):
        assert isinstance(a, Tensor) == (name == "of a leaf")
        assert not has_history(a)
        np.testing.assert_allclose(np.asarray(a), b, rtol=1e-14)


def test_the_function_of_vjp_that_is_called_under_no_grad_gives_no_history():
    w = leaf(2)
    _, pull = vjp(lambda x: w * x, X)
    with mg.no_grad():
        assert not has_history(pull(T)[0])
    assert has_history(pull(T)[0])


def test_no_grad_inside_makes_constant_what_it_covers_at_every_order():
    def f(x):
        with mg.no_grad():
            factor = x * 1
            slope = derivative(cubes)(x)
        return (factor * slope * x).sum()

    np.testing.assert_array_equal(derivative(f)(X), 3 * X**3)
    np.testing.assert_array_equal(hessian(f)(X), np.zeros((2, 2)))


# Jacobians -----------------------------------------------------------------------------------------------


def many_of_few(x):
    return {"a": np.sin(mg.stack([x * i for i in range(9)])), "b": (x**2).sum()}


def few_of_many(x):
    return {"a": x[0] * x, "b": mg.reshape(x, (1, -1)) * 2}


@pytest.mark.parametrize(
    ("f", "shape"), [(many_of_few, (2,)), (few_of_many, (4,)), (many_of_few, (1,))]
)
def test_a_jacobian_is_the_same_forward_and_in_reverse(f, shape):
    x = np.linspace(0.1, 0.9, shape[0])
    ways = [jacobian(f, mode=mode)(x) for mode in ("auto", "forward", "reverse")]
    for J in ways[1:]:
        for name in "ab":
            assert J[name].shape == ways[0][name].shape
            np.testing.assert_allclose(J[name], ways[0][name], rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_a_jacobian_by_several_arguments_and_of_empty_ones(mode):
    def f(x, y):
        return x[:, None] * y

    J = jacobian(f, (0, 1), mode=mode)(np.ones(2), np.arange(3.0))
    assert [j.shape for j in J] == [(2, 3, 2), (2, 3, 3)]
    np.testing.assert_array_equal(J[1][1], np.eye(3))
    assert jacobian(f, (0, 1), mode=mode)(np.ones(0), np.ones(3))[0].shape == (0, 3, 0)
    assert jacobian(f, (0, 1), mode=mode)(np.ones(2), np.ones(0))[1].shape == (2, 0, 0)
    with pytest.raises(ValueError, match="mode must be 'auto', 'forward' or 'reverse'"):
        jacobian(f, mode="backward")


def test_a_jacobian_takes_the_cheaper_way():
    def passes(f, x):
        seen = []
        row = mg.primitive(lambda x: x * 1, x=lambda g: (seen.append(1), g * 1)[1])
        jacobian(lambda x: f(row(x)))(x)
        return len(seen)

    assert passes(lambda x: mg.stack([x * i for i in range(20)]), np.ones(1)) < 20
    assert passes(lambda x: x[:2].sum(), np.ones(20)) == 1
