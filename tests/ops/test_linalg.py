"""Linear algebra at its edges: singular matrices, ties of eigenvalues, what is read and what is symmetric, errors."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, check_grads, grad
from minigrad.ops import linalg


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def leaf(a):
    return Tensor(np.asarray(a), requires_grad=True)


def symmetric(*shape):
    a = draw(*shape)
    return a + a.mT


def positive_definite(*shape):
    a = draw(*shape)
    return a @ a.mT + np.eye(shape[-1])


# Determinants --------------------------------------------------------------------------------------------

SINGULAR = {
    "rank n - 1": np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]),
    "rank n - 1, exactly": np.array([[1.0, 2], [2, 4]]),
    "rank n - 2": np.outer([1.0, 2, -1], [3.0, 1, 2]),
    "zero": np.zeros((3, 3)),
    "zero of size 1": np.zeros((1, 1)),
    "beside a regular one": np.stack([np.ones((2, 2)), np.eye(2) * 3]),
}


@pytest.mark.parametrize("a", SINGULAR.values(), ids=SINGULAR)
def test_the_determinant_of_a_singular_matrix_has_exact_derivatives_of_every_order(a):
    check_grads(mg.det, [a], order=3, eps=1e-4, rtol=1e-4)


@pytest.mark.parametrize("exponent", [-2, -4, -6, -8, -12, -16])
def test_second_derivatives_of_the_determinant_do_not_suffer_from_the_condition(exponent):
    turn = np.linalg.qr(draw(3, 3))[0]
    a = leaf(turn @ np.diag([1, 2, 10.0**exponent]) @ turn.T)
    (first,) = grad(mg.det(a), [a], create_graph=True)
    (second,) = grad(first[0, 0], [a])  # d (a11 a22 - a12 a21) / da
    b = a.data
    expected = [[0, 0, 0], [0, b[2, 2], -b[2, 1]], [0, -b[1, 2], b[1, 1]]]
    np.testing.assert_allclose(second.data, expected, atol=1e-9)


def test_both_ways_to_the_cofactors_give_the_same():
    a = leaf(draw(2, 4, 4))
    (by_inverse,) = grad(mg.det(a).sum(), [a])
    np.testing.assert_allclose(by_inverse.data, linalg._minors(a.data), rtol=1e-12)


def test_a_large_singular_matrix_raises_in_backward_and_gives_no_number():
    a = leaf(np.zeros((linalg.MINORS + 1, linalg.MINORS + 1)))
    y = mg.det(a)
    with pytest.raises(np.linalg.LinAlgError) as error:
        y.backward()
    assert "det" in "".join(error.value.__notes__)
    assert a.grad is None


def test_slogdet_is_right_where_det_overflows():
    a = leaf(np.diag([1e200, -1e200, 2.0]))
    sign, logabsdet = mg.slogdet(a)
    assert sign.item() == -1
    logabsdet.backward()
    np.testing.assert_allclose(a.grad.data, np.diag([1e-200, -1e-200, 0.5]))


def test_slogdet_of_a_singular_matrix_is_numpys_and_its_gradient_raises():
    a = leaf(np.ones((2, 2)))
    sign, logabsdet = np.linalg.slogdet(a)
    assert (sign.item(), logabsdet.item()) == (0, -np.inf)
    with pytest.raises(np.linalg.LinAlgError) as error:
        logabsdet.backward()
    assert "slogdet" in "".join(error.value.__notes__)


def test_the_gradient_of_the_sign_of_a_determinant_is_zero():
    a = leaf(draw(3, 3))
    assert not grad(mg.slogdet(a).sign, a).data.any()


# Decompositions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("upper", [False, True])
def test_cholesky_is_numpys_reads_one_triangle_and_has_pytorchs_symmetric_gradient(upper):
    torch = pytest.importorskip("torch")
    s, seed = positive_definite(2, 3, 3), draw(2, 3, 3, seed=1)
    other = np.tril if upper else np.triu
    for a in (s, s + other(np.full((3, 3), 9.0), -1 if upper else 1)):
        x = leaf(a)
        y = mg.cholesky(x, upper=upper)
        np.testing.assert_array_equal(y.data, np.linalg.cholesky(a, upper=upper))
        (found,) = grad(y, [x], seed)
        t = torch.tensor(s, requires_grad=True)
        torch.linalg.cholesky(t, upper=upper).backward(torch.tensor(seed))
        np.testing.assert_allclose(found.data, found.data.mT, rtol=1e-12)
        np.testing.assert_allclose(found.data, t.grad.numpy(), rtol=1e-10)


@pytest.mark.parametrize("UPLO", ["L", "U"])
def test_eigh_is_numpys_reads_one_triangle_and_has_a_symmetric_gradient(UPLO):
    s, seed = symmetric(2, 3, 3), draw(2, 3, 3, seed=1)
    other = np.tril if UPLO == "U" else np.triu
    expected = None
    for a in (s, s + other(np.full((3, 3), 9.0), -1 if UPLO == "U" else 1)):
        x = leaf(a)
        values, vectors = mg.eigh(x, UPLO)
        np.testing.assert_allclose(values.data, np.linalg.eigh(a, UPLO).eigenvalues, rtol=1e-12)
        np.testing.assert_allclose(
            (vectors * values[..., None, :] @ vectors.mT).data, s, atol=1e-12
        )
        (found,) = grad((vectors**2 * seed).sum() + values[..., 0].sum(), [x])
        np.testing.assert_allclose(found.data, found.data.mT, atol=1e-12)
        np.testing.assert_allclose(
            found.data, found.data if expected is None else expected, rtol=1e-10
        )
        expected = found.data


def test_the_gradient_of_eigenvectors_is_pytorchs_for_a_function_of_their_signs_too():
    torch = pytest.importorskip("torch")
    a, seed = symmetric(3, 3), draw(3, 3, seed=1)
    x, t = leaf(a), torch.tensor(a, requires_grad=True)
    vectors, theirs = mg.eigh(x).eigenvectors, torch.linalg.eigh(t).eigenvectors
    signs = np.sign((vectors.data * theirs.detach().numpy()).sum(0))
    (found,) = grad(vectors, [x], seed)
    (expected,) = torch.autograd.grad(theirs, t, torch.tensor(seed * signs))
    expected = (expected + expected.mT) / 2
    np.testing.assert_allclose(found.data, expected.numpy(), rtol=1e-10, atol=1e-12)


def test_a_function_of_a_matrix_through_its_eigenvalues_has_the_gradient_of_that_function():
    x = leaf(symmetric(4, 4))
    values, vectors = mg.eigh(x)
    cube = vectors * values**3 @ vectors.mT
    np.testing.assert_allclose(cube.data, (x @ x @ x).data, atol=1e-10)
    seed = symmetric(4, 4)
    by_eigenvalues, by_products = grad(cube, x, seed), grad(x @ x @ x, x, seed)
    np.testing.assert_allclose(by_eigenvalues.data, by_products.data, atol=1e-9)


def test_of_equal_eigenvalues_the_values_have_a_gradient_and_the_vectors_nan():
    x = leaf(np.diag([2.0, 2, 5]))
    values, vectors = mg.eigh(x)
    total = grad(values.sum(), x, retain_graph=True)
    np.testing.assert_array_equal(total.data, np.eye(3))
    assert np.isnan(grad((vectors * draw(3, 3)).sum(), x).data).any()
    values, vectors = mg.eigh(x)
    alone = grad((vectors[:, 2] ** 2 * [1.0, 2, 3]).sum(), x)  # turns with none of its equals
    assert np.isfinite(alone.data).all()


def test_a_function_of_equal_eigenvalues_and_their_vectors_has_no_gradient_rather_than_a_wrong_one():
    """V f(w) V^T is the same for any vectors; its slope between equal values is that of f, which eigh cannot know."""
    x = leaf(2 * np.eye(3))
    values, vectors = mg.eigh(x)
    root = vectors * np.sqrt(values) @ vectors.mT
    assert np.isnan(grad((root * symmetric(3, 3)).sum(), x).data).any()  # not 0 beside the diagonal
    (first,) = grad((mg.eigh(x).eigenvalues ** 2).sum(), [x], create_graph=True)
    np.testing.assert_allclose(first.data, 4 * np.eye(3))
    assert np.isnan(grad((first * symmetric(3, 3)).sum(), x).data).any()


def test_the_outputs_have_numpys_names():
    x = Tensor(symmetric(2, 2))
    w, v = np.linalg.eigh(x)
    assert np.linalg.eigh(x).eigenvalues.tolist() == w.tolist()
    assert np.linalg.eigh(x).eigenvectors.tolist() == v.tolist()
    sign, logabsdet = np.linalg.slogdet(x)
    assert np.linalg.slogdet(x).sign.tolist() == sign.tolist()
    assert np.linalg.slogdet(x).logabsdet.tolist() == logabsdet.tolist()


# Systems and powers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "a", [(3, 3), (2, 3, 3), (2, 1, 3, 3), (2, 3), (3,), (), (2, 2, 3)], ids=str
)
@pytest.mark.parametrize(
    "b", [(), (3,), (2,), (3, 2), (2, 3), (2, 3, 1), (2, 3, 3), (4, 3, 2)], ids=str
)
def test_solve_takes_a_right_hand_side_for_a_vector_exactly_where_numpy_does(a, b):
    a, b = draw(*a), draw(*b, seed=1)
    try:
        expected = np.linalg.solve(a, b)
    except (ValueError, np.linalg.LinAlgError):
        with pytest.raises((ValueError, np.linalg.LinAlgError), match=r"solve: a has shape \("):
            mg.solve(leaf(a), leaf(b))
    else:
        np.testing.assert_array_equal(mg.solve(leaf(a), leaf(b)).data, expected)
        check_grads(mg.solve, [a, b], order=1)


def test_the_two_gradients_of_solve_share_one_solution_and_each_is_computed_only_if_needed():
    solves = []
    a, b = positive_definite(3, 3), draw(3, 2)
    for x, y in [(leaf(a), leaf(b)), (Tensor(a), leaf(b)), (leaf(a), Tensor(b))]:
        wanted = [t for t in (x, y) if t.requires_grad]
        found = grad(mg.solve(x, y).sum(), wanted)
        solves.append(
            dict(zip(("ab", "b", "a")[len(solves)], (g.data for g in found), strict=True))
        )
    np.testing.assert_array_equal(solves[0]["b"], solves[1]["b"])
    np.testing.assert_array_equal(solves[0]["a"], solves[2]["a"])


@pytest.mark.parametrize("n", [*range(-3, 9), np.int64(5)])
def test_matrix_power_is_numpys_and_differentiable(n):
    a = draw(2, 3, 3) + 3 * np.eye(3)
    found = np.linalg.matrix_power(Tensor(a), n)
    np.testing.assert_allclose(found.data, np.linalg.matrix_power(a, n), rtol=1e-12)
    assert found.dtype == "float64"
    if n:
        check_grads(lambda x: mg.matrix_power(x, n), [a], rtol=1e-4)
    assert mg.matrix_power(Tensor(a.astype("float32"), requires_grad=True), n).dtype == "float32"


def test_the_zeroth_power_is_the_identity_of_whatever():
    x = leaf(np.array([[np.nan, np.inf], [0, 1]]))
    np.testing.assert_array_equal(mg.matrix_power(x, 0).data, np.eye(2))
    np.testing.assert_array_equal(mg.matrix_power(Tensor([[1, 2], [3, 4]]), 0).data, np.eye(2))


# Arguments and errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["inv", "det", "cholesky", "slogdet", "eigh"])
def test_integers_become_float32(name):
    y = getattr(mg, name)(Tensor([[2, 1], [1, 3]]))
    for part in y if isinstance(y, tuple) else (y,):
        assert part.dtype == "float32"


@pytest.mark.parametrize(
    ("ours", "numpys", "further"),
    [
        (mg.inv, np.linalg.inv, {}),
        (mg.det, np.linalg.det, {}),
        (mg.solve, np.linalg.solve, {"b": np.ones(2)}),
        (mg.matrix_power, np.linalg.matrix_power, {"n": 3}),
        (mg.eigh, np.linalg.eigh, {"UPLO": "U"}),
        (mg.slogdet, np.linalg.slogdet, {}),
    ],
    ids=lambda v: getattr(v, "__name__", ""),
)
def test_numpys_function_takes_numpys_argument_names_and_gives_ours(ours, numpys, further):
    x = leaf(positive_definite(2, 2))
    for found, expected in [(numpys(a=x, **further), ours(x, *further.values()))]:
        several = isinstance(found, tuple)
        for a, b in zip(found, expected, strict=True) if several else [(found, expected)]:
            assert a.requires_grad
            np.testing.assert_array_equal(a.data, b.data)


def test_numpys_cholesky_is_served_with_its_keyword():
    x = leaf(positive_definite(2, 2))
    np.testing.assert_array_equal(
        np.linalg.cholesky(x, upper=True).data, np.linalg.cholesky(x.data, upper=True)
    )


@pytest.mark.parametrize(
    "f", [mg.inv, mg.det, mg.slogdet, mg.cholesky, mg.eigh, lambda a: mg.matrix_power(a, 2)]
)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (4, 2, 3)])
def test_what_is_not_square_raises_numpys_error_naming_op_and_shape(f, shape):
    a = np.ones(shape)
    for x in (a, leaf(a)):
        with pytest.raises(np.linalg.LinAlgError) as error:
            f(x)
        assert f"a has shape {shape}" in str(error.value)
        assert str(error.value).split(":")[0] in (getattr(f, "__name__", ""), "matrix_power")


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda a: mg.inv(a), ["inv", "(2, 2)"]),
        (lambda a: mg.solve(a, a[0]), ["solve", "(2, 2)", "(2, 1)"]),
        (lambda a: mg.cholesky(-a), ["cholesky", "(2, 2)"]),
        (lambda a: mg.matrix_power(a, -1), ["inv", "(2, 2)"]),
    ],
)
def test_a_singular_matrix_raises_numpys_error_with_a_note_of_op_and_shapes(f, words):
    with pytest.raises(np.linalg.LinAlgError) as error:
        f(leaf(np.ones((2, 2))))
    text = "".join(error.value.__notes__)
    assert all(word in text for word in words), text


@pytest.mark.parametrize(
    ("f", "match"),
    [
        (lambda a: mg.eigh(a, "X"), r'eigh: UPLO must be "L" or "U"'),
        (lambda a: mg.matrix_power(a, 0.5), "matrix_power: n must be an integer, not 0.5"),
        (lambda a: np.linalg.eigh(a, uplo="L"), "uplo"),
        (
            lambda a: np.linalg.eigvals(a),
            "np.linalg.eigvals has no gradient rule.*complex.*eigvalsh",
        ),
    ],
)
def test_a_wrong_option_is_named(f, match):
    with pytest.raises((ValueError, TypeError), match=match):
        f(leaf(np.eye(2)))


def test_the_zeroth_power_keeps_its_history_with_gradient_0_at_every_order():
    a = Tensor([[np.inf, 2.0], [np.nan, 4.0]], requires_grad=True)
    y = mg.matrix_power(a, 0)
    np.testing.assert_array_equal(y.data, np.eye(2))
    (g,) = mg.grad((y * a[0, 1]).sum(), [a], create_graph=True)
    np.testing.assert_array_equal(g.data, [[0, 2], [0, 0]])
    np.testing.assert_array_equal(mg.grad(g.sum(), a).data, np.zeros((2, 2)))
    assert mg.matrix_power(Tensor(np.ones((3, 0, 0)), requires_grad=True), 0).requires_grad
