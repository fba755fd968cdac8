"""Column-major order in reshape, ravel and flatten; lists of axes in einsum."""

import numpy as np
import pytest
from derivatives import leaf

import minigrad as mg
from minigrad import Tensor, check_grads

X = np.random.default_rng(0).standard_normal((4, 5, 3))
B = np.random.default_rng(1).standard_normal((3, 6))


@pytest.mark.parametrize("shape", [(5, 12), -1, (3, -1), 60, (2, 2, 15), [12, 5]])
@pytest.mark.parametrize("order", ["C", "F"])
def test_reshape_in_either_order_is_numpys_and_has_right_derivatives(shape, order):
    expected = np.reshape(X, shape, order)
    for y in (np.reshape(leaf(X), shape, order), leaf(X).reshape(shape, order=order)):
        np.testing.assert_array_equal(y.data, expected)
    check_grads(lambda x: np.reshape(x, shape, order=order), [X])


@pytest.mark.parametrize("order", ["C", "F"])
def test_ravel_and_flatten_in_either_order_are_numpys(order):
    x = leaf(X)
    for y in (np.ravel(x, order), x.ravel(order), x.flatten(order=order)):
        np.testing.assert_array_equal(y.data, X.ravel(order))
    y = mg.flatten(x, 1, order)
    np.testing.assert_array_equal(y.data, np.stack([row.ravel(order) for row in X]))
    check_grads(lambda x: x.flatten(1, order), [X])


@pytest.mark.parametrize(
    "f", [np.ravel, lambda x, order: np.reshape(x, 60, order), lambda x, order: x.flatten(0, order)]
)
@pytest.mark.parametrize("order", ["A", "K"])
def test_an_order_that_depends_on_memory_is_refused(f, order):
    with pytest.raises(ValueError, match=rf'order must be "C".*or "F".*not \'{order}\''):
        f(leaf(X), order=order)


@pytest.mark.parametrize(
    "call",
    [
        lambda x, b: np.einsum(x, [0, 1, 2], b, [2, 3], [0, 3]),
        lambda x, b: np.einsum(x, [0, 1, 2], b, [2, 3]),
        lambda x, b: np.einsum(x, [30, 2, 27], b, [27, 51]),  # sorted by number
        lambda x, b: np.einsum(x, [..., 2], b, [2, 30], [..., 30]),
        lambda x, b: np.einsum(x[:3, :3, 0], [0, 0], b, np.array([0, 1])),
        lambda x, b: np.einsum(x, [5, 0, 2], b, [2, 3], x, [5, 0, 2], [3, 0], optimize=True),
    ],
)
def test_einsum_with_lists_of_axes_is_numpys_and_has_right_derivatives(call):
    y = call(leaf(X), leaf(B))
    np.testing.assert_allclose(y.data, call(X, B), rtol=1e-12)
    check_grads(call, [X, B])


@pytest.mark.parametrize("axes", [[0, 1, 52], [0, -1, 1], "ij", [0, 1.5, 2], 3])
def test_axes_that_are_no_numbers_of_axes_are_refused(axes):
    with pytest.raises(TypeError, match=r'einsum: subscripts such as "ij,jk->ik"'):
        np.einsum(Tensor(X), axes)
