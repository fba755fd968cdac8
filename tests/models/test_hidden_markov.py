"""A hidden Markov model with normal emissions, fitted by the gradient of its likelihood.

The model is NumPy alone, written as it would be for plain arrays.
"""

import itertools
import math

import numpy as np
import pytest

import minigrad

# The model -----------------------------------------------------------------------------------------------


def log_normalised(scores):
    """Logarithms of probabilities along the last axis, from any scores."""
    return scores - np.expand_dims(np.logaddexp.reduce(scores, axis=-1), -1)


def log_likelihood(parameters, seen):
    """log p(seen), summed over all ways through the states by the forward recursion."""
    start, moves, means, log_widths = parameters
    apart = np.subtract.outer(seen, means) / np.exp(log_widths)
    emitted = -0.5 * apart**2 - log_widths - 0.5 * math.log(2 * math.pi)  # (T, K)
    moves = log_normalised(moves)
    forward = log_normalised(start) + emitted[0]
    for row in emitted[1:]:
        forward = np.logaddexp.reduce(forward[:, None] + moves, axis=0) + row
    return np.logaddexp.reduce(forward, axis=0)


def fitted(parameters, seen, steps, rate):
    """The parameters after some steps uphill, and the mean log likelihood before each of them."""
    uphill = minigrad.value_and_grad(
        lambda *p: log_likelihood(p, seen) / len(seen), argnums=range(4)
    )
    values = []
    for _ in range(steps):
        value, slopes = uphill(*parameters)
        values.append(float(value))
        parameters = [p + rate * np.asarray(g) for p, g in zip(parameters, slopes, strict=True)]
    return parameters, values


# What is promised ----------------------------------------------------------------------------------------


def some_parameters(rng, k):
    return [
        rng.standard_normal(k),
        rng.standard_normal((k, k)),
        rng.standard_normal(k),
        0.3 * rng.standard_normal(k),
    ]


def by_enumeration(parameters, seen):
    """log p(seen): the probability of each way through the states, one by one, all added up."""
    start, moves, means, log_widths = parameters
    p_start = np.exp(start) / np.exp(start).sum()
    p_moves = np.exp(moves) / np.exp(moves).sum(1, keepdims=True)
    total = 0.0
    for way in itertools.product(range(len(start)), repeat=len(seen)):
        p = p_start[way[0]]
        for before, after in itertools.pairwise(way):
            p *= p_moves[before, after]
        for state, y in zip(way, seen, strict=True):
            width = math.exp(log_widths[state])
            p *= math.exp(-0.5 * ((y - means[state]) / width) ** 2) / (
                width * math.sqrt(2 * math.pi)
            )
        total += p
    return math.log(total)


@pytest.mark.parametrize(("k", "length"), [(2, 8), (3, 6)])
def test_the_likelihood_and_its_slope_are_those_of_all_ways_through_the_states(k, length):
    rng = np.random.default_rng(k)
    parameters, seen = some_parameters(rng, k), rng.standard_normal(length)
    value, slopes = minigrad.value_and_grad(lambda *p: log_likelihood(p, seen), argnums=range(4))(
        *parameters
    )
    assert float(value) == pytest.approx(by_enumeration(parameters, seen), rel=1e-12)
    for _ in range(3):
        directions = [rng.standard_normal(p.shape) for p in parameters]
        ahead, behind = (
            by_enumeration([p + h * d for p, d in zip(parameters, directions, strict=True)], seen)
            for h in (1e-5, -1e-5)
        )
        along = sum((np.asarray(g) * d).sum() for g, d in zip(slopes, directions, strict=True))
        assert along == pytest.approx((ahead - behind) / 2e-5, rel=1e-7)


def test_a_fit_finds_the_states_that_made_the_data():
    rng = np.random.default_rng(0)
    states = [0]
    for _ in range(149):
        states.append(states[-1] if rng.random() < 0.8 else 1 - states[-1])
    states = np.array(states)
    seen = np.array([-1.0, 2.0])[states] + 0.5 * rng.standard_normal(150)
    start = [np.zeros(2), np.zeros((2, 2)), np.array([-0.5, 0.5]), np.zeros(2)]
    (_, moves, means, log_widths), values = fitted(start, seen, 100, 0.5)
    assert values == sorted(values)
    of_each = [seen[states == k] for k in (0, 1)]
    np.testing.assert_allclose(means, [y.mean() for y in of_each], atol=0.05)
    np.testing.assert_allclose(np.exp(log_widths), [y.std() for y in of_each], atol=0.05)
    stayed = [(states[1:] == k)[states[:-1] == k].mean() for k in (0, 1)]
    np.testing.assert_allclose(np.exp(log_normalised(moves)).diagonal(), stayed, atol=0.05)
