"""Convolution and pooling against loops one can read, against PyTorch, and at their edges."""

import threading
from itertools import product

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, check_grads, grad
from minigrad.ops import conv
from minigrad.scratch import release_scratch, scratch_bytes

CLOSE = {"rtol": 1e-11, "atol": 1e-12}


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


# Loops one can read --------------------------------------------------------------------------------------


def windows_of(x, kernel, stride, padding=(0, 0), fill=0.0):
    """(i, j, window) for each place of the kernel: window is (N, C, kh, kw) of the padded x."""
    (kh, kw), (sh, sw), (ph, pw) = kernel, stride, padding
    padded = np.full((*x.shape[:2], x.shape[2] + 2 * ph, x.shape[3] + 2 * pw), fill)
    padded[:, :, ph : ph + x.shape[2], pw : pw + x.shape[3]] = x
    for i, top in enumerate(range(0, padded.shape[2] - kh + 1, sh)):
        for j, left in enumerate(range(0, padded.shape[3] - kw + 1, sw)):
            yield i, j, padded[:, :, top : top + kh, left : left + kw]


def conv2d_by_loops(x, w, b, stride, padding):
    places = list(windows_of(x, w.shape[2:], stride, padding))
    y = np.zeros((len(x), len(w), places[-1][0] + 1, places[-1][1] + 1))
    for i, j, window in places:
        for o in range(len(w)):
            y[:, o, i, j] = (window * w[o]).sum((1, 2, 3)) + (0 if b is None else b[o])
    return y


def max_pool2d_by_loops(x, window, stride):
    places = list(windows_of(x, window, stride))
    y = np.zeros((*x.shape[:2], places[-1][0] + 1, places[-1][1] + 1))
    for i, j, at in places:
        y[:, :, i, j] = at.max((2, 3))
    return y


# Configurations: every corner that the code distinguishes, and a random grid -----------------------------

CORNERS = {  # N, C, H, W, filters, kernel, stride, padding
    "one channel, one filter": (2, 1, 5, 5, 1, (3, 3), (1, 1), (0, 0)),
    "a window of one element": (2, 3, 4, 4, 2, (1, 1), (1, 1), (0, 0)),
    "the window is the image": (2, 3, 4, 3, 2, (4, 3), (1, 1), (0, 0)),
    "the padding makes the window fit": (1, 2, 1, 1, 2, (3, 3), (1, 1), (1, 1)),
    "padding of kernel - 1": (1, 2, 4, 4, 2, (3, 2), (1, 1), (2, 1)),
    "padding beyond kernel - 1": (1, 2, 3, 4, 2, (2, 2), (1, 1), (2, 3)),
    "padding beyond kernel - 1 on one axis": (1, 2, 4, 3, 2, (3, 1), (1, 1), (1, 1)),
    "padding beyond kernel - 1 on the other axis": (1, 2, 3, 4, 2, (1, 3), (1, 1), (1, 1)),
    "padding beyond kernel - 1 with stride": (1, 2, 3, 4, 2, (2, 1), (2, 3), (3, 2)),
    "the stride drops a tail": (2, 2, 7, 8, 3, (2, 3), (3, 2), (0, 0)),
    "the stride exceeds the window": (2, 2, 9, 9, 2, (2, 2), (4, 5), (0, 0)),
    "the stride exceeds the image": (1, 2, 3, 3, 2, (2, 2), (9, 9), (0, 0)),
    "an empty batch": (0, 2, 5, 5, 3, (3, 3), (1, 1), (1, 1)),
    "a batch of several blocks, the last one short": (5, 8, 40, 20, 2, (3, 3), (1, 1), (1, 1)),
    "an image larger than a block": (2, 8, 64, 64, 2, (5, 5), (1, 1), (2, 2)),
}


def random_configuration(seed):
    rng = np.random.default_rng(seed)
    draw = lambda low, high: int(rng.integers(low, high))  # noqa: E731
    kernel = draw(1, 5), draw(1, 5)
    padding = draw(0, 4), draw(0, 4)
    size = [max(draw(1, 9), k - 2 * p) for k, p in zip(kernel, padding, strict=True)]
    stride = draw(1, 4), draw(1, 4)
    return draw(1, 4), draw(1, 4), *size, draw(1, 4), kernel, stride, padding


