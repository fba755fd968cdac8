"""Powers: derivatives of every order in base and exponent, at zeros, tiny and huge numbers as elsewhere."""

import itertools
import math
import sys

import numpy as np
import pytest
from mpmath import mp

from minigrad import Tensor, grad

EXPONENTS = [-2, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3, 4]


def bases(dtype):
    info = np.finfo(dtype)
    tiny, huge = float(info.tiny), float(info.max)
    positive = [tiny, tiny**0.5, 0.003, 0.7, 1, 3, huge**0.5, huge * 0.9]
    return np.array([0.0, *positive, *[-a for a in positive]], dtype)


def falling(b, m):
    """b (b - 1) ... (b - m + 1)."""
    return math.prod(b - i for i in range(m))


def one_by_one(y, xs):
    """The gradient of sum y in one x after the other, as arrays."""
    for x in xs:
        y = grad(y.sum(), x, create_graph=True) if y.requires_grad else y * 0
        y = Tensor(np.zeros(x.shape)) if y is None else y
        yield y.data


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("kind", [float, int, np.array, Tensor, "differentiated"])
@pytest.mark.parametrize("b", EXPONENTS)
def test_derivatives_in_the_base_are_falling_products_times_powers_and_0_where_the_product_is(
    b, kind, dtype
):
    if kind is int and b % 1:
        return
    a = bases(dtype)
    x = Tensor(a, requires_grad=True)
    t = Tensor(np.full_like(a, b), requires_grad=True) if kind == "differentiated" else kind(b)
    with np.errstate(all="ignore"):
        for n, found in enumerate(one_by_one(x**t, [x] * 5), 1):
            product = falling(b, n)
            wide = product * a.astype(np.longdouble) ** (b - n) if product else np.zeros_like(a)
            expected = wide.astype(dtype)
            assert found.dtype == dtype
            least = float(np.finfo(dtype).tiny)
            np.testing.assert_allclose(
                found, expected, rtol=2 * (n + 1) * np.finfo(dtype).eps, atol=2 * n * least
            )
            if not product:
                assert (found == 0).all()


def of_formula(a, b, m, n):
    """d^m/da^m d^n/db^n a**b and the sum of the sizes of its terms, in numbers of any length."""
    if m == a == b == 0 < n:
        return 0, 0  # by convention: 0**b is constant for b >= 0
    # a number so near to 0 that what it gives is the limit as far as a float can tell
    a = mp.mpf(a) or mp.ldexp(1, -(10**320))
    product = np.poly1d(range(m), True) if m else np.poly1d([1.0])
    terms = [
        math.comb(n, k) * mp.mpf((product.deriv(k) if k else product)(b)) * mp.log(a) ** (n - k)
        for k in range(n + 1)
    ]
    power = a ** (mp.mpf(b) - m)
    return sum(terms) * power, sum(map(abs, terms)) * power


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("a", [0.0, 1e-300, 1e-160, 1e-8, 0.3, 1, 2.5, 1e6, 1e200])
def test_derivatives_in_base_and_exponent_are_their_formula_or_limit_in_whatever_order(a, order):
    b = np.array([-3, -2, -1, -0.5, 0, 0.25, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5])
    for which in itertools.product((0, 1), repeat=order):
        n = sum(which)
        xs = [Tensor(np.full_like(b, a), requires_grad=True), Tensor(b, requires_grad=True)]
        with np.errstate(all="ignore"):
            *_, found = one_by_one(xs[0] ** xs[1], [xs[i] for i in which])
        for i in range(b.size):
            true, size = of_formula(a, b[i], order - n, n)
            if abs(true) > sys.float_info.max:
                assert found[i] == math.copysign(math.inf, true), (b[i], which)
            else:
                assert abs(found[i] - true) <= 1e-14 * size + 1e-290, (b[i], which, found[i], true)


def test_a_number_to_a_power_has_the_limits_of_its_derivatives_at_base_zero():
    b = Tensor([-1.0, -0.5, 0, 0.5, 2], requires_grad=True)
    for zero in (0, 0.0, np.array(0.0), np.zeros(5)):
        with np.errstate(all="ignore"):
            for n, found in enumerate(one_by_one(zero**b, [b] * 4), 1):
                limit = (-1) ** n * math.inf
                np.testing.assert_array_equal(found, [limit, limit, 0, 0, 0])
                assert found.dtype == "float32"


def test_a_negative_base_has_nan_wherever_the_exponent_is_differentiated():
    a, b = np.meshgrid([-0.5, -2, -1e-300], [-1.0, 0, 1, 2, 3, 5000])
    for order in (1, 2, 3):
        for which in itertools.product((0, 1), repeat=order):
            xs = [Tensor(v, requires_grad=True) for v in (a, b)]
            with np.errstate(all="ignore"):
                *_, found = one_by_one(xs[0] ** xs[1], [xs[i] for i in which])
            assert np.isnan(found).all() if any(which) else not np.isnan(found).any()
