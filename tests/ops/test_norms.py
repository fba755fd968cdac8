"""Norms, variance and standard deviation: values, edges, kinks, ties and errors."""

import math

import numpy as np
import pytest
from derivatives import derivatives, gradient, leaf, torch_derivatives

import minigrad as mg
from minigrad import check_grads, grad

INF = np.inf
X = np.random.default_rng(0).standard_normal((3, 4, 2))


# Norms ---------------------------------------------------------------------------------------------------

ORDS = [None, 0, 1, 2, 3, 4, 0.5, 1.5, 2.5, -1, -2, INF, -INF]


@pytest.mark.parametrize("ord", ORDS, ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_the_norm_of_a_vector_is_that_of_numpy_and_has_right_derivatives(ord, keepdims):
    y = np.linalg.norm(leaf(X), ord, axis=1, keepdims=keepdims)
    np.testing.assert_allclose(
        y.data, np.linalg.norm(X, ord, axis=1, keepdims=keepdims), rtol=1e-13
    )
    assert y.requires_grad == (ord != 0)
    if ord != 0:
        check_grads(lambda x: mg.norm(x, ord, 1, keepdims), [X])


@pytest.mark.parametrize("ord", [None, "fro", "nuc", 1, -1, 2, -2, INF, -INF], ids=str)
@pytest.mark.parametrize("axis", [(0, 1), (1, 0), (2, 0), (-1, -2)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_the_norm_of_a_matrix_is_that_of_numpy_and_has_right_derivatives(ord, axis, keepdims):
    y = np.linalg.norm(leaf(X), ord, axis, keepdims)
    np.testing.assert_allclose(y.data, np.linalg.norm(X, ord, axis, keepdims), rtol=1e-13)
    check_grads(lambda x: mg.norm(x, ord, axis, keepdims), [X])
    plane = X[:, :, 0]
    np.testing.assert_allclose(
        mg.norm(leaf(plane), ord).data, np.linalg.norm(plane, ord), rtol=1e-13
    )


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (2, 0, 3)])
@pytest.mark.parametrize("ord", [None, "fro", "nuc", 1, 2, INF], ids=str)
def test_the_norm_of_no_elements_is_0_and_has_a_gradient(shape, ord):
    x = leaf(np.zeros(shape))
    matrix = mg.norm(x, ord, (-2, -1))
    assert matrix.shape == shape[:-2]
    assert not matrix.data.any()
    matrix.sum().backward()
    assert x.grad.shape == shape
    if not isinstance(ord, str):
        vector = mg.norm(mg.ravel(x), ord)
        assert vector.data == 0
        assert vector.requires_grad


@pytest.mark.parametrize("ord", [o for o in ORDS if o != 0 and (o is None or o > 0)], ids=str)
def test_the_norm_of_zeros_has_gradient_zero_at_every_order(ord):
    y, first = derivatives(lambda x: mg.norm(x, ord), np.zeros(3), 1)
    assert y == 0
    np.testing.assert_array_equal(first, [0, 0, 0])
    x = leaf(np.zeros(3))
    along = grad(mg.norm(x, ord), x, create_graph=True)
    if along.requires_grad:
        np.testing.assert_array_equal(grad(along.sum(), x).data, [0, 0, 0])


@pytest.mark.parametrize("ord", [2, 2.0, 4, 6])
def test_an_even_norm_is_smooth_where_one_element_is_zero(ord):
    a = np.array([0.0, 1.0, -2.0])
    found = derivatives(lambda x: mg.norm(x, ord), a, 4)
    expected = torch_derivatives(lambda x: (x**ord).sum() ** (1 / ord), a, 4)
    for y, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(y, wanted, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("ord", [0.5, 1, 1.5, 3])
def test_an_element_that_is_zero_has_gradient_zero_in_a_norm_with_a_kink_there(ord):
    g = gradient(lambda x: mg.norm(x, ord), leaf([0.0, 3.0]))
    np.testing.assert_allclose(g, [0, 1])


def test_the_largest_elements_of_a_vector_share_the_gradient_of_its_norm_if_they_tie():
    np.testing.assert_array_equal(
        gradient(lambda x: mg.norm(x, INF), leaf([2, -2, 1])), [0.5, -0.5, 0]
    )
    np.testing.assert_array_equal(
        gradient(lambda x: mg.norm(x, -INF), leaf([2, -1, 1])), [0, -0.5, 0.5]
    )


@pytest.mark.parametrize(
    ("shape", "options", "words"),
    [
        ((3,), {"ord": "nuc"}, ["norm", "'nuc'", "vector"]),
        ((2, 3), {"ord": 3}, ["norm", "ord=3"]),
        ((3,), {"ord": "fro"}, ["norm", "'fro'", "vector"]),
        ((2, 3, 2), {"ord": 1}, ["norm", "(2, 3, 2)", "axis"]),
        ((2, 3, 2), {"axis": (0, 1, 2)}, ["norm", "(2, 3, 2)", "axis"]),
    ],
    ids=str,
)
def test_a_norm_that_is_not_offered_is_refused_with_the_way_out(shape, options, words):
    with pytest.raises(ValueError, match=r"norm") as error:
        mg.norm(leaf(np.ones(shape)), **options)
    assert all(word in str(error.value) for word in words), str(error.value)


# Spread --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.0, 3.0, 0.1, -1e8])
@pytest.mark.parametrize("shape", [(3,), (1,), ()])
def test_the_std_of_a_constant_has_gradient_zero(value, shape):
    for f in (mg.std, mg.var):
        g = gradient(f, leaf(np.full(shape, value)))
        np.testing.assert_allclose(g, np.zeros(shape), atol=1e-7)


def test_one_constant_row_does_not_harm_the_others():
    a = np.array([[1.0, 1, 1], [1, 2, 4]])
    g = gradient(lambda x: mg.std(x, 1), leaf(a))
    np.testing.assert_array_equal(g[0], 0)
    np.testing.assert_array_equal(g[1], gradient(mg.std, leaf(a[1])))


@pytest.mark.parametrize("f", [mg.var, mg.std])
def test_a_spread_without_degrees_of_freedom_is_nan(f):
    assert math.isnan(f(leaf([1.0]), ddof=1).item())
    assert math.isnan(f(leaf([1.0, 2.0]), ddof=2.5).item())
    assert math.isnan(f(leaf([])).item())


def test_the_variance_does_not_suffer_from_a_large_mean():
    a = np.array([1.0, 2, 4]) + 1e8
    np.testing.assert_allclose(mg.var(leaf(a)).data, np.var(a), rtol=1e-12)
    np.testing.assert_allclose(mg.std(leaf(a)).data, np.std(a), rtol=1e-12)
