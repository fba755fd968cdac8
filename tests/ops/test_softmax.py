"""Softmax and its logarithm: values far from zero, what infinities and nan do, and derivatives."""

import math

import numpy as np
import pytest
from derivatives import leaf
from losses import gradient, quietly

import minigrad as mg
from minigrad import Tensor, check_grads, grad
from minigrad.ops.kernels import softmax as kernels

INF, NAN = np.inf, np.nan
LOGITS = np.random.default_rng(0).standard_normal((5, 4))


def test_log_softmax_is_exact_for_logits_of_ten_thousand():
    x = leaf([[1e4, 1e4, -1e4], [1e4, 0, 1e4 - 1]])
    y = mg.log_softmax(x)
    small = -math.log1p(math.exp(-1))
    expected = [[-math.log(2), -math.log(2), -2e4 - math.log(2)], [small, -1e4 + small, small - 1]]
    np.testing.assert_allclose(y.data, expected, rtol=1e-15)
    p = math.exp(small)
    np.testing.assert_allclose(gradient(y[1, 2], x)[1], [-p, 0, p], rtol=1e-12)


def test_log_softmax_does_not_change_when_all_logits_move():
    y = mg.log_softmax(leaf(LOGITS)).data
    np.testing.assert_allclose(mg.log_softmax(leaf(LOGITS - 1e6)).data, y, atol=1e-9)
    np.testing.assert_allclose(np.exp(y).sum(1), 1, rtol=1e-15)


def test_a_class_with_logit_minus_infinity_is_impossible_and_harmless():
    x = leaf([[0, -INF]])
    y = mg.log_softmax(x)
    np.testing.assert_array_equal(y.data, [[0, -INF]])
    np.testing.assert_array_equal(gradient(y[0, 0], x), [[0, 0]])
    assert np.isfinite(gradient(mg.log_softmax(x), x)).all()
    np.testing.assert_array_equal(mg.softmax(x).data, [[1, 0]])
    loss = mg.cross_entropy(x, np.array([0]))
    assert loss.item() == 0
    np.testing.assert_array_equal(grad(loss, x).data, [[0, 0]])


@pytest.mark.parametrize(
    "row", [[INF, 1, 2], [NAN, 1, 2], [-INF, -INF, -INF], [INF, INF, 0]], ids=str
)
def test_an_infinite_or_missing_logit_makes_its_own_row_nan_and_no_other(row):
    y = quietly(mg.log_softmax, leaf([[1, 2, 3], row, [3, 2, 1]])).data
    assert np.isnan(y[1]).all()
    expected = mg.log_softmax(leaf([[1, 2, 3], [3, 2, 1]])).data
    np.testing.assert_array_equal(y[[0, 2]], expected)
    p = quietly(mg.softmax, leaf([[1, 2, 3], row, [3, 2, 1]])).data
    assert np.isnan(p[1]).any()
    np.testing.assert_allclose(p[[0, 2]], np.exp(expected), rtol=1e-15)
    losses = quietly(mg.cross_entropy, leaf([[1, 2, 3], row]), np.array([0, 0]), reduction="none")
    np.testing.assert_array_equal(np.isnan(losses.data), [False, True])


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int64"])
def test_integer_logits_are_taken_as_floats(dtype):
    x = np.array([[1, 0, 5], [0, 100, 3]], dtype)
    exact = mg.log_softmax(x.astype(float))
    assert mg.log_softmax(Tensor(x)).dtype == "float32"
    np.testing.assert_allclose(mg.log_softmax(Tensor(x)).data, exact, rtol=1e-6, atol=1e-7)
    loss = mg.cross_entropy(Tensor(x), np.array([0, 0]))
    np.testing.assert_allclose(loss.data, -exact[:, 0].mean(), rtol=1e-6)


def test_softmax_is_exact_for_logits_of_ten_thousand_and_keeps_the_classes_that_cannot_be_at_0():
    x = leaf([[1e4, 1e4 - 1, -INF], [-1e4, -INF, -1e4]])
    y = mg.softmax(x)
    e = 1 / (1 + np.exp(-1))
    np.testing.assert_allclose(y.data, [[e, 1 - e, 0], [0.5, 0, 0.5]], rtol=1e-15, atol=0)
    np.testing.assert_array_equal(gradient(y[:, 0].sum(), x)[[0, 1], [2, 1]], 0)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_softmax_sums_to_one_over_its_axis_and_has_right_derivatives(axis):
    x = np.random.default_rng(0).standard_normal((2, 3, 2))
    np.testing.assert_allclose(mg.softmax(Tensor(x), axis).data.sum(axis), 1, rtol=1e-15)
    check_grads(lambda x: mg.softmax(x, axis), [x])


# Which axes ----------------------------------------------------------------------------------------------

ROWS_OF_SOFTMAX = (mg.softmax, mg.log_softmax)


@pytest.mark.parametrize("f", ROWS_OF_SOFTMAX)
@pytest.mark.parametrize("axes", [None, (0, 2), (-1, 0), (1,), ()])
def test_softmax_over_several_axes_is_that_of_these_axes_made_into_one(f, axes):
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    logs = x - mg.logsumexp(x, axes, keepdims=True)
    expected = logs if f is mg.log_softmax else np.exp(logs)
    np.testing.assert_allclose(f(Tensor(x), axes).data, expected, rtol=1e-13, atol=1e-14)
    check_grads(lambda x: f(x, axes), [x], order=2)


@pytest.mark.parametrize("f", [*ROWS_OF_SOFTMAX, mg.logsumexp])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(
    ("shape", "axis"), [((2, 0), 1), ((2, 0), 0), ((0,), None), ((3, 0, 2), (1, 2))]
)
def test_over_an_empty_axis_the_softmax_is_empty_and_the_logarithm_of_the_sum_minus_infinity(
    f, dtype, shape, axis
):
    x = leaf(np.zeros(shape), dtype)
    y = f(x, axis)
    kept = np.zeros(shape).sum(axis=axis)
    expected = np.full(kept.shape, -INF) if f is mg.logsumexp else np.zeros(shape)
    np.testing.assert_array_equal(y.data, expected.astype(dtype), strict=True)
    seed = Tensor(np.ones(y.shape, dtype), requires_grad=True)
    (g,) = grad(y, [x], seed, create_graph=True)
    second = grad(g.sum(), [x, seed])
    np.testing.assert_array_equal(g.data, np.zeros(shape, dtype), strict=True)
    assert all(s is None or s.shape == t.shape for s, t in zip(second, (x, seed), strict=True))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(7, 3), (3, 7), (7, 5), (4, 30), (1, 12), (12, 1)])
@pytest.mark.parametrize("short", [1, 128])
def test_cross_entropy_in_blocks_of_rows_is_that_of_the_logarithm(monkeypatch, short, shape, order):
    monkeypatch.setattr(kernels, "BLOCK", 11)
    monkeypatch.setattr(kernels, "SHORT", short)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, shape[1], shape[0])
    weight = rng.random(shape[1])
    x = leaf(np.array(rng.standard_normal(shape) * 50, order=order))
    for options in ({}, {"weight": weight}, {"reduction": "sum"}):
        loss = mg.cross_entropy(x, labels, **options)
        wanted = mg.nll_loss(mg.log_softmax(x, 1), labels, **options)
        np.testing.assert_allclose(loss.data, wanted.data, rtol=1e-13)
        np.testing.assert_allclose(gradient(loss, x), gradient(wanted, x), rtol=1e-12, atol=1e-15)
