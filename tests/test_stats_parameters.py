"""minigrad.stats: parameters that make no distribution, that lack an axis, or are NumPy's numbers."""

import numpy as np
import pytest
import scipy.stats

from minigrad import Tensor, grad, stats

SCIPYS = {"exponential": scipy.stats.expon}
NAN_WHERE = {  # a log density, a point of its support, one outside, and parameters that make no distribution
    "uniform_logpdf": (0.5, 7.0, [(0.0, -1.0), (0.0, 0.0)]),
    "exponential_logpdf": (0.5, -7.0, [(0.0, -1.0), (0.0, 0.0)]),
    "gamma_logpdf": (0.5, -7.0, [(-0.5,), (0.0,), (1.0, 0.0, -2.0)]),
    "beta_logpdf": (0.5, 7.0, [(-0.5, 2.0), (2.0, -1.5), (0.0, 1.0), (1.0, 1.0, 0.0, -2.0)]),
    "poisson_logpmf": (0, -1, [(-1.0,), (-0.5,)]),
    "bernoulli_logpmf": (0, 2, [(-0.1,), (1.1,)]),
}


@pytest.mark.parametrize("name", NAN_WHERE)
def test_where_a_parameter_makes_no_distribution_a_log_density_is_nan_as_scipys(name):
    *points, parameters = NAN_WHERE[name]
    distribution, kind = name.split("_")
    theirs = getattr(SCIPYS.get(distribution, getattr(scipy.stats, distribution, None)), kind)
    for given in parameters:
        for x in points:
            with np.errstate(divide="ignore"):
                assert np.isnan(theirs(x, *given))
            assert np.isnan(getattr(stats, name)(x, *given))
            tensors = [Tensor([p], requires_grad=True) for p in given]
            assert np.isnan(getattr(stats, name)(x, *tensors).item())


def test_where_a_parameter_makes_no_distribution_an_entropy_is_nan_and_leaves_the_others_alone():
    bad = np.array([-0.5, np.nan, 2.0])
    for entropy in (
        stats.gamma_entropy,
        lambda a: stats.beta_entropy(a, 1.5),
        lambda b: stats.beta_entropy(1.5, b),
        stats.poisson_entropy,
    ):
        np.testing.assert_array_equal(np.isnan(entropy(bad)), [True, True, False])
        assert entropy(bad)[2] == entropy(np.array([2.0]))[0]
        slopes = grad(lambda p, f=entropy: f(p)[2])(bad)
        assert slopes[2] == grad(lambda p, f=entropy: f(p).sum())(np.array([2.0]))[0]
    assert np.isnan(stats.poisson_entropy(np.inf))
    assert np.isnan(stats.dirichlet_entropy([-0.5, 2.0]))
    assert np.isnan(stats.dirichlet_logpdf([0.5, 0.5], [-0.5, 2.0]))


@pytest.mark.parametrize(
    "call",
    [
        lambda: stats.dirichlet_logpdf([0.2, 0.8], 2.0),
        lambda: stats.dirichlet_logpdf([0.2, 0.8], [2.0]),
        lambda: stats.dirichlet_logpdf(1.0, [2.0]),
        lambda: stats.dirichlet_entropy(2.0),
        lambda: stats.categorical_logpmf(0, 0.5),
        lambda: stats.categorical_entropy(Tensor(0.5)),
    ],
)
def test_probabilities_that_lack_their_axis_are_named(call):
    with pytest.raises(ValueError, match=r"^(dirichlet|categorical)_\w+: \w+ has one number for"):
        call()


@pytest.mark.parametrize("of", [np.float64, np.array])
def test_numpys_numbers_are_computed_in_their_own_dtype(of):
    """As where SciPy hands x[0] of its vector to a log density, and differs it."""
    for found, expected in [
        (stats.norm_logpdf(of(0.3), of(0.1), of(2.3)), scipy.stats.norm.logpdf(0.3, 0.1, 2.3)),
        (stats.norm_logpdf(0.3, of(0.1)), scipy.stats.norm.logpdf(0.3, 0.1)),
        (stats.gamma_logpdf(1, of(1.7)), scipy.stats.gamma.logpdf(1, 1.7)),
        (stats.poisson_logpmf(np.int64(2), 0.3), scipy.stats.poisson.logpmf(2, 0.3)),
        (stats.poisson_logpmf(np.array([2]), of(0.3)), scipy.stats.poisson.logpmf([2], 0.3)),
        (stats.bernoulli_entropy(of(0.3)), scipy.stats.bernoulli.entropy(0.3)),
    ]:
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, expected, rtol=1e-13)
    assert stats.norm_logpdf(np.float32(0.3)).dtype == np.float32
    assert stats.norm_logpdf(Tensor(0.3), np.float64(0.1)).dtype == np.float32
