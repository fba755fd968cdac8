"""Convolution against loops one can read, against its plain versions and PyTorch, and at its edges."""

from itertools import product

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, check_grads, grad
from minigrad.ops import conv, pooling
from minigrad.ops.kernels import conv as conv_kernels
from minigrad.ops.kernels.windows import Window

CLOSE = {"rtol": 1e-11, "atol": 1e-12}


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def conv2d_by_loops(x, w, b, window, groups=1):
    (_, (sh, sw), ((top, bottom), (left, right)), (dh, dw)), (eh, ew) = window, window.extent
    padded = np.zeros((*x.shape[:2], x.shape[2] + top + bottom, x.shape[3] + left + right))
    padded[:, :, top : top + x.shape[2], left : left + x.shape[3]] = x
    rows = range(0, padded.shape[2] - eh + 1, sh)
    columns = range(0, padded.shape[3] - ew + 1, sw)
    y = np.zeros((len(x), len(w), len(rows), len(columns)))
    for o in range(len(w)):
        first = o // (len(w) // groups) * w.shape[1]  # the first channel of the filter's group
        channels = slice(first, first + w.shape[1])
        for i, row in enumerate(rows):
            for j, column in enumerate(columns):
                under = padded[:, channels, row : row + eh : dh, column : column + ew : dw]
                y[:, o, i, j] = (under * w[o]).sum((1, 2, 3)) + (0 if b is None else b[o])
    return y


# Configurations: every corner that the code distinguishes, and a random grid -----------------------------


def even(padding):
    return tuple((p, p) for p in padding)


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
    "an image of many columns": (5, 8, 40, 20, 2, (3, 3), (1, 1), (1, 1)),
    "a large image": (2, 8, 64, 64, 2, (5, 5), (1, 1), (2, 2)),
}


def random_configuration(seed):
    rng = np.random.default_rng(seed)
    draw = lambda low, high: int(rng.integers(low, high))  # noqa: E731
    pair = lambda low, high: (draw(low, high), draw(low, high))  # noqa: E731
    groups = draw(1, 4) if seed % 2 else 1
    window = Window(pair(1, 4), pair(1, 4), (pair(0, 4), pair(0, 4)), pair(1, 4))
    if seed % 3 == 0:
        window = window._replace(stride=(1, 1))
    size = [max(draw(1, 9), e - sum(p)) for e, p in zip(window.extent, window.padding, strict=True)]
    return draw(1, 4), groups * draw(1, 3), *size, groups * draw(1, 3), window, groups


CONFIGURATIONS = {
    name: (*sizes, Window(kernel, stride, even(padding)), 1)
    for name, (*sizes, kernel, stride, padding) in CORNERS.items()
} | {
    "a group per channel": (2, 4, 5, 4, 4, Window((3, 2)), 4),
    "a group per channel, each with two filters": (2, 3, 5, 4, 6, Window((2, 2), (2, 1)), 3),
    "groups of an empty batch": (0, 4, 5, 5, 2, Window((3, 3)), 2),
    "groups of many columns": (5, 8, 40, 20, 4, Window((3, 3), padding=even((1, 1))), 2),
    "padding on one side": (1, 2, 4, 4, 2, Window((2, 3), padding=((0, 1), (2, 0))), 1),
    "dilation that reaches over the image": (1, 2, 5, 4, 2, Window((2, 2), dilation=(4, 3)), 1),
    **{f"random {seed}": random_configuration(seed) for seed in range(60)},
}
every_configuration = pytest.mark.parametrize(
    "configuration", CONFIGURATIONS.values(), ids=CONFIGURATIONS
)


def arguments_of(configuration):
    """x, w, b, a gradient g, and (window, groups)."""
    n, c, h, w, filters, window, groups = configuration
    x, weight = normal(n, c, h, w), normal(filters, c // groups, *window.kernel, seed=1)
    g = normal(n, filters, *window.output_size((h, w)), seed=3)
    return x, weight, normal(filters, seed=2), g, window, groups


def call_of(configuration):
    """The call of the public conv2d."""
    *_, window, groups = configuration
    return lambda x, w, b: mg.conv2d(x, w, b, *window[1:], groups)


@pytest.fixture(params=[None, 1, 10_000], ids=["as set", "one column", "a few columns"])
def block(request, monkeypatch):
    """How many bytes of strips a kernel makes at a time."""
    if request.param:
        monkeypatch.setattr(conv_kernels, "STRIP_BYTES", request.param)


@every_configuration
def test_conv2d_is_the_sum_that_its_loops_compute(configuration):
    x, w, b, g, window, groups = arguments_of(configuration)
    y = call_of(configuration)(Tensor(x), Tensor(w), Tensor(b)).data
    assert y.shape == g.shape
    np.testing.assert_allclose(y, conv2d_by_loops(x, w, b, window, groups), **CLOSE)
    without_bias = call_of(configuration)(Tensor(x), Tensor(w), None).data
    np.testing.assert_allclose(y - b[:, None, None], without_bias, **CLOSE)


@every_configuration
def test_each_of_the_closed_family_agrees_with_its_plain_version(configuration, block):
    x, w, b, g, *how = arguments_of(configuration)
    size = x.shape[2:]
    for found, expected in [
        (conv._conv2d_row(x, w, b, *how), conv.conv2d_plain(x, w, b, *how)),
        (conv.conv2d_input(g, w, size, *how), conv.conv2d_input_plain(g, w, size, *how)),
        (conv.conv2d_weight(g, x, *how), conv.conv2d_weight_plain(g, x, *how)),
    ]:
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, **CLOSE)


