"""SciPy's linear algebra: its values and options, identities, edges, and what is said where SciPy is not installed."""

import sys

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, check_grads, grad
from minigrad.ops.kernels import matrices

scipy_linalg = pytest.importorskip("scipy.linalg", reason="SciPy is not installed")


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def leaf(a):
    return Tensor(np.asarray(a, float), requires_grad=True)


@pytest.mark.parametrize("trans", [0, 1, 2, "N", "T", "C"])
@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("unit_diagonal", [False, True])
def test_a_triangular_system_is_scipys_and_the_other_triangle_has_no_gradient(
    trans, lower, unit_diagonal
):
    a, b = draw(3, 3) + 2 * np.eye(3), draw(3, 2, seed=1)
    options = {"trans": trans, "lower": lower, "unit_diagonal": unit_diagonal}
    x, y = leaf(a), leaf(b)
    found = mg.solve_triangular(x, y, **options)
    expected = scipy_linalg.solve_triangular(a, b, **options)
    np.testing.assert_allclose(found.data, expected, rtol=1e-12)
    toward_a = grad((found**2).sum(), x).data
    other = np.triu if lower else np.tril
    assert not other(toward_a, 0 if unit_diagonal else 1 if lower else -1).any()
    check_grads(lambda a, b: mg.solve_triangular(a, b, **options), [a, b], order=3, rtol=1e-4)
    stacked = mg.solve_triangular(np.stack([a, 2 * a]), b, **options)  # by another way
    np.testing.assert_allclose(stacked[0], expected, rtol=1e-12)


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("b", [(3,), (3, 2), (2, 3, 2)], ids=str)
def test_cholesky_solve_solves_the_system_of_the_matrix_that_was_factored(upper, b):
    a, b = draw(3, 3), draw(*b, seed=1)
    a = a @ a.T + np.eye(3)
    found = mg.cholesky_solve(b, mg.cholesky(a, upper=upper), upper)
    np.testing.assert_allclose(found, mg.solve(a, b), rtol=1e-10)
    x, y = leaf(a), leaf(b)
    by_factor = grad((mg.cholesky_solve(y, mg.cholesky(x, upper=upper), upper) ** 2).sum(), [x, y])
    directly = grad((mg.solve(x, y) ** 2).sum(), [x, y])
    symmetric = (directly[0] + directly[0].mT) / 2
    np.testing.assert_allclose(by_factor[0].data, symmetric.data, rtol=1e-9)
    np.testing.assert_allclose(by_factor[1].data, directly[1].data, rtol=1e-9)


@pytest.mark.parametrize("count", [2, 3])
def test_one_vector_is_solved_for_by_each_factor_of_a_stack(count):
    a, b = draw(count, 3, 3), draw(3, seed=1)
    a = a @ a.mT + np.eye(3)
    found = mg.cholesky_solve(leaf(b), mg.cholesky(a))
    np.testing.assert_allclose(found.data, mg.solve(a, b), rtol=1e-10)


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 2), (0, 2, 2), (2, 0)], ids=str)
def test_lu_gives_the_matrix_back_and_is_scipys(shape):
    a = draw(*shape)
    p, lower, u = mg.lu(leaf(a))
    np.testing.assert_allclose((p @ lower @ u).data, a, atol=1e-12)
    if len(shape) == 2 and a.size:
        for found, expected in zip((p, lower, u), scipy_linalg.lu(a), strict=True):
            np.testing.assert_array_equal(found.data, expected)
    rows, rest = mg.lu(leaf(a), permute_l=True)
    np.testing.assert_array_equal(rows.data, (p @ lower).data)
    np.testing.assert_array_equal(rest.data, u.data)
    if a.size:
        for part in (1, 2):
            check_grads(lambda x, part=part: mg.lu(x)[part], [a], order=3, rtol=1e-4, eps=1e-5)


def test_the_lu_of_dependent_columns_has_a_gradient_of_nan_in_its_matrix_alone():
    x = leaf(np.stack([np.outer([1.0, 2, 3], [1.0, 2]), draw(3, 2)]))
    found = grad((mg.lu(x).L ** 2).sum(), x).data
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()


