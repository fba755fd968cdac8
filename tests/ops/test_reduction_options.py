"""Options of reductions, `where`, `initial`, `dtype`, `mean`, `correction`, and reductions without nan: as in NumPy."""

import numpy as np
import pytest
from derivatives import gradient, leaf

import minigrad as mg
from minigrad import Tensor, check_grads

INF, NAN = np.inf, np.nan
X = np.random.default_rng(0).standard_normal((3, 4, 3))
ROWS = np.array(
    [[[True, True, False]], [[False, True, True]], [[True, False, True]]]
)  # two of each slice
MASK = (np.random.default_rng(1).random(X.shape) < 0.5) | ROWS
HOLES = np.where(MASK, X, NAN)
AXES = [None, 0, -1, (0, 2)]
OPTIONS = {
    "sum": [{}, {"initial": 1.5}, {"dtype": "float32"}], "prod": [{}, {"initial": 1.5}, {"dtype": "float32"}],
    "mean": [{}, {"dtype": "float32"}], "max": [{"initial": -9}, {"initial": 0.3}, {"initial": 9.0}],
    "min": [{"initial": 9}, {"initial": -0.3}, {"initial": -9.0}], "any": [{}], "all": [{}],
    "var": [{}, {"ddof": 1}, {"correction": 1}], "std": [{}, {"ddof": 0.5}, {"correction": 1}],
}  # fmt: skip


def close(found, expected):
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(
        found.data, expected, rtol=1e-6 if found.dtype == "float32" else 1e-12
    )


@pytest.mark.parametrize(
    "mask", [MASK, ROWS, ROWS.tolist(), True], ids=["full", "rows", "list", "all"]
)
@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize(("name", "options"), [(n, o) for n, all_ in OPTIONS.items() for o in all_])
def test_a_reduction_with_a_mask_is_numpys_and_has_right_derivatives(name, options, axis, mask):
    f, options = getattr(np, name), {**options, "axis": axis, "where": mask}
    x = X > 0 if name in ("any", "all") else X
    for keepdims in (False, True):
        close(f(Tensor(x), keepdims=keepdims, **options), f(x, keepdims=keepdims, **options))
    as_tensor = options | {"where": Tensor(mask)}
    np.testing.assert_array_equal(f(Tensor(x), **as_tensor).data, f(Tensor(x), **options).data)
    if "dtype" not in options:
        ours = {k: v for k, v in options.items() if k not in ("any", "all")}
        np.testing.assert_array_equal(
            getattr(Tensor(x), name)(**ours).data, f(Tensor(x), **options).data
        )
        if x.dtype == float:
            check_grads(lambda x: f(x, **options), [X], order=2 if axis == 0 else 1)


@pytest.mark.parametrize(
    "name", ["nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin"]
)
@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_a_reduction_without_nan_is_numpys_and_nan_has_gradient_zero(name, axis, keepdims):
    f, options = getattr(np, name), {"axis": axis, "keepdims": keepdims}
    close(f(Tensor(HOLES), **options), f(HOLES, **options))
    of_known = {"initial": 0.1} if name in ("nanmax", "nanmin") else {}
    close(
        f(Tensor(HOLES), where=ROWS, **of_known, **options),
        f(HOLES, where=ROWS, **of_known, **options),
    )
    check_grads(lambda x: f(np.where(MASK, x, NAN), **options), [X], order=2)
    g = gradient(lambda x: f(x, **options), leaf(HOLES))
    assert np.isfinite(g).all()
    assert (g[~MASK] == 0).all()


@pytest.mark.parametrize(
    "f", [mg.nanmax, mg.nanmin, mg.nanmean, mg.nanvar, mg.nanstd, np.nanmedian]
)
def test_where_all_are_nan_there_is_nothing_but_nan(f):
    np.testing.assert_array_equal(f(leaf([[NAN, NAN], [1, 1]]), axis=1).data[:1], [NAN])


def test_nanmax_of_infinities_and_integers_is_theirs():
    x = leaf([-INF, NAN, -INF])
    assert np.nanmax(x).item() == -INF
    np.testing.assert_array_equal(gradient(mg.nanmax, x), [0.5, 0, 0.5])
    assert np.nanmin(Tensor([3, 1, 2])).item() == 1
    with pytest.raises(ValueError, match="zero-size"):
        np.nanmax(leaf([]))


# Extremes ------------------------------------------------------------------------------------------------


def test_elements_that_tie_with_initial_share_the_gradient_among_themselves():
    x = leaf([2, 3, 3, 1])
    np.testing.assert_array_equal(gradient(lambda x: mg.max(x, initial=3), x), [0, 0.5, 0.5, 0])
    np.testing.assert_array_equal(gradient(lambda x: mg.max(x, initial=4), x), [0, 0, 0, 0])
    np.testing.assert_array_equal(gradient(lambda x: mg.min(x, initial=1), x), [0, 0, 0, 1])


