"""Products, running sums and products, centres, logsumexp: values, edges, kinks, ties and errors."""

import itertools
import math

import numpy as np
import pytest
from derivatives import derivatives, gradient, leaf, torch_derivatives

import minigrad as mg
from minigrad import Tensor, check_grads, grad

INF, NAN = np.inf, np.nan
X = np.random.default_rng(0).standard_normal((3, 4, 2))
AXES = [None, 0, -1, (0, 2), (2, 1), (-1, -3, 1), ()]


# NumPy's values, for any axes ----------------------------------------------------------------------------

REDUCTIONS = {
    "prod": (mg.prod, np.prod),
    "var": (mg.var, np.var),
    "std": (mg.std, np.std),
    "var of a sample": (lambda x, **k: mg.var(x, ddof=1, **k), lambda x, **k: np.var(x, ddof=1, **k)),
    "std of a sample": (lambda x, **k: mg.std(x, ddof=1.5, **k), lambda x, **k: np.std(x, ddof=1.5, **k)),
    "median": (mg.median, np.median),
    "average": (mg.average, np.average),
    "nansum": (mg.nansum, np.nansum),
    "nanmean": (mg.nanmean, np.nanmean),
    "logsumexp": (mg.logsumexp, lambda x, **k: np.log(np.exp(x).sum(**k))),
}  # fmt: skip


@pytest.mark.parametrize(("ours", "theirs"), REDUCTIONS.values(), ids=REDUCTIONS)
@pytest.mark.parametrize("axis", AXES[:-1], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_a_reduction_over_any_axes_is_that_of_numpy_and_has_right_derivatives(
    ours, theirs, axis, keepdims
):
    y = ours(Tensor(X), axis=axis, keepdims=keepdims)
    expected = theirs(X, axis=axis, keepdims=keepdims)
    assert y.shape == expected.shape
    np.testing.assert_allclose(y.data, expected, rtol=1e-12)
    check_grads(lambda x: ours(x, axis=axis, keepdims=keepdims), [X])


@pytest.mark.parametrize("f", [mg.prod, mg.logsumexp, mg.median, mg.nansum, mg.nanmean, mg.average])
@pytest.mark.parametrize("axis", [None, 0, -1, ()])
def test_a_reduction_of_an_array_without_axes_is_its_one_element(f, axis):
    x = leaf(2.5)
    assert f(x, axis).item() == 2.5
    assert gradient(lambda x: f(x, axis), x) == 1


@pytest.mark.parametrize("name", ["prod", "var", "std", "median", "average", "nansum", "nanmean"])
def test_numpys_functions_take_their_options_on_tensors_and_say_what_they_do_not_take(name):
    f, x = getattr(np, name), leaf(X)
    y = f(x, axis=(0, 1), keepdims=True)
    assert isinstance(y, Tensor)
    np.testing.assert_allclose(y.data, f(X, axis=(0, 1), keepdims=True), rtol=1e-13)
    with pytest.raises(TypeError, match=f"np.{name}.*(out|returned)="):
        f(x, **({"returned": True} if name == "average" else {"out": np.empty(())}))


@pytest.mark.parametrize("f", [np.sum, np.mean, np.prod, np.std, np.cumsum])
def test_a_dtype_is_never_taken_for_keepdims(f):
    with pytest.raises(TypeError, match=r"dtype.*astype"):
        f(leaf(X), 0, np.float32)


@pytest.mark.parametrize(
    "f",
    [
        *(mg.prod, mg.var, mg.std, mg.logsumexp, mg.cumsum, mg.cumprod, mg.average, mg.median),
        *(mg.nansum, lambda x, axis: mg.norm(x, 2, axis), lambda x, axis: mg.trace(x, 0, 0, axis)),
    ],
)
@pytest.mark.parametrize("axis", [3, -4])
def test_an_axis_that_is_not_there_raises(f, axis):
    with pytest.raises((ValueError, IndexError), match=str(axis)):
        f(leaf(X), axis)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize(
    "f",
    [
        mg.prod, mg.var, mg.std, mg.norm, mg.logsumexp, mg.cumsum, mg.cumprod, mg.average, mg.median, mg.trace,
        mg.mean, mg.nansum, mg.nanmean, lambda x: mg.norm(x, 3, 1), lambda x: mg.norm(x, INF),
        lambda x: mg.norm(x, 0, 1), lambda x: mg.average(x, 1, np.array([1.0, 2, 3])),
    ],
)  # fmt: skip
def test_no_reduction_widens_its_argument(f, dtype):
    x = leaf(np.random.default_rng(1).uniform(0.5, 1, (2, 3)), dtype)
    y = f(x)
    assert y.dtype == dtype
    if y.requires_grad:
        g = grad(y, x, np.ones(y.shape, dtype), create_graph=True)
        assert g.dtype == dtype
        if g.requires_grad:
            assert grad((g * g).sum(), x).dtype == dtype


@pytest.mark.parametrize("f", [mg.mean, mg.var, mg.std, mg.median, mg.average, mg.nanmean, mg.norm])
def test_integers_give_float32(f):
    y = f(Tensor(np.array([[1, 2], [4, 8]])))
    assert y.dtype == "float32"
    np.testing.assert_allclose(y.data, f(np.array([[1.0, 2], [4, 8]])), rtol=1e-6)


# float16 -------------------------------------------------------------------------------------------------


def test_the_mean_of_float16_does_not_overflow_where_numpys_does_not():
    x = leaf(np.full(1000, 1000.0), "float16")
    assert np.mean(x.data) == 1000
    for f in (mg.mean, mg.nanmean, mg.average):
        assert f(x).item() == 1000
        g = gradient(f, x)
        assert g.dtype == "float16"
        np.testing.assert_array_equal(g, np.float16(1 / 1000))


def test_the_spread_and_norm_of_float16_do_not_overflow_where_the_result_does_not():
    x = leaf([1000.0, 2000.0, -3000.0], "float16")
    exact = x.data.astype(float)
    np.testing.assert_allclose(mg.std(x).data, exact.std(), rtol=1e-3)
    np.testing.assert_allclose(mg.norm(x).data, np.linalg.norm(exact), rtol=1e-3)
    np.testing.assert_allclose(mg.norm(x, 3).data, np.linalg.norm(exact, 3), rtol=1e-3)
    np.testing.assert_allclose(gradient(mg.norm, x), exact / np.linalg.norm(exact), rtol=1e-3)


# Products ------------------------------------------------------------------------------------------------


def running_products(x):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    return torch.stack([x[0], x[0] * x[1], x[0] * x[1] * x[2], x[0] * x[1] * x[2] * x[3]])


@pytest.mark.parametrize("zeros", [*itertools.product([False, True], repeat=4)], ids=str)
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(mg.prod, lambda x: running_products(x)[-1]), (mg.cumprod, running_products)],
)
def test_products_are_exact_wherever_zeros_stand_at_every_order(ours, theirs, zeros):
    a = np.where(zeros, 0, [2.0, -3.0, 5.0, 0.5])
    found, expected = derivatives(ours, a, 3), torch_derivatives(theirs, a, 3)
    for y, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(y, wanted, rtol=1e-14, atol=0)


