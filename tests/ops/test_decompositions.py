"""Singular values, QR and eigenvalues: options, ties, zeros, dependent columns, and what LAPACK is not given."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, check_grads, grad

SHAPES = [(3, 3), (4, 2), (2, 4), (2, 3, 2), (2, 1, 2, 3), (0, 2, 3), (3, 0), (0, 0)]


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def leaf(a):
    return Tensor(np.asarray(a, float), requires_grad=True)


def parts(y):
    return list(y) if isinstance(y, tuple) else [y]


# NumPy's values and options ------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(
    "f",
    [
        lambda a: np.linalg.svd(a),
        lambda a: np.linalg.svd(a, full_matrices=False),
        lambda a: np.linalg.svd(a, compute_uv=False),
        lambda a: np.linalg.svdvals(a),
        lambda a: np.linalg.qr(a),
        lambda a: np.linalg.qr(a, "r"),
        lambda a: np.linalg.qr(a[..., : a.shape[-1], :], mode="complete"),
        lambda a: np.linalg.pinv(a),
        lambda a: np.linalg.pinv(a, 0.5),
        lambda a: np.linalg.pinv(a, rtol=None),
    ],
)
def test_numpys_function_on_a_tensor_gives_numpys_values_with_their_names_and_a_history(f, shape):
    a = draw(*shape)
    try:
        expected = f(a)
    except np.linalg.LinAlgError:
        with pytest.raises(np.linalg.LinAlgError):
            f(leaf(a))
        return
    found = f(leaf(a))
    assert getattr(found, "_fields", None) == getattr(expected, "_fields", None)
    for y, z in zip(parts(found), parts(expected), strict=True):
        assert y.shape == z.shape
        assert y.requires_grad
        np.testing.assert_allclose(y.data, z, atol=1e-12)


@pytest.mark.parametrize("p", [None, 2, -2, "fro", "nuc", 1, -1, np.inf, -np.inf], ids=str)
def test_the_condition_number_is_numpys_with_a_gradient(p):
    a = draw(2, 3, 3)
    np.testing.assert_allclose(np.linalg.cond(leaf(a), p).data, np.linalg.cond(a, p), rtol=1e-12)
    check_grads(lambda x: mg.cond(x, p), [a], rtol=1e-4)


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("p", [None, 2, -2])
def test_the_condition_number_of_zeros_is_numpys_inf(p):
    a = np.stack([np.zeros((2, 3)), draw(2, 3)])
    np.testing.assert_allclose(np.linalg.cond(leaf(a), p).data, np.linalg.cond(a, p), rtol=1e-12)


def test_of_a_hermitian_matrix_the_lower_triangle_is_read_and_the_gradient_symmetric():
    s = draw(3, 3)
    s = s + s.T
    other = s + np.triu(np.full((3, 3), 9.0), 1)
    for f in (
        lambda x: np.linalg.svd(x, hermitian=True).S,
        lambda x: np.linalg.pinv(x, hermitian=True),
        lambda x: np.linalg.eigvalsh(x),
    ):
        np.testing.assert_allclose(f(leaf(other)).data, f(s), atol=1e-12)
        x = leaf(other)
        (found,) = grad((f(x) * np.arange(3)).sum(), [x])
        np.testing.assert_allclose(found.data, found.data.T, atol=1e-12)
        check_grads(lambda x, f=f: f((x + x.mT) / 2), [s])
    upper = np.linalg.eigvalsh(leaf(other), "U").data
    np.testing.assert_allclose(upper, np.linalg.eigvalsh(other, "U"), atol=1e-12)


# Vectors that a matrix does not determine ----------------------------------------------------------------


def test_the_vectors_of_full_matrices_may_be_had_but_not_depended_on():
    a, seed = draw(4, 2), draw(4, 2, seed=1)
    x = leaf(a)
    u, s, _ = np.linalg.svd(x)
    thin = mg.svd(x, full_matrices=False)
    expected = grad((thin.U * seed * thin.S).sum(), x).data
    found = grad((u[:, :2] * seed * s).sum(), x, retain_graph=True).data
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    assert np.isnan(grad((u[:, 2] ** 2).sum(), x).data).all()
    two = leaf(np.stack([a, 2 * a]))  # in one matrix of a stack alone
    u = np.linalg.svd(two).U
    found = grad(u[0, 0, 3] + (u[1, :, 0] ** 2 * seed[:, 0]).sum(), two).data
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()


@pytest.mark.parametrize("mode", ["raw", "full", None])
def test_a_mode_of_qr_without_a_rule_is_refused_by_name(mode):
    with pytest.raises(ValueError, match='qr: mode must be "reduced"'):
        np.linalg.qr(leaf(draw(3, 2)), mode)


def test_complete_columns_of_a_tall_matrix_are_refused():
    with pytest.raises(ValueError, match=r"qr: mode=\"complete\" for shape \(3, 2\).*reduced"):
        np.linalg.qr(leaf(draw(3, 2)), "complete")


# Ties and zeros ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1.0, 2.0, 0.0])
def test_a_symmetric_function_of_equal_values_has_its_gradient(scale):
    for f, slope in [
        (lambda s: (s**2).sum(), 2 * scale),
        (lambda s: np.exp(s).sum(), np.exp(scale)),
    ]:
        x = leaf(scale * np.eye(3))
        np.testing.assert_allclose(grad(f(mg.eigvalsh(x)), x).data, slope * np.eye(3), atol=1e-12)
        if scale:
            found = grad(f(mg.svdvals(x)), x).data
            np.testing.assert_allclose(found, slope * np.eye(3), atol=1e-12)


@pytest.mark.parametrize("values", [[2.0, 2, 2], [2, 2, 5], [3, 1, 1]])
def test_a_derivative_that_asks_for_vectors_of_equal_values_is_nan_not_a_number(values):
    """V f(w) V^T does not depend on which vectors are taken, but its slope between equals is that of f."""
    seed = draw(3, 3)
    x = leaf(np.diag(values))
    w, v = mg.eigh(x)
    assert np.isnan(grad((v * np.sqrt(w) @ v.mT * seed).sum(), x).data).any()
    u, s, vh = mg.svd(x)
    assert np.isnan(grad((u * np.sqrt(s) @ vh * seed).sum(), x).data).any()
    for values_of in (mg.eigvalsh, mg.svdvals):
        (first,) = grad((values_of(x) ** 2).sum(), [x], create_graph=True)
        assert np.isnan(grad((first * seed).sum(), x).data).any()


def test_a_vector_alone_in_its_value_has_a_gradient_beside_equal_ones():
    seed = draw(3)
    x = leaf(np.diag([5.0, 2, 2]))
    found = grad((mg.svd(x).U[:, 0] ** 2 * seed).sum() + (mg.svd(x).Vh[0] ** 2 * seed).sum(), x)
    assert np.isfinite(found.data).all()


@pytest.mark.parametrize("ord", ["nuc", 2, -2])
def test_norms_of_zeros_and_of_a_matrix_of_lower_rank_have_a_subgradient(ord):
    x = leaf(np.zeros((3, 2)))
    np.testing.assert_array_equal(grad(mg.norm(x, ord), x).data, np.zeros((3, 2)))
    a = np.outer([1.0, 2, 2], [3.0, 4])  # the norm of u v^T in u v^T / 15 is 1
    x = leaf(a)
    found = grad(mg.norm(x, ord), x).data
    assert np.isfinite(found).all()
    if ord != -2:
        np.testing.assert_allclose((found * a).sum(), 15)


def test_the_largest_singular_values_share_the_gradient_of_the_norm_if_they_tie():
    x = leaf(np.diag([2.0, 2, 1]))
    np.testing.assert_allclose(grad(mg.norm(x, 2), x).data, np.diag([0.5, 0.5, 0]), atol=1e-15)


def test_dependent_columns_give_a_gradient_of_nan_in_their_matrix_alone():
    regular = draw(3, 2)
    x = leaf(np.stack([np.outer([1.0, 2, 3], [1.0, 2]), regular, np.zeros((3, 2))]))
    alone = leaf(regular)
    for f in (lambda x: mg.qr(x).Q, lambda x: mg.qr(x).R):
        found = grad((f(x) ** 3).sum(), x).data
        assert np.isnan(found[0]).all()
        assert np.isnan(found[2]).all()
        np.testing.assert_allclose(found[1], grad((f(alone) ** 3).sum(), alone).data, rtol=1e-12)


# Order 3, and errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 2)], ids=str)
def test_rules_are_closed_under_differentiation(shape):
    a, seed = draw(*shape), draw(*shape, seed=1)
    for f in (
        lambda x: mg.svdvals(x),
        lambda x: (lambda u, s, vh: (u * s[..., None, :] ** 2) @ vh * seed)(*mg.svd(x, False)),
        lambda x: mg.qr(x).Q,
        lambda x: mg.qr(x).R,
    ):
        check_grads(f, [a], order=3, rtol=1e-4, eps=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("f", [mg.svd, mg.svdvals, mg.pinv, mg.cond])
def test_what_is_not_finite_raises_in_place_of_running_forever(f, bad):
    a = np.eye(3)
    a[0, 1] = bad
    with pytest.raises(np.linalg.LinAlgError, match="an element of a is nan or infinite"):
        f(leaf(a))


@pytest.mark.parametrize("f", [mg.svd, mg.svdvals, mg.qr, mg.pinv, mg.cond, mg.lu])
@pytest.mark.parametrize("shape", [(), (3,)])
def test_what_is_no_matrix_raises_numpys_error_naming_op_and_shape(f, shape):
    with pytest.raises(np.linalg.LinAlgError) as error:
        f(leaf(np.ones(shape)))
    assert f"{f.__name__}: a has shape {shape}" in str(error.value)
