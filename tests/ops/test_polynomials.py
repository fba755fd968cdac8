"""Polynomials: NumPy's values for every option, fits beside NumPy's, and what is refused."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, check_grads, grad

rng = np.random.default_rng(0)


def leaf(a):
    return Tensor(np.array(a, float), requires_grad=True)


@pytest.mark.parametrize("p", [[2.0], [1.0, -2.0, 0.5], [[1.0, 2.0], [3.0, 4.0]]])
def test_values_are_numpys_whichever_argument_is_a_tensor(p):
    for x in (0.3, [0.1, 0.2], [[1.0, 2.0]] * 3):
        expected = np.polyval(p, x)
        for y in (np.polyval(leaf(p), x), np.polyval(p, leaf(x)), np.polyval(leaf(p), leaf(x))):
            np.testing.assert_allclose(y.data, expected, rtol=1e-14)
    assert np.polyval(leaf([]), leaf([1.0])).tolist() == [0]


def test_sums_differences_and_products_are_numpys():
    for n, m in [(1, 3), (3, 1), (2, 2), (4, 2)]:
        a, b = rng.standard_normal(n), rng.standard_normal(m)
        for f in (np.polyadd, np.polysub, np.polymul):
            np.testing.assert_allclose(f(leaf(a), b).data, f(a, b), rtol=1e-13)
            np.testing.assert_allclose(f(a, leaf(b)).data, f(a, b), rtol=1e-13)


def test_a_zero_in_front_is_a_coefficient_with_a_gradient():
    a = leaf([0.0, 1.0])
    y = np.polymul(a, [2.0, 3.0])
    assert y.tolist() == [0, 2, 3]
    assert grad(y.sum(), a).tolist() == [5, 5]


@pytest.mark.parametrize("m", [0, 1, 2, 3, 5])
def test_derivatives_and_antiderivatives_are_numpys(m):
    p = rng.standard_normal(4)
    for f in (np.polyder, np.polyint):
        np.testing.assert_allclose(f(leaf(p), m).data, f(p, m), rtol=1e-14)
        with pytest.raises(ValueError, match="m must be"):
            f(leaf(p), -1)
    if m:
        k = rng.standard_normal(m)
        np.testing.assert_allclose(np.polyint(leaf(p), m, k).data, np.polyint(p, m, k), rtol=1e-14)
        np.testing.assert_allclose(
            np.polyint(leaf(p), m, 2.0).data, np.polyint(p, m, 2.0), rtol=1e-14
        )
    with pytest.raises(ValueError, match="polyint: k has shape"):
        np.polyint(leaf(p), 3, [1.0, 2.0])


@pytest.mark.parametrize("N", [None, 0, 1, 5])
@pytest.mark.parametrize("increasing", [True, False])
def test_powers_are_numpys_and_have_gradients_at_zero_too(N, increasing):
    x = np.array([0.0, -1.0, 2.0])
    np.testing.assert_array_equal(
        np.vander(leaf(x), N, increasing).data, np.vander(x, N, increasing)
    )
    check_grads(lambda x: mg.vander(x, N, increasing), [x])


@pytest.mark.parametrize("deg", [0, 1, 3])
def test_fits_are_numpys_with_gradients_of_order_two_in_points_heights_and_weights(deg):
    x, y, w = rng.standard_normal(6), rng.standard_normal(6), rng.uniform(0.5, 2, 6)
    np.testing.assert_allclose(
        np.polyfit(leaf(x), y, deg, w=w).data, np.polyfit(x, y, deg, w=w), rtol=1e-9
    )
    check_grads(lambda x, y, w: mg.polyfit(x, y, deg, w=w), [x, y, w], order=2)


def test_a_fit_far_from_zero_is_as_good_as_numpys():
    # the matrix of powers has a condition number of 1e12: its square is beyond all floats
    x = np.linspace(1900, 2000, 30)
    y = leaf(1e-6 * (x - 1950) ** 3 + 0.1 * x)
    found, expected = np.polyfit(leaf(x), y, 3), np.polyfit(x, y.data, 3)
    np.testing.assert_allclose(np.polyval(found.data, x), np.polyval(expected, x), rtol=1e-9)
    direction = rng.standard_normal(30)
    moved = np.polyfit(x, y.data + direction, 3) - expected  # a fit is linear in y
    values = [grad((found * u).sum(), y, retain_graph=True).data @ direction for u in np.eye(4)]
    np.testing.assert_allclose(np.polyval(values, x), np.polyval(moved, x), atol=1e-6)


def test_points_that_do_not_determine_a_fit_are_refused():
    for x, deg in [([1.0, 2.0], 2), ([1.0, 1.0, 1.0, 2.0], 2)]:
        with pytest.raises(np.linalg.LinAlgError, match="points do not determine"):
            np.polyfit(leaf(x), x, deg)
    with pytest.raises(ValueError, match="polyfit: x has shape"):
        np.polyfit(leaf([1.0, 2.0]), [1.0], 1)
    for options in ({"full": True}, {"cov": True}, {"rcond": 1e-3}):
        with pytest.raises(TypeError, match=rf"np\.polyfit: {next(iter(options))}="):
            np.polyfit(leaf([1.0, 2.0, 3.0]), [1.0, 2.0, 3.0], 1, **options)
