"""Convolution, interpolation, windows: NumPy's values for every option, conventions at the points, what is refused."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, check_grads, grad

rng = np.random.default_rng(0)


def leaf(a):
    return Tensor(np.array(a, float), requires_grad=True)


@pytest.mark.parametrize("f", [np.convolve, np.correlate])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_convolutions_of_all_lengths_are_numpys(f, mode):
    for n in range(1, 7):
        for m in range(1, 7):
            a, v = rng.standard_normal(n), rng.standard_normal(m)
            np.testing.assert_allclose(
                f(leaf(a), v, mode).data, f(a, v, mode), rtol=1e-12, atol=1e-13
            )
            np.testing.assert_allclose(
                f(a, leaf(v), mode).data, f(a, v, mode), rtol=1e-12, atol=1e-13
            )


def test_convolutions_refuse_what_numpy_refuses():
    for a, v, mode, words in [
        (np.ones((2, 2)), np.ones(2), "full", "1-d"),
        (np.ones(0), np.ones(2), "full", "not empty"),
        (np.ones(2), np.ones(2), "wrap", "mode must be"),
    ]:
        for f in (np.convolve, np.correlate):
            with pytest.raises(ValueError, match=words):
                f(leaf(a), v, mode)


XP, FP = np.array([-1.0, 0.5, 2.0, 2.5]), np.array([3.0, -1.0, 0.5, 7.0])
AT = np.array([-9.0, -1.0, 0.0, 0.5, 1.0, 2.25, 2.5, 4.0])


@pytest.mark.parametrize(
    "options", [{}, {"left": -5.0}, {"right": 8.0, "left": 0.5}, {"period": 1.7}, {"period": -2.0}]
)
def test_interpolated_heights_are_numpys(options):
    expected = np.interp(AT, XP, FP, **options)
    for given in (
        (leaf(AT), XP, FP),
        (AT, leaf(XP), FP),
        (AT, XP, leaf(FP)),
        (Tensor(AT), list(XP), list(FP)),
    ):
        np.testing.assert_allclose(np.interp(*given, **options).data, expected, rtol=1e-13)
    assert np.interp(0.3, leaf(XP), FP, **options).shape == ()
    one = np.interp(AT, XP[:1], FP[:1], **options)
    np.testing.assert_allclose(np.interp(AT, leaf(XP[:1]), FP[:1], **options).data, one, rtol=1e-13)


def test_at_a_point_the_slope_is_that_of_the_line_to_its_right_and_at_the_last_that_to_its_left():
    slopes = np.diff(FP) / np.diff(XP)
    x = leaf(XP)
    np.testing.assert_allclose(grad(mg.interp(x, XP, FP).sum(), x).data, [*slopes, slopes[-1]])
    x = leaf([-2.0, 3.0])
    assert grad(mg.interp(x, XP, FP).sum(), x).tolist() == [0, 0]


def test_what_stands_beyond_the_points_gets_the_gradient_there():
    fp, left = leaf(FP), leaf(1.0)
    y = mg.interp([-3.0, -2.0, 9.0], XP, fp, left)
    assert [g.tolist() for g in grad(y.sum(), [fp, left])] == [[0, 0, 0, 1], 2]
    assert np.isnan(mg.interp(leaf([np.nan]), XP, FP).data).all()


def test_two_points_at_one_place_are_a_step_and_make_nothing_infinite():
    xp = leaf([0.0, 1.0, 1.0])
    y = mg.interp([0.5, 1.0, 3.0], xp, [1.0, 2.0, 5.0])
    assert y.tolist() == np.interp([0.5, 1.0, 3.0], xp.data, [1.0, 2.0, 5.0]).tolist()
    assert np.isfinite(grad(y.sum(), xp).data).all()


def test_interpolation_refuses_points_that_do_not_match():
    for xp, fp in [(XP, FP[:2]), (XP[:0], FP[:0]), (XP[None], FP[None])]:
        with pytest.raises(ValueError, match=r"interp: xp has shape"):
            np.interp(leaf(AT), xp, fp)


slide = np.lib.stride_tricks.sliding_window_view


@pytest.mark.parametrize(
    ("sizes", "axis"), [(2, 0), (3, 1), ((2, 3), None), ((2, 2), (1, 1)), ((2, 1), (-1, 0)), (4, 0)]
)
def test_windows_are_numpys_views_and_what_overlaps_accumulates(sizes, axis):
    a = rng.standard_normal((4, 5))
    x = leaf(a)
    y = slide(x, sizes, axis)
    np.testing.assert_array_equal(y.data, slide(a, sizes, axis))
    assert np.shares_memory(y.data, x.data)
    check_grads(lambda x: mg.sliding_window_view(x, sizes, axis) ** 2, [a], order=2)
    z = (y * y).sum()
    x.assign(a + 1)
    with pytest.raises(RuntimeError, match="written after the forward pass"):
        z.backward()


def test_windows_that_do_not_fit_are_refused():
    x = leaf(np.ones((4, 5)))
    for sizes, axis in [((2,), None), (9, 0), (-1, 0), ((2, 2), 0)]:
        with pytest.raises(ValueError):  # noqa: PT011
            slide(x, sizes, axis)
    with pytest.raises(TypeError, match="writeable="):
        slide(x, 2, 0, writeable=True)
