"""Special functions whose values SciPy computes: gamma and beta, inverses of erf, entropies, logits.

SciPy is imported at the first call of one of them. Each row's function is the ufunc of its name, its rules are other
rows; `scipy.special.f(t)` leads here, see `SERVED`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from ..core.dtypes import FLOAT16, PYTHON_NUMBERS, in_array, narrowed, widened
from ..core.rows import Primitive, elementwise, served
from .activations import logsigmoid
from .axes import in_floats
from .elementwise import exp2, expm1, log1p, sigmoid, where
from .powers import cbrt
from .special import _polynomial, erf, erfc

# SciPy's ufuncs ------------------------------------------------------------------------------------------


@functools.cache
def _scipys(name: str) -> Any:
    """SciPy's function; ImportError that says how to get it."""
    try:
        return getattr(import_module("scipy.special"), name)
    except ImportError:
        raise ImportError(
            f"minigrad.{name}: SciPy computes its values and is not installed: pip install minigrad[scipy]"
        ) from None


def _rounded(y: Any, *args: Any) -> Any:
    """y, as float16 if all arrays that it was computed from are: SciPy computes those in float32."""
    of_half = {a.dtype for a in args if hasattr(a, "dtype")} == {FLOAT16}
    return y.astype(FLOAT16) if of_half else y


def _beside(x: Any, other: Any) -> Any:
    """x; a Python number in the dtype of the other, as beside one many of SciPy's ufuncs compute in float64."""
    is_number = type(x) in PYTHON_NUMBERS and hasattr(other, "dtype")
    return other.dtype.type(x) if is_number else x


def _of_one(name: str) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        return _rounded(_scipys(name)(x), x)

    f.__name__ = name
    return f


def _of_two(name: str) -> Callable[[Any, Any], Any]:
    def f(a: Any, b: Any) -> Any:
        return _rounded(_scipys(name)(_beside(a, b), _beside(b, a)), a, b)

    f.__name__ = name
    return f


# The gamma function --------------------------------------------------------------------------------------

gammaln = elementwise(
    _of_one("gammaln"),
    x=lambda g, x: g * digamma(x),
    floats=True,
    doc="""log |Gamma(x)|

    At the edge: -inf at 0, nan at -1, -2, ..., where it comes down from inf on both sides.""",
)
gamma = elementwise(
    _of_one("gamma"),
    x=lambda g, y, x: g * y * digamma(x),
    floats=True,
    doc="Gamma(x), the integral of t^(x - 1) exp(-t) from 0 to inf; (n - 1)! for an integer n",
)
digamma: Primitive = elementwise(
    _of_one("digamma"),
    x=lambda g, x: g * _polygamma_row(1, x),
    floats=True,
    doc="Gamma'(x) / Gamma(x), the derivative of gammaln",
)


def _polygamma(n: int, x: Any) -> Any:
    # the sum of 1 / (x + k)^(n + 1) over k >= 0 is Hurwitz's zeta function
    return _rounded(
        (-1.0) ** (n + 1) * math.factorial(n) * _scipys("zeta")(_beside(n + 1, x), x), x
    )


_polygamma_row: Primitive = elementwise(
    _polygamma, x=lambda g, n, x: g * _polygamma_row(n + 1, x), floats=True
)


def polygamma(n: int, x: Any) -> Any:
    """The n-th derivative of digamma, for an integer n >= 0, which has no gradient."""
    if not isinstance(n, (int, np.integer)) or n < 0:
        raise TypeError(f"polygamma: n must be an integer of at least 0, not {n!r}")
    return _polygamma_row(int(n), x) if n else digamma(x)


# digamma(x) = log(x) - 1 / (2 x) - sum_k c_k / x^(2k): the c_k are Bernoulli's numbers over their places
_DIGAMMA_SERIES = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760)
_LARGE = 20.0


def _digamma_gap(a: Any, b: Any) -> Any:
    """digamma(a) - digamma(a + b), for large a by the difference of their series, as that of values would cancel."""
    total = a + b
    is_large = (a > _LARGE) & (total > _LARGE) & (b != 0)  # of b = 0 nothing is left by itself
    u, v = 1 / where(is_large, a, _LARGE), 1 / where(is_large, total, _LARGE)
    step = where(is_large, b * u, 0)  # u - v is step v, log(u / v) is log1p(step)
    of_powers, power, series = 1.0, 1.0, _DIGAMMA_SERIES[0]
    for c in _DIGAMMA_SERIES[1:]:  # (u^(2k) - v^(2k)) / (u^2 - v^2)
        power = power * (v * v)
        of_powers = u * u * of_powers + power
        series = series + c * of_powers
    large = -np.log1p(step) - step * v * (0.5 + (u + v) * series)
    small = digamma(where(is_large, 1, a)) - digamma(where(is_large, 1, total))
    return where(is_large, large, small)


