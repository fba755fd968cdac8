"""Logistic regression of several classes, trained by SciPy's Newton-CG and L-BFGS-B; the model is in NumPy."""

import numpy as np
import pytest

import minigrad

optimize = pytest.importorskip("scipy.optimize", reason="SciPy is not installed")

CENTRES = np.array([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [-1.0, -1.0, 1.0]])


def data(seed=0, count=90):
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 3, count)
    return CENTRES[classes] + rng.standard_normal((count, 3)), classes


def log_probabilities(p, X):
    scores = X @ p["W"] + p["b"]
    top = np.max(scores, axis=1, keepdims=True)
    return scores - top - np.log(np.sum(np.exp(scores - top), axis=1, keepdims=True))


def loss(p, X, classes):
    likelihood = np.mean(log_probabilities(p, X)[np.arange(len(X)), classes])
    return 0.01 * np.sum(p["W"] ** 2) + 0.01 * np.sum(p["b"] ** 2) - likelihood


def trained(method, X, classes):
    x, unravel = minigrad.ravel_tree({"W": np.zeros((3, 3)), "b": np.zeros(3)})

    def f(x):
        return loss(unravel(x), X, classes)

    derivatives = {"jac": minigrad.grad(f)}
    if method == "Newton-CG":
        derivatives["hessp"] = lambda x, p: minigrad.hvp(f, [x], [p])[0]
    found = optimize.minimize(f, x, method=method, tol=1e-10, **derivatives)
    return unravel(found.x)


def gradient_by_hand(p, X, classes):
    error = np.exp(log_probabilities(p, X)) - np.eye(3)[classes]
    return {
        "W": X.T @ error / len(X) + 0.02 * p["W"],
        "b": error.mean(axis=0) + 0.02 * p["b"],
    }


def test_the_gradient_is_that_by_hand():
    rng = np.random.default_rng(1)
    p = {"W": rng.standard_normal((3, 3)), "b": rng.standard_normal(3)}
    found, expected = minigrad.grad(loss)(p, *data()), gradient_by_hand(p, *data())
    for name in p:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("method", ["Newton-CG", "L-BFGS-B"])
def test_a_fit_ends_where_the_gradient_is_zero_and_classifies_what_it_has_not_seen(method):
    p = trained(method, *data())
    for g in gradient_by_hand(p, *data()).values():
        np.testing.assert_allclose(g, 0, atol=1e-4)
    X, classes = data(seed=2, count=300)
    assert np.mean(np.argmax(log_probabilities(p, X), axis=1) == classes) > 0.8


def test_both_methods_end_at_the_same_weights():
    p, q = trained("Newton-CG", *data()), trained("L-BFGS-B", *data())
    for name in p:
        np.testing.assert_allclose(p[name], q[name], atol=5e-3)
