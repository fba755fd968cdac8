"""Normalisation: what it makes of statistics, and batch normalisation's state at the edges."""

import copy

import numpy as np
import pytest

import minigrad
import nn
from minigrad import Tensor


def normal(*shape, seed=1, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def statistics(layer):
    return {name: a for name, a in layer.state_dict().items() if name not in ("weight", "bias")}


def assert_unchanged(layer, before):
    for name, array in statistics(layer).items():
        np.testing.assert_array_equal(array, before[name])


def test_training_uses_the_biased_variance_and_keeps_the_unbiased():
    x = normal(5, 3, dtype=np.float64)
    layer = nn.BatchNorm1d(3, eps=0.0, momentum=1.0, dtype="float64")
    y = layer(x).detach().numpy()
    np.testing.assert_allclose(y, (x - x.mean(0)) / x.std(0), rtol=1e-12)
    np.testing.assert_allclose(layer.running_mean.numpy(), x.mean(0), rtol=1e-12)
    np.testing.assert_allclose(layer.running_var.numpy(), x.var(0, ddof=1), rtol=1e-12)
    np.testing.assert_allclose(
        layer.eval()(x).detach().numpy(), (x - x.mean(0)) / x.std(0, ddof=1), rtol=1e-12
    )


def test_momentum_none_keeps_the_average_over_all_batches():
    layer = nn.BatchNorm2d(2, momentum=None, dtype="float64")
    batches = normal(4, 3, 2, 4, 5, dtype=np.float64)
    for x in batches:
        layer(x)
    expected = batches.mean(axis=(1, 3, 4)).mean(axis=0)
    np.testing.assert_allclose(layer.running_mean.numpy(), expected, rtol=1e-12)
    expected = batches.transpose(0, 2, 1, 3, 4).reshape(4, 2, -1).var(-1, ddof=1).mean(axis=0)
    np.testing.assert_allclose(layer.running_var.numpy(), expected, rtol=1e-12)
    assert layer.num_batches_tracked.item() == 4


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.BatchNorm1d(3), (1, 3)),
        (nn.BatchNorm1d(3), (1, 3, 1)),
        (nn.BatchNorm2d(3), (1, 3, 1, 1)),
    ],
)
def test_one_value_per_channel_raises_in_training_only_and_leaves_the_state(layer, shape):
    layer = copy.deepcopy(layer)
    before = statistics(layer)
    with pytest.raises(ValueError, match=rf"{type(layer).__name__}: .*one value per channel"):
        layer(normal(*shape))
    assert_unchanged(layer, before)
    assert layer.eval()(normal(*shape)).shape == shape
    without = type(layer)(3, track_running_stats=False).eval()
    with pytest.raises(ValueError, match="one value per channel"):
        without(normal(*shape))


def test_an_empty_batch_goes_through_and_leaves_the_state():
    for layer, shape in ((nn.BatchNorm1d(3), (0, 3)), (nn.BatchNorm2d(3), (0, 3, 2, 2))):
        before = statistics(layer)
        x = Tensor(np.zeros(shape, np.float32), requires_grad=True)
        y = layer(x)
        y.sum().backward()
        assert (y.shape, x.grad.shape) == (shape, shape)
        assert layer.weight.grad.tolist() == [0, 0, 0]
        assert_unchanged(layer, before)
    for layer in (nn.LayerNorm(3), nn.RMSNorm(3), nn.GroupNorm(1, 3)):
        assert layer(np.zeros((0, 3), np.float32)).shape == (0, 3)


