"""Parts of numbers: sign, whole part and fraction, mantissa and exponent; and NumPy's further names of simple ops."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..core.dtypes import as_array, in_array, in_float32
from ..core.graph import TensorBase
from ..core.rows import Primitive, elementwise, primitive, serves
from .axes import in_floats, together
from .elementwise import absolute, astype, floor_divide, remainder, where
from .inspection import inspect
from .powers import power
from .pytorch_words import says_our_words


def _constant(f: Any, x: Any, *args: Any) -> Any:
    """f(x, ...) without history; plain, if x is."""
    return inspect(f, x, *args) if isinstance(x, TensorBase) else f(x, *args)


# Sign ----------------------------------------------------------------------------------------------------


@serves(np.positive, np.conjugate, np.real)
def _itself(x: Any) -> Any:
    return x  # of real numbers


@serves(np.real_if_close)
def _numpy_real_if_close(a: Any, tol: float = 100) -> Any:
    return a


@serves(np.fabs)
def _numpy_absolute(x: Any) -> Any:
    return absolute(in_floats(in_array(x)))


copysign = elementwise(
    np.copysign,
    a=lambda g, a, b: g * np.sign(a) * np.copysign(1, b),
    b=lambda g: np.zeros_like(g),
    doc="""|a| with the sign of b, which may be that of -0

    At the kink: 0 at a = 0; the gradient in b is 0 everywhere.""",
)


@serves(np.heaviside)
def heaviside(x: Any, at_0: Any) -> Any:
    """0 where x < 0, 1 where x > 0, `at_0` where x = 0, which alone has a gradient."""
    x, at_0 = together(x, at_0)
    return where(x == 0, at_0, _constant(np.heaviside, in_floats(x), 0))


# Whole part and fraction ---------------------------------------------------------------------------------

# the slopes are those of the side that the value belongs to; (a - y) / b is whole up to rounding
fmod = elementwise(
    np.fmod,
    a=lambda g: g,
    b=lambda g, y, a, b: -g * np.rint((a - y) / b),
    doc="""a - b trunc(a / b), which has the sign of a

    At the kink: where a is a multiple of b, it jumps; the gradient there is 1 in a and -a / b in b.""",
)


@serves(np.modf)
def modf(x: Any) -> tuple[Any, Any]:
    """(x - trunc(x), trunc(x)): the fraction, which has the sign of x and all the gradient, and the whole part."""
    x = in_floats(in_array(x))
    return fmod(where(np.isinf(x), 0, x), 1), np.trunc(x)  # inf has the fraction 0


@serves(np.divmod)
def _numpy_divmod(a: Any, b: Any) -> tuple[Any, Any]:
    return floor_divide(a, b), remainder(a, b)


# Mantissa and exponent -----------------------------------------------------------------------------------


def _ldexp(x: Any, exponent: Any) -> Any:
    return np.ldexp(x, exponent)


ldexp: Primitive = serves(np.ldexp)(
    elementwise(
        _ldexp,
        x=lambda g, exponent: ldexp(g, exponent),
        floats=True,
        doc="x 2^exponent, exactly, for integers as exponents; only x has a gradient",
    )
)


@serves(np.frexp)
def frexp(x: Any) -> tuple[Any, Any]:
    """(m, n) with x = m 2^n, 0.5 <= |m| < 1 and integers n, which are constant: the gradient of m is 2^-n."""
    x = in_floats(in_array(x))
    _, exponent = _constant(np.frexp, x)
    return ldexp(x, -exponent), exponent


@serves(np.float_power)
def _numpy_float_power(a: Any, b: Any) -> Any:
    given = (v if isinstance(v, TensorBase) else as_array(v, np.float64) for v in (a, b))
    return power(*[astype(v, np.float64) for v in given])


# Angles --------------------------------------------------------------------------------------------------


def _unwrap(p: Any, discont: Any, axis: int, period: Any) -> Any:
    return in_float32(lambda p: np.unwrap(p, discont, axis, period=period), p)


# what is added is constant between the jumps
_unwrap_row = primitive(_unwrap, p=lambda g: g, floats=True)


@serves(np.unwrap)
@says_our_words
def unwrap(
    p: Any, discont: float | None = None, axis: int = -1, *, period: float = 2 * np.pi
) -> Any:
    """p plus whole periods along an axis, so that no step is longer than max(discont, period / 2); the slope is 1."""
    p = in_array(p)
    axis = normalize_axis_index(axis, len(p.shape), "unwrap")
    return _unwrap_row(p, discont, axis, period)
