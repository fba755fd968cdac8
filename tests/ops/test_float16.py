"""float16 is summed in float32 and rounded once: along every axis, in every layout, in values and in gradients.

Added in float16, ones stay at 2048, as 2049 is no number of float16. So each call of the table is made with one of its
sizes at 6,000, on positive numbers, whose sums grow beyond that.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
from cases import CASES, COMPOSITES, PARTNERS
from in_float16 import (
    DEEP,
    HALF,
    LARGEST,
    LARGEST_ON_THE_WAY,
    LAYOUTS,
    LONG,
    assert_rounded_once,
    size_when_long,
)

import minigrad as mg
from minigrad import Tensor, grad
from minigrad.core.dtypes import in_float32
from minigrad.core.graph import creation_order
from minigrad.core.op import sum_
from minigrad.trust.other_library import OnDevice as Duck


def resized(call, size, new):
    """The call with the axes of one size made `new` long."""
    shapes = [tuple(new if n == size else n for n in shape) for shape in call.shapes]
    return replace(call, shapes=tuple(shapes))


def lengthened(call):
    """The call with each of its sizes made long, and how many nodes it has.

    Left out: calls whose options or constants say how long an argument must be, which raise; and those that would be
    large, with two long axes in one array, or a long window that moves along a long axis.
    """
    for size in {n for shape in call.shapes for n in shape if n > 1}:
        longer = resized(call, size, LONG // 100)
        try:
            with np.errstate(all="ignore"):
                arrays = [*longer.arguments(), longer.on(*map(tensor, longer.arguments()))]
        except (ValueError, TypeError, IndexError):
            continue
        sizes = [math.prod(n for n in a.shape if n) * 100 for a in arrays]
        shapes = list(shapes_on_the_way(arrays[-1]))
        on_the_way = max(map(size_when_long, shapes))
        if (
            max(sizes) <= LARGEST
            and math.prod(sorted(sizes[:-1])[-2:]) <= 1e9
            and on_the_way <= LARGEST_ON_THE_WAY
        ):
            yield resized(call, size, LONG), len(shapes) * 100


def shapes_on_the_way(y):
    """The shapes of the outputs of every op behind y."""
    for node in creation_order(y._node):
        yield from node.shape if isinstance(node.dtype, tuple) else [node.shape]


def tensor(a):
    return Tensor(a, requires_grad=True)


def results(f, arguments, view=lambda t: t):
    """f, and its gradients for a seed of positive numbers; one of ones would leave a norm nothing."""
    xs = list(map(tensor, arguments))
    y = f(*map(view, xs))
    seed = 0.5 + np.arange(y.size).reshape(y.shape) % 7 / 8
    found = grad(y, xs, seed.astype(y.dtype))
    return [y.data, *(view(g).data for g in found if g is not None)]


NOT_LONG = {"gradient", "interp", "logspace"}
"""Coordinates must differ, and float16 has not as many numbers as a long sum needs; sums of powers of 10 overflow."""


@pytest.mark.parametrize("name", sorted((CASES | COMPOSITES).keys() - PARTNERS.keys() - NOT_LONG))
@pytest.mark.filterwarnings("ignore:overflow")
def test_every_row_sums_float16_along_every_axis_in_every_layout_as_float64_rounded_once(name):
    for call in (CASES | COMPOSITES)[name]:
        for longer, nodes in lengthened(call):
            arguments = [np.abs(a) for a in longer.arguments(HALF)]
            expected = results(longer.on, [a.astype(float) for a in arguments])
            for store, view in list(LAYOUTS.values())[: 1 if nodes > DEEP else None]:
                found = results(longer.on, map(store, arguments), view)
                assert_rounded_once(found, expected)


def test_the_walk_over_the_table_meets_long_sums_in_the_rows_that_have_them():
    meets = {
        n for n in CASES if n not in PARTNERS and any(map(any, [lengthened(c) for c in CASES[n]]))
    }
    assert meets >= {
        "sum",
        "prod",
        "cumsum",
        "cumprod",
        "norm",
        "logsumexp",
        "softmax",
        "log_softmax",
        "matmul",
    }
    assert meets >= {"linear", "conv2d", "einsum", "add", "repeat"}


# Sums that the table's calls are too short for -----------------------------------------------------------

ONES = np.ones((LONG, 2), HALF)


def made(f):
    """f in float16, with its gradient, and in float64."""
    return results(f, [ONES]), results(f, [ONES.astype(float)])


WINDOWS = {
    "cross_entropy": lambda x: mg.cross_entropy(x, np.zeros(LONG, int), weight=np.array([2.0, 1])),
    "smoothed": lambda x: mg.cross_entropy(x, np.zeros(LONG, int), label_smoothing=0.1),
    "mse_loss": lambda x: mg.mse_loss(mg.stack([x[0] * 300, x[1]]), x.data[:2]),
    "kl_div": lambda x: mg.kl_div(x * 100, x.data, "batchmean"),
    "average": lambda x: mg.average(x, 0, np.full(LONG, 100.0)),
    "nll_loss": lambda x: mg.nll_loss(x, np.zeros(LONG, int), weight=np.array([20.0, 1])),
    "pad": lambda x: mg.pad(x[:1], ((0, 5000), (0, 0)), "edge"),
    "wrap": lambda x: mg.pad(x[:1], ((0, 5000), (0, 0)), "wrap"),
    "fold": lambda x: mg.fold(x[:4900].reshape((1, 4900, 2))[:, :, :1], 70, 70),
    "unfold": lambda x: mg.unfold(x[:70].reshape((1, 1, 1, 140)), (1, 70)),
    "scatter": lambda x: mg.scatter(x, np.zeros(LONG, int), (3, 2)),
    "nansum": lambda x: mg.nansum(x, 0),
}


@pytest.mark.parametrize("name", WINDOWS)
def test_long_sums_elsewhere_are_those_of_float64_rounded_once(name):
    found, expected = made(WINDOWS[name])
    assert_rounded_once(found, expected)


@pytest.mark.parametrize("create_graph", [False, True])
def test_thousands_of_contributions_to_one_gradient_are_added_in_float32(create_graph):
    for shape in ((), (2,)):
        x = tensor(np.ones(shape, HALF))
        for start in (x, x * 1):  # a leaf, and a Tensor on the way
            y = start * 1
            for _ in range(3000):
                y = y + start
            g = grad(y, x, np.ones(shape), create_graph=create_graph)
            np.testing.assert_array_equal(g.data, np.full(shape, 3001, HALF), strict=True)


def test_the_derivative_of_a_sum_in_float16_can_be_recorded():
    x, w = tensor(ONES), tensor(np.ones(2, HALF))
    (g,) = grad((x * w * w).sum(), [w], create_graph=True)
    np.testing.assert_array_equal(g.data, np.full(2, 12000, HALF), strict=True)
    np.testing.assert_array_equal(grad(g.sum(), w).data, np.full(2, 12000, HALF), strict=True)


def test_a_softmax_over_more_classes_than_float16_counts_is_not_zero():
    x = tensor(np.zeros(70_000, HALF))
    y = mg.softmax(x)
    np.testing.assert_array_equal(y.data, np.full(70_000, 1 / 70_000, HALF))
    assert mg.log_softmax(x).data[0] == HALF(-np.log(70_000))


def test_an_array_of_any_library_is_summed_in_float32():
    for f in (
        sum_,
        mg.sum,
        mg.cumsum,
        lambda x: mg.sum_to(x, (1, 2)),
        lambda x: mg.einsum("ij->j", x),
    ):
        y = f(Duck(ONES))
        assert y.dtype == HALF
        assert y.array.max() in (LONG, 2 * LONG)


def test_wider_arguments_are_not_rounded_to_float16():
    assert in_float32(np.add, np.ones(2, HALF), np.ones(2)).dtype == np.float64
    assert mg.mse_loss(ONES, ONES.astype(float)).dtype == np.float64
    assert mg.mse_loss(ONES, np.ones((LONG, 2), int)).dtype == HALF