CONFIGURATIONS = CORNERS | {f"random {seed}": random_configuration(seed) for seed in range(30)}
every_configuration = pytest.mark.parametrize(
    "configuration", CONFIGURATIONS.values(), ids=CONFIGURATIONS
)


def arguments_of(configuration):
    n, c, h, w, filters, kernel, stride, padding = configuration
    x, weight, b = normal(n, c, h, w), normal(filters, c, *kernel, seed=1), normal(filters, seed=2)
    g = normal(n, filters, *conv.output_size((h, w), kernel, stride, padding), seed=3)
    return x, weight, b, g, stride, padding


def test_the_corners_reach_one_block_several_blocks_and_images_larger_than_a_block():
    def bytes_per_image(n, c, h, w, filters, kernel, stride, padding):
        return np.prod(conv.output_size((h, w), kernel, stride, padding)) * np.prod(kernel) * c * 8

    several = CORNERS["a batch of several blocks, the last one short"]
    block = conv.BLOCK_BYTES // bytes_per_image(*several)
    assert 1 < block < several[0]
    assert several[0] % block
    assert bytes_per_image(*CORNERS["an image larger than a block"]) > conv.BLOCK_BYTES


@every_configuration
def test_conv2d_is_the_sum_that_its_loops_compute(configuration):
    x, w, b, g, stride, padding = arguments_of(configuration)
    y = mg.conv2d(Tensor(x), Tensor(w), Tensor(b), stride, padding).data
    assert y.shape == g.shape
    if g.size:
        np.testing.assert_allclose(y, conv2d_by_loops(x, w, b, stride, padding), **CLOSE)
    without_bias = mg.conv2d(Tensor(x), Tensor(w), None, stride, padding).data
    np.testing.assert_allclose(y - b[:, None, None], without_bias, **CLOSE)


@every_configuration
def test_each_of_the_closed_family_agrees_with_its_plain_version(configuration):
    x, w, b, g, stride, padding = arguments_of(configuration)
    rest = stride, padding
    for found, expected in [
        (conv._conv2d_row(x, w, b, *rest), conv.conv2d_plain(x, w, b, *rest)),
        (
            conv.conv2d_input(g, w, x.shape[2:], *rest),
            conv.conv2d_input_plain(g, w, x.shape[2:], *rest),
        ),
        (
            conv.conv2d_weight(g, x, w.shape[2:], *rest),
            conv.conv2d_weight_plain(g, x, w.shape[2:], *rest),
        ),
    ]:
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, **CLOSE)


@every_configuration
def test_the_closed_family_is_one_trilinear_form(configuration):
    """<g, conv2d(x, w)> = <conv2d_input(g, w), x> = <conv2d_weight(g, x), w>."""
    x, w, _, g, stride, padding = arguments_of(configuration)
    form = (g * conv._conv2d_row(x, w, None, stride, padding)).sum()
    by_x = (x * conv.conv2d_input(g, w, x.shape[2:], stride, padding)).sum()
    by_w = (w * conv.conv2d_weight(g, x, w.shape[2:], stride, padding)).sum()
    np.testing.assert_allclose([by_x, by_w], form, rtol=1e-9, atol=1e-10)


@every_configuration
def test_conv2d_and_its_gradients_agree_with_pytorch(configuration):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    *arguments, g, stride, padding = arguments_of(configuration)
    xs = [Tensor(a, requires_grad=True) for a in arguments]
    y = mg.conv2d(*xs, stride, padding)
    ts = [torch.tensor(a, requires_grad=True) for a in arguments]
    expected = torch.nn.functional.conv2d(*ts, stride, padding)
    np.testing.assert_allclose(y.data, expected.numpy(force=True), **CLOSE)
    gradients = torch.autograd.grad(
        expected, ts, torch.tensor(g), allow_unused=True, materialize_grads=True
    )
    for found, gradient in zip(grad(y, xs, g), gradients, strict=True):
        np.testing.assert_allclose(found.data, gradient.numpy(), **CLOSE)


