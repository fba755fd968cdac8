"""Layers: what they take, what they refuse and by which words, and dropout, which no other library can check.

Their numbers are compared with PyTorch's in test_beside_torch.
"""

import math
import re

import numpy as np
import pytest

import minigrad
import nn
from minigrad import Tensor


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(3, 2), (4, 3)),
        (nn.Conv1d(3, 2, 1), (1, 3, 2)),
        (nn.Conv2d(3, 2, 1), (1, 3, 2, 2)),
        (nn.ConvTranspose2d(3, 2, 1), (1, 3, 2, 2)),
        (nn.BatchNorm1d(3), (4, 3)),
        (nn.BatchNorm2d(3), (4, 3, 2, 2)),
        (nn.InstanceNorm1d(3, affine=True), (4, 3, 2)),
        (nn.LayerNorm(3), (4, 3)),
        (nn.GroupNorm(1, 3), (4, 3)),
        (nn.RMSNorm(3), (4, 3)),
    ],
    ids=repr,
)
def test_an_input_of_another_float_dtype_raises_and_an_integer_one_is_promoted(layer, shape):
    name = type(layer).__name__
    for dtype in (np.float64, np.float16):
        message = f"{name}: the input is {np.dtype(dtype)}, the parameters are float32"
        with pytest.raises(TypeError, match=message):
            layer(np.ones(shape, dtype))
    whole = np.arange(math.prod(shape)).reshape(shape)
    expected = layer(whole.astype(np.float32)).detach().numpy()
    for a in (whole, whole.astype(np.uint8), Tensor(whole)):
        y = layer(a)
        assert y.dtype == np.float32
        np.testing.assert_array_equal(y.detach().numpy(), expected)
    assert layer(np.ones(shape, bool)).dtype == np.float32


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (nn.Linear(3, 4), (2, 5), ["linear", "(2, 5)", "(4, 3)", "3 input features"]),
        (nn.Linear(3, 4), (), ["linear", "()", "(4, 3)"]),
        (nn.Conv2d(3, 4, 3), (8, 8), ["conv2d", "(8, 8)", "(N, C, H, W) or (C, H, W)"]),
        (nn.Conv2d(3, 4, 3), (2, 8, 8), ["2 channels", "(2, 8, 8) is taken as one", "(C, H, W)"]),
        (nn.Conv2d(3, 4, 3), (1, 2, 8, 8), ["conv2d", "(1, 2, 8, 8)", "2 channels", "takes 3"]),
        (nn.Conv2d(3, 4, 5, padding=1), (1, 3, 2, 8), ["conv2d", "(5, 5)", "(2, 8)", "(4, 10)"]),
        (nn.Conv1d(3, 4, 3), (1, 2, 8), ["conv1d", "(1, 2, 8)", "2 channels", "takes 3"]),
        (nn.ConvTranspose2d(3, 4, 3), (1, 2, 8, 8), ["conv_transpose2d", "2 channels", "takes 3"]),
        (nn.BatchNorm1d(3), (4, 2), ["BatchNorm1d: expected 3 channels, got 2", "(4, 2)"]),
        (nn.BatchNorm1d(3), (4, 3, 2, 2), ["BatchNorm1d", "(4, 3, 2, 2)", "(N, C) or (N, C, L)"]),
        (nn.BatchNorm2d(3), (4, 3), ["BatchNorm2d", "(4, 3)", "(N, C, H, W)"]),
        (nn.BatchNorm3d(3), (4, 3, 2, 2), ["BatchNorm3d", "(4, 3, 2, 2)", "(N, C, D, H, W)"]),
        (nn.InstanceNorm2d(3), (4, 3), ["InstanceNorm2d", "(4, 3)", "(N, C, H, W) or (C, H, W)"]),
        (nn.InstanceNorm2d(3), (3, 4, 4, 4), ["InstanceNorm2d: expected 3 channels, got 4"]),
        (nn.InstanceNorm2d(3), (4, 4, 4), ["InstanceNorm2d: expected 3 channels, got 4"]),
        (nn.LayerNorm(3), (4, 2), ["LayerNorm: expected 3 features", "(4, 2)"]),
        (nn.RMSNorm((3, 2)), (4, 2), ["RMSNorm: expected last axes of (3, 2)", "(4, 2)"]),
        (nn.GroupNorm(1, 3), (4, 2), ["GroupNorm: expected 3 channels", "(4, 2)"]),
        (nn.GroupNorm(1, 3), (3,), ["GroupNorm: expected 3 channels", "(3,)"]),
        (nn.FeatureAlphaDropout(), (4,), ["FeatureAlphaDropout", "(4,)", "(N, C, ...)"]),
        (nn.Softmax2d(), (4, 2), ["Softmax2d", "(4, 2)", "(C, H, W)"]),
        (nn.Dropout2d(), (4, 2), ["Dropout2d", "(4, 2)", "(N, C, H, W)"]),
        (nn.Dropout3d(), (4, 2, 3), ["Dropout3d", "(N, C, D, H, W) or (C, D, H, W)"]),
        (nn.Conv3d(3, 4, 3), (1, 2, 8, 8, 8), ["conv3d", "2 channels", "takes 3"]),
        (nn.LPPool2d(2, 2), (4, 4), ["lp_pool2d", "(4, 4)", "(N, C, H, W) or (C, H, W)"]),
        (nn.LPPool1d(0, 2), (1, 4, 4), ["lp_pool1d: norm_type", "not 0"]),
        (nn.LocalResponseNorm(2), (4, 4), ["local_response_norm", "(4, 4)", "(N, C, L, ...)"]),
        (nn.MaxPool3d(2), (4, 4), ["max_pool3d", "(N, C, D, H, W) or (C, D, H, W)"]),
        (nn.Flatten(2, 1), (1, 2, 3), ["Flatten", "start_dim 2", "end_dim 1", "(1, 2, 3)"]),
        (nn.Flatten(3), (1, 2), ["out of bounds"]),
        (nn.Unflatten(1, (2, 2)), (1, 6), ["Unflatten", "axis 1", "(1, 6)", "(2, 2)"]),
        (nn.Unflatten(1, (-1, -1)), (1, 6), ["Unflatten", "axis 1", "(-1, -1)"]),
        (nn.Unflatten(1, (-1, 0)), (1, 6), ["Unflatten", "axis 1", "(-1, 0)"]),
        (nn.Upsample(scale_factor=2), (1, 6), ["interpolate", "'nearest'", "three axes", "(1, 6)"]),
        (nn.Upsample((2, 2)), (1, 6, 3), ["interpolate", "(2, 2)", "1 axes", "(1, 6, 3)"]),
        (nn.Upsample(scale_factor=0.2), (1, 1, 3), ["interpolate", "axis 2", "one of 0"]),
        (
            nn.Upsample(2, mode="bilinear"),
            (1, 1, 3),
            ["interpolate", "'bilinear'", "4 axes", "(1, 1, 3)"],
        ),
        (
            nn.ReflectionPad1d(3),
            (1, 1, 3),
            ["ReflectionPad1d", "axis of 3", "(1, 1, 3)", "by (3, 3)"],
        ),
        (nn.CircularPad2d((0, 0, 0, 4)), (1, 3, 3), ["CircularPad2d", "by (0, 4)", "3 elements"]),
        (nn.ZeroPad1d((-2, -2)), (1, 3), ["ZeroPad1d", "by (-2, -2)", "0 elements"]),
        (
            nn.ReplicationPad2d(1),
            (3, 3),
            ["ReplicationPad2d", "(3, 3)", "(N, C, H, W), or without N"],
        ),
        (nn.ZeroPad3d(1), (3, 3), ["ZeroPad3d", "(3, 3)", "(N, C, D, H, W)"]),
        (
            nn.Conv1d(1, 1, 3, padding=4, padding_mode="reflect"),
            (1, 1, 4),
            ["Conv1d", "by (4, 4)", "reflect"],
        ),
        (nn.PixelShuffle(2), (1, 6, 2, 2), ["PixelShuffle", "(1, 6, 2, 2)", "C divisible by 4"]),
        (
            nn.PixelUnshuffle(2),
            (1, 6, 3, 2),
            ["PixelUnshuffle", "(1, 6, 3, 2)", "H and W divisible by 2"],
        ),
        (nn.ChannelShuffle(2), (1, 3, 2), ["ChannelShuffle", "(1, 3, 2)", "2 equal groups"]),
        (nn.Conv2d(1, 1, 3, padding_mode="reflect"), (3,), ["conv2d", "(3,)", "(N, C, H, W)"]),
        (nn.MaxPool2d(2), (8, 8), ["max_pool2d", "(8, 8)", "(N, C, H, W) or (C, H, W)"]),
        (nn.MaxPool2d(9), (1, 3, 8, 8), ["max_pool2d", "(9, 9)", "(8, 8)"]),
    ],
)
def test_an_input_of_a_wrong_shape_raises_and_names_the_op_and_the_sizes(layer, shape, words):
    with pytest.raises(ValueError, match=re.escape(words[0])) as caught:
        layer(np.ones(shape, np.float32))
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    "layer",
    [nn.Linear(2, 2), nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1), nn.LayerNorm(2), nn.Dropout(), nn.Flatten(),
     nn.Unflatten(0, (1,)), nn.Upsample(2), nn.MaxPool2d(1), nn.AvgPool2d(1), nn.AdaptiveMaxPool2d(1), nn.Softmax(),
     nn.LogSoftmax(), nn.Residual(nn.Identity()), nn.RReLU(), nn.Tanhshrink(), nn.Softmin(), nn.AlphaDropout(),
     nn.PixelShuffle(1), nn.ZeroPad1d(1)],
    ids=repr,
)  # fmt: skip
def test_a_list_as_input_is_refused_by_name(layer):
    with pytest.raises(TypeError, match=f"{type(layer).__name__}.* list"):
        layer([[[[1.0, 2.0]]]])


