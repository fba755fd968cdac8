"""Convolution, pooling, unfold and fold beside PyTorch's at random: values, derivatives of first and second order."""

import numpy as np
import pytest
from cases.against_torch import assert_agrees_with_torch

import minigrad as mg
from minigrad import Tensor

pytestmark = pytest.mark.untraced

functional = pytest.importorskip("torch.nn.functional", reason="PyTorch is not installed")
torch = pytest.importorskip("torch", reason="PyTorch is not installed")


class Draw:
    """Random numbers, one per axis or one."""

    def __init__(self, seed, axes):
        self.rng, self.axes = np.random.default_rng(seed), axes

    def one(self, low, high):
        return int(self.rng.integers(low, high))

    def each(self, low, high):
        return tuple(self.one(low, high) for _ in range(self.axes))

    def array(self, *shape):
        return self.rng.standard_normal(shape)


def compare(name, arguments, *given, **options):
    """minigrad's function of that name with PyTorch's."""
    assert_agrees_with_torch(
        lambda *a: getattr(mg, name)(*a, *given, **options),
        lambda *a: getattr(functional, name)(*a, *given, **options),
        arguments,
    )


@pytest.mark.filterwarnings("ignore:Using padding='same'")  # PyTorch pads for it in a copy
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_conv_agrees_with_pytorch_at_random(axes):
    name = f"conv{axes}d"
    for seed in range(120):
        draw = Draw(seed, axes)
        groups, kernel, stride = draw.one(1, 4), draw.each(1, 4), draw.each(1, 4)
        padding, dilation = draw.each(0, 4), draw.each(1, 4)
        extent = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
        if seed % 5 == 0:  # PyTorch has them for stride 1
            stride, padding = 1, ("same", "valid")[seed % 2]
        least = [1] * axes if padding == "same" else extent
        if not isinstance(padding, str):
            least = [e - 2 * p for e, p in zip(extent, padding, strict=True)]
        size = [max(draw.one(1, 8), n, 1) for n in least]
        filters, channels = draw.one(1, 3), draw.one(1, 3)
        arguments = [
            draw.array(draw.one(0, 3), groups * channels, *size),
            draw.array(groups * filters, channels, *kernel),
            *([draw.array(groups * filters)] * draw.one(0, 2)),
        ]
        options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        compare(name, arguments, **options)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_transposed_conv_agrees_with_pytorch_at_random(axes):
    name = f"conv_transpose{axes}d"
    for seed in range(40):
        draw = Draw(seed, axes)
        groups, kernel, size = draw.one(1, 4), draw.each(1, 4), draw.each(1, 5)
        stride, dilation = draw.each(1, 4), draw.each(1, 4)
        full = [
            (n - 1) * s + d * (k - 1) + 1
            for n, s, d, k in zip(size, stride, dilation, kernel, strict=True)
        ]
        padding = tuple(draw.one(0, (n - 1) // 2 + 1) for n in full)
        more = tuple(draw.one(0, max(s, d)) for s, d in zip(stride, dilation, strict=True))
        filters, channels = draw.one(1, 3), groups * draw.one(1, 3)
        arguments = [
            draw.array(draw.one(1, 3), channels, *size),
            draw.array(channels, filters, *kernel),
            *([draw.array(groups * filters)] * draw.one(0, 2)),
        ]
        options = {"stride": stride, "padding": padding, "output_padding": more}
        options |= {"groups": groups, "dilation": dilation}
        compare(name, arguments, **options)


def image(draw, least, distinct=False):
    """An image of sizes not below `least`, of distinct elements if wanted, so that no maxima tie."""
    shape = draw.one(0, 3), draw.one(1, 3), *[max(draw.one(1, 9), n) for n in least]
    if distinct:
        return draw.rng.permutation(int(np.prod(shape))).reshape(shape) / 7
    return draw.array(*shape)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_max_pool_and_its_indices_agree_with_pytorch_at_random(axes):
    name = f"max_pool{axes}d"
    compared = 0
    for seed in range(70):
        draw = Draw(seed, axes)
        kernel, stride, dilation = draw.each(1, 5), draw.each(1, 5), draw.each(1, 3)
        padding = tuple(draw.one(0, k // 2 + 1) for k in kernel)
        sizes = zip(kernel, dilation, padding, strict=True)
        x = image(draw, [d * (k - 1) + 1 - 2 * p for k, d, p in sizes], distinct=True)
        given = kernel, stride if draw.one(0, 2) else None, padding, dilation, seed % 2 == 0
        expected = getattr(functional, name)(torch.tensor(x), *given).numpy()
        if not np.isfinite(expected).all():  # a dilated window that holds padding only
            np.testing.assert_array_equal(getattr(mg, name)(x, *given), expected)
            continue
        compared += 1
        compare(name, [x], *given)
        for of in (x, 0 * x):
            y, found = getattr(mg, name)(Tensor(of, requires_grad=True), *given, True)
            _, places = getattr(functional, name)(torch.tensor(of), *given, True)
            assert (found.dtype, found.requires_grad, y.requires_grad) == ("int64", False, True)
            np.testing.assert_array_equal(found.data, places.numpy())
    assert compared > 60


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_avg_pool_agrees_with_pytorch_at_random(axes):
    for seed in range(70):
        draw = Draw(seed, axes)
        kernel, stride = draw.each(1, 5), draw.each(1, 5)
        padding = tuple(draw.one(0, k // 2 + 1) for k in kernel)
        # PyTorch takes no volume that is smaller than the window, with padding either
        least = [k - 2 * p * (axes < 3) for k, p in zip(kernel, padding, strict=True)]
        x = image(draw, least)
        divisor = (draw.one(1, 9),) if axes > 1 and seed % 5 == 0 else ()  # PyTorch has none for 1d
        given = kernel, stride, padding, seed % 2 == 0, seed % 3 == 0, *divisor
        compare(f"avg_pool{axes}d", [x], *given)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("kind", ["avg", "max"])
def test_adaptive_pooling_agrees_with_pytorch_at_random(kind, axes):
    name = f"adaptive_{kind}_pool{axes}d"
    for seed in range(40):
        draw = Draw(seed, axes)
        shape = draw.one(1, 3), draw.one(1, 3), *draw.each(1, 9)
        x = draw.rng.permutation(int(np.prod(shape))).reshape(shape) / 7
        out = draw.each(1, 9)
        if axes > 1 and seed % 4 == 0:
            out = (None, *out[1:])
        compare(name, [x], out)
        if kind == "max":
            for of in (x, 0 * x):
                _, found = getattr(mg, name)(of, out, True)
                _, places = getattr(functional, name)(torch.tensor(of), out, True)
                np.testing.assert_array_equal(found, places.numpy())


def test_unfold_and_fold_agree_with_pytorch_at_random():
    for seed in range(40):
        draw = Draw(seed, 2)
        kernel, dilation, padding, stride = [draw.each(low, 4) for low in (1, 1, 0, 1)]
        least = [d * (k - 1) + 1 - 2 * p for k, d, p in zip(kernel, dilation, padding, strict=True)]
        x = draw.array(draw.one(1, 3), draw.one(1, 3), *[max(draw.one(1, 8), n) for n in least])
        options = kernel, dilation, padding, stride
        compare("unfold", [x], *options)
        columns = draw.array(*mg.unfold(x, *options).shape)
        compare("fold", [columns], x.shape[2:], *options)
