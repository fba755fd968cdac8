"""Layers that draw: what they drop, keep and scale, and that they repeat."""

import math

import numpy as np
import pytest

import minigrad
import nn
from minigrad import Tensor


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_drops_with_probability_p_and_scales_what_it_keeps_and_its_gradient(p):
    x = Tensor(np.full(40_000, 3.0), requires_grad=True)
    y = nn.Dropout(p)(x)
    kept = y.detach().numpy() != 0
    assert abs(kept.mean() - (1 - p)) < 5 * math.sqrt(p * (1 - p) / x.size)
    np.testing.assert_allclose(y.detach().numpy(), np.where(kept, 3 / (1 - p), 0), rtol=1e-12)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.where(kept, 1 / (1 - p), 0), rtol=1e-12)


@pytest.mark.parametrize("p", [0.1, 0.5])
@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        (nn.Dropout1d, (200, 100, 6)),
        (nn.Dropout1d, (20_000, 6)),
        (nn.Dropout2d, (200, 100, 2, 3)),
        (nn.Dropout3d, (200, 100, 2, 3, 1)),
        (nn.Dropout3d, (20_000, 2, 3, 1)),
    ],
)
def test_dropout_of_channels_drops_them_whole_with_probability_p(kind, shape, p):
    x = Tensor(np.full(shape, 3.0), requires_grad=True)
    y = kind(p)(x)
    found = y.detach().numpy()
    kept = found.reshape(-1, 6)[:, 0] != 0
    assert kept.size == 20_000
    np.testing.assert_allclose(found.reshape(-1, 6), kept[:, None] * 3 / (1 - p) * np.ones(6))
    assert abs(kept.mean() - (1 - p)) < 5 * math.sqrt(p * (1 - p) / kept.size)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), found / 3, rtol=1e-12)
    assert kind(p).eval()(x) is x


def test_dropout_keeps_everything_at_0_and_in_evaluation_and_nothing_at_1():
    x = Tensor([1.0, np.inf, np.nan], requires_grad=True)
    for layer in (nn.Dropout(0), nn.Dropout(0.9).eval(), nn.Dropout(1.0).eval()):
        np.testing.assert_array_equal(layer(x).detach().numpy(), x.detach().numpy())
    y = nn.Dropout(1)(x)
    y.sum().backward()
    assert y.tolist() == [0, 0, 0]
    assert x.grad.tolist() == [0, 0, 0]
    assert nn.Dropout()(x).dtype == np.float32


@pytest.mark.parametrize("kind", [nn.Dropout, nn.Dropout2d])
def test_a_probability_of_numpy_does_not_widen_a_plain_array(kind):
    for p in np.linspace(0.1, 1, 3):
        assert kind(p)(np.ones((2, 3, 1, 1), np.float32)).dtype == np.float32


def test_dropout_repeats_with_the_seed_or_its_rng_and_differs_from_call_to_call():
    x = np.ones(100, np.float32)
    layer = nn.Dropout()
    first, second = layer(x), layer(x)
    assert not np.array_equal(first, second)
    minigrad.seed(0)
    np.testing.assert_array_equal(layer(x), first)
    own = nn.Dropout(rng=np.random.default_rng(3))(x)
    np.testing.assert_array_equal(nn.Dropout(rng=np.random.default_rng(3))(x), own)
    np.testing.assert_array_equal(layer(x), second)  # an rng of its own leaves the default alone


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("kind", [nn.AlphaDropout, nn.FeatureAlphaDropout])
def test_alpha_dropout_keeps_mean_and_variance_and_drops_to_one_value(kind, p):
    rng = np.random.default_rng(0)
    x = Tensor(rng.standard_normal((400, 200)), requires_grad=True)
    y = kind(p, rng=rng)(x)
    found = y.detach().numpy()
    assert abs(found.mean()) < 0.03
    assert abs(found.var() - 1) < 0.05
    y.sum().backward()
    dropped = x.grad.numpy() == 0
    assert abs(dropped.mean() - p) < 5 * math.sqrt(p * (1 - p) / x.size)
    assert len(np.unique(found[dropped])) == 1
    slope = x.grad.numpy()[~dropped]
    np.testing.assert_allclose(slope, slope[0])
    a, d = slope[0], -1.0507009873554805 * 1.6732632423543772
    np.testing.assert_allclose(found[dropped], a * d * (1 - p))
    np.testing.assert_allclose(found[~dropped], a * (x.detach().numpy()[~dropped] - p * d))


def test_alpha_dropout_of_features_drops_whole_channels_and_of_all_gives_zeros():
    x = Tensor(np.random.default_rng(0).standard_normal((20, 30, 2, 3)), requires_grad=True)
    nn.FeatureAlphaDropout(0.5, rng=np.random.default_rng(1))(x).sum().backward()
    kept = x.grad.numpy() != 0
    assert (kept == kept[:, :, :1, :1]).all()
    assert 0 < kept.mean() < 1
    assert not nn.AlphaDropout(1.0)(x).detach().numpy().any()
    assert nn.AlphaDropout(0.5)(np.ones(3, np.float32)).dtype == np.float32


def test_the_slopes_of_rrelu_are_drawn_in_training_and_their_middle_in_evaluation():
    layer = nn.RReLU(0.1, 0.3, rng=np.random.default_rng(0))
    x = Tensor(np.concatenate([np.full(4000, -2.0), np.full(10, 3.0)]), requires_grad=True)
    y = layer(x)
    y.sum().backward()
    slopes = x.grad.numpy()[:4000]
    np.testing.assert_allclose(y.detach().numpy()[:4000], -2 * slopes)
    assert (slopes >= 0.1).all()
    assert (slopes <= 0.3).all()
    assert abs(slopes.mean() - 0.2) < 5 * 0.2 / math.sqrt(12 * 4000)
    assert (y.detach().numpy()[4000:] == 3).all()
    np.testing.assert_allclose(layer.eval()(x).detach().numpy()[:4000], -0.4)
    assert layer.train()(np.ones(3, np.float16)).dtype == np.float16


def test_the_function_is_the_layer():
    x = np.random.default_rng(0).standard_normal((4, 3, 2, 2)).astype(np.float32)
    for layer, units in [(nn.Dropout(0.3), None), (nn.Dropout2d(0.3), (4, 3, 1, 1))]:
        layer.rng = np.random.default_rng(5)
        np.testing.assert_array_equal(
            layer(x), minigrad.dropout(x, 0.3, True, units, rng=np.random.default_rng(5))
        )
    assert minigrad.dropout(x, 0.3, False) is x
