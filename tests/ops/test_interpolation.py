"""Interpolation: what its values are, where an inf or nan goes, and what it refuses; beside PyTorch in the cases."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor

LINEAR = [("linear", (9,)), ("bilinear", (9, 5)), ("trilinear", (3, 9, 5))]


@pytest.mark.parametrize(("mode", "size"), LINEAR)
def test_a_plane_stays_a_plane(mode, size):
    grid = np.meshgrid(*[np.linspace(0, 1, n) for n in range(4, 4 + len(size))], indexing="ij")
    fine = np.meshgrid(*[np.linspace(0, 1, n) for n in size], indexing="ij")
    slopes = np.arange(1.0, 1 + len(size))
    x, expected = (sum(s * g for s, g in zip(slopes, gs, strict=True)) for gs in (grid, fine))
    found = mg.interpolate(x[None, None], size, None, mode, True)
    np.testing.assert_allclose(found[0, 0], expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize(("mode", "size"), [*LINEAR, ("bicubic", (9, 2)), ("nearest", (9, 2))])
def test_a_constant_stays_itself_and_every_element_of_the_gradient_is_given_on_once(
    mode, size, corners
):
    x = Tensor(np.full((2, 3, *[4] * len(size)), 0.7), requires_grad=True)
    y = mg.interpolate(x, size, None, mode, None if mode == "nearest" else corners)
    np.testing.assert_allclose(y.detach().numpy(), 0.7, rtol=1e-14)
    y.sum().backward()
    assert x.grad.numpy().sum() == pytest.approx(math.prod(y.shape), rel=1e-13)


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_an_inf_or_nan_reaches_its_neighbours_only_there_and_back(bad):
    x = Tensor(np.ones((1, 1, 8, 8)), requires_grad=True)
    with_bad = np.ones((1, 1, 8, 8))
    with_bad[0, 0, 3, 4] = bad
    y = mg.interpolate(Tensor(with_bad), scale_factor=2, mode="bilinear").data[0, 0]
    rows, columns = np.nonzero(~np.isfinite(y))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (5, 8, 7, 10)
    assert len(rows) == 16
    assert (y[np.isfinite(y)] == 1).all()
    seed = np.ones((1, 1, 16, 16))
    seed[0, 0, 6, 6] = bad  # between the elements 2, 3 along both axes
    mg.interpolate(x, scale_factor=2, mode="bilinear").backward(seed)
    assert np.argwhere(~np.isfinite(x.grad.data[0, 0])).tolist() == [[2, 2], [2, 3], [3, 2], [3, 3]]


def test_integers_are_repeated_as_integers_and_between_them_are_floats():
    x = np.array([[[1, 2]]])
    assert mg.interpolate(x, 4).tolist() == [[[1, 1, 2, 2]]]
    assert mg.interpolate(x, 4).dtype == x.dtype
    y = mg.interpolate(x, 3, None, "linear", True)
    assert (y.dtype, y.tolist()) == (np.float32, [[[1, 1.5, 2]]])


def test_float16_is_rounded_once():
    x = np.random.default_rng(0).standard_normal((2, 3, 9, 9)).astype(np.float16)
    wide = mg.interpolate(x.astype(np.float32), (17, 14), None, "bicubic")
    np.testing.assert_array_equal(
        mg.interpolate(x, (17, 14), None, "bicubic"), wide.astype(np.float16)
    )


@pytest.mark.parametrize(
    ("shape", "options", "words"),
    [
        ((1, 1), {"size": 2}, r"mode 'nearest' takes x of three axes and more, not shape \(1, 1\)"),
        ((1, 1, 2), {"size": 2, "mode": "bilinear"}, r"'bilinear' takes x of 4 axes, not shape \(1, 1, 2\)"),
        ((1, 1, 2, 2), {"size": (2, 2, 2)}, r"\(2, 2, 2\) does not fit .* 2 axes behind"),
        ((1, 1, 0), {"size": 2}, r"axis 2 of x with shape \(1, 1, 0\) cannot become one of 2"),
        ((1, 1, 2), {"scale_factor": 0.3}, "axis 2 .* cannot become one of 0"),
        ((1, 1, 2), {}, "one of size and scale_factor is needed, and only one"),
        ((1, 1, 2), {"size": 2, "scale_factor": 2}, "one of size and scale_factor"),
        ((1, 1, 2), {"size": 2.5}, r"size must be made of integers >= 1, not 2\.5"),
        ((1, 1, 2), {"size": 0}, "size must be made of integers >= 1, not 0"),
        ((1, 1, 2), {"scale_factor": math.nan}, "scale_factor must be made of numbers > 0, not nan"),
        ((1, 1, 2), {"scale_factor": "2"}, "scale_factor must be made of numbers > 0, not '2'"),
        ((1, 1, 2), {"size": np.array([3, 2])}, r"size must be made of integers >= 1, not array\(\[3, 2\]\)"),
        ((1, 1, 2), {"size": 2, "mode": "area"}, "mode must be one of 'nearest', .* not 'area'"),
        ((1, 1, 2), {"size": 2, "align_corners": False}, "mode 'nearest' has no align_corners"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(shape, options, words):
    with pytest.raises(ValueError, match=f"interpolate: .*{words}"):
        mg.interpolate(np.ones(shape), **options)
