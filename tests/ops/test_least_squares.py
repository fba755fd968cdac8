"""Least squares: NumPy's tuple, matrices of lower rank, systems of tensors, and errors."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, check_grads, grad


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def leaf(a):
    return Tensor(np.asarray(a, float), requires_grad=True)


@pytest.mark.parametrize("b", [(5,), (5, 2)], ids=str)
@pytest.mark.parametrize("a", [(5, 3), (5, 5), (5, 7)], ids=str)
def test_lstsq_gives_numpys_tuple_and_its_parts_have_gradients(a, b):
    a, b = draw(*a), draw(*b, seed=1)
    found, expected = np.linalg.lstsq(leaf(a), leaf(b)), np.linalg.lstsq(a, b)
    for y, z in zip(found, expected, strict=True):
        assert np.shape(y) == np.shape(z)
        np.testing.assert_allclose(getattr(y, "data", y), z, rtol=1e-9, atol=1e-12)
    assert [isinstance(y, Tensor) and y.requires_grad for y in found] == [True, True, False, True]
    for part in (0, 1, 3):
        check_grads(lambda a, b, part=part: mg.lstsq(a, b)[part], [a, b], rtol=1e-4)


def test_of_lower_rank_lstsq_is_numpys_and_its_gradient_is_that_along_the_same_rank():
    left, right, b = draw(5, 2), draw(2, 3, seed=1), draw(5, seed=2)
    a = left @ right
    found, expected = mg.lstsq(a, b), np.linalg.lstsq(a, b)
    assert found[2] == expected[2] == 2
    assert found[1].shape == expected[1].shape == (0,)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-9)
    check_grads(lambda u, v: mg.pinv(u @ v, 1e-8), [left, right], order=2, rtol=1e-4)
    check_grads(lambda u, v: mg.lstsq(u @ v, b, 1e-8)[0], [left, right], order=2, rtol=1e-4)


@pytest.mark.parametrize("rcond", [None, -1, 0.3, 0.9])
def test_small_singular_values_count_as_zero_as_in_numpy(rcond):
    a, b = draw(4, 3), draw(4, seed=1)
    found, expected = np.linalg.lstsq(leaf(a), b, rcond), np.linalg.lstsq(a, b, rcond)
    assert found[2] == expected[2]
    np.testing.assert_allclose(found[0].data, expected[0], rtol=1e-9)


def test_a_fit_by_lstsq_has_the_gradient_of_the_normal_equations():
    a, b = draw(6, 2), draw(6, seed=1)
    x, y = leaf(a), leaf(b)
    found = grad((mg.lstsq(x, y)[0] ** 2).sum(), [x, y])
    expected = grad((mg.solve(x.mT @ x, x.mT @ y) ** 2).sum(), [x, y])
    for g, e in zip(found, expected, strict=True):
        np.testing.assert_allclose(g.data, e.data, rtol=1e-9)


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 2)], ids=str)
def test_the_rule_of_pinv_is_closed_under_differentiation(shape):
    check_grads(mg.pinv, [draw(*shape)], order=3, rtol=1e-4, eps=1e-5)


def test_pinv_takes_one_bound_for_each_matrix():
    a, bounds = draw(2, 3, 3), np.array([0.0, 0.5])
    np.testing.assert_allclose(np.linalg.pinv(leaf(a), bounds).data, np.linalg.pinv(a, bounds))


def test_systems_of_tensors_are_numpys_with_gradients():
    a, b = draw(2, 3, 6), draw(2, 3, seed=1)
    turned = draw(2, 6, 3)
    for f, xs in [
        (lambda a: np.linalg.tensorinv(a), [a]),
        (lambda a: np.linalg.tensorinv(a, ind=1), [draw(6, 2, 3)]),
        (lambda a, b: np.linalg.tensorsolve(a, b), [a, b]),
        (lambda a, b: np.linalg.tensorsolve(a, b, axes=(1,)), [turned, b]),
    ]:
        np.testing.assert_allclose(f(*map(leaf, xs)).data, f(*xs), rtol=1e-9)
        check_grads(f, xs, rtol=1e-3)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda a: np.linalg.lstsq(a, a[:2]), r"lstsq: a has shape \(3, 3\) and b \(2, 3\)"),
        (lambda a: np.linalg.lstsq(a[None], a[0]), r"lstsq: a has shape \(1, 3, 3\)"),
        (lambda a: np.linalg.pinv(a, 0.1, rtol=0.2), "rcond and rtol are two words for one thing"),
        (lambda a: np.linalg.pinv(a[:2], hermitian=True), r"pinv: a has shape \(2, 3\); a square"),
        (lambda a: np.linalg.tensorinv(a, 0), "tensorinv: ind must be positive"),
        (lambda a: np.linalg.tensorinv(a[:2], 1), r"inv: a has shape \(2, 3\)"),
        (
            lambda a: np.linalg.tensorsolve(a, a),
            r"tensorsolve: a has shape \(3, 3\) and b \(3, 3\)",
        ),
    ],
)
def test_what_does_not_fit_is_named(call, match):
    with pytest.raises(ValueError, match=match):
        call(leaf(draw(3, 3)))