IMAGES = np.ones((2, 3, 8, 8), np.float32)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.Linear(-1, 4), "in_features.*-1"),
        (lambda: nn.Linear(2.5, 4), r"in_features.*2\.5"),
        (lambda: nn.Conv2d(3, 4, 0), "kernel_size.*0"),
        (lambda: nn.Conv2d(3, 4, (3, 3, 3)), "kernel_size.*3, 3, 3"),
        (lambda: nn.Conv2d(3, 4, 3, stride=0), "stride.*0"),
        (lambda: nn.Conv2d(3, 4, 3, padding=-1), "padding.*-1"),
        (lambda: nn.MaxPool2d(0), "(kernel_size|window).*0"),
        (lambda: nn.RReLU(0.5, 0.2), r"RReLU: lower 0\.5 .* upper 0\.2"),
        (lambda: nn.AlphaDropout(-0.5), r"AlphaDropout: p .*-0\.5"),
        (lambda: nn.Bilinear(3, 0, 1), "Bilinear: in2_features.*0"),
        (
            lambda: nn.Bilinear(3, 2, 1)(IMAGES, IMAGES),
            r"Bilinear: the inputs .*\(2, 3, 8, 8\) .*\(..., 2\)",
        ),
        (lambda: minigrad.dropout(IMAGES, 2), "dropout: p is .* not 2"),
        (
            lambda: minigrad.dropout(IMAGES, 0.5, True, (2, 3, 1, 2)),
            r"dropout: units \(2, 3, 1, 2\) .*\(2, 3, 8, 8\)",
        ),
        (lambda: nn.Dropout(1.5), r"Dropout: p .*1\.5"),
        (lambda: nn.Dropout(math.nan), "Dropout: p .*nan"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "Conv2d: in_channels 3 .* 2 groups"),
        (lambda: nn.Conv1d(4, 3, 3, groups=2), "Conv1d: out_channels 3 .* 2 groups"),
        (lambda: nn.Conv2d(3, 4, 3, padding="full"), "Conv2d: padding .*'full'"),
        (lambda: nn.Conv2d(3, 4, 3, padding_mode="edge"), "Conv2d: padding_mode must .* 'edge'"),
        (lambda: nn.ZeroPad2d((1, 2)), r"ZeroPad2d: padding must be .* 4 of them, not \(1, 2\)"),
        (lambda: nn.ReflectionPad1d(1.5), r"ReflectionPad1d: padding .* 1\.5"),
        (lambda: nn.Conv1d(3, 4, (3, 3)), "Conv1d: kernel_size must be one integer"),
        (lambda: nn.ConvTranspose1d(3, 4, 3, output_padding=-1), "output_padding.*-1"),
        (lambda: nn.BatchNorm2d(0), "BatchNorm2d: num_features.*0"),
        (lambda: nn.LayerNorm(2.5), r"LayerNorm: normalized_shape.*2\.5"),
        (lambda: nn.GroupNorm(2, 3), "GroupNorm: 3 channels .* 2 groups"),
        (lambda: nn.Hardtanh(1, 1), "Hardtanh: min_val 1"),
        (lambda: nn.CELU(0.0), "CELU: alpha"),
        (lambda: nn.GELU("sigmoid"), "GELU: approximate .*'sigmoid'"),
        (lambda: nn.Unflatten(1, (2, -2)), "Unflatten: unflattened_size.*-2"),
        (lambda: nn.Upsample(), "Upsample: one of size and scale_factor"),
        (lambda: nn.Upsample(2, 2), "Upsample: one of size and scale_factor"),
        (lambda: nn.Upsample(2, mode="area"), "interpolate: mode must be one of .* not 'area'"),
        (
            lambda: nn.Upsample(2, align_corners=True),
            "interpolate: mode 'nearest' has no align_corners",
        ),
        (lambda: nn.Upsample(scale_factor=-1), "interpolate: scale_factor must be .* not -1"),
        (lambda: nn.Upsample(2.5), r"Upsample: size must be an integer >= 1, not 2\.5"),
        (lambda: nn.Upsample((2, 0)), "Upsample: size must be an integer >= 1, not 0"),
        (lambda: nn.Conv3d(3, 4, (3, 3)), "Conv3d: kernel_size must be an integer or three"),
        (lambda: nn.AvgPool2d(2, divisor_override=0), "AvgPool2d: divisor_override.*0"),
    ],
    ids=range(39),
)
def test_a_layer_that_cannot_work_is_refused_by_the_name_of_the_argument(make, words):
    with pytest.raises((TypeError, ValueError), match=words):
        make()(IMAGES)