def test_an_element_left_out_takes_no_share_at_a_tie():
    mask = np.array([True, False, True])
    for tied in (3.0, -INF):
        x = leaf([tied, tied, -INF])
        g = gradient(lambda x: mg.max(x, initial=-INF, where=mask), x)
        np.testing.assert_array_equal(g, [1, 0, 0] if tied == 3 else [0.5, 0, 0.5])
    np.testing.assert_array_equal(
        gradient(lambda x: mg.max(x, initial=0, where=mask), leaf([1, NAN, 0])), [1, 0, 0]
    )


def test_nan_wins_in_a_maximum_with_initial_unless_it_is_left_out():
    x = leaf([1, NAN, 2])
    assert np.isnan(mg.max(x, initial=5).item())
    assert mg.max(x, initial=-INF, where=~np.isnan(x)).item() == 2


def test_with_initial_a_maximum_of_nothing_is_initial():
    y = np.max(leaf(np.ones((2, 0))), axis=1, initial=3.0)
    np.testing.assert_array_equal(y.data, [3, 3])
    with pytest.raises(ValueError, match="initial"):
        np.max(leaf(X), where=MASK)


# Means ---------------------------------------------------------------------------------------------------


def test_a_mean_that_is_given_is_used_and_gets_a_gradient():
    mean = X.mean(0, keepdims=True)
    for f in (np.var, np.std):
        close(f(Tensor(X), axis=0, mean=Tensor(mean)), f(X, axis=0, mean=mean))
        check_grads(lambda x, m, f=f: f(x, axis=0, mean=m), [X, mean + 0.1], order=2)
    with pytest.raises(ValueError, match="two words for one thing"):
        np.var(leaf(X), ddof=1, correction=1)


def test_of_no_elements_the_mean_and_the_spread_are_nan():
    mask = np.array([[True, True], [False, False], [True, False]])
    x = leaf(np.arange(6).reshape(3, 2))
    np.testing.assert_array_equal(np.mean(x, axis=1, where=mask).data, [0.5, NAN, 4])
    np.testing.assert_array_equal(np.var(x, axis=1, where=mask, ddof=1).data, [0.5, NAN, NAN])
    g = gradient(lambda x: np.mean(x, axis=1, where=mask)[::2], x)
    np.testing.assert_array_equal(g, [[0.5, 0.5], [0, 0], [1, 0]])


def test_the_spread_of_float16_with_a_mask_does_not_overflow_where_the_result_does_not():
    x = leaf([1000.0, 2000.0, -3000.0, NAN], "float16")
    for f in (np.nanstd, lambda x: np.std(x, where=~np.isnan(x)), np.nanmean):
        assert f(x).dtype == "float16"
        np.testing.assert_allclose(f(x).item(), f(np.array([1000.0, 2000, -3000])), rtol=1e-3)


# Dtypes, and what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f", [np.sum, np.prod, np.mean, np.cumsum, np.cumprod, np.add.reduce, np.add.accumulate]
)
def test_elements_are_converted_to_a_dtype_before_they_are_reduced(f):
    for dtype in ("float32", "float64"):
        for a in (X.astype("float16"), np.arange(8).reshape(2, 2, 2)):
            close(f(Tensor(a), axis=0, dtype=dtype), f(a, axis=0, dtype=dtype))
    x = leaf(X, "float32")
    assert gradient(lambda x: f(x, axis=0, dtype="float64"), x).dtype == "float32"


def test_a_sum_in_integers_is_numpys_and_a_mean_in_integers_is_refused():
    assert np.sum(Tensor([1.5, 2.5]), dtype=int).item() == 3
    with pytest.raises(TypeError, match="mean: dtype must be one of floats, not int64"):
        np.mean(Tensor([1.5, 2.5]), dtype=int)


def test_a_mask_or_an_initial_that_does_not_fit_or_needs_a_gradient_is_refused():
    x = leaf(X)
    for f in (np.sum, np.mean, np.std, lambda x, **o: np.max(x, initial=0, **o)):
        with pytest.raises(ValueError, match=r"where= has shape \(2, 3, 4, 3\).*\(3, 4, 3\)"):
            f(x, where=np.ones((2, 3, 4, 3), bool))
        with pytest.raises(TypeError, match=r"`where` .*requires grad"):
            f(x, where=leaf(X))
    for f in (np.sum, np.prod):
        with pytest.raises(ValueError, match=rf"{f.__name__}: initial must be one number"):
            f(x, initial=np.ones(2))
    with pytest.raises(TypeError, match=r"`initial` .*requires grad"):
        np.max(x, initial=leaf(2.0))


@pytest.mark.parametrize("f", [np.sum, np.prod])
def test_an_initial_that_requires_grad_gets_its_gradient(f):
    check_grads(lambda x, i: f(x, axis=0, initial=i), [X, np.array(1.5)], order=2)
