"""Transforms answer in kind: plain arrays and numbers to plain ones, Tensors to Tensors, and neither shares memory."""

import inspect
from collections import namedtuple

import numpy as np
import pytest

import minigrad as mg
import nn
from minigrad import (
    Tensor,
    elementwise_grad,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    linearize,
    value_and_grad,
    vjp,
)
from minigrad.structures import mapped

X, T = np.array([1.0, 2.0]), np.array([0.5, -1.0])


def cubes(x):
    return (x**3).sum()


def each(x):
    return x**3


# name -> (x, t -> what the transform gives, all of it)
TRANSFORMS = {
    "grad": lambda x, t: grad(cubes)(x),
    "value_and_grad": lambda x, t: value_and_grad(cubes)(x),
    "aux": lambda x, t: grad(lambda x: (cubes(x), {"each": x**3}), has_aux=True)(x),
    "elementwise_grad": lambda x, t: elementwise_grad(each)(x),
    "jacobian": lambda x, t: jacobian(each)(x),
    "jacobian forward": lambda x, t: jacobian(each, mode="forward")(x),
    "hessian": lambda x, t: hessian(cubes)(x),
    "vjp": lambda x, t: (vjp(each, x)[0], vjp(each, x)[1](t)),
    "aux of vjp": lambda x, t: vjp(lambda x: (x**3, x * 2), x, has_aux=True)[2],
    "jvp": lambda x, t: jvp(each, [x], [t]),
    "linearize": lambda x, t: (linearize(each, x)[0], linearize(each, x)[1](t)),
    "hvp": lambda x, t: hvp(cubes, [x], [t]),
}


def leaves_of(result):
    found = []
    mapped(result, found.append)
    if found:
        return found
    if isinstance(result, (tuple, dict)):
        parts = result.values() if isinstance(result, dict) else result
        return [leaf for part in parts for leaf in leaves_of(part)]
    return [result]


PLAIN = {
    "an array": (X, T, np.ndarray, np.float64),
    "float32": (X.astype("float32"), T.astype("float32"), np.ndarray, np.float32),
    "float16": (X.astype("float16"), T.astype("float16"), np.ndarray, np.float16),
    "a matrix": (X.reshape(1, 2).view(np.matrix), T.reshape(1, 2), np.ndarray, np.float64),
    "no axes": (np.array(2.0), np.array(0.5), np.float64, np.float64),
    "a scalar of NumPy": (np.float32(2), np.float32(0.5), np.float32, np.float32),
    "a float": (2.0, 0.5, np.float64, np.float64),
    "read-only": (np.broadcast_to(2.0, (2,)), T, np.ndarray, np.float64),
}


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize("name", TRANSFORMS)
def test_plain_arrays_and_numbers_are_answered_with_plain_ones_of_their_dtype(name, kind):
    x, t, of_arrays, of_scalars = PLAIN[kind]
    for result in leaves_of(TRANSFORMS[name](x, t)):
        assert type(result) in (of_arrays, of_scalars), name
        assert result.dtype == of_scalars
        if isinstance(result, np.ndarray):
            assert result.ndim
            assert result.flags.writeable


@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_tensors_are_answered_with_tensors_that_have_history_where_the_argument_requires_grad(
    name, requires_grad
):
    x = Tensor(X, requires_grad=requires_grad)
    found = leaves_of(TRANSFORMS[name](x, T))
    assert all(isinstance(t, Tensor) for t in found)
    assert all(t.requires_grad == requires_grad for t in found)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_the_numbers_are_the_same_in_every_kind(name):
    plain, tensors = TRANSFORMS[name](X, T), TRANSFORMS[name](Tensor(X), T)
    for a, b in zip(leaves_of(plain), leaves_of(tensors), strict=True):
        np.testing.assert_array_equal(a, b.data)


def test_a_tensor_anywhere_among_the_arguments_is_answered_with_tensors():
    def f(x, data=None):
        return cubes(x)

    for beside in (Tensor(X), [Tensor(X)], {"deep": (1, [Tensor(X)])}):
        assert isinstance(grad(f)(X, beside), Tensor)
        assert isinstance(grad(f)(X, data=beside), Tensor)
    assert isinstance(grad(f)(X, {"deep": (1, [X, None, "word"])}), np.ndarray)
    assert isinstance(vjp(each, X)[1](Tensor(T))[0], Tensor)
    assert isinstance(linearize(each, X)[1](Tensor(T)), Tensor)
    assert isinstance(jvp(each, [X], [Tensor(T)])[1], Tensor)