def test_evaluation_leaves_the_state_and_treats_each_example_alone():
    layer = nn.BatchNorm1d(3)
    layer(normal(8, 3))
    before = statistics(layer.eval())
    x = normal(4, 3, seed=2)
    whole = layer(x).detach().numpy()
    np.testing.assert_array_equal(whole[:1], layer(x[:1]).detach().numpy())
    assert_unchanged(layer, before)


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.BatchNorm1d(3),
        lambda: nn.InstanceNorm1d(3, affine=True, track_running_stats=True),
    ],
)
def test_a_checkpoint_that_computes_again_counts_the_batch_once(make):
    layer, twin = make(), make()
    x = Tensor(normal(8, 3, 4), requires_grad=True)
    (minigrad.checkpoint(layer)(x) ** 2).sum().backward()
    found, x.grad = x.grad, None
    (twin(x) ** 2).sum().backward()
    assert layer.num_batches_tracked.item() == twin.num_batches_tracked.item()
    np.testing.assert_array_equal(layer.running_mean.numpy(), twin.running_mean.numpy())
    np.testing.assert_allclose(found.numpy(), x.grad.numpy(), atol=1e-5)


def test_running_statistics_hold_no_graph_and_may_change_between_forward_and_backward():
    layer = nn.BatchNorm1d(3)
    x = Tensor(normal(4, 3), requires_grad=True)
    loss = (layer(x) ** 3).sum()
    layer(normal(4, 3, seed=2))
    loss.backward()
    assert x.grad is not None
    for buffer in (layer.running_mean, layer.running_var, layer.num_batches_tracked):
        assert (buffer.requires_grad, type(buffer)) == (False, nn.Buffer)
    assert layer.num_batches_tracked.dtype == np.int64


def test_without_tracking_there_is_no_state_and_without_affine_no_parameter():
    layer = nn.BatchNorm2d(3, affine=False, track_running_stats=False)
    assert (list(layer.parameters()), layer.state_dict()) == ([], {})
    x = normal(2, 3, 4, 4)
    np.testing.assert_array_equal(layer(x), layer.eval()(x))


@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 3, 4, 5), (2, 3, 2, 4, 5)])
def test_instance_norm_normalises_each_example_and_averages_its_statistics_over_the_batch(shape):
    n = shape[1]
    layer = getattr(nn, f"InstanceNorm{len(shape) - 2}d")(
        n, eps=0.0, momentum=1.0, track_running_stats=True, dtype="float64"
    )
    x = normal(*shape, dtype=np.float64)
    flat = x.reshape(*shape[:2], -1)
    expected = (flat - flat.mean(-1, keepdims=True)) / flat.std(-1, keepdims=True)
    np.testing.assert_allclose(layer(x), expected.reshape(shape), rtol=1e-10)
    np.testing.assert_allclose(layer.running_mean.numpy(), flat.mean(-1).mean(0), rtol=1e-12)
    np.testing.assert_allclose(layer.running_var.numpy(), flat.var(-1, ddof=1).mean(0), rtol=1e-12)
    for of_batch in (layer, layer.eval()):
        np.testing.assert_array_equal(of_batch(x[0]), of_batch(x[:1])[0])


@pytest.mark.parametrize("tracks", [False, True])
def test_instance_norm_of_one_value_per_channel_raises_unless_statistics_are_used(tracks):
    layer = nn.InstanceNorm2d(3, track_running_stats=tracks)
    before = statistics(layer)
    for shape in ((4, 3, 1, 1), (3, 1, 1)):
        with pytest.raises(ValueError, match="one value per example and channel"):
            layer.train()(normal(*shape))
        if tracks:
            assert layer.eval()(normal(*shape)).shape == shape
    assert_unchanged(layer, before)
    assert layer.train()(np.zeros((0, 3, 2, 2), np.float32)).shape == (0, 3, 2, 2)
    assert_unchanged(layer, before)
    with pytest.raises(ValueError, match=r"instance_norm: x has shape \(4, 3\)"):
        minigrad.instance_norm(normal(4, 3))