@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3), (1, 1)], ids=str)
def test_the_exponential_and_the_root_are_scipys_with_derivatives_of_order_3(shape):
    a = draw(*shape) + 3 * np.eye(shape[-1])
    for f, theirs in [(mg.expm, scipy_linalg.expm), (mg.sqrtm, scipy_linalg.sqrtm)]:
        expected = np.stack([theirs(m) for m in a.reshape(-1, *shape[-2:])]).reshape(shape)
        np.testing.assert_allclose(f(leaf(a)).data, expected, rtol=1e-12)
        check_grads(f, [a], order=3, rtol=1e-4, eps=1e-5)
    root = mg.sqrtm(a)
    np.testing.assert_allclose(root @ root, a, atol=1e-12)


def test_the_gradient_of_the_exponential_is_scipys_frechet_derivative_whatever_the_seeds_size():
    a, seed = draw(4, 4), draw(4, 4, seed=1)
    expected = scipy_linalg.expm_frechet(a.T, seed, compute_expm=False)
    for scale in (1e-200, 1.0, 1e8, 1e200):
        x = leaf(a)
        (found,) = grad(mg.expm(x), [x], seed * scale)
        np.testing.assert_allclose(found.data / scale, expected, rtol=1e-12)


def test_the_exponential_of_equal_eigenvalues_and_of_a_nilpotent_matrix_has_a_gradient():
    for a in (np.zeros((2, 2)), np.eye(2), np.array([[0.0, 1], [0, 0]])):
        check_grads(mg.expm, [a], order=3, rtol=1e-4, eps=1e-4)
    check_grads(mg.sqrtm, [4 * np.eye(2)], order=2)


@pytest.mark.filterwarnings("ignore:Matrix is singular")
def test_the_gradient_of_the_root_of_a_singular_matrix_is_as_good_as_infinite():
    for a in (np.diag([1.0, 0]), np.zeros((2, 2))):
        x = leaf(a)
        assert grad(mg.sqrtm(x).sum(), x).data.max() > 1e15


def test_a_complex_root_is_refused():
    with pytest.raises(ValueError, match=r"sqrtm: a matrix has a negative eigenvalue.*complex"):
        mg.sqrtm(leaf(np.diag([1.0, -1])))
    with pytest.raises(ValueError, match="complex"):
        mg.sqrtm(leaf(np.stack([np.eye(2), -np.eye(2)])))


def test_plain_versions_give_what_scipy_gives():
    for shape in [(3, 3), (4, 2), (2, 4)]:
        for found, expected in zip(
            matrices.lu_by_columns(draw(*shape)), matrices.lu(draw(*shape)), strict=True
        ):
            np.testing.assert_allclose(found, expected, atol=1e-12)
    for scale in (0.0, 0.1, 1, 10):
        a = scale * draw(2, 4, 4)
        np.testing.assert_allclose(
            matrices.expm_by_squaring(a), matrices.expm(a), rtol=1e-10, atol=1e-10
        )


@pytest.mark.parametrize(
    "call",
    [
        lambda x: mg.expm(x),
        lambda x: mg.sqrtm(x),
        lambda x: mg.lu(x),
        lambda x: mg.solve_triangular(x, x),
    ],
)
def test_without_scipy_the_error_names_the_extra_that_installs_it(call, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.linalg", None)
    with pytest.raises(ImportError, match=r"pip install minigrad\[scipy\]"):
        call(leaf(np.eye(2)))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda a: mg.solve_triangular(a, a, trans=3), "solve_triangular: trans must be 0, 1, 2"),
        (lambda a: mg.solve_triangular(a, a[:2]), r"solve_triangular: a has shape \(3, 3\) and b"),
        (lambda a: mg.solve_triangular(a[:2], a), r"solve_triangular: a has shape \(2, 3\); a sq"),
        (lambda a: mg.solve_triangular(0 * a, a), "singular|resolution failed"),
        (lambda a: mg.expm(a[:2]), r"expm: a has shape \(2, 3\)"),
        (lambda a: mg.sqrtm(a[0]), r"sqrtm: a has shape \(3,\)"),
    ],
)
def test_what_does_not_fit_is_named(call, match):
    with pytest.raises(ValueError, match=match):
        call(leaf(draw(3, 3)))
