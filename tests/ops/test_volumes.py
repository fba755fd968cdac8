"""Convolution and pooling of volumes against loops one can read, at ties, and what they keep for backward."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, check_grads


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def windows(x, kernel, stride, padding, fill=0.0):
    """(place in y, the elements of x (N, C, D, H, W) under the window) for each window."""
    framed = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)), constant_values=fill)
    sizes = [(n - k) // s + 1 for n, k, s in zip(framed.shape[2:], kernel, stride, strict=True)]
    for place in np.ndindex(*sizes):
        starts = [i * s for i, s in zip(place, stride, strict=True)]
        under = (slice(i, i + k) for i, k in zip(starts, kernel, strict=True))
        yield (slice(None), slice(None), *place), framed[:, :, *under]


HOW = (2, 3, 2), (2, 1, 3), (1, 1, 0)


def test_conv3d_is_what_its_loops_find():
    x, w, b = normal(2, 4, 3, 4, 5), normal(6, 2, *HOW[0]), normal(6)
    y = mg.conv3d(x, w, b, *HOW[1:], groups=2)
    count = 0
    for place, under in windows(x, *HOW):
        count += 1
        for o in range(6):
            group = under[:, 2 * (o // 3) : 2 * (o // 3) + 2]
            expected = (group * w[o]).sum((1, 2, 3, 4)) + b[o]
            np.testing.assert_allclose(y[:, o, *place[2:]], expected, rtol=1e-12)
    assert y.shape[2:] == (2, 4, 2)
    assert count == 16


def test_conv_transpose3d_is_the_gradient_of_conv3d_by_its_input():
    x, w = Tensor(normal(2, 4, 4, 4, 5), requires_grad=True), normal(6, 2, *HOW[0])
    y = mg.conv3d(x, w, None, *HOW[1:], groups=2)
    g = normal(*y.shape)
    y.backward(g)
    back = mg.conv_transpose3d(g, w, None, *HOW[1:], output_padding=(0, 0, 0), groups=2)
    np.testing.assert_allclose(back, x.grad.data, rtol=1e-12)


def test_pools_of_volumes_are_what_their_loops_find():
    x = normal(2, 3, 3, 4, 5)
    most, mean, total = mg.max_pool3d(x, *HOW), mg.avg_pool3d(x, *HOW), 0
    for place, under in windows(x, *HOW, -np.inf):
        np.testing.assert_array_equal(most[place], under.max((2, 3, 4)))
    for place, under in windows(x, *HOW):
        np.testing.assert_allclose(mean[place], under.mean((2, 3, 4)), rtol=1e-12)
        total += 1
    assert most[0, 0].size == total
    np.testing.assert_allclose(
        mg.avg_pool3d(x, *HOW, divisor_override=5), mean * 12 / 5, rtol=1e-12
    )
    check_grads(lambda x: mg.max_pool3d(x, *HOW), [x])
    check_grads(lambda x: mg.avg_pool3d(x, *HOW, True, False), [x])


@pytest.mark.parametrize("value", [1.0, np.nan, -np.inf])
def test_at_a_tie_the_first_in_row_major_order_gets_the_gradient(value):
    x = Tensor(np.full((1, 1, 3, 3, 3), value), requires_grad=True)
    y, found = mg.max_pool3d(x, 2, 1, return_indices=True)
    y.sum().backward()
    expected = np.zeros((3, 3, 3))
    expected[:2, :2, :2] = 1
    np.testing.assert_array_equal(x.grad.data[0, 0], expected)
    np.testing.assert_array_equal(found.data.ravel(), np.flatnonzero(expected))
    x = np.zeros((1, 1, 4, 4, 4))
    x[0, 0, 1, 3, 1] = x[0, 0, 2, 0, 0] = value if value == 1 else np.nan
    assert mg.max_pool3d(x, 4, return_indices=True)[1].item() == 16 + 12 + 1


def test_a_convolution_of_volumes_keeps_its_input_once_and_is_one_node():
    x, w = Tensor(normal(2, 3, 6, 6, 6)), Tensor(normal(4, 3, 3, 3, 3), requires_grad=True)
    with mg.record():
        y = mg.conv3d(x, w, None, padding=1)
    assert mg.saved_bytes(y) == x.data.nbytes
    assert [cost.multiply_adds for cost in mg.costs(y)] == [y.size * 3 * 27]


def test_float16_is_rounded_once_where_the_planes_of_a_window_are_added():
    x, w = np.ones((1, 2, 3, 1, 1), np.float16), np.ones((2, 1, 3, 1, 1), np.float16)
    x[:, 0] = 2048  # each plane adds 2049, which would be 2048 in float16
    assert mg.conv_transpose3d(x, w, padding=(1, 0, 0))[0, 0, 1].item() == np.float16(3 * 2049)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: mg.conv3d(x[0, 0], x), ["conv3d", "(N, C, D, H, W) or (C, D, H, W)", "(O, C, kd, kh, kw)"]),
        (lambda x: mg.conv3d(x, x[:, :, :, :, 0]), ["conv3d", "(2, 3, 4, 4)"]),
        (lambda x: mg.max_pool3d(x, (2, 2)), ["max_pool3d", "kernel_size", "or three of them", "(2, 2)"]),
        (lambda x: mg.conv3d(x, x, None, 1, (1, 2)), ["conv3d: padding", "three of them", "(1, 2)"]),
        (lambda x: mg.max_pool3d(x, 5), ["max_pool3d", "(5, 5, 5)", "(4, 4, 4)"]),
        (lambda x: mg.avg_pool3d(x, 2, divisor_override=0), ["avg_pool3d: divisor_override", "0"]),
        (lambda x: mg.adaptive_max_pool3d(x, (1, 2)), ["adaptive_max_pool3d: output_size", "(1, 2)"]),
    ],
)  # fmt: skip
def test_an_error_names_the_op_and_what_it_met(call, words):
    with pytest.raises(ValueError, match=words[0]) as caught:
        call(normal(2, 3, 4, 4, 4))
    assert all(word in str(caught.value) for word in words)
