"""Running sums and products along an axis, and the linear recurrence that differentiates products without dividing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..core.dtypes import in_float32, narrowed, widened
from ..core.rows import Primitive, primitive
from .axes import serves_with_axis
from .elementwise import astype
from .pytorch_words import says_our_words
from .shapes import concatenate, ravel, swapaxes

# The rows work along the first axis, where x[1:], x[:-1] and x[::-1] read as in the formulas.


def _cumsum(x: Any) -> Any:
    return in_float32(np.cumsum, x, 0)


_cumsum_row: Primitive = primitive(_cumsum, x=lambda g: _cumsum_row(g[::-1])[::-1])


def _recurrence(b: Any, a: Any) -> Any:
    y = np.empty_like(b)
    y[:1] = b[:1]
    for i in range(1, b.shape[0]):
        y[i] = b[i] + a[i - 1] * y[i - 1]
    return y


def _recurrence_back(g: Any, y: Any, a: Any) -> tuple[Any, Any]:
    """t_i = g_i + a_i t_{i + 1}, the gradient of y_i = b_i + a_{i - 1} y_{i - 1}: the recurrence, run from the end."""
    t = _recurrence_row(g[::-1], a[::-1])[::-1]
    return t, t[1:] * y[:-1]


_recurrence_row: Primitive = primitive(_recurrence, joint=(("b", "a"), _recurrence_back))


def _before(x: Any, products: Any) -> Any:
    """The product of the elements before each one along the first axis: a 1, then `products` without the last."""
    return concatenate([np.ones_like(x[:1]), products[:-1]])


def products_of_others(x: Any) -> Any:
    """The product of all the other elements, for each one along the first axis; exact where some are 0."""
    back = x[::-1]
    return _before(x, _cumprod_row(x)) * _before(back, _cumprod_row(back))[::-1]


def _cumprod(x: Any) -> Any:
    return np.cumprod(x, axis=0)


def _cumprod_back(g: Any, x: Any, y: Any) -> Any:
    # x_k is a factor of y_k, y_k+1, ...: the product before it, times g_k + x_k+1 (g_k+1 + x_k+2 (g_k+2 + ...))
    return _before(x, y) * _recurrence_row(g[::-1], x[:0:-1])[::-1]


# without a division y / x: exact where elements are 0, at every order
_cumprod_row: Primitive = primitive(_cumprod, x=_cumprod_back)


def _along(row: Primitive, x: Any, axis: int | None) -> Any:
    if axis is None or not x.shape:  # as NumPy does
        if axis is not None:
            normalize_axis_index(axis, 1)
        return row(ravel(x))
    axis = normalize_axis_index(axis, len(x.shape))
    return row(x) if axis == 0 else swapaxes(row(swapaxes(x, 0, axis)), 0, axis)


@serves_with_axis(np.cumsum, np.add.accumulate)
@says_our_words
def cumsum(x: Any, axis: int | None = None, *, dtype: Any = None) -> Any:
    """y_i = x_0 + ... + x_i along `axis`; of all elements in row-major order if it is None."""
    return _along(_cumsum_row, x if dtype is None else astype(x, dtype), axis)


@serves_with_axis(np.cumprod, np.multiply.accumulate)
@says_our_words
def cumprod(x: Any, axis: int | None = None, *, dtype: Any = None) -> Any:
    """y_i = x_0 x_1 ... x_i along `axis`; of all elements in row-major order if it is None.

    At the edge: derivatives of every order are exact where elements are 0, as nothing is divided.
    """
    x = x if dtype is None else astype(x, dtype)
    return narrowed(_along(_cumprod_row, widened(x), axis), x)
