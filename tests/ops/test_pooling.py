"""Pooling against loops one can read, and at its edges: ties, nan, padding, ceil_mode, empty batches, errors."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, check_grads, grad
from minigrad.core.dtypes import widened
from minigrad.ops import pooling
from minigrad.ops.kernels.windows import Window
from minigrad.trust.other_library import OnDevice as Duck


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def distinct(*shape):
    """No two elements are equal, so that no maxima tie."""
    size = int(np.prod(shape))
    return np.random.default_rng(0).permutation(size).reshape(shape) / 7


# Loops one can read --------------------------------------------------------------------------------------


def out_size(n, k, s, p, d=1, ceil_mode=False):
    span = n + 2 * p - d * (k - 1) - 1
    out = (-(-span // s) if ceil_mode else span // s) + 1
    return out - (ceil_mode and (out - 1) * s >= n + p)


def pooled_by_loops(x, f, kernel, stride, padding, dilation=(1, 1), ceil_mode=False):
    """f(the elements of x under a window, how many of the window lie in x or its padding), for each window."""
    (h, w), (kh, kw), (sh, sw), (ph, pw), (dh, dw) = x.shape[2:], kernel, stride, padding, dilation
    y = np.zeros(
        (
            *x.shape[:2],
            out_size(h, kh, sh, ph, dh, ceil_mode),
            out_size(w, kw, sw, pw, dw, ceil_mode),
        )
    )
    for n, c, i, j in np.ndindex(y.shape):
        rows = [i * sh - ph + u * dh for u in range(kh)]
        columns = [j * sw - pw + v * dw for v in range(kw)]
        found = [x[n, c, a, b] for a in rows for b in columns if 0 <= a < h and 0 <= b < w]
        y[n, c, i, j] = f(found, sum(a < h + ph and b < w + pw for a in rows for b in columns))
    return y


POOLS = [  # shape, kernel, stride, padding
    ((2, 3, 4, 6), (2, 2), (2, 2), (0, 0)), ((1, 1, 5, 5), (3, 2), (1, 1), (0, 0)),
    ((2, 2, 7, 5), (2, 3), (3, 1), (0, 0)), ((1, 2, 3, 3), (3, 3), (1, 1), (0, 0)),
    ((2, 1, 4, 4), (1, 1), (1, 1), (0, 0)), ((1, 1, 6, 6), (1, 2), (2, 5), (0, 0)),
    ((0, 2, 4, 4), (2, 2), (2, 2), (0, 0)), ((2, 0, 4, 4), (2, 2), (2, 2), (0, 0)),
    ((1, 2, 5, 4), (3, 3), (2, 2), (1, 1)), ((1, 1, 2, 3), (4, 2), (1, 3), (2, 1)),
    ((1, 1, 6, 7), (2, 3), (4, 2), (1, 0)), ((1, 1, 1, 1), (2, 2), (2, 2), (1, 1)),
]  # fmt: skip
every_pool = pytest.mark.parametrize(("shape", "kernel", "stride", "padding"), POOLS)


@every_pool
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_max_pool2d_is_what_its_loops_find(shape, kernel, stride, padding, ceil_mode):
    x = distinct(*shape)
    y, places = mg.max_pool2d(x, kernel, stride, padding, 1, ceil_mode, True)
    expected = pooled_by_loops(
        x, lambda under, _: max(under), kernel, stride, padding, (1, 1), ceil_mode
    )
    np.testing.assert_array_equal(y, expected)
    flat = x.reshape(*shape[:2], shape[2] * shape[3])
    chosen = np.take_along_axis(flat, places.reshape(*y.shape[:2], y.shape[2] * y.shape[3]), 2)
    np.testing.assert_array_equal(chosen.reshape(y.shape), y)
    check_grads(lambda x: mg.max_pool2d(x, kernel, stride, padding, 1, ceil_mode), [x])


@every_pool
@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("count_include_pad", [False, True])
def test_avg_pool2d_is_what_its_loops_find(
    shape, kernel, stride, padding, ceil_mode, count_include_pad
):
    x = normal(*shape)
    expected = pooled_by_loops(
        x, lambda under, window: sum(under) / (window if count_include_pad else len(under)),
        kernel, stride, padding, (1, 1), ceil_mode,
    )  # fmt: skip
    options = stride, padding, ceil_mode, count_include_pad
    np.testing.assert_allclose(mg.avg_pool2d(x, kernel, *options), expected, rtol=1e-12, atol=1e-14)
    check_grads(lambda x: mg.avg_pool2d(x, kernel, *options), [x])


@pytest.mark.parametrize("size", [(1, 1), (4, 6), (5, 7), (9, 3)])
@pytest.mark.parametrize("out", [(1, 1), (2, 3), (4, 6), (7, 5)])
def test_adaptive_pooling_is_what_its_loops_find(size, out):
    x = distinct(2, 2, *size)
    mean, most = np.zeros((2, 2, *out)), np.zeros((2, 2, *out))
    for i, j in np.ndindex(out):
        rows, columns = (
            slice(k * n // o, -(-(k + 1) * n // o))
            for k, n, o in zip((i, j), size, out, strict=True)
        )
        mean[:, :, i, j] = x[:, :, rows, columns].mean((2, 3))
        most[:, :, i, j] = x[:, :, rows, columns].max((2, 3))
    np.testing.assert_allclose(mg.adaptive_avg_pool2d(x, out), mean, rtol=1e-12)
    np.testing.assert_array_equal(mg.adaptive_max_pool2d(x, out), most)
    check_grads(lambda x: mg.adaptive_max_pool2d(x, out), [x[:1, :1]])


def test_the_stride_of_a_pool_is_its_window_unless_given():
    x = Tensor(normal(1, 1, 6, 6))
    for pool in (mg.max_pool2d, mg.avg_pool2d):
        np.testing.assert_array_equal(pool(x, (2, 3)).data, pool(x, (2, 3), (2, 3)).data)
    np.testing.assert_array_equal(
        x.max_pool2d(2).data, mg.max_pool2d(x, kernel_size=2, stride=2).data
    )


# Ties and nan --------------------------------------------------------------------------------------------


def pool_gradient(image, *options):
    x = Tensor(np.array(image, float)[None, None], requires_grad=True)
    return grad(mg.max_pool2d(x, *options).sum(), x).data[0, 0].tolist()


def test_of_several_maxima_in_a_window_the_first_in_row_major_order_gets_the_gradient():
    assert pool_gradient([[1, 1], [1, 1]], 2) == [[1, 0], [0, 0]]
    assert pool_gradient([[0, 1], [1, 1]], 2) == [[0, 1], [0, 0]]
    assert pool_gradient([[0, 0], [1, 1]], 2) == [[0, 0], [1, 0]]
    assert pool_gradient([[0.0, -0.0], [-0.0, 0.0]], 2) == [[1, 0], [0, 0]]
    assert pool_gradient([[-np.inf] * 2] * 2, 2) == [[1, 0], [0, 0]]
    assert pool_gradient([[1, np.inf], [np.inf, 1]], 2) == [[0, 1], [0, 0]]


def test_overlapping_windows_add_up_and_each_has_its_own_first_maximum():
    assert pool_gradient([[5, 5, 5]], (1, 2), 1) == [[1, 1, 0]]
    assert pool_gradient([[1, 9, 1]], (1, 2), 1) == [[0, 2, 0]]
    ones = np.ones((3, 3))
    assert pool_gradient(ones, 2, 1) == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]
    centre = ones + np.eye(3)[1] * np.eye(3)[1][:, None]
    assert pool_gradient(centre, 2, 1) == [[0, 0, 0], [0, 4, 0], [0, 0, 0]]


def test_nan_in_a_window_wins_and_the_first_nan_gets_the_gradient():
    nan = np.nan
    x = Tensor(np.array([[[[1, nan, 3, 4], [nan, 5, 2, 9]]]]), requires_grad=True)
    y = mg.max_pool2d(x, 2)
    np.testing.assert_array_equal(y.data, [[[[nan, 9]]]])
    np.testing.assert_array_equal(grad(y.sum(), x).data, [[[[0, 1, 0, 0], [0, 0, 0, 1]]]])


@pytest.mark.parametrize("seed", range(60))
def test_the_kernels_of_max_pooling_agree_with_their_plain_versions(seed):
    rng = np.random.default_rng(seed)
    draw = lambda low, high: tuple(map(int, rng.integers(low, high, 2)))  # noqa: E731
    window = Window(draw(1, 4), draw(1, 4), (draw(0, 2), draw(0, 2)), draw(1, 3))
    size = [max(n, e) for n, e in zip(draw(1, 9), window.extent, strict=True)]
    x = rng.integers(0, 3, (2, 3, *size)).astype(rng.choice(["f2", "f4", "f8"]))  # many ties
    x[rng.random(x.shape) < 0.1 * (seed % 3)] = (np.nan, np.inf, -np.inf)[seed % 7 % 3]
    if seed % 2:  # as convolution lays it out
        x = np.ascontiguousarray(x.transpose(2, 3, 0, 1)).transpose(2, 3, 0, 1)
    y = pooling.max_pool2d_row(x, window)
    place = pooling.pool_argmax(x, y, window)
    g = rng.standard_normal(y.shape).astype(x.dtype)
    g[rng.random(y.shape) < 0.1] = np.inf
    plain_place = pooling.pool_argmax_plain(x, y, window)
    expected = pooling.pool_scatter_plain(widened(g), plain_place, size, window).astype(x.dtype)
    found = pooling.pool_scatter(g, place, size, window)
    assert found.dtype == x.dtype
    np.testing.assert_array_equal(found, expected)


def test_where_maxima_tie_the_gradient_of_max_pool2d_is_smooth_in_its_seed():
    x = np.array([[[[1.0, 1, 0], [1, 1, 2]]]])
    two = Window((2, 2))
    check_grads(
        lambda g: pooling.pool_scatter(
            g, pooling.pool_argmax(x, mg.max_pool2d(x, 2, 1), two), (2, 3), two
        ) ** 2,
        [normal(1, 1, 1, 2)],
    )  # fmt: skip


def test_the_padding_never_wins_a_tie_and_never_gets_the_gradient():
    low = -np.inf
    assert pool_gradient([[low, low], [low, low]], 2, 2, 1) == [[1, 1], [1, 1]]
    assert pool_gradient([[low] * 3] * 3, 3, 2, 1) == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]
    x = Tensor(np.full((1, 1, 3, 3), low))
    _, places = mg.max_pool2d(x, 3, 2, 1, return_indices=True)
    np.testing.assert_array_equal(places.data, [[[[0, 1], [3, 4]]]])


def test_padding_is_below_every_element_also_of_integers():
    for x in (np.full((1, 1, 3, 3), -1e300), np.full((1, 1, 3, 3), -128, np.int8)):
        y = mg.max_pool2d(Tensor(x), 3, 2, 1)
        assert y.dtype == x.dtype
        np.testing.assert_array_equal(y.data, x[:, :, :2, :2])


def test_a_dilated_window_that_holds_padding_only_is_minus_infinity_without_gradient():
    x = Tensor(np.ones((1, 1, 1, 2)), requires_grad=True)
    y = mg.max_pool2d(x, (1, 2), 1, (0, 1), (1, 3))
    np.testing.assert_array_equal(y.data, [[[[-np.inf]]]])
    np.testing.assert_array_equal(grad(y.sum(), x).data, [[[[0, 0]]]])


def test_of_adaptive_maxima_that_tie_the_first_gets_the_gradient_also_where_bins_differ_in_size():
    for value in (0.0, -np.inf):
        x = Tensor(np.full((1, 1, 3, 5), value), requires_grad=True)
        found = grad(mg.adaptive_max_pool2d(x, (2, 3)).sum(), x).data[0, 0]
        expected = np.zeros((3, 5))
        expected[np.ix_([0, 1], [0, 1, 3])] = 1
        np.testing.assert_array_equal(found, expected)


def test_infinity_or_nan_reaches_only_the_windows_that_hold_it():
    for value in (np.inf, np.nan):
        x = np.zeros((1, 1, 5, 5))
        x[0, 0, 4, 4] = value
        for y in (
            mg.avg_pool2d(x, 2, 1),
            mg.adaptive_avg_pool2d(x, 3),
            mg.adaptive_max_pool2d(x, 3),
            mg.max_pool2d(x, 3, 1, 1, 1, True),
        ):
            assert (np.isfinite(y).sum(), y[0, 0, 0, 0]) == (y.size - (y != 0).sum(), 0)
            assert not np.isfinite(y[0, 0, -1, -1])


# Padding, ceil_mode, empty batches -----------------------------------------------------------------------


def test_elements_that_the_stride_drops_get_zero_gradient():
    x = Tensor(normal(1, 1, 6, 8), requires_grad=True)
    covered = np.zeros((6, 8), bool)
    for top in (0, 3):
        for left in (0, 2, 4, 6):
            covered[top : top + 2, left : left + 2] = True
    for pool in (mg.max_pool2d, mg.avg_pool2d):
        pooled = grad(pool(x, 2, (3, 2)).sum(), x).data[0, 0]
        assert (pooled[~covered] == 0).all()
        np.testing.assert_allclose(pooled.sum(), 2 * 4)


@pytest.mark.parametrize("pool", [mg.max_pool1d, mg.avg_pool1d])
def test_ceil_mode_keeps_a_window_only_if_it_starts_in_the_image_or_the_padding_before_it(pool):
    def count(n, *options, ceil_mode):
        return pool(np.ones((1, 1, n)), *options, ceil_mode=ceil_mode).shape[2]

    assert count(5, 2, 2, ceil_mode=False) == 2
    assert count(5, 2, 2, ceil_mode=True) == 3
    assert count(4, 2, 2, ceil_mode=True) == 2
    # with padding 1 a window would start at 5, behind the image and the padding before it
    assert count(4, 2, 3, 1, ceil_mode=False) == count(4, 2, 3, 1, ceil_mode=True) == 2
    assert count(4, 3, 5, 1, ceil_mode=True) == 1
    assert count(4, 3, 4, 1, ceil_mode=True) == 2


def test_with_ceil_mode_a_window_larger_than_the_image_holds_all_of_it():
    x = np.random.default_rng(0).standard_normal((2, 3, 3, 4))
    every = {"axis": (2, 3), "keepdims": True}
    np.testing.assert_array_equal(mg.max_pool2d(x, 5, 3, ceil_mode=True), x.max(**every))
    np.testing.assert_allclose(mg.avg_pool2d(x, 5, 3, ceil_mode=True), x.mean(**every))
    for pool in (mg.max_pool2d, mg.avg_pool2d):
        with pytest.raises(ValueError, match="larger than the input"):
            pool(x, 7, 3, ceil_mode=True)


def test_count_include_pad_counts_the_padding_and_never_what_ceil_mode_adds_beyond():
    x = np.ones((1, 1, 3))
    np.testing.assert_allclose(mg.avg_pool1d(x, 2, 2, 1, True), [[[1 / 2, 1]]])
    np.testing.assert_allclose(mg.avg_pool1d(x, 2, 2, 1, True, False), [[[1, 1]]])
    np.testing.assert_allclose(mg.avg_pool1d(x, 2, 2, 0, True), [[[1, 1]]])
    np.testing.assert_allclose(mg.avg_pool1d(np.ones((1, 1, 4)), 4, 3, 1, True), [[[3 / 4, 2 / 3]]])


def test_an_empty_batch_goes_through_every_pool():
    x = Tensor(np.ones((0, 2, 5, 5)), requires_grad=True)
    for y in (
        mg.max_pool2d(x, 3, 2, 1, 1, True, True)[0],
        mg.avg_pool2d(x, 3, 2, 1, True),
        mg.adaptive_avg_pool2d(x, 3),
        mg.adaptive_avg_pool2d(x, 1),
        mg.adaptive_max_pool2d(x, 3),
        mg.fold(mg.unfold(x, 3), 5, 3),
    ):
        assert y.shape[:2] == (0, 2)
        assert grad(y.sum(), x).shape == x.shape


def test_pooling_everything_is_the_mean_and_the_maximum():
    x = distinct(2, 3, 5, 4)
    np.testing.assert_allclose(mg.adaptive_avg_pool2d(x, 1)[..., 0, 0], x.mean((2, 3)))
    np.testing.assert_array_equal(mg.adaptive_max_pool2d(x, 1)[..., 0, 0], x.max((2, 3)))
    np.testing.assert_array_equal(mg.adaptive_avg_pool2d(x, None), x)


@pytest.mark.parametrize("out", [(2, 3), (3, 4)])
@pytest.mark.parametrize("pool", [mg.adaptive_avg_pool2d, mg.adaptive_max_pool2d])
def test_adaptive_pooling_keeps_the_dtype_and_takes_arrays_of_any_library(pool, out):
    a = distinct(2, 2, 4, 6) / 10
    check_grads(lambda x: pool(x, out), [a])
    exact = pool(a, out)
    for make in (lambda a: a.astype("float32"), lambda a: a.astype("float16"), Duck):
        x = Tensor(make(a), requires_grad=True)
        y = pool(x, out)
        g = grad((y * y).sum(), x)
        assert (y.dtype, g.dtype) == (x.dtype, x.dtype)
        assert type(y.data) is type(g.data) is type(x.data)
        if type(y.data) is np.ndarray:
            np.testing.assert_allclose(y.data, exact, rtol=5e-3)


def test_the_mean_of_integers_is_of_floats():
    x = Tensor(np.arange(16).reshape(1, 1, 4, 4))
    for y in (
        mg.avg_pool2d(x, 2),
        mg.adaptive_avg_pool2d(x, 2),
        mg.avg_pool2d(x, 2, 3, 1, True, False),
    ):
        assert y.dtype == "float32"
    np.testing.assert_array_equal(mg.avg_pool2d(x, 2).data, [[[[2.5, 4.5], [10.5, 12.5]]]])


@pytest.mark.parametrize("dtype", ["uint8", "int8", "bool"])
def test_the_mean_of_a_plain_array_of_small_integers_does_not_wrap(dtype):
    x = np.full((1, 1, 4, 4), 100).astype(dtype)
    for y in (mg.avg_pool2d(x, 2), mg.avg_pool1d(x[0], 2), mg.adaptive_avg_pool2d(x, 3)):
        np.testing.assert_array_equal(y, np.full_like(y, x[0, 0, 0, 0]))


@pytest.mark.parametrize("make", [Tensor, np.asarray])
def test_the_mean_of_float16_is_summed_in_float32(make):
    x = make(np.full((1, 1, 7, 7), 40_000, np.float16))
    for y in (
        mg.avg_pool2d(x, 3),
        mg.avg_pool1d(x[0], 3),
        mg.adaptive_avg_pool2d(x, 3),
        mg.adaptive_avg_pool2d(x, 1),
        mg.adaptive_avg_pool1d(x[0], 3),
    ):
        assert y.dtype == np.float16
        np.testing.assert_array_equal(y, np.full_like(y, 40_000))


def test_conv_with_the_columns_of_unfold_is_conv2d():
    x, w = normal(2, 3, 5, 6), normal(4, 3, 2, 3, seed=1)
    columns = mg.unfold(x, (2, 3), (2, 1), (1, 0), (1, 2))
    y = mg.conv2d(x, w, None, (1, 2), (1, 0), (2, 1))
    np.testing.assert_allclose((w.reshape(4, -1) @ columns).reshape(y.shape), y, rtol=1e-12)


def test_fold_of_unfold_counts_the_windows_over_each_element():
    x = normal(1, 2, 4, 5)
    count = mg.fold(mg.unfold(np.ones_like(x), 2), (4, 5), 2)
    assert count[0, 0].tolist() == [
        [1, 2, 2, 2, 1],
        [2, 4, 4, 4, 2],
        [2, 4, 4, 4, 2],
        [1, 2, 2, 2, 1],
    ]
    np.testing.assert_allclose(mg.fold(mg.unfold(x, 2), (4, 5), 2), count * x, rtol=1e-12)


# Errors name what was met --------------------------------------------------------------------------------

X = np.ones((2, 3, 8, 9))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: mg.max_pool2d(x, 10), ["max_pool2d", "(10, 10)", "(8, 9)"]),
        (lambda x: mg.max_pool2d(x, 8, padding=4, dilation=3), ["(22, 22) with its dilation", "(8, 9)", "(16, 17)"]),
        (lambda x: mg.max_pool2d(x[0, 0], 2), ["max_pool2d", "(8, 9)", "(N, C, H, W) or (C, H, W)"]),
        (lambda x: mg.max_pool2d(x, 0), ["max_pool2d", "kernel_size", "0"]),
        (lambda x: mg.max_pool2d(x, 2, 0), ["max_pool2d", "stride", "0"]),
        (lambda x: mg.max_pool2d(x, (2, 2, 2)), ["max_pool2d", "kernel_size", "(2, 2, 2)"]),
        (lambda x: mg.max_pool2d(x, (2, 3), padding=(1, 2)), ["padding (1, 2)", "half of the window (2, 3)"]),
        (lambda x: mg.max_pool2d(x, 2, dilation=0), ["max_pool2d", "dilation", "0"]),
        (lambda x: mg.max_pool2d(x, 2, padding="same"), ["max_pool2d", "padding", "'same'"]),
        (lambda x: mg.max_pool1d(x, 2), ["max_pool1d", "(2, 3, 8, 9)", "(N, C, L) or (C, L)"]),
        (lambda x: mg.max_pool1d(x[0], (2, 2)), ["max_pool1d", "kernel_size", "(2, 2)"]),
        (lambda x: mg.avg_pool2d(x, 3, padding=2), ["avg_pool2d", "padding (2, 2)", "half", "(3, 3)"]),
        (lambda x: mg.avg_pool2d(x, 9), ["avg_pool2d", "(9, 9)", "(8, 9)"]),
        (lambda x: mg.avg_pool1d(x[0], 10), ["avg_pool1d", "(10,)", "(9,)"]),
        (lambda x: mg.adaptive_avg_pool2d(x, 0), ["adaptive_avg_pool2d", "output_size", "0"]),
        (lambda x: mg.adaptive_avg_pool2d(x, (1, 2, 3)), ["adaptive_avg_pool2d", "output_size", "(1, 2, 3)"]),
        (lambda x: mg.adaptive_max_pool2d(x[:, :, :0], 2), ["adaptive_max_pool2d", "(2, 3, 0, 9)"]),
        (lambda x: mg.adaptive_avg_pool1d(x, 2), ["adaptive_avg_pool1d", "(N, C, L)"]),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)  # fmt: skip
def test_an_error_names_the_op_the_argument_and_the_sizes(call, words):
    with pytest.raises(ValueError) as error:  # noqa: PT011  (the words are compared below)
        call(Tensor(X))
    for word in words:
        assert word in str(error.value)