def test_products_do_not_divide_so_an_element_too_small_to_divide_by_does_no_harm():
    tiny = 1e-320
    np.testing.assert_allclose(gradient(mg.prod, leaf([tiny, 2, 3])), [6, 3 * tiny, 2 * tiny])
    np.testing.assert_allclose(gradient(mg.cumprod, leaf([2, tiny, 3]))[1], 2 + 6)


def test_the_product_of_nothing_is_one():
    assert mg.prod(leaf([])).item() == 1
    np.testing.assert_array_equal(mg.prod(leaf(np.ones((0, 2))), 0).data, [1, 1])
    assert gradient(mg.prod, leaf([])).shape == (0,)
    assert mg.cumprod(leaf([])).shape == (0,)


@pytest.mark.parametrize("f", [np.cumsum, np.cumprod])
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_running_sums_and_products_are_those_of_numpy(f, axis):
    np.testing.assert_array_equal(f(leaf(X), axis=axis).data, f(X, axis=axis))
    np.testing.assert_array_equal(f(leaf(2.0), axis=None).data, [2])


def test_the_gradient_of_a_long_running_product_is_right_at_both_ends():
    x = leaf(np.random.default_rng(1).uniform(0.9, 1.1, 500))
    g = gradient(lambda x: mg.cumprod(x)[-1], x)
    np.testing.assert_allclose(g, np.prod(x.data) / x.data, rtol=1e-12)


# Centres -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("axis", "shape"),
    [(None, (3, 4, 2)), (0, (3, 4, 2)), (1, (4,)), (-1, (2,)), ((0, 2), (3, 2)), ((2, 0), (2, 3))],
    ids=str,
)
@pytest.mark.parametrize("keepdims", [False, True])
def test_an_average_with_weights_is_numpys_and_has_right_derivatives_by_both(axis, shape, keepdims):
    w = np.random.default_rng(1).uniform(0.5, 2, shape)
    y = np.average(leaf(X), axis, Tensor(w), keepdims=keepdims)
    np.testing.assert_allclose(y.data, np.average(X, axis, w, keepdims=keepdims), rtol=1e-13)
    check_grads(lambda x, w: mg.average(x, axis, w, keepdims), [X, w])


