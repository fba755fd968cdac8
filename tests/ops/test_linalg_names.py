"""All of np.linalg on Tensors: each function is NumPy's with gradients, or without one by its nature, or refused."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, check_grads

A = np.random.default_rng(0).standard_normal((3, 3))
S = A @ A.T + np.eye(3)
STACK = np.random.default_rng(1).standard_normal((2, 3, 4))

CALLS = {  # name: calls of it with one matrix, beside which everything else is given
    "cholesky": [lambda f, a: f(a @ a.mT), lambda f, a: f(a @ a.mT, upper=True)],
    "cond": [lambda f, a: f(a), lambda f, a: f(a, 1)],
    "cross": [lambda f, a: f(a, S), lambda f, a: f(a, S[0]), lambda f, a: f(a, S, axis=0)],
    "det": [lambda f, a: f(a)],
    "diagonal": [lambda f, a: f(a), lambda f, a: f(a * STACK[:, :, :3], offset=1)],
    "eigh": [lambda f, a: f(a @ a.mT).eigenvalues, lambda f, a: f(a @ a.mT, "U")[1] ** 2],
    "eigvalsh": [lambda f, a: f(a @ a.mT), lambda f, a: f(a @ a.mT, UPLO="U")],
    "inv": [lambda f, a: f(a)],
    "lstsq": [lambda f, a: f(a[:, :2], S)[0], lambda f, a: f(a[:, :2], S[0])[1]],
    "matmul": [lambda f, a: f(a, STACK), lambda f, a: f(a[0], a)],
    "matrix_norm": [
        *[lambda f, a, o=o: f(a * STACK[:, :, :3], ord=o) for o in ("fro", "nuc", 1, -1, 2, -2, np.inf)],
        lambda f, a: f(a, keepdims=True),
    ],
    "matrix_power": [lambda f, a: f(a, 3), lambda f, a: f(a, -2)],
    "matrix_transpose": [lambda f, a: f(a)],
    "multi_dot": [lambda f, a: f([a, S, a])],
    "norm": [lambda f, a, o=o: f(a, o) for o in (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)],
    "outer": [lambda f, a: f(a[0], a[1])],
    "pinv": [lambda f, a: f(a[:2]), lambda f, a: f(a @ a.mT, hermitian=True)],
    "qr": [lambda f, a: f(a).Q, lambda f, a: f(a[:2])[1], lambda f, a: f(a, "r")],
    "slogdet": [lambda f, a: f(a).logabsdet],
    "solve": [lambda f, a: f(a, S), lambda f, a: f(S, a[0])],
    "svd": [lambda f, a: f(a).S, lambda f, a: f(a[:2]).U ** 2, lambda f, a: f(a, compute_uv=False)],
    "svdvals": [lambda f, a: f(a[:2])],
    "tensordot": [lambda f, a: f(a, S, axes=1), lambda f, a: f(a, S, axes=((0,), (1,)))],
    "tensorinv": [lambda f, a: f(a, ind=1)],
    "tensorsolve": [lambda f, a: f(a, S[0])],
    "trace": [lambda f, a: f(a), lambda f, a: f(a * STACK[:, :, :3], offset=-1)],
    "vecdot": [lambda f, a: f(a, S), lambda f, a: f(a, S, axis=0)],
    "vector_norm": [
        lambda f, a: f(a), lambda f, a: f(a, ord=3, keepdims=True), lambda f, a: f(a, axis=0, ord=np.inf),
        lambda f, a: f(a * STACK[:, :, :3], axis=(2, 0), ord=1),
        lambda f, a: f(a * STACK[:, :, :3], axis=(0, 2), keepdims=True),
    ],
}  # fmt: skip
WITHOUT_GRADIENT = {"matrix_rank"}
REFUSED = {"eig", "eigvals"}
"""General matrices have complex eigenvalues."""


def test_every_function_of_the_module_is_in_one_list():
    found = {n for n in np.linalg.__all__ if callable(getattr(np.linalg, n)) and n != "LinAlgError"}
    assert found == CALLS.keys() | WITHOUT_GRADIENT | REFUSED
    assert len(found) == len(CALLS) + len(WITHOUT_GRADIENT) + len(REFUSED)


@pytest.mark.parametrize("name", CALLS)
def test_a_function_gives_on_a_tensor_what_it_gives_on_an_array_with_right_gradients(name):
    f = getattr(np.linalg, name)
    for call in CALLS[name]:
        expected, found = call(f, A), call(f, Tensor(A, requires_grad=True))
        assert found.requires_grad
        assert found.shape == expected.shape
        np.testing.assert_allclose(found.data, expected, rtol=1e-9, atol=1e-12)
        check_grads(lambda a, call=call, f=f: call(f, a), [A], order=2, rtol=1e-3)


@pytest.mark.parametrize("name", WITHOUT_GRADIENT)
def test_a_function_of_whole_numbers_acts_on_the_data(name):
    found = getattr(np.linalg, name)(Tensor(A, requires_grad=True))
    assert found.item() == getattr(np.linalg, name)(A)
    assert not found.requires_grad


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_function_without_a_rule_is_refused_by_its_name(name):
    with pytest.raises(TypeError, match=rf"np\.linalg\.{name} has no gradient rule"):
        getattr(np.linalg, name)(Tensor(A, requires_grad=True))


def test_np_linalg_outer_takes_vectors_alone_as_numpys():
    x = Tensor(A, requires_grad=True)
    with pytest.raises(ValueError, match=r"np.linalg.outer: x1 has shape \(3, 3\)"):
        np.linalg.outer(x, x)
    assert mg.outer(x, x).shape == (9, 9)