@every_configuration
def test_the_closed_family_is_one_trilinear_form(configuration):
    """<g, conv2d(x, w)> = <conv2d_input(g, w), x> = <conv2d_weight(g, x), w>."""
    x, w, _, g, *how = arguments_of(configuration)
    form = (g * conv._conv2d_row(x, w, None, *how)).sum()
    by_x = (x * conv.conv2d_input(g, w, x.shape[2:], *how)).sum()
    by_w = (w * conv.conv2d_weight(g, x, *how)).sum()
    np.testing.assert_allclose([by_x, by_w], form, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(
    "name", [n for n, c in CONFIGURATIONS.items() if c[0] * c[1] * c[2] * c[3] < 40]
)
def test_conv2d_has_the_derivatives_of_second_order_by_input_weight_and_bias(name):
    x, w, b, *_ = arguments_of(CONFIGURATIONS[name])
    call = call_of(CONFIGURATIONS[name])
    check_grads(call, [x, w, b])
    for i, argument in enumerate((x, w, b)):  # each alone, the others being constants

        def alone(t, i=i):
            return call(*[t if i == k else Tensor(a) for k, a in enumerate((x, w, b))]) ** 2

        check_grads(alone, [argument])


# Sizes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stride", [1, 2, 3, 5])
def test_padding_same_gives_a_window_per_stride_with_the_odd_element_after(stride):
    for n, k, d in product(range(1, 8), range(1, 5), range(1, 4)):
        y = mg.conv1d(np.ones((1, 1, n)), np.ones((1, 1, k)), None, stride, "same", d)
        assert y.shape == (1, 1, -(-n // stride))
        total = max((-(-n // stride) - 1) * stride + d * (k - 1) + 1 - n, 0)
        by_hand = mg.conv1d(
            np.pad(np.ones((1, 1, n)), ((0, 0), (0, 0), (total // 2, total - total // 2))),
            np.ones((1, 1, k)), None, stride, 0, d,
        )  # fmt: skip
        np.testing.assert_array_equal(y, by_hand)


def test_transposed_conv_has_the_shape_that_conv_with_the_same_options_came_from():
    for size, kernel, stride, padding in product((5, 6, 7, 8), (2, 3), (1, 2, 3), (0, 1)):
        x, w = np.ones((1, 2, size, size)), np.ones((3, 2, kernel, kernel))
        y = mg.conv2d(x, w, None, stride, padding)
        rest = (size + 2 * padding - kernel) % stride
        assert mg.conv_transpose2d(y, w, None, stride, padding, rest).shape == x.shape


# What users meet -----------------------------------------------------------------------------------------


def test_elements_that_the_stride_drops_get_zero_gradient_and_no_others():
    x = Tensor(normal(1, 1, 6, 8), requires_grad=True)
    covered = np.zeros((6, 8), bool)
    for top, left in product((0, 3), (0, 2, 4, 6)):
        covered[top : top + 2, left : left + 2] = True
    y = mg.conv2d(x, Tensor(np.ones((1, 1, 2, 2))), stride=(3, 2))
    np.testing.assert_array_equal(grad(y.sum(), x).data[0, 0], covered)


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
    how = Window((3, 2), (2, 1), even((1, 0))), 1
    two = Window((2, 2))

    def results(x, w, g):
        pooled = pooling.max_pool2d_row(x, two)
        place = pooling.pool_argmax(x, pooled, two)
        return (
            conv._conv2d_row(x, w, b, *how),
            conv.conv2d_input(g, w, (6, 5), *how),
            conv.conv2d_weight(g, x, *how),
            pooled,
            place,
            pooling.pool_scatter(pooled, place, (6, 5), two),
            pooling.pool_gather(x, place, two),
            mg.avg_pool2d(x, 2, 1, 1),
            mg.fold(mg.unfold(x, 2), (6, 5), 2),
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
    first = conv2d_by_loops(x, w, None, Window((3, 3), (1, 1), even((1, 1))))
    expected = conv2d_by_loops(np.tanh(first), w, None, Window((3, 3), (2, 2), even((1, 1))))
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


def test_integer_images_take_the_dtype_of_the_weights():
    x = np.random.default_rng(0).integers(0, 255, (2, 1, 5, 5), dtype=np.uint8)
    w = Tensor(normal(2, 1, 3, 3).astype("float32"), requires_grad=True)
    y = mg.conv2d(Tensor(x), w)
    assert y.dtype == "float32"
    np.testing.assert_allclose(y.data, mg.conv2d(x.astype(float), w.data.astype(float)), rtol=1e-4)


# Errors name what was met --------------------------------------------------------------------------------

X, W = np.ones((2, 3, 8, 9)), np.ones((4, 3, 3, 5))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x, w: mg.conv2d(x, w[:, :2]), ["conv2d", "(2, 3, 8, 9)", "3 channels", "(4, 2, 3, 5)", "2"]),
        (lambda x, w: mg.conv2d(x[:, :, :2], w), ["conv2d", "(3, 5)", "(2, 9)", "larger"]),
        (lambda x, w: mg.conv2d(x[:, :, :, :2], w, padding=1), ["(3, 5)", "(8, 2)", "(10, 4)", "padding"]),
        (lambda x, w: mg.conv2d(x[0, 0], w), ["conv2d", "(8, 9)", "(N, C, H, W) or (C, H, W)"]),
        (lambda x, w: mg.conv2d(x, w[0]), ["conv2d", "(3, 3, 5)", "(O, C, kh, kw)"]),
        (lambda x, w: mg.conv2d(x, w, Tensor(np.ones(3))), ["conv2d", "bias", "(3,)", "(4,)"]),
        (lambda x, w: mg.conv2d(x, w, Tensor(np.ones((4, 1)))), ["conv2d", "bias", "(4, 1)", "(4,)"]),
        (lambda x, w: mg.conv2d(x, w, stride=0), ["conv2d", "stride", "0"]),
        (lambda x, w: mg.conv2d(x, w, stride=(1, -2)), ["conv2d", "stride", "(1, -2)"]),
        (lambda x, w: mg.conv2d(x, w, stride=(1, 2, 3)), ["conv2d", "stride", "(1, 2, 3)"]),
        (lambda x, w: mg.conv2d(x, w, stride=1.5), ["conv2d", "stride", "1.5"]),
        (lambda x, w: mg.conv2d(x, w, stride=None), ["conv2d", "stride", "None"]),
        (lambda x, w: mg.conv2d(x, w, padding=-1), ["conv2d", "padding", "-1"]),
        (lambda x, w: mg.conv2d(x, w, padding="full"), ["conv2d", "padding", "'same'", "'valid'", "'full'"]),
        (lambda x, w: mg.conv2d(x, w, padding=(1, (1, -1))), ["conv2d", "padding", "(1, (1, -1))"]),
        (lambda x, w: mg.conv2d(x, w, padding=((1, 2),)), ["conv2d", "padding", "((1, 2),)"]),
        (lambda x, w: mg.conv2d(x, w, dilation=0), ["conv2d", "dilation", "0"]),
        (lambda x, w: mg.conv2d(x, w, dilation=4), ["(3, 5)", "(9, 17) with its dilation", "(8, 9)"]),
        (lambda x, w: mg.conv2d(x, w, groups=0), ["conv2d", "groups", "0"]),
        (lambda x, w: mg.conv2d(x, w, groups=2), ["conv2d", "3 channels", "takes 6, 3 in each of 2 groups"]),
        (lambda x, w: mg.conv2d(x, w[:, :1], groups=3), ["conv2d", "(4, 1, 3, 5)", "3 groups"]),
        (lambda x, w: mg.conv1d(x, w), ["conv1d", "(2, 3, 8, 9)", "(N, C, L) or (C, L)", "(O, C, k)"]),
        (lambda x, w: mg.conv1d(x[:, :, 0, :4], w[:, :, 0]), ["conv1d", "(5,)", "(4,)", "larger"]),
        (lambda x, w: mg.conv1d(x[:, :, 0], w[:, :, 0], stride=(1, 1)), ["conv1d: stride", "(1, 1)"]),
        (lambda x, w: mg.conv_transpose2d(x, w), ["conv_transpose2d", "3 channels", "takes 4"]),
        (lambda x, w: mg.conv_transpose2d(x, w[0]), ["conv_transpose2d", "(C, O, kh, kw)"]),
        (lambda x, w: mg.conv_transpose2d(x, w[:3], x[0, 0, 0]), ["conv_transpose2d", "bias", "(9,)", "(3,)"]),
        (lambda x, w: mg.conv_transpose2d(x, w[:3], output_padding=1), ["output_padding (1, 1)", "less than"]),
        (lambda x, w: mg.conv_transpose2d(x, w[:3], padding=9), ["conv_transpose2d", "(8, 9)", "padding (9, 9)"]),
        (lambda x, w: mg.unfold(x[0, 0], 2), ["unfold", "(8, 9)", "(N, C, H, W) or (C, H, W)"]),
        (lambda x, w: mg.unfold(x, 10), ["unfold", "(10, 10)", "(8, 9)"]),
        (lambda x, w: mg.fold(x[0], 5, 2), ["fold", "(3, 8, 9)", "(N, C * 4, 16)"]),
        (lambda x, w: mg.fold(x[:, 0], (2, 9), 2), ["fold", "(2, 8, 9)", "(N, C * 4, 8)"]),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)  # fmt: skip
def test_an_error_names_the_op_the_argument_and_the_sizes(call, words):
    with pytest.raises(ValueError) as error:  # noqa: PT011  (the words are compared below)
        call(Tensor(X), Tensor(W))
    for word in words:
        assert word in str(error.value)