# a row for stability: gamma overflows where beta does not; betaln has the exacter slopes where an argument is large
beta = elementwise(
    _of_two("beta"),
    a=lambda g, y, a, b: g * y * (digamma(a) - digamma(a + b)),
    b=lambda g, y, a, b: g * y * (digamma(b) - digamma(a + b)),
    floats=True,
    doc="Gamma(a) Gamma(b) / Gamma(a + b)",
)
# a row for stability: the sum of three gammaln cancels where a is much greater than b
betaln = elementwise(
    _of_two("betaln"),
    a=lambda g, a, b: g * _digamma_gap(a, b),
    b=lambda g, a, b: g * _digamma_gap(b, a),
    floats=True,
    doc="log |Gamma(a) Gamma(b) / Gamma(a + b)|",
)

# The error function and the normal distribution ----------------------------------------------------------

_FAR = 5.0
# erfcx'(x) = 2 / pi^(1/2) sum_n (-1)^n (2n - 1)!! / (2 x^2)^n from n = 1, in powers of (_FAR / x)^2, highest first
_ERFCX_SERIES = [
    2 / math.sqrt(math.pi) * (-1) ** n * math.prod(range(1, 2 * n, 2)) / (2 * _FAR**2) ** n
    for n in range(16, 0, -1)
]


def _erfcx_slope(x: Any) -> Any:
    """2 x erfcx(x) - 2 / pi^(1/2), by its series for large x, where that cancels."""
    x = in_floats(in_array(x))
    wide = widened(x)
    # one series serves both bounds: to 1e-10 at 5, to 1e-17 at 10
    is_far = wide > (2 * _FAR if wide.dtype == np.float64 else _FAR)
    near, far = where(is_far, 0, wide), _FAR / where(is_far, wide, _FAR)
    series = far * far * _polynomial(_ERFCX_SERIES, far * far)
    return narrowed(where(is_far, series, 2 * (near * erfcx(near)) - 2 / math.sqrt(math.pi)), x)


erfcx: Primitive = elementwise(
    _of_one("erfcx"),
    x=lambda g, x: g * _erfcx_slope(x),
    floats=True,
    doc="exp(x^2) erfc(x), finite and exact where the factors are inf and 0",
)
erfinv = elementwise(
    _of_one("erfinv"),
    x=lambda g, y: g * (np.exp(y * y) * (0.5 * math.sqrt(math.pi))),
    floats=True,
    doc="""y with erf(y) = x, for x from -1 to 1

    At the edge: inf at -1 and 1.""",
)


def _erfcinv_slope(x: Any, y: Any) -> Any:
    """-pi^(1/2) / 2 exp(y^2), which is erfcx(y) / x: in the tail near x = 0 exp would blow the rounding of y up."""
    is_tail = (y > 1) & (x > 0)
    tail = erfcx(where(is_tail, y, 1)) / where(is_tail, x, 1)
    middle = where(is_tail, 0, y)
    return where(is_tail, tail, np.exp(middle * middle)) * (-0.5 * math.sqrt(math.pi))


erfcinv = elementwise(
    _of_one("erfcinv"),
    x=lambda g, y, x: g * _erfcinv_slope(x, y),
    floats=True,
    doc="""y with erfc(y) = x, for x from 0 to 2; exact also for the least x

    At the edge: -inf at 0 and 2.""",
)


def _in_floats(x: Any) -> Any:
    """x in floats; a Python number as it is, which rows compute in float64."""
    return x if type(x) in PYTHON_NUMBERS else in_floats(in_array(x))


def ndtr(x: Any) -> Any:
    """Phi(x), the distribution function of the standard normal distribution, exact in both tails."""
    return 0.5 * erfc(_in_floats(x) * -math.sqrt(0.5))


def ndtri(x: Any) -> Any:
    """y with Phi(y) = x, for x from 0 to 1: quantiles of the standard normal distribution.

    At the edge: inf at 0 and 1.
    """
    return -math.sqrt(2) * erfcinv(2 * _in_floats(x))


def _hazard(x: Any) -> Any:
    y = math.sqrt(2 / math.pi) / _scipys("erfcx")(widened(x) * -math.sqrt(0.5))
    return _rounded(y, x)


