"""Power means of windows and local response normalisation: by hand, at their edges, and errors."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def test_lp_pool_is_the_norm_of_what_is_under_each_window():
    x = normal(2, 3, 4, 6)
    blocks = x.reshape(2, 3, 2, 2, 3, 2).transpose(0, 1, 2, 4, 3, 5).reshape(2, 3, 2, 3, 4)
    for p in (2, 4, np.inf, -np.inf):
        expected = np.linalg.norm(blocks, p, axis=-1)
        np.testing.assert_allclose(mg.lp_pool2d(x, p, 2), expected, rtol=1e-12)


@pytest.mark.parametrize("p", [1, 2, 4, np.inf])
def test_lp_pool_of_zeros_is_0_with_gradient_0(p):
    x = Tensor(np.zeros((1, 1, 4)), requires_grad=True)
    y = mg.lp_pool1d(x, p, 2)
    y.sum().backward()
    assert y.tolist() == [[[0, 0]]]
    assert x.grad.tolist() == [[[0, 0, 0, 0]]]


def test_lp_pool_sums_float16_in_float32():
    x = np.full((1, 1, 2), 300, np.float16)  # its square is beyond float16
    y = mg.lp_pool1d(x, 2, 2)
    assert (y.dtype, y.item()) == (np.float16, np.float16(300 * np.sqrt(2)))


def test_local_response_norm_is_what_its_loops_find():
    x = normal(2, 5, 3)
    for size in (1, 2, 3, 4):
        y = mg.local_response_norm(x, size, 0.5, 0.75, 2.0)
        for c in range(5):
            near = x[:, max(c - size // 2, 0) : c + (size - 1) // 2 + 1]
            expected = x[:, c] / (2 + 0.5 * (near**2).sum(axis=1) / size) ** 0.75
            np.testing.assert_allclose(y[:, c], expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: mg.lp_pool1d(x, 0, 2), ["lp_pool1d: norm_type", "0"]),
        (lambda x: mg.lp_pool1d(x, np.nan, 2), ["lp_pool1d: norm_type", "nan"]),
        (lambda x: mg.lp_pool2d(x, 2, 2)[0], ["lp_pool2d", "(2, 3)", "(N, C, H, W) or (C, H, W)"]),
        (lambda x: mg.lp_pool1d(x, 2, 9), ["avg_pool1d", "(9,)", "(3,)"]),
        (lambda x: mg.local_response_norm(x[0], 2), ["local_response_norm", "(4, 3)", "(N, C, L, ...)"]),
        (lambda x: mg.local_response_norm(x, 0), ["local_response_norm: size", "0"]),
    ],
)  # fmt: skip
def test_an_error_names_the_op_and_what_it_met(call, words):
    with pytest.raises(ValueError, match=r"pool|local_response_norm") as caught:
        call(normal(2, 4, 3) if "lp_pool2d" not in words[0] else normal(2, 3))
    assert all(word in str(caught.value) for word in words)
