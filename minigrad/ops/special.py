"""Special functions: the error function and its complement, sinc. Like all elementwise ops, they broadcast."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from ..core.dtypes import in_float32
from ..core.rows import elementwise, serves
from .elementwise import clip, where
from .kernels import chosen, normal
from .kernels.blocks import in_blocks

# sinc ----------------------------------------------------------------------------------------------------


def _sinc(x: Any) -> Any:
    angle = math.pi * x
    at_0 = x == 0
    return np.where(at_0, 1, np.sin(angle) / (angle + at_0))


# the derivative's series x * sum_n c_n x^(2n - 2): exact to rounding for |x| < 0.5, where the quotient cancels
_SINC_SERIES = [
    (-1) ** n * 2 * n * math.pi ** (2 * n) / math.factorial(2 * n + 1) for n in range(12, 0, -1)
]


def _turned(x: Any) -> Any:
    """x less whole turns of 2, exactly: pi times it is an angle that is right to rounding, however large x is."""
    return x - 2 * np.round(0.5 * x)


def _sinc_slope(x: Any) -> Any:
    """(cos(pi x) - sinc(x)) / x, smooth at 0 at every order."""
    is_near = (x > -0.5) & (x < 0.5)
    near, far = where(is_near, x, 0), where(is_near, 1, x)
    angle = math.pi * _turned(far)
    return where(
        is_near,
        near * _polynomial(_SINC_SERIES, near * near),
        (np.cos(angle) - np.sin(angle) / math.pi / far) / far,
    )


def _polynomial(coefficients: Any, x: Any) -> Any:
    """Horner's scheme, the highest power's coefficient first."""
    return reduce(lambda y, c: y * x + c, coefficients)


sinc = serves(np.sinc)(
    elementwise(
        _sinc,
        x=lambda g, x: g * _sinc_slope(x),
        floats=True,
        doc="sin(pi x) / (pi x), and 1 at 0",
    )
)

# The error function --------------------------------------------------------------------------------------

# fmt: off
# W. J. Cody, Rational Chebyshev approximations for the error function, Math. Comp. 23 (1969), 631-637. Numerator and
# denominator of erf(x) / x in x^2, of erfc(x) exp(x^2) in x, and of its distance from 1 / (x pi^(1/2)) in 1 / x^2
_ERF_BELOW_HALF = (
    (1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)
_ERFC_TO_4 = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1, 2.98635138197400131e2,
     8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
     3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
)
_ERFC_BEYOND = (
    (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
     1.60837851487422766e-2, 6.58749161529837803e-4),
    (1.0, 2.56852019228982242, 1.87295284992346725, 5.27905102951428412e-1, 6.05183413124413191e-2,
     2.33520497626869185e-3),
)
# fmt: on
_HALF = 0.46875  # Cody's first bound


def _ratio(coefficients: Any, x: Any) -> Any:
    numerator, denominator = coefficients
    return _polynomial(numerator, x) / _polynomial(denominator, x)


def _erf_near(x: Any) -> Any:
    """erf(x) for |x| < 0.46875, and some finite value beyond."""
    x = np.clip(x, -_HALF, _HALF)
    return x * _ratio(_ERF_BELOW_HALF, x * x)


def _erfc_far(x: Any) -> Any:
    """erfc(|x|) for |x| >= 0.46875, and some finite value below."""
    x = np.clip(np.abs(x), _HALF, 30)  # beyond 30 it is less than any float
    t = 1 / (x * x)
    beyond = (math.pi**-0.5 - t * _ratio(_ERFC_BEYOND, t)) / x
    coarse = np.floor(x * 16) / 16  # its square is exact, which keeps exp(-x^2) accurate
    decay = np.exp(-coarse * coarse) * np.exp((coarse - x) * (coarse + x))
    return decay * np.where(x < 4, _ratio(_ERFC_TO_4, x), beyond)


def _by_blocks(f: Callable[[Any], Any], x: Any) -> Any:
    """f(x), in blocks for NumPy's own floats, so that the 60 passes of f stay in cache.

    For float16 f is computed in float32, as the polynomials exceed the range of float16.
    """
    if type(x) is np.ndarray and x.dtype.kind == "f" and x.size:
        pieces = np.nditer(
            [x, None],
            ["external_loop", "buffered"],
            [["readonly"], ["writeonly", "allocate"]],
            [np.result_type(x, np.float32), x.dtype],
            casting="same_kind",
            buffersize=8192,
        )
        with pieces:
            for piece, out in pieces:
                out[...] = f(piece)
            return pieces.operands[1]
    return in_float32(f, x) if hasattr(x, "dtype") else f(x)


def _is_narrow(x: Any) -> bool:
    """Return whether x is a nonempty array of NumPy's for the kernels in float32."""
    return type(x) is np.ndarray and x.dtype.char in "ef" and x.size > 0


def _erf_of(x: Any) -> Any:
    return np.where(np.abs(x) < _HALF, _erf_near(x), np.copysign(1 - _erfc_far(x), x))


def _erfc_of(x: Any) -> Any:
    far = _erfc_far(x)
    return np.where(np.abs(x) < _HALF, 1 - _erf_near(x), np.where(x > 0, far, 2 - far))


def _erf_here(x: Any) -> Any:
    return in_blocks(normal.erf, x)[0] if _is_narrow(x) else _by_blocks(_erf_of, x)


def _erfc_here(x: Any) -> Any:
    return in_blocks(normal.erfc, x)[0] if _is_narrow(x) else _by_blocks(_erfc_of, x)


def _erf(x: Any) -> Any:
    return chosen(_erf_here, _erf_here, x)(x)


def _erfc(x: Any) -> Any:
    return chosen(_erfc_here, _erfc_here, x)(x)


def _bell(x: Any) -> Any:
    """2 exp(-x^2) / pi^(1/2), which is 0 from |x| = 200 on; 200^2 is still in the range of float16."""
    return 2 * math.pi**-0.5 * np.exp(-np.square(clip(x, -200, 200)))


erf = elementwise(
    _erf,
    x=lambda g, x: g * _bell(x),
    floats=True,
    doc="2 / pi^(1/2) times the integral of exp(-t^2) from 0 to x",
)
erfc = elementwise(
    _erfc,
    x=lambda g, x: -g * _bell(x),
    floats=True,
    doc="1 - erf(x), without cancellation for large x",
)