@pytest.mark.parametrize(
    "name", [n for n, c in CONFIGURATIONS.items() if c[0] * c[1] * c[2] * c[3] < 60]
)
def test_conv2d_has_the_derivatives_of_second_order_by_input_weight_and_bias(name):
    x, w, b, _, stride, padding = arguments_of(CONFIGURATIONS[name])
    check_grads(lambda x, w, b: mg.conv2d(x, w, b, stride, padding), [x, w, b])
    for i, argument in enumerate((x, w, b)):  # each alone, the others being constants

        def alone(t, i=i):
            return (
                mg.conv2d(
                    *[t if i == k else Tensor(a) for k, a in enumerate((x, w, b))], stride, padding
                )
                ** 2
            )

        check_grads(alone, [argument])


# What users meet -----------------------------------------------------------------------------------------


def test_elements_that_the_stride_drops_get_zero_gradient_and_no_others():
    x = Tensor(normal(1, 1, 6, 8), requires_grad=True)
    covered = np.zeros((6, 8), bool)
    for top, left in product((0, 3), (0, 2, 4, 6)):
        covered[top : top + 2, left : left + 2] = True
    y = mg.conv2d(x, Tensor(np.ones((1, 1, 2, 2))), stride=(3, 2))
    np.testing.assert_array_equal(grad(y.sum(), x).data[0, 0], covered)
    pooled = grad(mg.max_pool2d(x, 2, (3, 2)).sum(), x).data[0, 0]
    assert (pooled[~covered] == 0).all()
    assert pooled.sum() == 2 * 4


def channels_last(a):
    """The same array, with the channels next to each other in memory."""
    return a.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)


