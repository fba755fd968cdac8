"""The activations: their kinks and tails, and that they keep what they are given."""

import contextlib
import math

import numpy as np
import pytest
from cases.activations import COMPOSITES
from losses import compare_with_pytorch

import minigrad as mg
from minigrad import Tensor, grad


def gradient(f, x):
    """The gradient of sum f; what NumPy says of infinities is not silenced."""
    t = Tensor(np.array(x, float), requires_grad=True)
    return grad(f(t).sum(), t).data


def same(found, expected):
    np.testing.assert_array_equal(found, np.asarray(expected, float), strict=True)


def close(found, expected, rtol=1e-14):
    np.testing.assert_allclose(found, np.asarray(expected, float), rtol=rtol, atol=0, strict=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64])
def test_relu_of_a_long_array_is_that_of_each_of_its_elements(dtype):
    rng = np.random.default_rng(0)
    x = (3 * rng.standard_normal((7, 31, 321))).astype(dtype)
    if x.dtype.kind == "f":
        x[:, ::5, ::7] = [
            [[np.nan]],
            [[np.inf]],
            [[-np.inf]],
            [[-0.0]],
            [[0.0]],
            [[1e-7]],
            [[-1e-7]],
        ]
    layouts = [x, x.transpose(1, 2, 0), np.asfortranarray(x), x[:, ::-1], x[:, :, 1:]]
    for array in layouts:
        y = mg.relu(array)
        np.testing.assert_array_equal(y, np.maximum(array, 0), strict=True)
        assert y.strides == np.maximum(array, 0).strides
        assert y.flags.writeable


ACTIVATIONS = {name: getattr(mg, name) for name in COMPOSITES} | {
    "relu": mg.relu,
    "sigmoid": mg.sigmoid,
    "silu": mg.silu,
    "mish": mg.mish,
    "gelu": mg.gelu,
    "gelu tanh": lambda x: mg.gelu(x, "tanh"),
    "softplus": mg.softplus,
    "softplus 2": lambda x: mg.softplus(x, 2),
    "threshold": lambda x: mg.threshold(x, 1, -2),
}
every_activation = pytest.mark.parametrize("f", ACTIVATIONS.values(), ids=ACTIVATIONS)


@every_activation
@pytest.mark.parametrize(("dtype", "large"), [("float64", 1e150), ("float32", 1e30), ("float16", 3e4)])  # fmt: skip
def test_activations_far_from_zero_are_straight_lines_without_a_warning(f, dtype, large):
    x = np.array([-large, -1000, 1000, large], dtype)
    t = Tensor(x, requires_grad=True)
    y = f(t)
    g = grad(y.sum(), t, create_graph=True)
    assert y.dtype == g.dtype == dtype
    tolerance = 1e-2 if dtype == "float16" else 1e-6
    # so straight that two points on a side have one slope, which leads from the one to the other
    for i, j in [(0, 1), (2, 3)]:
        assert g.data[i] == g.data[j]
        rise = float(y.data[j]) - float(y.data[i])
        run = float(x[j]) - float(x[i])
        np.testing.assert_allclose(rise / run, float(g.data[i]), rtol=tolerance, atol=tolerance)
    if g.requires_grad:
        same(grad(g.sum(), t).data.astype(float), np.zeros(4))


@every_activation
@pytest.mark.parametrize(("dtype", "large"), [("float64", 1e150), ("float32", 1e30), ("float16", 3e4)])  # fmt: skip
@pytest.mark.parametrize("unfused", [False, True])
def test_activations_at_infinity_have_their_limits_and_the_slope_there(f, dtype, large, unfused):
    def values_and_slopes(x):
        t = Tensor(np.array(x, dtype), requires_grad=True)
        with mg.unfused() if unfused else contextlib.nullcontext():
            y = f(t)
            return y.data, grad(y, t, np.ones_like(y.data)).data

    with np.errstate(all="raise", under="ignore"):
        far, slopes = values_and_slopes([-large, large])
        at_infinity, slopes_there = values_and_slopes([-np.inf, np.inf])
        mixed, _ = values_and_slopes([-np.inf, np.nan, np.inf])
    limits = np.where(np.abs(far) > 100, np.copysign(np.inf, far), far)
    same(at_infinity.astype(float), limits)
    same(slopes_there.astype(float), slopes)
    same(mixed.astype(float), [limits[0], np.nan, limits[1]])


@every_activation
def test_activations_keep_nan_and_take_integers_as_float32(f):
    y = f(Tensor(np.array([math.nan, 1.0])))
    assert np.isnan(y.data[0])
    assert np.isfinite(y.data[1])
    if f not in (mg.relu, mg.relu6, mg.hardtanh):  # these choose among what there is
        assert f(Tensor([1, 2])).dtype == np.float32


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "bool"])
@pytest.mark.parametrize("plain", [True, False], ids=["array", "Tensor"])
@every_activation
def test_integers_do_not_wrap_on_their_way_to_floats(f, plain, dtype):
    bounds = (0, 1) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    x = np.array([bounds[0], 0, 1, bounds[1]], dtype)
    y = np.asarray(f(x if plain else Tensor(x)), float)
    np.testing.assert_allclose(y, f(x.astype(float)), rtol=2e-3, atol=1e-6)  # some are float16


