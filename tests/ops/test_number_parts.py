"""Parts of numbers: NumPy's values for every kind of number, and the conventions where they jump."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, grad

X = np.array([0.0, -0.0, 2.5, -2.5, 3.0, -3.0, np.inf, -np.inf, np.nan, 1e300, 5e-324, -0.5])
OF_ONE = [
    np.positive,
    np.fabs,
    np.modf,
    np.frexp,
    np.real,
    np.imag,
    np.conj,
    np.real_if_close,
    np.angle,
]
OF_TWO = [np.copysign, np.fmod, np.divmod, np.heaviside]


def leaf(a):
    return Tensor(np.array(a, float), requires_grad=True)


def same(found, expected):
    parts = isinstance(expected, tuple)
    for a, b in zip(found, expected, strict=True) if parts else [(found, expected)]:
        assert isinstance(a, Tensor)
        np.testing.assert_array_equal(a.data, b)


@pytest.mark.parametrize("f", OF_ONE)
def test_functions_of_one_number_are_numpys(f):
    same(f(leaf(X)), f(X))
    assert f in (np.imag, np.angle) or np.ravel(f(leaf(X))[0])[0].requires_grad


@pytest.mark.parametrize("f", OF_TWO)
def test_functions_of_two_numbers_are_numpys(f):
    for other in (1.5, -1.5, X[::-1].copy(), np.array(-0.0)):
        with np.errstate(all="ignore"):
            same(f(leaf(X), other), f(X, other))
            same(f(other, leaf(X)), f(other, X))


def test_integers_become_floats_where_numpy_makes_floats():
    n = Tensor([3, -2])
    for f in (np.modf, np.frexp, lambda x: np.ldexp(x, 1), lambda x: np.copysign(x, -1.0), np.fabs):
        y = f(n)
        assert (y[0] if isinstance(y, tuple) else y).dtype == "float32"


def test_slopes_are_those_of_the_side_that_the_value_belongs_to():
    a, b = leaf([2.0, -2.0, 2.5, -2.5]), leaf([1.0, 1.0, 1.0, 1.0])
    assert [g.tolist() for g in grad(np.fmod(a, b).sum(), [a, b])] == [[1] * 4, [-2, 2, -2, 2]]
    x = leaf([-3.0, 0.0, 3.0])
    assert grad(np.copysign(x, [-1.0, -1.0, -1.0]).sum(), x).tolist() == [1, 0, -1]
    assert grad(np.copysign(1.0, x).sum(), x).tolist() == [0, 0, 0]
    assert grad(np.modf(x)[0].sum(), x).tolist() == [1, 1, 1]
    y = leaf([3.0, 4.0])
    assert grad(np.frexp(y)[0].sum(), y).tolist() == [1 / 4, 1 / 8]


def test_at_zero_a_step_has_the_gradient_of_its_height_there():
    h = leaf([0.5, 0.5, 0.5])
    assert grad(np.heaviside([-1.0, 0.0, 1.0], h).sum(), h).tolist() == [0, 1, 0]
    assert not np.heaviside(leaf(X), 0.5).requires_grad


def test_powers_in_float64_have_gradients_in_the_dtype_of_the_argument():
    x = Tensor(np.array([2.0, 3.0], "float32"), requires_grad=True)
    y = np.float_power(x, 0.1)
    np.testing.assert_allclose(y.data, np.float_power(x.data, 0.1), rtol=1e-14, strict=True)
    assert grad(y.sum(), x).dtype == "float32"
    np.testing.assert_allclose(np.float_power(0.1, x).data, np.float_power(0.1, x.data), rtol=1e-14)


@pytest.mark.parametrize("options", [{}, {"axis": 0}, {"discont": 4.0}, {"period": 3.0}])
def test_unwrapped_angles_are_numpys_and_have_slope_one(options):
    p = np.cumsum(np.random.default_rng(0).standard_normal((3, 20)) * 2, 1)
    t = leaf(p)
    same(np.unwrap(t, **options), np.unwrap(p, **options))
    assert (grad(np.unwrap(t, **options).sum(), t).data == 1).all()


def test_exponents_have_no_gradient_and_what_has_no_rule_says_so():
    with pytest.raises(TypeError, match="exponent"):
        mg.ldexp(2.0, leaf(1.0))
    for f in (np.spacing, lambda x: np.nextafter(x, 1)):
        with pytest.raises(TypeError, match="no gradient rule"):
            f(leaf(X))