def test_a_result_of_which_a_part_has_history_is_made_of_tensors():
    w = Tensor(2.0, requires_grad=True)
    value, gradient = value_and_grad(lambda x: cubes(x) + w)(X)
    assert value.requires_grad
    assert isinstance(gradient, Tensor)
    assert not gradient.requires_grad
    assert isinstance(grad(lambda x: cubes(x) + w)(X), np.ndarray)


INNER = {
    "grad": lambda a: grad(lambda x: a * x**3)(2.0),
    "value": lambda a: value_and_grad(lambda x: a * x**3)(2.0)[0],
    "elementwise_grad": lambda a: elementwise_grad(lambda x: a * x**3)(X).sum(),
    "vjp": lambda a: vjp(lambda x: a * x**3, X)[1](T)[0].sum(),
    "the value of vjp": lambda a: vjp(lambda x: a * x**3, X)[0].sum(),
    "jvp": lambda a: jvp(lambda x: a * x**3, [X], [T])[1].sum(),
    "linearize": lambda a: linearize(lambda x: a * x**3, X)[1](T).sum(),
    "jacobian": lambda a: jacobian(lambda x: a * x**3)(X).sum(),
    "jacobian forward": lambda a: jacobian(lambda x: a * x**3, mode="forward")(X).sum(),
    "hessian": lambda a: hessian(lambda x: (a * x**3).sum())(X).sum(),
    "hvp": lambda a: hvp(lambda x: (a * x**3).sum(), [X], [T])[0].sum(),
    "two deep": lambda a: grad(lambda x: x * grad(lambda y: a * x * y**3)(2.0))(3.0),
    "a tensor": lambda a: grad(lambda x: a * x**3)(Tensor(2.0, dtype="float64")),
}


@pytest.mark.parametrize("name", INNER)
def test_a_transform_inside_leaves_nothing_behind_that_a_result_outside_would_reach(name):
    inner = INNER[name]
    slope = inner(1.0)  # all are linear in a
    value, gradient = value_and_grad(lambda a: inner(a) * a**2)(2.0)
    assert type(value) is type(gradient) is np.float64
    assert value == pytest.approx(8 * float(np.asarray(slope)))
    assert gradient == pytest.approx(12 * float(np.asarray(slope)))
    assert grad(grad(lambda a: inner(a) * a**2))(2.0) == pytest.approx(
        12 * float(np.asarray(slope))
    )


def test_the_function_always_gets_tensors():
    seen = []
    for x in (X, 2.0, [1.0, (X,)], {"a": Tensor(X)}):
        grad(lambda x: (seen.append(x), 0.0)[1])(x)
    for x in seen:
        assert all(isinstance(t, Tensor) for t in leaves_of(x))
    assert seen[1].dtype == np.float64


def test_python_floats_count_as_float64_and_lists_of_them_are_structures():
    assert grad(np.tanh)(1.0) == pytest.approx(1 - np.tanh(1) ** 2, rel=1e-15)
    assert grad(lambda p: p[0] * p[1]["a"])([2.0, {"a": 3.0}]) == [3.0, {"a": 2.0}]
    _, pull = vjp(np.exp, 1.0)
    assert pull(0.1)[0] == pytest.approx(0.1 * np.e, rel=1e-15)
    assert jvp(lambda x: x * X, [1.0], [0.1])[1].tolist() == (0.1 * X).tolist()
    assert vjp(each, X)[1]([0.1, 0.2])[0].tolist() == (np.array([0.1, 0.2]) * 3 * X**2).tolist()


def test_a_result_that_is_no_tensor_is_a_constant():
    for constant in (1.5, 2, np.float64(1.5), np.array(1.5), np.array([1.5])):
        value, gradient = value_and_grad(lambda x, c=constant: c)(X)
        assert value == constant
        assert gradient.tolist() == [0, 0]
    assert grad(grad(lambda x: x if x > 0 else 0.0))(-1.0) == 0
    assert jacobian(lambda x: [x, np.ones(2), 1.0])(X)[1].tolist() == np.zeros((2, 2)).tolist()
    assert hessian(lambda x: 3.0)(X).tolist() == np.zeros((2, 2)).tolist()
    _, moved = jvp(lambda x: (x * 2, T), [X], [T])
    assert moved[1].tolist() == [0, 0]
    assert vjp(lambda x: (x * 2, T), X)[1]((T, T))[0].tolist() == (2 * T).tolist()


def test_none_is_a_part_of_a_structure():
    gradient = grad(lambda p: (p["w"] ** 2).sum() if p["b"] is None else None)
    found = gradient({"w": X, "b": None})
    assert found["w"].tolist() == (2 * X).tolist()
    assert found["b"] is None
    (_, nothing), pull = vjp(lambda x: (x * 2, None), X)
    assert nothing is None
    assert pull((T, None))[0].tolist() == (2 * T).tolist()