LAYOUTS = {
    "channels-last": channels_last,
    "transposed": lambda a: a.T.copy().T,
    "backwards": lambda a: np.flip(np.flip(a).copy()),
    "every second": lambda a: np.repeat(np.repeat(a, 2, 3), 2, 0)[::2, :, :, ::2],
    "broadcast over the batch": lambda a: np.broadcast_to(a[:1], a.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_layout_in_memory_changes_nothing(layout):
    x, w, b, g = (
        normal(3, 2, 6, 5),
        normal(2, 2, 3, 2, seed=1),
        normal(2, seed=2),
        normal(3, 2, 3, 4),
    )
    options = (2, 1), (1, 0)

    def results(x, w, g):
        pooled = conv._max_pool2d_row(x, (2, 2), (1, 1))
        place = conv.pool_argmax(x, pooled, (2, 2), (1, 1))
        return (
            conv._conv2d_row(x, w, b, *options),
            conv.conv2d_input(g, w, (6, 5), *options),
            conv.conv2d_weight(g, x, (3, 2), *options),
            pooled,
            place,
            conv.pool_scatter(pooled, place, (6, 5), (2, 2), (1, 1)),
            conv.pool_gather(x, place, (2, 2), (1, 1)),
        )

    moved = [layout(a) for a in (x, w, g)]
    plain = [a.copy() for a in moved]
    for found, expected in zip(results(*moved), results(*plain), strict=True):
        np.testing.assert_allclose(found, expected, **CLOSE)


def test_one_layer_used_twice_in_a_graph_keeps_both_calls_apart():
    x, w = normal(2, 3, 6, 6), normal(3, 3, 3, 3, seed=1)

    def twice(x, w):
        return mg.conv2d(mg.tanh(mg.conv2d(x, w, padding=1)), w, stride=2, padding=1)

    check_grads(twice, [x[:1, :, :4, :4], w])
    first = conv2d_by_loops(x, w, None, (1, 1), (1, 1))
    expected = conv2d_by_loops(np.tanh(first), w, None, (2, 2), (1, 1))
    np.testing.assert_allclose(twice(Tensor(x), Tensor(w)).data, expected, **CLOSE)


def test_a_result_is_not_changed_by_a_later_call_of_the_same_shape():
    w = Tensor(normal(2, 2, 3, 3), requires_grad=True)
    results, copies = [], []
    for seed in range(3):
        x = Tensor(normal(2, 2, 6, 6, seed=seed), requires_grad=True)
        y = mg.conv2d(x, w)
        results += [y, *grad((y * y).sum(), [x, w])]
        copies += [r.data.copy() for r in results[-3:]]
    for result, copy in zip(results, copies, strict=True):
        np.testing.assert_array_equal(result.data, copy)


def test_threads_have_scratch_of_their_own_and_bitwise_the_results_of_one():
    def step(seed):
        x = Tensor(normal(4, 3, 16, 16, seed=seed), requires_grad=True)
        w = Tensor(normal(4, 3, 3, 3, seed=seed), requires_grad=True)
        y = mg.conv2d(x, w, padding=1)
        return [t.data for t in (y, *grad((y * y).sum(), [x, w]))]

    expected = {seed: step(seed) for seed in (1, 2)}
    found, kept, start = {1: [], 2: []}, {}, threading.Barrier(2)

    def work(seed):
        start.wait()
        assert scratch_bytes() == 0
        for _ in range(20):
            found[seed].append(step(seed))
        kept[seed] = scratch_bytes()

    release_scratch()
    threads = [threading.Thread(target=work, args=(seed,)) for seed in found]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert scratch_bytes() == 0
    for seed, runs in found.items():
        assert kept[seed] > 0
        assert len(runs) == 20
        for run in runs:
            for a, b in zip(run, expected[seed], strict=True):
                np.testing.assert_array_equal(a, b)


def test_a_call_in_float64_is_exact_right_after_one_in_float32():
    x, w = normal(2, 2, 5, 5), normal(2, 2, 3, 3)
    release_scratch()
    expected = mg.conv2d(x, w, padding=1)
    release_scratch()
    mg.conv2d(x.astype("float32"), w.astype("float32"), padding=1)
    np.testing.assert_array_equal(mg.conv2d(x, w, padding=1), expected)


@pytest.mark.parametrize("limit", [0, 3000, 2**15])
def test_scratch_stays_within_its_limit_and_results_do_not_depend_on_it(monkeypatch, limit):
    expected = [mg.conv2d(normal(3, 2, n, n), normal(2, 2, 3, 3), padding=1) for n in (4, 9, 6, 4)]
    monkeypatch.setattr("minigrad.scratch.LIMIT", limit)
    release_scratch()
    for n, y in zip((4, 9, 6, 4), expected, strict=True):
        np.testing.assert_array_equal(
            mg.conv2d(normal(3, 2, n, n), normal(2, 2, 3, 3), padding=1), y
        )
        assert scratch_bytes() <= limit
    release_scratch()


def test_integer_images_take_the_dtype_of_the_weights():
    x = np.random.default_rng(0).integers(0, 255, (2, 1, 5, 5), dtype=np.uint8)
    w = Tensor(normal(2, 1, 3, 3).astype("float32"), requires_grad=True)
    y = mg.conv2d(Tensor(x), w)
    assert y.dtype == "float32"
    np.testing.assert_allclose(y.data, mg.conv2d(x.astype(float), w.data.astype(float)), rtol=1e-4)


# Max-pooling ---------------------------------------------------------------------------------------------

POOLS = [  # shape, window, stride
    ((2, 3, 4, 6), (2, 2), (2, 2)), ((1, 1, 5, 5), (3, 2), (1, 1)), ((2, 2, 7, 5), (2, 3), (3, 1)),
    ((1, 2, 3, 3), (3, 3), (1, 1)), ((2, 1, 4, 4), (1, 1), (1, 1)), ((1, 1, 6, 6), (1, 2), (2, 5)),
    ((0, 2, 4, 4), (2, 2), (2, 2)), ((2, 0, 4, 4), (2, 2), (2, 2)),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "window", "stride"), POOLS)
def test_max_pool2d_agrees_with_its_loops_and_pytorch_and_finite_differences(shape, window, stride):
    x = (
        np.random.default_rng(0).permutation(np.arange(np.prod(shape, dtype=int))).reshape(shape)
        / 7.0
    )
    t = Tensor(x, requires_grad=True)
    y = mg.max_pool2d(t, window, stride)
    np.testing.assert_array_equal(y.data, max_pool2d_by_loops(x, window, stride))
    check_grads(lambda x: mg.max_pool2d(x, window, stride), [x])
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    theirs = torch.tensor(x, requires_grad=True)
    if x.shape[1]:
        pooled = torch.nn.functional.max_pool2d(theirs, window, stride)
        g = normal(*y.shape)
        (expected,) = torch.autograd.grad(pooled, theirs, torch.tensor(g))
        np.testing.assert_allclose(grad(y, t, g).data, expected.numpy(), **CLOSE)


def test_the_stride_of_max_pool2d_is_its_window_unless_given():
    x = Tensor(normal(1, 1, 6, 6))
    np.testing.assert_array_equal(
        mg.max_pool2d(x, (2, 3)).data, mg.max_pool2d(x, (2, 3), (2, 3)).data
    )
    np.testing.assert_array_equal(x.max_pool2d(2).data, mg.max_pool2d(x, 2, 2).data)


def pool_gradient(image, window, stride=None):
    x = Tensor(np.array(image, float)[None, None], requires_grad=True)
    return grad(mg.max_pool2d(x, window, stride).sum(), x).data[0, 0].tolist()


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


def test_where_maxima_tie_the_gradient_of_max_pool2d_is_smooth_in_its_seed():
    x = np.array([[[[1.0, 1, 0], [1, 1, 2]]]])
    check_grads(lambda g, x=x: conv.pool_scatter(
        g, conv.pool_argmax(x, mg.max_pool2d(x, 2, 1), (2, 2), (1, 1)), (2, 3), (2, 2), (1, 1)
    ) ** 2, [normal(1, 1, 1, 2)])  # fmt: skip


# Errors name what was met --------------------------------------------------------------------------------

X, W = np.ones((2, 3, 8, 9)), np.ones((4, 3, 3, 5))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x, w: mg.conv2d(x, w[:, :2]), ["conv2d", "(2, 3, 8, 9)", "3 channels", "(4, 2, 3, 5)", "2"]),
        (lambda x, w: mg.conv2d(x[:, :, :2], w), ["conv2d", "(3, 5)", "(2, 9)", "larger"]),
        (lambda x, w: mg.conv2d(x[:, :, :, :2], w, padding=1), ["(3, 5)", "(8, 2)", "(10, 4)", "padding"]),
        (lambda x, w: mg.conv2d(x[0], w), ["conv2d", "(3, 8, 9)", "(N, C, H, W)"]),
        (lambda x, w: mg.conv2d(x, w[0]), ["conv2d", "(3, 3, 5)", "(O, C, kh, kw)"]),
        (lambda x, w: mg.conv2d(x, w, Tensor(np.ones(3))), ["conv2d", "bias", "(3,)", "(4,)"]),
        (lambda x, w: mg.conv2d(x, w, Tensor(np.ones((4, 1)))), ["conv2d", "bias", "(4, 1)", "(4,)"]),
        (lambda x, w: mg.conv2d(x, w, stride=0), ["conv2d", "stride", "0"]),
        (lambda x, w: mg.conv2d(x, w, stride=(1, -2)), ["conv2d", "stride", "(1, -2)"]),
        (lambda x, w: mg.conv2d(x, w, stride=(1, 2, 3)), ["conv2d", "stride", "(1, 2, 3)"]),
        (lambda x, w: mg.conv2d(x, w, stride=1.5), ["conv2d", "stride", "1.5"]),
        (lambda x, w: mg.conv2d(x, w, stride=None), ["conv2d", "stride", "None"]),
        (lambda x, w: mg.conv2d(x, w, padding=-1), ["conv2d", "padding", "-1"]),
        (lambda x, w: mg.conv2d(x, w, padding="same"), ["conv2d", "padding", "same"]),
        (lambda x, w: mg.max_pool2d(x, 10), ["max_pool2d", "(10, 10)", "(8, 9)"]),
        (lambda x, w: mg.max_pool2d(x[0], 2), ["max_pool2d", "(3, 8, 9)", "(N, C, H, W)"]),
        (lambda x, w: mg.max_pool2d(x, 0), ["max_pool2d", "window", "0"]),
        (lambda x, w: mg.max_pool2d(x, 2, 0), ["max_pool2d", "stride", "0"]),
        (lambda x, w: mg.max_pool2d(x, (2, 2, 2)), ["max_pool2d", "window", "(2, 2, 2)"]),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)  # fmt: skip
def test_an_error_names_the_op_the_argument_and_the_sizes(call, words):
    with pytest.raises(ValueError) as error:  # noqa: PT011  (the words are compared below)
        call(Tensor(X), Tensor(W))
    for word in words:
        assert word in str(error.value)
