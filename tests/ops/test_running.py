"""Running maxima, minima and logarithms of sums: NumPy's values, ties and nan as in PyTorch, and edges."""

import numpy as np
import pytest
from derivatives import gradient, leaf

import minigrad as mg
from minigrad import Tensor, check_grads, grad

INF, NAN = np.inf, np.nan
X = np.random.default_rng(0).standard_normal((3, 4, 2))


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(mg.cummax, np.maximum), (mg.cummin, np.minimum), (mg.logcumsumexp, np.logaddexp)],
)
def test_a_running_function_is_the_accumulate_of_its_ufunc(ours, theirs, axis):
    expected = theirs.accumulate(X, axis)
    for y in (ours(Tensor(X), axis), theirs.accumulate(Tensor(X), axis)):
        np.testing.assert_allclose(y.data, expected, rtol=1e-14)
    np.testing.assert_allclose(ours(X).ravel(), theirs.accumulate(X.ravel()), rtol=1e-14)
    check_grads(lambda x: ours(x, axis), [X], order=2)


def test_ties_and_nan_of_running_extremes_are_those_of_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x = np.array([[1, 3, 3, 2, NAN, 1, NAN], [1, 1, 2, 2, 0, 2, 3], [INF, -INF, INF, 1, 1, INF, 0]])
    seed = 1.0 + np.arange(21).reshape(3, 7)
    for ours, theirs in ((mg.cummax, torch.cummax), (mg.cummin, torch.cummin)):
        t, u = leaf(x), torch.tensor(x, requires_grad=True)
        y, z = ours(t, 1), theirs(u, 1).values
        z.backward(torch.tensor(seed))
        np.testing.assert_array_equal(y.data, z.detach())
        np.testing.assert_array_equal(grad(y, t, seed).data, u.grad)


def test_of_elements_that_tie_the_last_gets_the_gradient_of_a_running_maximum():
    np.testing.assert_array_equal(gradient(mg.cummax, leaf([2, 1, 2, 0, 2])), [2, 0, 2, 0, 1])


def test_logcumsumexp_is_exact_where_exp_overflows_or_underflows():
    x = leaf([1e4, -1e4, 1e4])
    y = mg.logcumsumexp(x)
    np.testing.assert_allclose(y.data, [1e4, 1e4, 1e4 + np.log(2)], rtol=1e-15)
    np.testing.assert_allclose(gradient(mg.logcumsumexp, x), [2.5, 0, 0.5], rtol=1e-12)


def test_logcumsumexp_of_minus_infinity_has_gradient_zero_at_every_order():
    x = leaf([-INF, -INF, 0, -INF])
    y = mg.logcumsumexp(x)
    np.testing.assert_array_equal(y.data, [-INF, -INF, 0, 0])
    g = grad(y, x, np.ones(4), create_graph=True)
    np.testing.assert_array_equal(g.data, [0, 0, 2, 0])
    np.testing.assert_array_equal(grad(g.sum(), x).data, np.zeros(4))


@pytest.mark.parametrize("name", ["cumulative_sum", "cumulative_prod"])
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("include_initial", [False, True])
def test_cumulative_functions_take_numpys_options(name, axis, include_initial):
    f = getattr(np, name)
    options = {"axis": axis, "include_initial": include_initial}
    np.testing.assert_allclose(f(leaf(X), **options).data, f(X, **options), rtol=1e-14)
    y, expected = (f(x, dtype="float32", **options) for x in (Tensor(X), X))
    assert y.dtype == expected.dtype == "float32"
    check_grads(lambda x: f(x, **options), [X])


def test_a_cumulative_function_of_several_axes_asks_which():
    np.testing.assert_array_equal(np.cumulative_sum(leaf([1, 2])).data, [1, 3])
    np.testing.assert_array_equal(np.cumulative_sum(leaf(2), include_initial=True).data, [0, 2])
    with pytest.raises(ValueError, match=r"np\.cumulative_prod.*\(3, 4, 2\).*axis="):
        np.cumulative_prod(leaf(X))


@pytest.mark.parametrize("f", [np.nancumsum, np.nancumprod])
def test_nan_is_left_out_of_a_running_sum_and_gets_no_gradient(f):
    x = np.array([[1, NAN, 3], [NAN, 2, 0.5]])
    for axis in (None, 0, 1):
        np.testing.assert_array_equal(f(leaf(x), axis).data, f(x, axis))
        g = gradient(lambda x, a=axis: f(x, a), leaf(x))
        assert np.isfinite(g).all()
        assert (g[np.isnan(x)] == 0).all()