def test_weights_that_do_not_fit_or_sum_to_zero_are_refused():
    with pytest.raises(ValueError, match=r"average.*\(2,\).*\(3, 4, 2\)"):
        mg.average(leaf(X), 1, np.ones(2))
    with pytest.raises(ValueError, match=r"average.*\(4,\).*axis"):
        mg.average(leaf(X), None, np.ones(4))
    with pytest.raises(ZeroDivisionError, match=r"average.*weights"):
        mg.average(leaf(X), 1, np.array([1.0, -1, 1, -1]))


def test_weights_may_be_a_list_of_integers():
    y = mg.average(leaf([1, 2, 3, 4]), weights=[1, 0, 0, 3])
    assert y.item() == 13 / 4


def test_the_median_gives_its_gradient_to_the_middle_elements():
    np.testing.assert_array_equal(gradient(mg.median, leaf([5, 1, 3])), [0, 0, 1])
    np.testing.assert_array_equal(gradient(mg.median, leaf([5, 1, 3, 4])), [0, 0, 0.5, 0.5])


def test_of_elements_that_tie_in_the_middle_those_get_the_gradient_that_a_stable_sort_puts_there():
    np.testing.assert_array_equal(gradient(mg.median, leaf([2, 2, 2])), [0, 1, 0])
    np.testing.assert_array_equal(gradient(mg.median, leaf([2, 1, 2, 2])), [0.5, 0, 0.5, 0])


def test_a_nan_makes_the_median_nan_and_an_infinity_does_not():
    x = leaf([[1, NAN, 2], [1, INF, 2], [-INF, -INF, INF]])
    np.testing.assert_array_equal(mg.median(x, 1).data, [NAN, 2, -INF])
    assert math.isnan(mg.median(leaf([])).item())
    assert mg.median(leaf([INF, INF])).item() == INF


def test_nan_is_left_out_of_nansum_and_nanmean_and_gets_no_gradient():
    x = leaf([[1, NAN, 3], [NAN, NAN, NAN]])
    np.testing.assert_array_equal(mg.nansum(x, 1).data, [4, 0])
    np.testing.assert_array_equal(mg.nanmean(x, 1).data, [2, NAN])
    np.testing.assert_array_equal(gradient(lambda x: mg.nansum(x, 1), x), [[1, 0, 1], [0, 0, 0]])
    np.testing.assert_array_equal(
        gradient(lambda x: mg.nanmean(x[0]), x), [[0.5, 0, 0.5], [0, 0, 0]]
    )


@pytest.mark.parametrize("offset", [-4, -1, 0, 1, 3, 9])
@pytest.mark.parametrize(("axis1", "axis2"), [(0, 1), (1, 0), (2, 0), (-1, 1)])
def test_the_trace_is_that_of_numpy_and_has_right_derivatives(offset, axis1, axis2):
    y = np.trace(leaf(X), offset, axis1, axis2)
    np.testing.assert_allclose(y.data, np.trace(X, offset, axis1, axis2), rtol=1e-14)
    check_grads(lambda x: mg.trace(x, offset, axis1, axis2), [X])


# Logsumexp -----------------------------------------------------------------------------------------------


def test_logsumexp_is_exact_for_large_numbers():
    np.testing.assert_allclose(mg.logsumexp(leaf([1e4, 1e4])).data, 1e4 + math.log(2), rtol=1e-15)
    np.testing.assert_allclose(mg.logsumexp(leaf([-1e4, -1e4])).data, math.log(2) - 1e4, rtol=1e-15)
    np.testing.assert_allclose(gradient(mg.logsumexp, leaf([1e4, 0, 1e4])), [0.5, 0, 0.5])


def test_logsumexp_of_minus_infinity_alone_is_minus_infinity_with_gradient_zero_at_every_order():
    x = leaf([[-INF, -INF], [-INF, 0]])
    y = mg.logsumexp(x, 1)
    np.testing.assert_array_equal(y.data, [-INF, 0])
    g = grad(y, x, np.ones(2), create_graph=True)
    np.testing.assert_array_equal(g.data, [[0, 0], [0, 1]])
    np.testing.assert_array_equal(grad(g.sum(), x).data, np.zeros((2, 2)))
    assert mg.logsumexp(leaf([])).item() == -INF


def test_logsumexp_with_infinity_is_infinity_and_with_nan_nan_in_their_rows_alone():
    x = leaf([[INF, 0], [NAN, 0], [0, 0]])
    y = mg.logsumexp(x, 1)
    np.testing.assert_array_equal(y.data, [INF, NAN, math.log(2)])
    with np.errstate(invalid="ignore"):
        g = grad(y, x, np.ones(3)).data
    np.testing.assert_allclose(g, [[NAN, 0], [NAN, NAN], [0.5, 0.5]])


def test_log_softmax_is_x_minus_its_logsumexp():
    x = np.random.default_rng(1).standard_normal((3, 4))
    found = x - mg.logsumexp(x, 1, keepdims=True)
    np.testing.assert_allclose(found, mg.log_softmax(x, 1), rtol=1e-13)
