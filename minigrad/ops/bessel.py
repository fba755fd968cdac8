"""Bessel functions, whose values SciPy computes; the order has no gradient."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.dtypes import narrowed, widened
from ..core.rows import Primitive, elementwise, served, serves
from .elementwise import where
from .scipy_special import _beside, _of_one, _rounded, _scipys
from .special import _polynomial


def _of_order(name: str) -> Callable[[Any, Any], Any]:
    def f(v: Any, x: Any) -> Any:
        if hasattr(v, "dtype"):  # an order does not widen the dtype of x
            v = v.astype(x.dtype) if v.shape else v.item()
        return _rounded(_scipys(name)(_beside(v, x), x), x)

    f.__name__ = name
    return f


def _i0(x: Any) -> Any:
    return _rounded(np.i0(widened(x)), x)


i0: Primitive = serves(np.i0)(
    elementwise(
        _i0,
        x=lambda g, x: g * i1(x),
        floats=True,
        doc="I_0(x), the modified Bessel function of order 0; NumPy's, only the gradient needs SciPy",
    )
)
i1: Primitive = elementwise(
    _of_one("i1"),
    x=lambda g, x: g * (0.5 * (i0(x) + iv(2, x))),
    floats=True,
    doc="I_1(x), the modified Bessel function of order 1",
)
iv: Primitive = elementwise(
    _of_order("iv"),
    x=lambda g, v, x: g * (0.5 * (iv(np.subtract(v, 1), x) + iv(np.add(v, 1), x))),
    floats=True,
    doc="I_v(x), the modified Bessel function of order v, which has no gradient",
)
_FAR = 8.0


def _series(v: int) -> list[float]:
    """The derivative of exp(-x) I_v(x) = (2 pi x)^(-1/2) sum_k c_k / x^k, in powers of _FAR / x, the highest first."""
    c, found = -1 / math.sqrt(2 * math.pi * _FAR**3), []
    for k in range(19):
        found.append(c * (k + 0.5))
        c *= ((2 * k + 1) ** 2 - 4 * v * v) / ((k + 1) * 8 * _FAR)
    return found[::-1]


_SERIES = (_series(0), _series(1))


def _scaled_slope(v: int, x: Any) -> Any:
    """The derivative of exp(-|x|) I_v(x) for v = 0 and 1, by its series for large x, where the sum cancels."""
    wide = widened(x)
    size = np.abs(wide)
    # one series serves both bounds: to 1e-7 at 8, to 1e-17 at 32
    is_far = size > (4 * _FAR if wide.dtype == np.float64 else _FAR)
    near, t = where(is_far, 0, wide), _FAR / where(is_far, size, _FAR)
    far = t * np.sqrt(t) * _polynomial(_SERIES[v], t)
    if v == 0:
        return narrowed(
            where(is_far, np.sign(wide) * far, i1e(near) - np.sign(near) * i0e(near)), x
        )
    slope = 0.5 * (i0e(near) + ive(2, near)) - np.sign(near) * i1e(near)
    return narrowed(where(is_far, far, slope), x)


i0e: Primitive = elementwise(
    _of_one("i0e"),
    x=lambda g, x: g * _scaled_slope(0, x),
    floats=True,
    doc="""exp(-|x|) I_0(x)

    At the kink: 0 at 0.""",
)
i1e: Primitive = elementwise(
    _of_one("i1e"),
    x=lambda g, x: g * _scaled_slope(1, x),
    floats=True,
    doc="exp(-|x|) I_1(x)",
)
# its slope is a difference, of which digits are lost for large x: about 2 |x| ulp
ive: Primitive = elementwise(
    _of_order("ive"),
    x=lambda g, y, v, x: g * _ive_slope(y, v, x),
    floats=True,
    doc="exp(-|x|) I_v(x); the order v has no gradient",
)


def _ive_slope(y: Any, v: Any, x: Any) -> Any:
    return 0.5 * (ive(np.subtract(v, 1), x) + ive(np.add(v, 1), x)) - np.sign(x) * y


j0: Primitive = elementwise(
    _of_one("j0"),
    x=lambda g, x: -g * j1(x),
    floats=True,
    doc="J_0(x), the Bessel function of order 0",
)
j1: Primitive = elementwise(
    _of_one("j1"),
    x=lambda g, x: g * (0.5 * (j0(x) - jv(2, x))),
    floats=True,
    doc="J_1(x), the Bessel function of order 1",
)
jv: Primitive = elementwise(
    _of_order("jv"),
    x=lambda g, v, x: g * (0.5 * (jv(np.subtract(v, 1), x) - jv(np.add(v, 1), x))),
    floats=True,
    doc="J_v(x), the Bessel function of order v, which has no gradient",
)


# fmt: off
SERVED: dict[str, Any] = {
    "i0": i0, "i1": i1, "iv": iv, "i0e": i0e, "i1e": i1e, "ive": ive, "j0": j0, "j1": j1, "jv": jv,
}
# fmt: on
served.update({f"scipy.special.{name}": ours for name, ours in SERVED.items()})