def test_the_sizes_of_a_layer_may_be_numpys_integers():
    assert nn.Linear(*np.array([2, 3])).weight.shape == (3, 2)
    assert nn.Conv2d(*np.array([1, 2, 3])).weight.shape == (2, 1, 3, 3)


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (nn.Conv1d(2, 4, 3, padding="same", groups=2), "2, 4, kernel_size=(3,), padding='same', groups=2"),
        (nn.Conv1d(2, 4, 3, padding_mode="reflect"), "2, 4, kernel_size=(3,), padding_mode='reflect'"),
        (nn.ConstantPad1d(2, 1.5), "2, 1.5"),
        (nn.ZeroPad2d((1, 2, 0, 0)), "(1, 2, 0, 0)"),
        (nn.Conv2d(2, 4, 3, 2, (1, 0), 2), "2, 4, kernel_size=(3, 3), stride=2, padding=(1, 0), dilation=2"),
        (nn.ConvTranspose2d(2, 4, 2, 2, output_padding=1), "2, 4, kernel_size=(2, 2), stride=2, output_padding=1"),
        (nn.MaxPool1d(3, 2, 1, ceil_mode=True), "3, stride=2, padding=1, ceil_mode=True"),
        (nn.AvgPool2d((1, 2), count_include_pad=False), "(1, 2), count_include_pad=False"),
        (nn.AdaptiveAvgPool2d((1, None)), "(1, None)"),
        (nn.AdaptiveMaxPool3d(2, True), "2, return_indices=True"),
        (nn.AvgPool3d(2, divisor_override=3), "2, divisor_override=3"),
        (nn.LPPool2d(2, 3, 1, True), "2.0, 3, stride=1, ceil_mode=True"),
        (nn.LocalResponseNorm(5, k=2), "5, alpha=0.0001, beta=0.75, k=2.0"),
        (nn.Conv3d(2, 4, 3, (1, 2, 2)), "2, 4, kernel_size=(3, 3, 3), stride=(1, 2, 2)"),
        (nn.BatchNorm1d(3, momentum=None, affine=False), "3, momentum=None, affine=False"),
        (nn.BatchNorm2d(3, bias=False), "3, bias=False"),
        (nn.InstanceNorm1d(3), "3"),
        (nn.InstanceNorm2d(3, 1e-3, affine=True, bias=False), "3, eps=0.001, affine=True, bias=False"),
        (nn.InstanceNorm3d(3, track_running_stats=True), "3, track_running_stats=True"),
        (nn.GroupNorm(1, 3, bias=False), "1, 3, bias=False"),
        (nn.LayerNorm((3, 4), bias=False), "(3, 4), bias=False"),
        (nn.RMSNorm(3, 1e-3), "3, eps=0.001"),
        (nn.GroupNorm(1, 3, affine=False), "1, 3, affine=False"),
        (nn.LeakyReLU(0.2), "0.2"),
        (nn.Hardtanh(), "-1.0, 1.0"),
        (nn.GELU("tanh"), "approximate='tanh'"),
        (nn.Softmax(1), "dim=1"),
        (nn.Flatten(), ""),
        (nn.Flatten(0, 1), "0, 1"),
        (nn.Unflatten(1, [2, 3]), "1, (2, 3)"),
        (nn.Upsample(scale_factor=2), "scale_factor=2"),
        (nn.Upsample(3, None, "bilinear", True), "size=3, mode='bilinear', align_corners=True"),
        (nn.Dropout2d(0.1), "p=0.1"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_the_repr_has_the_arguments_that_are_not_the_defaults(layer, text):
    assert repr(layer).startswith(f"{type(layer).__name__}({text})")


@pytest.mark.parametrize(
    ("scale", "shape", "places"),
    [
        (1.2, (3,), [0, 0, 1]),
        (2.2, (3,), [0, 0, 0, 1, 1, 2]),
        (3.25, (3,), [0, 0, 0, 0, 1, 1, 1, 2, 2]),
        (1.0, (3,), [0, 1, 2]),
        (1.2, (3, 1), [0, 1, 2]),
        (2.2, (3, 1), [0, 0, 1, 1, 2, 2]),
        (3.25, (3, 1), [0, 0, 0, 0, 1, 1, 1, 2, 2]),
    ],
)
def test_upsampling_by_a_fraction_gives_pytorchs_places_where_the_sizes_divide(
    scale, shape, places
):
    # of one axis PyTorch's gradient at 1.2 and 2.2 is not that of what it gives, so it is no oracle for that
    x = Tensor(np.arange(3.0).reshape(1, 1, *shape), requires_grad=True)
    y = nn.Upsample(scale_factor=(scale, 1.0)[: len(shape)])(x)
    assert y.reshape(-1).tolist() == places
    y.sum().backward()
    assert x.grad.reshape(-1).tolist() == [places.count(i) for i in range(3)]


def test_a_layer_for_one_axis_is_not_one_for_two():
    # or what asks for a kind of layer, such as an exporter, would take one for the other
    assert not isinstance(nn.Conv1d(1, 1, 1), nn.Conv2d)
    assert not isinstance(nn.ConvTranspose1d(1, 1, 1), nn.ConvTranspose2d)
    assert not isinstance(nn.MaxPool1d(1), nn.MaxPool2d)
    assert not isinstance(nn.AvgPool1d(1), nn.AvgPool2d)
    assert not isinstance(nn.Dropout2d(), nn.Dropout)


def test_a_padding_of_same_keeps_the_size_divided_by_the_stride_rounded_up():
    assert nn.Conv2d(1, 1, (4, 3), 2, "same")(np.ones((1, 1, 7, 8), np.float32)).shape == (
        1,
        1,
        4,
        4,
    )
    assert nn.Conv1d(1, 1, 4, padding="same")(np.ones((1, 1, 7), np.float32)).shape == (1, 1, 7)


# --- Dropout ------------------------------------------------------------------------------------
