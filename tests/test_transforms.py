"""Transforms: each against the definition it stands for, nested containers, nesting, and what they refuse."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, hessian, hvp, jacobian, jvp, value_and_grad, vjp

rng = np.random.default_rng(0)
A = rng.standard_normal((3, 3))
X = rng.standard_normal(3)
T = rng.standard_normal(3)


def scalar(x):
    return (np.sin(x) * (A @ x)).sum()


def vector(x):
    return np.tanh(A @ x) * x


def numeric_jacobian(f, x, eps=1e-6):
    columns = []
    for place in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[place] = eps
        columns.append((f(Tensor(x + step)).data - f(Tensor(x - step)).data) / (2 * eps))
    return np.stack(columns, -1).reshape(columns[0].shape + x.shape)


def test_a_jacobian_and_a_hessian_are_the_matrices_of_partial_derivatives():
    np.testing.assert_allclose(jacobian(vector)(X), numeric_jacobian(vector, X), atol=1e-8)

    def gradient(x):
        return value_and_grad(scalar)(x)[1]

    H = hessian(scalar)(X)
    np.testing.assert_allclose(H, numeric_jacobian(gradient, X), atol=1e-8)
    np.testing.assert_allclose(H, H.T, atol=1e-14)


@pytest.mark.parametrize("shape", [(), (2,), (2, 3), (0,)])
def test_a_jacobian_has_the_shape_of_the_result_and_then_of_the_argument(shape):
    x = np.random.default_rng(1).standard_normal(shape)
    J = jacobian(lambda x: mg.stack([x * 2, x * x]))(x)
    assert J.shape == (2, *shape, *shape)
    assert J.dtype == x.dtype
    assert jacobian(lambda x: x[:0] * 1)(np.ones(3)).shape == (0, 3)


def test_products_are_the_jacobian_times_a_vector_on_either_side():
    J = jacobian(vector)(X)
    value, pull = vjp(vector, X)
    np.testing.assert_array_equal(value, vector(Tensor(X)).data)
    for _ in range(2):
        np.testing.assert_allclose(pull(T)[0], T @ J, rtol=1e-12)
    value, moved = jvp(vector, [X], [T])
    np.testing.assert_array_equal(value, vector(Tensor(X)).data)
    np.testing.assert_allclose(moved, J @ T, rtol=1e-12)
    np.testing.assert_allclose(hvp(scalar, [X], [T])[0], hessian(scalar)(X) @ T, rtol=1e-12)


def test_they_agree_with_pytorch_and_with_each_other_on_several_arguments():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    rng = np.random.default_rng(1)
    W, b = rng.standard_normal((2, 3)), rng.standard_normal(2)

    def f(W, x, b):
        return np.exp(np.tanh(W @ x) + b).sum()

    def f_torch(W, x, b):
        return torch.exp(torch.tanh(W @ x) + b).sum()

    ours = hessian(f, argnums=(0, 1, 2))(W, X, b)
    theirs = torch.autograd.functional.hessian(f_torch, tuple(map(torch.tensor, (W, X, b))))
    for row, row_torch in zip(ours, theirs, strict=True):
        for block, block_torch in zip(row, row_torch, strict=True):
            np.testing.assert_allclose(block, block_torch, rtol=1e-10, atol=1e-12)
    value, (gW, gb) = value_and_grad(f, argnums=(0, 2))(W, X, b)
    assert gW.shape == W.shape
    np.testing.assert_allclose(gb, np.exp(np.tanh(W @ X) + b), rtol=1e-12)
    assert type(value) is np.float64


def test_structures_of_lists_tuples_and_dicts_are_answered_in_kind():
    parameters = {"layers": [{"w": A, "b": X}, {"w": A.T, "b": -X}], "scale": (np.array(2.0),)}

    def loss(p, x):
        for layer in p["layers"]:
            x = np.tanh(layer["w"] @ x + layer["b"])
        return (x * p["scale"][0]).sum()

    value, g = value_and_grad(loss)(parameters, T)
    assert isinstance(g["scale"], tuple)
    assert [sorted(layer) for layer in g["layers"]] == [["b", "w"], ["b", "w"]]
    np.testing.assert_allclose(g["scale"][0], value / 2, rtol=1e-12)
    direction = {"layers": [{"w": A, "b": X}, {"w": A, "b": T}], "scale": (np.array(0.5),)}
    _, slope = jvp(lambda p: {"out": [loss(p, T)]}, [parameters], [direction])
    inner = sum(
        (np.asarray(a) * np.asarray(b)).sum()
        for ga, d in zip(g["layers"], direction["layers"], strict=True)
        for a, b in ((ga["w"], d["w"]), (ga["b"], d["b"]))
    )
    np.testing.assert_allclose(slope["out"][0], inner + g["scale"][0] * 0.5, rtol=1e-12)


LAYOUTS = {
    "row-major": np.ascontiguousarray,
    "column-major": np.asfortranarray,
    "a view with steps": lambda a: np.repeat(a, 2, -1)[..., ::2],
    "backwards": lambda a: a[::-1].copy()[::-1],
    "permuted axes": lambda a: np.ascontiguousarray(np.moveaxis(a, 0, -1)).transpose(
        -1, *range(a.ndim - 1)
    ),
}
OF_LAYOUTS = {
    "a linear layer": lambda W: np.tanh(A[:2] @ W.T),
    "a transposed value": lambda W: (W * W).T,
    "an einsum": lambda W: np.einsum("ij,kj->ki", W, A) * W.sum(),
    "column-major": lambda W: np.sin(W.T.reshape(-1).reshape(2, 3).T),
    "flipped": lambda W: np.flip(W * np.exp(W), (0, 1)),
}


@pytest.mark.parametrize("f", OF_LAYOUTS.values(), ids=OF_LAYOUTS)
@pytest.mark.parametrize("laid_out", LAYOUTS.values(), ids=LAYOUTS)
def test_no_transform_depends_on_how_an_argument_or_a_result_lies_in_memory(f, laid_out):
    W = np.random.default_rng(5).standard_normal((2, 3))
    J = numeric_jacobian(f, W)

    def scalar(W):
        return (f(W) ** 2).sum()

    def gradient(W):
        return value_and_grad(scalar)(W)[1]

    H = numeric_jacobian(gradient, W)
    x, t = laid_out(W), laid_out(np.random.default_rng(6).standard_normal(W.shape))
    y = f(Tensor(W)).data
    u = np.random.default_rng(7).standard_normal(y.shape)
    for found, expected in (
        (jacobian(f, mode="forward")(x), J),
        (jacobian(f, mode="reverse")(x), J),
        (vjp(f, x)[1](laid_out(u))[0], np.tensordot(u, J, u.ndim)),
        (jvp(f, [x], [t])[1], np.tensordot(J, t, t.ndim)),
        (gradient(x), 2 * np.tensordot(y, J, y.ndim)),
        (hessian(scalar)(x), H),
        (hvp(scalar, [x], [t])[0], np.tensordot(H, t, t.ndim)),
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("shape", [(3, 4, 2), (2, 1, 4, 3)], ids=lambda shape: f"{len(shape)} axes")
@pytest.mark.parametrize("laid_out", LAYOUTS.values(), ids=LAYOUTS)
def test_the_jacobian_of_a_permutation_is_that_permutation(shape, laid_out):
    x = laid_out(np.random.default_rng(8).standard_normal(shape))
    for mode in ("forward", "reverse"):
        J = jacobian(lambda x: x.transpose(*reversed(range(x.ndim))) * 1, mode=mode)(x)
        unit = np.eye(x.size).reshape(shape + shape)
        expected = unit.transpose(*reversed(range(x.ndim)), *range(x.ndim, 2 * x.ndim))
        np.testing.assert_array_equal(J, expected)


def test_outputs_that_are_no_floats_and_mixed_dtypes_have_one_jacobian_whatever_the_size_and_the_mode():
    for n in (1, 100):  # auto takes rows for the first, columns for the second

        def f(x, n=n):
            return (
                x.sum() * np.ones(n),
                np.argmax(x) + np.zeros(n, int),
                x.astype("float64").sum() * np.ones(n),
            )

        x = np.array([1.0, 3.0, 2.0], np.float32)
        found = [jacobian(f, mode=mode)(x) for mode in ("auto", "forward", "reverse")]
        for of_mode in found:
            for J, expected in zip(
                of_mode, (np.ones((n, 3)), np.zeros((n, 3)), np.ones((n, 3))), strict=True
            ):
                assert J.dtype == np.float32
                np.testing.assert_array_equal(J, expected)
        (_, index, _), (slope, of_index, _) = jvp(f, [x], [np.ones(3)])
        assert index.dtype.kind == "i"
        assert slope.tolist() == [3] * n
        assert of_index.tolist() == [0] * n


def test_argnums_may_be_any_integer():
    for place in (1, np.int64(1), np.array(1)):
        assert value_and_grad(lambda a, b: a * b, place)(2.0, 5.0)[1].item() == 2


def test_what_does_not_depend_on_an_argument_has_gradient_zero():
    def f(x, z):
        return (x * x).sum()

    _, (gx, gz) = value_and_grad(f, argnums=(0, 1))(X, T)
    np.testing.assert_array_equal(gz, np.zeros(3))
    assert gx.shape == (3,)
    assert jacobian(lambda x: Tensor(np.ones(2)) * 1)(X).tolist() == np.zeros((2, 3)).tolist()
    assert hvp(lambda x: x.sum(), [X], [T])[0].tolist() == [0, 0, 0]
    assert jvp(lambda x: Tensor(np.ones(2)) * 1, [X], [T])[1].tolist() == [0, 0]


def test_transforms_nest_to_any_order():
    third = jacobian(hessian(lambda x: (x**4).sum()))(np.array([2.0]))
    assert third.item() == pytest.approx(48)
    x = Tensor(X, requires_grad=True)
    _, g = value_and_grad(scalar)(x)
    (again,) = mg.grad((g * T).sum(), [x])
    np.testing.assert_allclose(again.data, hessian(scalar)(X) @ T, rtol=1e-12)
    # a derivative of a derivative along two directions, forward over forward
    _, curvature = jvp(lambda x: jvp(scalar, [x], [T])[1], [X], [T])
    np.testing.assert_allclose(curvature, T @ hessian(scalar)(X) @ T, rtol=1e-10)


def test_what_the_function_uses_from_outside_is_a_constant_even_if_it_is_the_argument_itself():
    x = Tensor(X, requires_grad=True)
    _, g = value_and_grad(lambda z: (z * x).sum())(x)
    np.testing.assert_array_equal(g.data, X)
    assert x.grad is None


def test_no_grad_is_left_behind_and_arguments_are_not_touched():
    w = mg.Tensor(A, requires_grad=True)
    value_and_grad(lambda x: (w @ x).sum())(X)
    assert w.grad is None


@pytest.mark.parametrize(
    ("error", "words", "call"),
    [
        (ValueError, r"scalar Tensor, not shape \(3,\)", lambda: value_and_grad(vector)(X)),
        (ValueError, "scalar Tensor, not a str", lambda: value_and_grad(lambda x: "1.0")(X)),
        (TypeError, r"argument 0\['n'\] is of dtype int64", lambda: value_and_grad(lambda p: p)({"n": np.arange(3)})),
        (ValueError, "no positional argument 1", lambda: value_and_grad(scalar, argnums=1)(X)),
        (ValueError, r"tangents have shapes \[\(2,\)\], the primals \[\(3,\)\]", lambda: jvp(vector, [X], [X[:2]])),
        (ValueError, r"the seeds have shapes \[\(2, 3\)\], the results of f", lambda: vjp(vector, X)[1]([X, X])),
        (TypeError, "the result of f is a NoneType", lambda: jacobian(lambda x: None)(X)),
    ],
)  # fmt: skip
def test_bad_input_is_named(error, words, call):
    with pytest.raises(error, match=words):
        call()
