"""Polynomials as 1-d arrays of coefficients, the highest power first: values, sums, products, slopes, fits."""

from __future__ import annotations

import functools
import operator
from typing import Any

import numpy as np

from ..core.dtypes import in_array, narrowed, widened
from ..core.rows import serves
from .axes import in_floats, together
from .elementwise import add, subtract
from .inspection import plain
from .joining import unstack
from .kernels import chosen
from .linalg import solve
from .powers import power
from .shapes import atleast_1d, broadcast_to, concatenate, expand_dims, transpose
from .signals import convolve


@serves(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """p_0 x^(n-1) + ... + p_n-2 x + p_n-1, by Horner's scheme."""
    coefficients = list(p) if isinstance(p, (list, tuple)) else unstack(in_array(p))
    x = together(*coefficients, x)[-1]
    coefficients = [c if np.isscalar(c) else together(c, x)[0] for c in coefficients]
    if not coefficients:
        return np.zeros_like(x)
    first = np.zeros_like(x) + coefficients[0]
    return functools.reduce(lambda y, c: y * x + c, coefficients[1:], first)


def _padded(a: Any, b: Any) -> list[Any]:
    """Both, with zeros in front of the shorter one."""
    both = [atleast_1d(v) for v in together(a, b)]
    n = max(v.shape[0] for v in both)
    return [
        concatenate([np.zeros_like(v, shape=n - v.shape[0]), v]) if v.shape[0] < n else v
        for v in both
    ]


@serves(np.polyadd)
def polyadd(a1: Any, a2: Any) -> Any:
    """The coefficients of the sum of two polynomials."""
    return add(*_padded(a1, a2))


@serves(np.polysub)
def polysub(a1: Any, a2: Any) -> Any:
    """The coefficients of the difference of two polynomials."""
    return subtract(*_padded(a1, a2))


@serves(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    """The coefficients of the product of two polynomials: their convolution, n + m - 1 of them.

    At the edge: zeros in front are coefficients like others, where NumPy leaves them out; theirs is a gradient too.
    """
    return convolve(a1, a2)


@serves(np.polyder)
def polyder(p: Any, m: int = 1) -> Any:
    """The coefficients of the m-th derivative."""
    p, m = in_array(p), _order("polyder", m)
    for _ in range(m):
        n = p.shape[0] - 1
        p = p[:-1] * _falling(n, p) if n > 0 else p[:0]
    return p


@serves(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """The coefficients of the m-th antiderivative; k are the constants of integration, 0 by default, or one for all."""
    p, m = in_floats(in_array(p)), _order("polyint", m)
    if k is None:
        k = np.zeros_like(p, shape=m)
    k = atleast_1d(together(p, k)[1])
    if k.shape[0] == 1 and m > 1:
        k = broadcast_to(k, (m,))
    if tuple(k.shape) < (m,):
        raise ValueError(
            f"polyint: k has shape {tuple(k.shape)}; one constant, or one for each of the {m} integrations, is needed"
        )
    for i in range(m):
        p = concatenate([p / _falling(p.shape[0], p), k[i : i + 1]])
    return p


def _order(op: str, m: Any) -> int:
    if operator.index(m) < 0:
        raise ValueError(f"{op}: m must be an integer >= 0, not {m}")
    return operator.index(m)


def _falling(n: int, like: Any) -> Any:
    """n, n - 1, ..., 1, in the dtype of another array."""
    return np.arange(n, 0, -1, like=plain(like)).astype(like.dtype)


@serves(np.vander)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """y[i, j] = x_i^(N-1-j), or x_i^j if increasing; N is the length of x by default."""
    x = in_array(x)
    if len(x.shape) != 1:
        raise ValueError(f"vander: x has shape {tuple(x.shape)}; a 1-d array is needed")
    count = x.shape[0] if N is None else operator.index(N)
    exponents = _falling(count, x) - 1
    return power(expand_dims(x, 1), exponents[::-1] if increasing else exponents)


@serves(np.polyfit)
def polyfit(x: Any, y: Any, deg: int, *, w: Any = None) -> Any:
    """The coefficients of the polynomial of degree `deg` with the least sum_i (w_i (p(x_i) - y_i))^2

    x, w  (n,), w the weights of the distances, not of their squares; both may have gradients
    y     (n,), or (n, k) for k polynomials, whose coefficients are the columns of the result

    LinAlgError where the points do not determine it, as they are fewer than deg + 1 or nearly so.
    """
    x, y, *more = map(in_floats, together(x, y) if w is None else together(x, y, w))
    deg = operator.index(deg)
    if deg < 0 or len(x.shape) != 1 or len(y.shape) not in (1, 2) or x.shape[0] != y.shape[0]:
        raise ValueError(
            f"polyfit: x has shape {x.shape} and y {y.shape}, deg is {deg}; (n,) and (n,) or (n, k), and deg >= 0"
        )
    a, b = (
        vander(widened(x), deg + 1),
        widened(y) if len(y.shape) == 2 else expand_dims(widened(y), 1),
    )
    if more:
        a, b = (v * expand_dims(widened(more[0]), 1) for v in (a, b))
    c = _least_squares(a, b)
    return narrowed(c if len(y.shape) == 2 else c[:, 0], y)


def _least_squares(a: Any, b: Any) -> Any:
    """The x with the least |a x - b|^2, for a (n, k) of rank k

    R^-1 (q^T q)^-1 q^T b with q = a R^-1 is x for any R. R is the QR factor of a, as a constant: q^T q is 1 up to
    rounding, so that no condition number is squared, and every derivative is that of x.
    """
    given = plain(a)
    inverse = chosen(_inverse_factor, _inverse_factor_unseen, given)(given)
    q = a @ inverse
    return inverse @ solve(transpose(q) @ q, transpose(q) @ b)


def _inverse_factor(a: Any) -> Any:
    """R^-1 of a = Q R; LinAlgError where the columns of a are dependent up to rounding."""
    n, k = a.shape
    r = np.linalg.qr(a, "r")
    least = n * np.finfo(a.dtype).eps * np.sqrt(np.square(a).sum(axis=0))
    if n < k or np.any(np.abs(np.diagonal(r)) <= least):
        raise np.linalg.LinAlgError(
            f"polyfit: {n} points do not determine the {k} coefficients; take a lower degree, or shift and scale x"
        )
    return np.linalg.inv(r)


def _inverse_factor_unseen(a: Any) -> Any:
    return np.linalg.inv(np.linalg.qr(a, "r"))
