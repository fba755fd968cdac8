"""Functions of two arguments in numbers of any length, with their partial derivatives to order 3."""

import math
from functools import cache, reduce

import numpy as np
from mpmath import mp

ORDER = 3


class Series:
    """A power series in (s, t) to order 3: the coefficient of s^i t^j under (i, j)."""

    def __init__(self, coefficients):
        self.coefficients = coefficients

    def __add__(self, other):
        mine, theirs = self.coefficients, other.coefficients
        return Series({k: mine.get(k, 0) + theirs.get(k, 0) for k in mine.keys() | theirs.keys()})

    def __mul__(self, other):
        product = {}
        for (i, j), c in self.coefficients.items():
            for (k, n), d in other.coefficients.items():
                if i + j + k + n <= ORDER:
                    product[i + k, j + n] = product.get((i + k, j + n), 0) + c * d
        return Series(product)

    def __getitem__(self, order):
        """The partial derivative of that order in each argument."""
        return self.coefficients.get(order, 0) * math.prod(map(math.factorial, order))

    def through(self, *coefficients):
        """f(self), by the coefficients of f's own series at the value of self."""
        step = Series(self.coefficients | {(0, 0): 0})
        y = Series({})
        for c in coefficients[::-1]:
            y = y * step + number(c)
        return y

    def over(self):
        """1 / self"""
        x = 1 / self.coefficients[0, 0]
        return self.through(x, -(x**2), x**3, -(x**4))

    def root(self):
        """self^(1/2)"""
        x = self.coefficients[0, 0]
        y = mp.sqrt(x)
        return self.through(y, y / x / 2, -y / x**2 / 8, y / x**3 / 16)


def number(x):
    return Series({(0, 0): mp.mpf(x)})


def _quotient(a, b):
    return a * b.over()


def _remainder(a, b):
    return a + b * number(-mp.floor(a[0, 0] / b[0, 0]))


def _fmod(a, b):
    quotient = a[0, 0] / b[0, 0]
    return a + b * number(-(mp.floor(quotient) if quotient > 0 else mp.ceil(quotient)))


def _copysign(a, b):
    return a if (a[0, 0] < 0) == (b[0, 0] < 0) else number(-1) * a


def _hypot(a, b):
    return (a * a + b * b).root()


def _angle(a, b):
    """arctan2(a, b), up to a constant."""
    x = _quotient(a, b)
    v = x[0, 0]
    w = 1 / (1 + v * v)
    return x.through(0, w, -v * w**2, (v * v - mp.mpf(1) / 3) * w**3)


def _log_of_sum(a, b, base):
    """log(base^a + base^b) / log(base), of which only the derivatives are wanted."""
    unit = mp.log(base)
    total = number(0)
    for x in (a, b):
        power = mp.exp((x[0, 0] - max(a[0, 0], b[0, 0])) * unit)
        total += x.through(*[power * unit**k / math.factorial(k) for k in range(ORDER + 1)])
    v = total[0, 0]
    return total.through(0, 1 / v, -1 / (2 * v**2), 1 / (3 * v**3)) * number(1 / unit)


def _greater(a, b):
    return a if a[0, 0] > b[0, 0] else b


def _lesser(a, b):
    return a if a[0, 0] < b[0, 0] else b


def power(a, b, m, n):
    """d^m/da^m d^n/db^n a**b for a > 0, and the sum of the sizes of its terms."""
    product = np.poly1d(range(m), True) if m else np.poly1d([1.0])
    log = mp.log(a)
    terms = [math.comb(n, k) * _derived(product, k, b) * log ** (n - k) for k in range(n + 1)]
    scale = mp.exp(log * (mp.mpf(b) - m))
    return sum(terms) * scale, sum(map(abs, terms)) * scale


def _derived(polynomial, k, x):
    """The k-th derivative at x."""
    coefficients = (polynomial.deriv(k) if k else polynomial).coeffs
    return reduce(lambda y, c: y * x + mp.mpf(c), coefficients, mp.mpf(0))


class Power:
    """a**b, with partial derivatives as a Series has them; shifted, it is one of its own derivatives."""

    def __init__(self, a, b, m=0, n=0):
        self.of = cache(lambda i, j: power(a[0, 0], b[0, 0], m + i, n + j)[0])

    def __getitem__(self, order):
        return self.of(*order)


def _log(x):
    v = x[0, 0]
    return x.through(mp.log(v), 1 / v, -1 / (2 * v**2), 1 / (3 * v**3))


OF_TWO = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a + number(-1) * b,
    "multiply": lambda a, b: a * b,
    "divide": _quotient,
    "remainder": _remainder,
    "fmod": _fmod,
    "copysign": _copysign,
    "logaddexp": lambda a, b: _log_of_sum(a, b, mp.e),
    "logaddexp2": lambda a, b: _log_of_sum(a, b, mp.mpf(2)),
    "arctan2": _angle,
    "angle_slope": lambda a, b: b * (a * a + b * b).over(),
    "hypot": _hypot,
    "cosine": lambda a, b: a * _hypot(a, b).over(),
    "share": _quotient,
    "xlogy": lambda a, b: a * _log(b),
    "xlog1py": lambda a, b: a * _log(number(1) + b),
    "rel_entr": lambda a, b: a * _log(_quotient(a, b)),
    "maximum": _greater,
    "fmax": _greater,
    "where": _greater,
    "minimum": _lesser,
    "fmin": _lesser,
    "power": Power,
    "power_slope 1 0": lambda a, b: Power(a, b, 1, 0),
    "power_slope 0 1": lambda a, b: Power(a, b, 0, 1),
    "power_slope 1 1": lambda a, b: Power(a, b, 1, 1),
    "power_slope 2 0": lambda a, b: Power(a, b, 2, 0),
}


def partials(name, a, b):
    """The function's partial derivatives at (a, b), by their order in each argument; None where it is not real."""
    if ("power" in name or name == "rel_entr") and not a > 0:
        return None
    if not b > {"xlogy": 0, "rel_entr": 0, "xlog1py": -1}.get(name, -math.inf):
        return None
    a, b = Series({(0, 0): mp.mpf(a), (1, 0): mp.one}), Series({(0, 0): mp.mpf(b), (0, 1): mp.one})
    return OF_TWO[name](a, b)
