"""Quantiles, medians without nan, partial sorts: NumPy's values for all options, and what is refused."""

import numpy as np
import pytest
from derivatives import gradient, leaf

import minigrad as mg
from minigrad import Tensor, check_grads

INF, NAN = np.inf, np.nan
X = np.random.default_rng(0).standard_normal((3, 4, 2))
HOLES = np.where(np.random.default_rng(1).random(X.shape) < 0.3, NAN, X)
HOLES[:, 1, 0] = NAN


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2)], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("q", [0, 0.3, 1, [0.1, 0.5]], ids=str)
@pytest.mark.parametrize("name", ["quantile", "percentile", "nanquantile", "nanpercentile"])
@pytest.mark.filterwarnings("ignore:All-NaN")
def test_quantiles_are_those_of_numpy_for_every_axis_and_q(name, q, keepdims, axis):
    f = getattr(np, name)
    q = np.multiply(q, 100 if "percentile" in name else 1)
    for a in (X, HOLES, X.astype("float32"), np.arange(24).reshape(X.shape)):
        expected = f(a, q, axis=axis, keepdims=keepdims)
        y = f(Tensor(a), q, axis=axis, keepdims=keepdims)
        assert y.shape == expected.shape
        assert y.dtype == ("float64" if a.dtype == "float64" else "float32")
        np.testing.assert_allclose(
            y.data, expected, rtol=1e-12 if a.dtype == float else 1e-6, atol=1e-7
        )
    check_grads(lambda x: f(x, q, axis=axis, keepdims=keepdims), [X])


@pytest.mark.parametrize("q", [[[0, 0.25], [0.77, 1.0]], Tensor([0.5])])
def test_the_axes_of_q_come_first(q):
    y = np.quantile(leaf(X), q, axis=1)
    plain = q.data if isinstance(q, Tensor) else q
    np.testing.assert_allclose(y.data, np.quantile(X, plain, axis=1), rtol=1e-6)


def test_a_quantile_shares_its_gradient_between_its_two_neighbours():
    np.testing.assert_allclose(
        gradient(lambda x: mg.quantile(x, 0.3), leaf([5, 1, 3, 4])), [0, 0.1, 0.9, 0]
    )
    np.testing.assert_array_equal(gradient(lambda x: mg.quantile(x, 1), leaf([5, 1, 3])), [1, 0, 0])
    np.testing.assert_array_equal(
        gradient(lambda x: mg.quantile(x, 0.5), leaf([2, 2, 2])), [0, 1, 0]
    )


def test_an_infinite_neighbour_that_has_no_share_does_no_harm():
    x = leaf([-INF, 1, 2, INF])
    np.testing.assert_array_equal(mg.quantile(x, [0, 1 / 3, 0.5, 1]).data, [-INF, 1, 1.5, INF])


def test_nan_makes_a_quantile_nan_and_is_left_out_of_those_without_nan():
    x = leaf([[1, NAN, 3], [NAN, NAN, NAN]])
    np.testing.assert_array_equal(mg.quantile(x, 0.5, 1).data, [NAN, NAN])
    np.testing.assert_array_equal(mg.nanquantile(x, 0.5, 1).data, [2, NAN])
    np.testing.assert_array_equal(np.nanmedian(x, axis=1, keepdims=True).data, [[2], [NAN]])
    np.testing.assert_array_equal(
        gradient(lambda x: mg.nanmedian(x[0]), x), [[0.5, 0, 0.5], [0, 0, 0]]
    )


def test_the_nan_that_makes_a_quantile_nan_gets_its_gradient():
    np.testing.assert_array_equal(
        gradient(lambda x: mg.quantile(x, 0.1), leaf([1, NAN, 0])), [0, 1, 0]
    )
    np.testing.assert_array_equal(gradient(mg.median, leaf([1, NAN, 0])), [0, 1, 0])


@pytest.mark.parametrize("f", [mg.quantile, mg.nanquantile])
def test_a_quantile_of_nothing_is_nan(f):
    np.testing.assert_array_equal(f(leaf(np.ones((2, 0))), [0.2, 1], 1).data, np.full((2, 2), NAN))
    assert f(leaf(np.ones((2, 0))), 0.5, 0).shape == (0,)


def test_a_q_that_is_no_quantile_or_needs_a_gradient_is_refused():
    for q in (1.5, [-0.1, 0.5], NAN):
        with pytest.raises(ValueError, match=r"quantile: q must lie in \[0, 1\]"):
            mg.quantile(leaf(X), q)
    with pytest.raises(TypeError, match=r"quantile: `q` .*requires grad"):
        mg.quantile(leaf(X), leaf(0.5))


@pytest.mark.parametrize("kth", [1, -1, [0, 2], np.array([1])])
@pytest.mark.parametrize("axis", [0, 1, -1, None])
def test_partition_puts_what_numpy_puts_where_numpy_does(kth, axis):
    if axis == -1:
        kth = 0
    np.testing.assert_array_equal(np.partition(leaf(X), kth, axis).data, np.partition(X, kth, axis))
    check_grads(lambda x: mg.partition(x, kth, axis), [X])


def test_the_gradient_of_a_range_goes_to_its_ends():
    np.testing.assert_array_equal(gradient(np.ptp, leaf([2, 5, 1, 5])), [0, 0.5, -1, 0.5])
