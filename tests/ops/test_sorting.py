"""Sorting: the order of NumPy and PyTorch, what ties and nan do, and gradients that follow the elements."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, check_grads, grad

NAN, INF = np.nan, np.inf


def gradient(f, *arguments):
    """The gradients of sum f, the seed being different everywhere."""
    xs = [Tensor(np.array(a, float), requires_grad=True) for a in arguments]
    y = f(*xs)
    found = [g.data for g in grad(y, xs, 1.0 + np.arange(y.size).reshape(y.shape))]
    return found[0] if len(found) == 1 else tuple(found)


@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 4), (0,), (0, 3), (3, 0)])
def test_sort_is_numpys_along_any_axis_and_its_gradient_returns_to_where_the_elements_were(shape):
    size = int(np.prod(shape))
    x = np.random.default_rng(0).permutation(size).reshape(shape) * 0.1
    for axis in (*range(-len(shape), len(shape)), None):
        np.testing.assert_array_equal(mg.sort(Tensor(x), axis).data, np.sort(x, axis), strict=True)
        expected = np.argsort(x, axis, kind="stable")
        np.testing.assert_array_equal(mg.argsort(Tensor(x), axis).data, expected, strict=True)
        if size:
            check_grads(lambda x, a=axis: mg.sort(x, a), [x])


def test_sort_argsort_and_topk_agree_with_pytorch_on_ties_and_nan():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x = np.array([[1, NAN, 1, -INF, 0, NAN], [2, 2, INF, 2, -0.0, 0], [0, 0, 0, 0, 0, 0]])
    t = torch.tensor(x, requires_grad=True)
    expected = torch.sort(t, dim=1, stable=True)
    expected.values.backward(1.0 + torch.arange(18.0).reshape(3, 6).double())
    np.testing.assert_array_equal(mg.sort(Tensor(x)).data, expected.values.detach())
    np.testing.assert_array_equal(Tensor(x).argsort().data, expected.indices)
    np.testing.assert_array_equal(gradient(mg.sort, x), t.grad)
    downwards = torch.sort(t, dim=1, descending=True, stable=True)
    values, indices = mg.topk(Tensor(x, requires_grad=True), 4)
    np.testing.assert_array_equal(values.data, downwards.values[:, :4].detach())
    np.testing.assert_array_equal(indices.data, downwards.indices[:, :4])
    values, indices = mg.topk(Tensor(x), 4, largest=False)
    np.testing.assert_array_equal(values.data, expected.values[:, :4].detach())
    np.testing.assert_array_equal(indices.data, expected.indices[:, :4])


def test_at_a_tie_topk_chooses_the_first_and_only_it_gets_the_gradient():
    for x, largest, expected in (
        ([1, 3, 2, 3, 3], True, [0, 1, 0, 2, 0]),
        ([1, 0, 0, 0, 2], False, [0, 1, 2, 0, 0]),
        ([0, NAN, 5, NAN], True, [0, 1, 0, 2]),
        ([0, -0.0, 0], True, [1, 2, 0]),
    ):
        found = gradient(lambda x, up=largest: mg.topk(x, 2, largest=up)[0], x)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "bool", "float16"])
def test_topk_orders_any_dtype_from_the_largest(dtype):
    x = np.array([[0, 1, 127, 3], [5, 0, 2, 5]], "uint8").astype(dtype)
    if dtype == "int8":
        x[0, 1] = -128  # has no opposite
    for k in (0, 1, np.int64(3), 4):
        for axis in (0, -1):
            k = min(k, x.shape[axis])
            values, indices = mg.topk(Tensor(x), k, axis)
            best = np.flip(np.sort(x, axis), axis)[(slice(None),) * (axis % 2) + (slice(k),)]
            np.testing.assert_array_equal(values.data, best, strict=True)
            np.testing.assert_array_equal(np.take_along_axis(x, indices.data, axis), best)
            assert not indices.requires_grad


def test_topk_of_a_few_among_many_is_the_beginning_of_the_stable_order():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    rng = np.random.default_rng(0)
    for trial in range(30):
        x = rng.choice([0.0, -0.0, 1, 2, -3, NAN, INF, -INF][: 2 + trial % 7], (25, 3, 25))
        axis, k = (0, 2)[trial % 2], 1 + trial % 8
        for largest in (True, False):
            order = torch.sort(torch.tensor(x), dim=axis, descending=largest, stable=True).indices
            values, indices = mg.topk(Tensor(x), k, axis, largest)
            np.testing.assert_array_equal(indices.data, order.narrow(axis, 0, k))
            np.testing.assert_array_equal(values.data, np.take_along_axis(x, indices.data, axis))


def test_topk_has_right_derivatives_along_any_axis():
    x = np.random.default_rng(0).permutation(24).reshape(2, 3, 4) * 0.1
    for axis in (0, 1, -1):
        for largest in (True, False):
            check_grads(lambda x, a=axis, up=largest: mg.topk(x, 2, a, up)[0], [x])
