"""Covariances and correlations: NumPy's values for every option, and the edges."""

import numpy as np
import pytest

from minigrad import Tensor, check_grads, grad

rng = np.random.default_rng(0)
X = rng.standard_normal((3, 6))
OPTIONS = [{}, {"bias": True}, {"ddof": 0}, {"ddof": 2}, {"bias": True, "ddof": 1}]
WEIGHTS = [
    {}, {"fweights": np.array([1, 2, 0, 3, 1, 1])}, {"aweights": rng.uniform(0.5, 2, 6)},
    {"fweights": np.array([1, 2, 1, 3, 1, 1]), "aweights": rng.uniform(0.5, 2, 6)},
]  # fmt: skip


def leaf(a):
    return Tensor(np.array(a, float), requires_grad=True)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("weights", WEIGHTS)
def test_covariances_are_numpys_for_every_option(options, weights):
    for m, rowvar in [(X, True), (X.T.copy(), False), (X[0], True), (X[0], False)]:
        found = np.cov(leaf(m), rowvar=rowvar, **options, **weights)
        np.testing.assert_allclose(
            found.data, np.cov(m, rowvar=rowvar, **options, **weights), rtol=1e-12
        )


@pytest.mark.parametrize("f", [np.cov, np.corrcoef])
def test_a_second_array_adds_its_variables(f):
    for m, y, rowvar in [
        (X, X[0] ** 2, True),
        (X[0], X[1], False),
        (X.T.copy(), X.T**2, False),
        (X[:1], X**2, True),
    ]:
        np.testing.assert_allclose(f(leaf(m), y, rowvar).data, f(m, y, rowvar), rtol=1e-12)
        np.testing.assert_allclose(f(m, leaf(y), rowvar).data, f(m, y, rowvar), rtol=1e-12)


def test_too_few_observations_give_nan_and_bad_shapes_raise():
    assert np.isnan(np.cov(leaf(X), ddof=6).data).all()
    for options in ({"fweights": [1, 2]}, {"aweights": X}):
        with pytest.raises(ValueError, match=rf"cov: {next(iter(options))} has shape"):
            np.cov(leaf(X), **options)
    with pytest.raises(ValueError, match="at most 2 axes"):
        np.cov(leaf(X[None]))
    with pytest.raises(TypeError, match=r"np\.cov: dtype="):
        np.cov(leaf(X), dtype="float32")


def test_correlations_stay_within_one_and_keep_their_second_derivatives_where_they_reach_it():
    x = leaf([[1.0, 2, 4], [-2.0, -4, -8]])
    r = np.corrcoef(x)
    assert (np.abs(r.data) <= 1).all()
    assert np.abs(grad(r[0, 1], x).data).max() < 1e-15  # it is the least possible
    check_grads(lambda x: np.corrcoef(x)[0, 1], [x.data], order=2, rng=np.random.default_rng(0))
    assert np.corrcoef(leaf(X[0])).item() == 1
