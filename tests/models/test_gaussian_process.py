"""A Gaussian process whose length scales, amplitude and noise are fitted by SciPy; the model is written in NumPy.

From Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, algorithm 2.1 and equation 5.9.
"""

import numpy as np
import pytest

import minigrad

optimize = pytest.importorskip("scipy.optimize", reason="SciPy is not installed")
stats = pytest.importorskip("scipy.stats", reason="SciPy is not installed")


def covariance(p, A, B):
    a, b = A / np.exp(p["log_scales"]), B / np.exp(p["log_scales"])
    squares = np.sum((a[:, None] - b[None]) ** 2, axis=-1)
    return np.exp(2 * p["log_amplitude"] - 0.5 * squares)


def minus_log_likelihood(p, X, y):
    """-log p(y | X), with f integrated out."""
    K = covariance(p, X, X) + np.exp(2 * p["log_noise"]) * np.eye(len(X))
    L = np.linalg.cholesky(K)
    z = np.linalg.solve(L, y)
    return 0.5 * z @ z + np.sum(np.log(np.diag(L))) + 0.5 * len(y) * np.log(2 * np.pi)


def predict(p, X, y, new):
    """The mean and the variance of f at new points."""
    K = covariance(p, X, X) + np.exp(2 * p["log_noise"]) * np.eye(len(X))
    k = covariance(p, X, new)
    mean = k.T @ np.linalg.solve(K, y)
    return mean, np.exp(2 * p["log_amplitude"]) - np.sum(k * np.linalg.solve(K, k), axis=0)


def truth(X):
    return np.sin(3 * X[:, 0])  # the second coordinate has no influence


def data(count, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (count, 2))
    return X, truth(X) + 0.1 * rng.standard_normal(count)


def start():
    return {"log_scales": np.zeros(2), "log_amplitude": 0.0, "log_noise": -1.0}


def fitted(X, y):
    x, unravel = minigrad.ravel_tree(start())
    f = minigrad.value_and_grad(lambda x: minus_log_likelihood(unravel(x), X, y))
    found = optimize.minimize(f, x, jac=True, method="L-BFGS-B", bounds=[(-5, 5)] * len(x))
    assert found.success
    return unravel(found.x)


def test_the_likelihood_is_that_of_a_normal_distribution_and_its_gradient_that_of_the_book():
    X, y = data(12)
    p = {"log_scales": np.array([-0.5, 0.3]), "log_amplitude": 0.2, "log_noise": -0.7}
    value, gradient = minigrad.value_and_grad(minus_log_likelihood)(p, X, y)
    f, noise = covariance(p, X, X), np.exp(2 * p["log_noise"]) * np.eye(12)
    expected = stats.multivariate_normal(np.zeros(12), f + noise).logpdf(y)
    assert value == pytest.approx(-expected, rel=1e-12)
    inverse = np.linalg.inv(f + noise)
    weight = np.outer(inverse @ y, inverse @ y) - inverse
    apart = (X[:, None] - X[None]) ** 2 / np.exp(2 * p["log_scales"])
    by_scales = [-0.5 * np.sum(weight * f * apart[..., i]) for i in (0, 1)]
    np.testing.assert_allclose(gradient["log_scales"], by_scales, rtol=1e-10)
    assert gradient["log_amplitude"] == pytest.approx(-0.5 * np.sum(weight * 2 * f), rel=1e-10)
    assert gradient["log_noise"] == pytest.approx(-0.5 * np.sum(weight * 2 * noise), rel=1e-10)


def test_the_fit_finds_the_noise_and_which_coordinate_matters_and_predicts():
    X, y = data(60)
    p = fitted(X, y)
    assert minus_log_likelihood(p, X, y) < minus_log_likelihood(start(), X, y)
    assert np.exp(p["log_noise"]) == pytest.approx(0.1, rel=0.3)
    assert p["log_scales"][1] > p["log_scales"][0] + 1
    new = data(50, seed=1)[0]
    mean, variance = predict(p, X, y, new)
    error = mean - truth(new)
    assert np.sqrt(np.mean(error**2)) < 0.08
    assert np.mean(np.abs(error) < 3 * np.sqrt(variance)) > 0.9


def test_the_slope_of_the_prediction_is_that_of_the_curve():
    X, y = data(60)
    p = fitted(X, y)
    new = np.array([[0.2, 0.0], [-0.4, 0.5]])
    slope = minigrad.elementwise_grad(lambda new: predict(p, X, y, new)[0])(new)
    np.testing.assert_allclose(slope[:, 0], 3 * np.cos(3 * new[:, 0]), atol=0.5)
    np.testing.assert_allclose(slope[:, 1], 0, atol=0.5)


def test_the_hessian_at_the_fit_is_positive_so_that_it_is_a_minimum():
    X, y = data(40)
    x, unravel = minigrad.ravel_tree(fitted(X, y))
    H = minigrad.hessian(lambda x: minus_log_likelihood(unravel(x), X, y))(x)
    np.testing.assert_allclose(H, H.T, rtol=1e-8, atol=1e-8)
    assert np.linalg.eigvalsh(H).min() > -1e-3  # flat in the scale that has no influence