def test_a_constant_channel_has_finite_values_and_gradients():
    for layer, shape in (
        (nn.BatchNorm1d(2), (4, 2)),
        (nn.LayerNorm(2), (4, 2)),
        (nn.GroupNorm(1, 2), (4, 2)),
        (nn.RMSNorm(2), (4, 2)),
    ):
        x = Tensor(np.zeros(shape, np.float32), requires_grad=True)
        y = layer(x)
        y.sum().backward()
        assert y.detach().numpy().tolist() == np.zeros(shape).tolist()
        assert np.isfinite(x.grad.numpy()).all()


def test_large_means_do_not_cost_the_variance_its_digits():
    x = normal(64, 3) + np.float32(1e4)
    y = nn.BatchNorm1d(3)(x).detach().numpy()
    np.testing.assert_allclose(y.std(0), 1, atol=2e-3)
    y = nn.LayerNorm(64)(x.T.copy()).detach().numpy()
    np.testing.assert_allclose(y.std(1), 1, atol=2e-3)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_dtype_is_that_of_the_parameters(dtype):
    for layer in (nn.BatchNorm1d(3, dtype=dtype), nn.LayerNorm(3, dtype=dtype), nn.RMSNorm(3, dtype=dtype),
                  nn.GroupNorm(1, 3, dtype=dtype)):  # fmt: skip
        x = Tensor(normal(4, 3).astype(dtype), requires_grad=True)
        y = layer(x)
        y.sum().backward()
        assert y.dtype == x.grad.dtype == layer.weight.grad.dtype == dtype


def test_an_eps_of_numpy_does_not_widen_a_plain_array():
    eps = np.float64(1e-5)
    for layer in (
        nn.BatchNorm1d(3, eps, np.float64(0.1)),
        nn.BatchNorm1d(3, eps, affine=False).eval(),
        nn.LayerNorm(3, eps),
        nn.RMSNorm(3, eps),
        nn.GroupNorm(1, 3, eps),
    ):
        assert layer(normal(4, 3)).dtype == np.float32


@pytest.mark.parametrize("size", [1e-4, 1, 200])
@pytest.mark.parametrize(
    "make",
    [
        lambda dtype: nn.BatchNorm1d(70_000, dtype=dtype),
        lambda dtype: nn.BatchNorm1d(70_000, affine=False, track_running_stats=False, dtype=dtype),
        lambda dtype: nn.BatchNorm1d(70_000, dtype=dtype).eval(),
        lambda dtype: nn.LayerNorm(70_000, dtype=dtype),
        lambda dtype: nn.RMSNorm(70_000, dtype=dtype),
        lambda dtype: nn.GroupNorm(1, 70_000, dtype=dtype),
    ],
)
def test_float16_is_normalised_in_float32(make, size):
    x = (size * normal(3, 70_000)).astype(np.float16)
    y, exact = (make(d)(Tensor(x.astype(d), requires_grad=True)) for d in ("float16", "float32"))
    np.testing.assert_allclose(y.detach(), exact.detach(), rtol=2e-3, atol=1e-3)


def test_the_statistics_of_many_values_in_float16_are_kept_in_its_range():
    layer = nn.BatchNorm1d(2, momentum=1.0, dtype="float16")
    x = (20 * normal(70_000, 2)).astype(np.float16)
    y = layer(x).detach()
    np.testing.assert_allclose(y, (x - x.mean(0, "f8")) / x.std(0, "f8"), rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(layer.running_var, x.var(0, "f8"), rtol=2e-3)


@pytest.mark.parametrize("norm", [minigrad.batch_norm, minigrad.instance_norm])
def test_statistics_that_are_to_move_are_two_tensors_or_none(norm):
    x, array = normal(4, 3, 5), normal(3)
    tensor = minigrad.Tensor(array)
    is_of_input = {"training": True} if norm is minigrad.batch_norm else {}
    for mean, var in ((array, array), (tensor, array), (tensor, None), (None, tensor)):
        with pytest.raises(TypeError, match=r"running_mean and running_var are .* two Tensors"):
            norm(x, mean, var, **is_of_input)
    np.testing.assert_array_equal(tensor.data, array)