def test_a_seed_and_a_tangent_are_matched_by_name_and_not_by_order():
    p, t = {"a": X, "b": X}, {"b": np.zeros(2), "a": T}
    _, moved = jvp(lambda p: p["a"] * 1, [p], [t])
    assert moved.tolist() == T.tolist()
    assert hvp(lambda p: (p["a"] ** 2).sum(), [p], [t])[0]["a"].tolist() == (2 * T).tolist()
    _, pull = vjp(lambda x: {"a": x * 2, "b": x * 3}, X)
    assert pull(t)[0].tolist() == (2 * T).tolist()
    with pytest.raises(ValueError, match=r"the seed must be a dict of \['a', 'b'\]"):
        pull({"a": T})
    with pytest.raises(ValueError, match=r"tangent 0\['b'\] must be a list of 2"):
        jvp(lambda p: p["a"], [{"a": X, "b": [X, X]}], [{"a": X, "b": [X]}])


Pair = namedtuple("Pair", "a b")


def test_named_tuples_come_back_as_they_are():
    found = grad(lambda p: (p.a * p.b).sum())(Pair(X, T))
    assert isinstance(found, Pair)
    assert found.b.tolist() == X.tolist()


# aux -----------------------------------------------------------------------------------------------------


def test_what_f_returns_beside_its_result_comes_back_plain_or_with_the_history_that_reaches_out():
    def f(x, w):
        y = x**2
        return (y * w).sum(), {"y": y, "n": 3, "word": "a", "x": x, "of w": y.detach() * w}

    gradient, aux = grad(f, has_aux=True)(X, 2.0)
    assert gradient.tolist() == (4 * X).tolist()
    assert aux["y"].tolist() == (X**2).tolist()
    assert (aux["n"], aux["word"], aux["x"].tolist()) == (3, "a", X.tolist())
    assert type(aux["y"]) is type(aux["x"]) is np.ndarray
    w = Tensor(2.0, requires_grad=True)
    (value, aux), gradient = value_and_grad(f, has_aux=True)(X, w)
    assert value.requires_grad
    assert gradient.requires_grad
    assert not aux["y"].requires_grad
    assert mg.grad(aux["of w"].sum(), w).item() == (X**2).sum()


def test_the_aux_alone_may_reach_out():
    w = Tensor(2.0, requires_grad=True)

    def f(x):
        y = x**2
        return y.sum(), (y * w).sum()

    gradient, aux = grad(f, has_aux=True)(X)
    assert gradient.data.tolist() == (2 * X).tolist()
    aux.backward()  # through what the gradient went through too
    assert w.grad.item() == (X**2).sum()


def test_an_aux_without_tensors_is_the_object_that_f_returned():
    class Log(list):  # cannot be made anew from its members alone
        def __init__(self, members, name):
            super().__init__(members)

    log = Log([1, "a"], "log")
    assert grad(lambda x: (x.sum(), log), has_aux=True)(X)[1] is log
    assert grad(lambda x: (x.sum(), {"log": log, "x": x}), has_aux=True)(X)[1]["log"] is log


# Memory --------------------------------------------------------------------------------------------------


def test_a_value_may_be_written_and_the_derivative_stays_right():
    for transform in (vjp, linearize):
        value, derivative = transform(np.exp, X)
        expected = np.exp(X) * T
        value[:] = 0
        found = derivative(T)
        np.testing.assert_array_equal(found[0] if transform is vjp else found, expected)


def test_no_two_results_share_memory():
    x, y = X.copy(), X.copy()
    w = Tensor(2.0, requires_grad=True)
    for f in (lambda x, y: (x + y).sum(), lambda x, y: (x + y).sum() + w):
        gx, gy = grad(f, (0, 1))(x, y)
        gx *= 2
        assert gy.tolist() == [1, 1]
    value, _ = vjp(lambda x: (x, x), x)
    value[0][:] = 0
    assert value[1].tolist() == x.tolist() == X.tolist()
    a, b = hvp(lambda x, y: ((x + y) ** 2).sum(), [x, y], [x, y])
    assert not np.shares_memory(a, b)


def test_the_gradient_by_an_argument_is_that_at_the_time_of_the_call():
    x = X.copy()
    _, pull = vjp(each, x)
    x[:] = 0
    assert pull(np.ones(2))[0].tolist() == (3 * X**2).tolist()


# The two grads -------------------------------------------------------------------------------------------


def test_grad_of_a_tensor_is_as_it_was_by_place_and_by_name():
    x = Tensor(X, requires_grad=True)
    for found in (
        grad(cubes(x), x),
        grad(y=cubes(x), xs=x),
        grad(cubes(x), xs=[x], create_graph=True)[0],
    ):
        np.testing.assert_array_equal(found.data, 3 * X**2)


