"""Black-box variational inference: the posterior of a Bayesian regression, found by gradients through samples.

The model is NumPy's and minigrad's functions alone. Its posterior is normal and known, as prior and noise are normal.
"""

import numpy as np

import minigrad
from minigrad import stats

NOISE, PRIOR = 0.5, 2.0


def log_joint(weights, inputs, outputs):
    """log p(weights) + log p(outputs | weights), for several weights (samples, n)."""
    prior = stats.norm_logpdf(weights, 0, PRIOR).sum(axis=-1)
    return prior + stats.norm_logpdf(outputs, weights @ inputs.T, NOISE).sum(axis=-1)


def covariance(root):
    """A matrix that is positive definite whatever the numbers of the root."""
    lower = np.tril(root, -1) + np.diag(np.exp(np.diag(root)))
    return lower @ lower.T


def negative_bound(mean, root, inputs, outputs, rng):
    """- E log p + E log q, with the expectation over q estimated by samples."""
    cov = covariance(root)
    weights = stats.multivariate_normal_sample(mean, cov, size=20, rng=rng)
    entropy = stats.multivariate_normal_entropy(mean, cov)
    return -(log_joint(weights, inputs, outputs).mean() + entropy)


def fitted(inputs, outputs, steps=500):
    """Mean and covariance of q after steps of Adam, whose rate goes down to 0."""
    rng = np.random.default_rng(1)
    objective = minigrad.value_and_grad(negative_bound, argnums=(0, 1))
    n = inputs.shape[1]
    at = [np.zeros(n), np.zeros((n, n))]
    first, second = ([np.zeros_like(a) for a in at] for _ in range(2))
    for step in range(1, steps + 1):
        _, gradients = objective(*at, inputs, outputs, rng)
        for i, g in enumerate(map(np.asarray, gradients)):
            first[i] = 0.9 * first[i] + 0.1 * g
            second[i] = 0.99 * second[i] + 0.01 * g * g
            scale = np.sqrt(second[i] / (1 - 0.99**step)) + 1e-8
            at[i] = at[i] - 0.1 * (1 - step / steps) * first[i] / (1 - 0.9**step) / scale
    return at[0], np.asarray(covariance(at[1]))


def test_variational_inference_finds_the_known_posterior():
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((25, 2)) @ np.array([[1.0, 0.8], [0.0, 0.6]])
    outputs = inputs @ np.array([1.5, -0.7]) + NOISE * rng.standard_normal(25)
    mean, cov = fitted(inputs, outputs)

    true_cov = np.linalg.inv(inputs.T @ inputs / NOISE**2 + np.eye(2) / PRIOR**2)
    true_mean = true_cov @ inputs.T @ outputs / NOISE**2
    spread = np.sqrt(np.diag(true_cov))
    assert (np.abs(mean - true_mean) < 0.1 * spread).all()
    np.testing.assert_allclose(
        cov / np.outer(spread, spread), true_cov / np.outer(spread, spread), atol=0.1
    )
    assert (
        np.linalg.cond(true_cov) > 3
    )  # the numbers are correlated: no product of two normals fits