def _hazard_excess(x: Any) -> Any:
    """x + hazard(x); below 0 as a quotient, as the sum would cancel."""
    z = where(x < 0, x, 0) * -math.sqrt(0.5)
    above = where(x < 0, 0, x)
    return where(x < 0, _erfcx_slope(z) / erfcx(z) * -math.sqrt(0.5), above + hazard(above))


hazard: Primitive = elementwise(
    _hazard,
    x=lambda g, y, x: -g * y * _hazard_excess(x),
    floats=True,
    doc="phi(x) / Phi(x), the derivative of log Phi(x)",
)
log_ndtr = elementwise(
    _of_one("log_ndtr"),
    x=lambda g, x: g * hazard(x),
    floats=True,
    doc="log Phi(x), exact in both tails",
)

# Entropies -----------------------------------------------------------------------------------------------


def _share(a: Any, b: Any) -> Any:
    is_none = (a == 0) & (b == 0)
    return a / (b + is_none.astype((b if hasattr(b, "dtype") else a).dtype))


# a row so that 0 / 0 is 0 at every order, and a gradient of 0 stays 0
share: Primitive = elementwise(
    _share,
    a=lambda g, b: share(g, b),
    b=lambda g, y, b: share(-g * y, b),
    floats=True,
    doc="a / b, and 0 for 0 / 0",
)
xlogy: Primitive = elementwise(
    _of_two("xlogy"),
    a=lambda g, b: xlogy(g, b),
    b=lambda g, a, b: g * share(a, b),
    floats=True,
    doc="""a log(b), and 0 where a is 0

    At the edge: for a = 0 the gradient is log(b) in a, which is -inf at b = 0, and 0 in b; a gradient of 0 stays 0.""",
)
xlog1py: Primitive = elementwise(
    _of_two("xlog1py"),
    a=lambda g, b: xlog1py(g, b),
    b=lambda g, a, b: g * share(a, 1 + b),
    floats=True,
    doc="""a log(1 + b), exact near b = 0, and 0 where a is 0

    At the edge: for a = 0 the gradient is log(1 + b) in a, and 0 in b; a gradient of 0 stays 0.""",
)
entr = elementwise(
    _of_one("entr"),
    x=lambda g, x: -xlogy(g, x) - g,
    floats=True,
    doc="""-x log(x), 0 at 0 and -inf below

    At the edge: inf at 0, but a gradient of 0 stays 0; nan below.""",
)


def _root(x: Any) -> Any:
    return np.sqrt(x) if hasattr(x, "dtype") else float(np.sqrt(x))  # which does not widen


def _rel_entr_slope(g: Any, a: Any, b: Any) -> Any:
    """g (log(a / b) + 1); the quotient of the roots is in range where a / b is not."""
    wide = widened(g)
    share_of_roots = share(_root(widened(a)), _root(widened(b)))
    return narrowed(xlogy(2 * wide, share_of_roots) + wide, g)


rel_entr = elementwise(
    _of_two("rel_entr"),
    a=lambda g, a, b: _rel_entr_slope(g, a, b),
    b=lambda g, a, b: -g * share(a, b),
    floats=True,
    doc="""a log(a / b), 0 where a is 0 and b >= 0, inf outside of a >= 0, b > 0

    At the edge: for a = 0 the gradient is -inf in a and 0 in b; a gradient of 0 stays 0.""",
)


def _kl_div(a: Any, b: Any) -> Any:
    return rel_entr(a, b) - a + b


logit = elementwise(
    _of_one("logit"),
    x=lambda g, x: g / (x * (1 - x)),
    floats=True,
    doc="""log(x / (1 - x)), the inverse of sigmoid

    At the edge: inf at 0 and 1.""",
)

# fmt: off
SERVED: dict[str, Any] = {
    "erf": erf, "erfc": erfc, "exp2": exp2, "expm1": expm1, "log1p": log1p, "cbrt": cbrt, "expit": sigmoid,
    "log_expit": logsigmoid, "gammaln": gammaln, "gamma": gamma, "psi": digamma, "beta": beta, "betaln": betaln,
    "erfcx": erfcx, "erfinv": erfinv, "erfcinv": erfcinv, "ndtr": ndtr, "ndtri": ndtri, "log_ndtr": log_ndtr,
    "xlogy": xlogy, "xlog1py": xlog1py, "entr": entr, "rel_entr": rel_entr, "kl_div": _kl_div, "logit": logit,
}
"""The name of a ufunc of SciPy -> ours, by which NumPy's protocol finds it without importing SciPy."""
# fmt: on
served.update({f"scipy.special.{name}": ours for name, ours in SERVED.items()})