def test_grad_of_anything_that_can_be_called_is_a_function():
    model = nn.Sequential(nn.Linear(2, 1, dtype="float64"))
    assert grad(lambda x: model(x).sum())(X[None]).shape == (1, 2)
    assert grad(np.tanh)(0.0) == 1
    assert grad(nn.Tanh())(0.0) == 1
    assert grad(f=cubes, argnums=0)(X).tolist() == (3 * X**2).tolist()
    assert grad(lambda a, b: a * b, -1)(2.0, 3.0) == 2
    assert grad(lambda a, b: a * b, (1, -2))(2.0, 3.0) == (2, 3)
    assert callable(mg.grad)
    assert "create_graph" in inspect.getdoc(mg.grad)


@pytest.mark.parametrize(
    ("words", "call"),
    [
        ("a Tensor is differentiated by others", lambda: grad(cubes(Tensor(X, requires_grad=True)))),
        ("a float has no gradient; pass a function", lambda: grad(3.0)),
        ("a NoneType has no gradient", lambda: grad()),
        ("argnums must be an integer or several, not shape", lambda: grad(cubes, X)(X)),
        ("argnums must be an integer or several, not shape", lambda: grad(cubes, Tensor(X))(X)),
        ("argument 0 is of dtype int64.*convert it: x.astype", lambda: grad(cubes)(np.arange(3))),
        ("argument 0 is of dtype int64.*float", lambda: grad(cubes)(3)),
        ("argument 0 is of dtype bool", lambda: grad(cubes)(True)),
        ("argument 0 is of dtype complex128", lambda: grad(cubes)(X * 1j)),
        (r"argument 0\['name'\] is a str, and only floats", lambda: grad(cubes)({"name": "w"})),
        (r"argument 0\[1\] is a function, and only floats", lambda: grad(cubes)([X, cubes])),
        ("has_aux=True f must return a tuple", lambda: grad(cubes, has_aux=True)(X)),
        ("the primals are a ndarray; pass a list or tuple", lambda: hvp(cubes, X, T)),
        ("the tangents are a ndarray; pass a list or tuple", lambda: jvp(each, [X], T)),
        (r"the result of f\[1\] is a str; a Tensor is needed", lambda: jacobian(lambda x: (x, "y"))(X)),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_with_the_remedy(words, call):
    with pytest.raises(TypeError, match=words):
        call()


def test_results_that_are_no_scalar_and_arguments_that_are_missing_are_named():
    with pytest.raises(ValueError, match="scalar Tensor, not a list; reduce it"):
        grad(lambda x: [x.sum()])(X)
    with pytest.raises(ValueError, match="by name are not differentiated"):
        grad(lambda x: x.sum())(x=X)
    with pytest.raises(ValueError, match="2 tangents for 1 primals"):
        linearize(each, X)[1](T, T)


# linearize and elementwise_grad --------------------------------------------------------------------------


def test_a_linearised_gradient_multiplies_with_the_hessian_without_computing_f_again():
    calls = []

    def f(x):
        calls.append(1)
        return (np.sin(x) * x[::-1]).sum()

    gradient, times = linearize(grad(f), X)
    np.testing.assert_array_equal(gradient, grad(f)(X))
    H, calls[:] = hessian(f)(X), []
    for t in np.eye(2):
        np.testing.assert_allclose(times(t), H @ t, rtol=1e-14, atol=1e-15)
    assert calls == []


def test_elementwise_grad_is_the_sum_of_the_rows_of_the_jacobian_and_nests():
    np.testing.assert_array_equal(elementwise_grad(each)(X), 3 * X**2)
    np.testing.assert_allclose(
        elementwise_grad(elementwise_grad(np.tanh))(X), -2 * np.tanh(X) * (1 - np.tanh(X) ** 2)
    )
    A = np.arange(4.0).reshape(2, 2)
    np.testing.assert_array_equal(elementwise_grad(lambda x: A @ x)(X), A.sum(0))
    assert elementwise_grad(lambda a, b: a * b, (0, 1))(X, T)[1].tolist() == X.tolist()
    assert elementwise_grad(lambda x: {"a": x * 2, "b": x**2})(X).tolist() == (2 + 2 * X).tolist()


def test_each_argument_of_pytorchs_grad_is_ours_or_is_told_what_to_write(torch):
    leaf = Tensor(X, requires_grad=True)
    theirs = set(inspect.signature(torch.autograd.grad).parameters)
    assert {"outputs", "inputs", "grad_outputs"} < theirs
    for name in theirs - {"create_graph", "retain_graph"}:
        for args in ((), (cubes(leaf), leaf)):
            with pytest.raises(TypeError, match=f"grad has no argument '{name}'; [a-z ]{{8}}"):
                grad(*args, **{name: None})
