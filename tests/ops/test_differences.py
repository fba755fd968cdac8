"""Differences, slopes and integrals: NumPy's values for every option, and what is refused."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, check_grads, grad

rng = np.random.default_rng(0)
X = rng.standard_normal((4, 5))
EVEN, UNEVEN = np.arange(5) * 0.25, np.cumsum(rng.uniform(0.5, 1.5, 5))


def same(f, *arrays):
    """f gives for Tensors what it gives for arrays, and records it."""
    found = f(*[Tensor(np.array(a, float), requires_grad=True) for a in arrays])
    expected = f(*map(np.array, arrays))
    several = isinstance(expected, tuple)
    for a, b in zip(found, expected, strict=True) if several else [(found, expected)]:
        assert a.requires_grad
        assert a.shape == b.shape
        np.testing.assert_allclose(a.data, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4])
@pytest.mark.parametrize(
    "ends", [{}, {"prepend": 1.0}, {"append": 2.0, "prepend": X[:, :2]}, {"append": X[:, :1]}]
)
def test_differences_of_every_order_with_what_is_joined_before(n, ends):
    same(lambda x: np.diff(x, n, **ends), X)
    same(lambda x: np.diff(x, n, 0), X)


def test_differences_of_bools_say_where_they_differ():
    given = np.array([True, True, False])
    assert np.diff(Tensor(given)).tolist() == np.diff(given).tolist()
    with pytest.raises(ValueError, match="diff: n must be"):
        np.diff(Tensor(X), -1)


@pytest.mark.parametrize("edge_order", [1, 2])
@pytest.mark.parametrize(
    "call",
    [
        lambda x, o: np.gradient(x, edge_order=o),
        lambda x, o: np.gradient(x, 0.3, edge_order=o),
        lambda x, o: np.gradient(x, 0.3, UNEVEN, edge_order=o),
        lambda x, o: np.gradient(x, EVEN[:4], UNEVEN, edge_order=o),
        lambda x, o: np.gradient(x, EVEN, axis=1, edge_order=o),
        lambda x, o: np.gradient(x, UNEVEN, 2.0, axis=(1, 0), edge_order=o),
        lambda x, o: np.gradient(x, axis=-2, edge_order=o),
    ],
)
def test_slopes_by_every_kind_of_spacing(call, edge_order):
    same(lambda x: call(x, edge_order), X)


def test_slopes_move_with_coordinates_that_happen_to_be_even():
    # NumPy computes with one distance then; the gradient is that of all coordinates nevertheless
    for order in (1, 2):
        check_grads(
            lambda x, c, order=order: mg.gradient(x, c, edge_order=order), [X[0], EVEN], order=2
        )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: np.gradient(x, UNEVEN), "1 spacings for 2 axes"),
        (lambda x: np.gradient(x, EVEN, EVEN), "axis 0 of shape"),
        (lambda x: np.gradient(x, edge_order=3), "edge_order"),
        (lambda x: np.gradient(x[:1]), "needs 2"),
        (lambda x: np.gradient(x[:2], edge_order=2), "needs 3"),
        (lambda x: np.cross(x, x), "vectors of 5"),
        (lambda x: np.linalg.cross(x[:, :2], x[:, :2]), "3 components"),
    ],
)
def test_what_has_no_slope_or_product_is_refused(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call(Tensor(X, requires_grad=True))


def test_integrals_over_even_and_uneven_steps():
    for f in (
        lambda y: np.trapezoid(y), lambda y: np.trapezoid(y, dx=0.3), lambda y: np.trapezoid(y, UNEVEN),
        lambda y: np.trapezoid(y, UNEVEN[:4], axis=0), lambda y: np.trapezoid(y, X),
        lambda y: np.trapezoid(y, X, axis=0),
    ):  # fmt: skip
        same(f, X)
    same(lambda x: np.trapezoid([1.0, 2.0, 4.0, 0.0, 1.0], x), UNEVEN)
    heights = rng.standard_normal((3, 2, 2))
    for axis in (-1, -2):  # counted from the end in what has more axes and in what has fewer
        same(lambda y, x, axis=axis: np.trapezoid(y, x, axis=axis), heights, heights[0])
        same(lambda y, x, axis=axis: np.trapezoid(y, x, axis=axis), heights[0], heights)


def test_products_of_vectors_of_three_along_any_axes():
    a, b = rng.standard_normal((3, 4)), rng.standard_normal((4, 3))
    same(lambda a, b: np.cross(a, b, axisa=0), a, b)
    same(lambda a, b: np.cross(a, b, 0, 1, 0), a, b)
    same(lambda a: np.cross(a, a[:, ::-1], axis=0), a)
    same(np.linalg.cross, b, b[0])


def test_a_vector_of_two_has_a_third_component_of_0():
    """As NumPy had it before 2.5."""
    b, c = rng.standard_normal((4, 3)), rng.standard_normal((4, 2))
    whole, turned = np.pad(c, ((0, 0), (0, 1))), np.pad(c[:, ::-1], ((0, 0), (0, 1)))
    for x, y, expected in (
        (b, c, np.cross(b, whole)),
        (c, b, np.cross(whole, b)),
        (c, c[:, ::-1], np.cross(whole, turned)[:, 2]),
    ):
        found = np.cross(*[Tensor(v, requires_grad=True) for v in (x, y)])
        assert found.requires_grad
        np.testing.assert_allclose(found.data, expected, rtol=1e-13, atol=1e-13)


def test_python_numbers_beside_float64_keep_all_their_digits():
    x = Tensor(np.array([0.0, 0.1, 0.3]), requires_grad=True)
    assert np.gradient(x, [0.0, 0.1, 0.3]).tolist() == np.gradient(x.data, [0.0, 0.1, 0.3]).tolist()
    assert np.diff(x, append=0.7).tolist() == np.diff(x.data, append=0.7).tolist()
    assert grad(np.ediff1d(x, to_end=[0.1]).sum(), x).tolist() == [-1, 0, 1]
    assert np.ediff1d(x, to_end=[0.1], to_begin=0.2).data[[0, -1]].tolist() == [0.2, 0.1]