KINKS = [
    (mg.leaky_relu, [0.0], [0.01]),
    (mg.relu6, [0.0, 6], [0, 0]),
    (mg.softshrink, [-0.5, 0.5], [0, 0]),
    (mg.hardshrink, [-0.5, 0.5], [0, 0]),
    (lambda x: mg.threshold(x, 1, 1), [1.0], [0]),
    (lambda x: mg.prelu(x, [0.25]), [0.0], [0.25]),
    (mg.softsign, [0.0], [1]),
    (mg.hardtanh, [-1.0, 1], [0, 0]),
    (mg.hardsigmoid, [-3.0, 3], [0, 0]),
    (mg.hardswish, [-3.0, 3], [0, 1]),
    (mg.elu, [0.0], [1]),
    (lambda x: mg.elu(x, 0.5), [0.0], [0.5]),
    (lambda x: mg.elu(x, 2), [0.0], [1]),
    (lambda x: mg.celu(x, 0.5), [0.0], [1]),
    (lambda x: mg.celu(x, 2), [0.0], [1]),
    (mg.selu, [0.0], [1.0507009873554804934]),
    (mg.softplus, [0.0], [0.5]),
    (mg.silu, [0.0], [0.5]),
    (mg.gelu, [0.0], [0.5]),
]


@pytest.mark.parametrize(("f", "x", "expected"), KINKS)
def test_activations_at_their_kinks_have_the_gradient_of_least_norm(f, x, expected):
    same(gradient(f, x), expected)


@pytest.mark.parametrize("f", [mg.elu, mg.celu])
def test_an_alpha_that_is_learnt_has_its_gradient(f):
    alpha = Tensor(np.array(1.5), requires_grad=True)
    x = np.array([-2.0, -0.5, 3])
    slope, h = grad(f(x, alpha).sum(), alpha).data, 1e-6
    close(slope, (f(x, 1.5 + h).sum() - f(x, 1.5 - h).sum()) / (2 * h), rtol=1e-8)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_glu_is_pytorchs(axis):
    def loss(m, x):
        return m.glu(x, axis)

    compare_with_pytorch(loss, loss, np.random.default_rng(0).standard_normal((4, 2, 6)))


@pytest.mark.parametrize("shape", [(), (5,), (4, 3), (2, 3, 4, 2)])
@pytest.mark.parametrize("each", [False, True])
def test_prelu_is_pytorchs_and_its_weight_has_a_gradient_at_every_order(shape, each):
    weight = np.array([0.25, -0.5, 2.0]) if each and len(shape) > 1 else np.array([0.3])

    def loss(m, x, w):
        return m.prelu(x, w)

    compare_with_pytorch(loss, loss, np.random.default_rng(0).standard_normal(shape), weight)


def test_softsign_has_its_limits_and_a_slope_that_does_not_cancel():
    close(gradient(mg.softsign, [1e10, -1e10, 1e150]), [1e-20, 1e-20, 1e-300], rtol=1e-9)
    same(gradient(mg.softsign, [np.inf, -np.inf]), [0, 0])
    same(mg.softsign(np.array([1e300, np.inf, -np.inf, np.nan])), [1, 1, -1, np.nan])
    assert mg.softsign(Tensor([3, -3])).tolist() == [0.75, -0.75]


def test_softplus_and_logsigmoid_are_exact_in_their_tails():
    close(mg.softplus(np.array([-700.0, 1e4])), [math.exp(-700), 1e4])
    close(mg.logsigmoid(np.array([-1e4, 700.0])), [-1e4, -math.exp(-700)])
    close(gradient(mg.logsigmoid, [-1e4, 700.0]), [1, math.exp(-700)])


def test_the_left_tail_of_gelu_does_not_cancel():
    x = np.array([-3.0, -8, -20])
    exact = [v * 0.5 * math.erfc(-v * math.sqrt(0.5)) for v in x]
    close(mg.gelu(x), exact, rtol=1e-13)


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: mg.gelu(x, "fast"), "gelu: approximate.*'none'.*'tanh'.*'fast'"),
        (lambda x: mg.hardtanh(x, 2, 1), "hardtanh: min_val 2.*max_val 1"),
        (lambda x: mg.celu(x, 0), "celu: alpha"),
        (lambda x: mg.softshrink(x, -1), "softshrink: lambd must be >= 0, not -1"),
        (lambda x: mg.glu(x), r"glu: axis -1 of x with shape \(1,\) has 1 elements"),
        (lambda x: mg.prelu(x, [1.0, 2.0]), r"prelu: weight has shape \(2,\) and x \(1,\)"),
        (lambda x: mg.prelu(x, 0.5), r"prelu: weight has shape \(\) and x \(1,\)"),
    ],
)
def test_an_option_without_a_meaning_raises(f, words):
    with pytest.raises(ValueError, match=words):
        f(Tensor([1.0]))
