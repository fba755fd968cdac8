"""Linear algebra for NumPy's own arrays: what LAPACK must not be given, and SciPy, imported at the first call."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np


def check_finite(op: str, a: Any) -> Any:
    """a; LinAlgError if an element is nan or infinite: LAPACK's singular values of such a matrix may take forever."""
    if not np.isfinite(a).all():
        raise np.linalg.LinAlgError(f"{op}: an element of a is nan or infinite")
    return a


def svd(a: Any, full_matrices: Any) -> Any:
    """(U, S, Vh) of each matrix."""
    return tuple(np.linalg.svd(check_finite("svd", a), full_matrices))


def svd_plain(a: Any, full_matrices: Any) -> Any:
    """The plain version."""
    return tuple(np.linalg.svd(a, full_matrices))


def pinv(a: Any, rcond: Any) -> Any:
    """The pseudo-inverse of each matrix."""
    return np.linalg.pinv(check_finite("pinv", a), rcond)


def _scipy(module: str) -> Any:
    try:
        return import_module(f"scipy.{module}")
    except ImportError:
        raise ImportError("this op is computed by SciPy: pip install minigrad[scipy]") from None


def _each(f: Callable[[Any], Any], a: Any) -> Any:
    """f of each matrix of a stack, an array or a tuple of them; older versions of SciPy take no stacks."""
    if a.ndim == 2:
        return f(a)
    found = [f(matrix) for matrix in a.reshape(-1, *a.shape[-2:])]
    if isinstance(found[0], tuple):
        return tuple([_stacked(a, parts) for parts in zip(*found, strict=True)])
    return _stacked(a, found)


def _stacked(a: Any, parts: Any) -> Any:
    return np.stack(parts).reshape(*a.shape[:-2], *parts[0].shape)


def triangle(a: Any, lower: Any, unit_diagonal: Any) -> Any:
    """One triangle of a matrix, with a diagonal of ones if asked; 0 elsewhere."""
    y = np.tril(a) if lower else np.triu(a)
    ones = np.eye(a.shape[-1], dtype=a.dtype, like=a)
    return np.where(ones == 1, ones, y) if unit_diagonal else y


def solved_by_elimination(a: Any, b: Any, trans: Any, lower: Any, unit_diagonal: Any) -> Any:
    """The plain version of `solve_triangular`, and that for stacks."""
    t = triangle(a, lower, unit_diagonal)
    return np.linalg.solve(t.mT if trans else t, b)


def solve_triangular(a: Any, b: Any, trans: Any, lower: Any, unit_diagonal: Any) -> Any:
    """x with a x = b, or a^T x = b, by substitution; a stack is eliminated: NumPy loops over it in C."""
    solver = _scipy("linalg").solve_triangular
    if a.ndim > 2 or b.ndim > 2 or b.size == 0:
        return solved_by_elimination(a, b, trans, lower, unit_diagonal)
    return solver(a, b, int(trans), lower=lower, unit_diagonal=unit_diagonal, check_finite=False)


def lu_by_columns(a: Any) -> Any:
    """(P, L, U) by elimination with the largest pivots, one column after another: the plain version."""
    m, n = a.shape[-2:]
    row = np.arange(m, like=a)[:, None]
    same = np.eye(m, dtype=a.dtype, like=a)
    below = np.zeros_like(a, shape=(*a.shape[:-1], m))
    p, u = below + same, a
    for j in range(min(m, n)):
        size = np.where(row < j, -1, np.abs(u[..., j : j + 1]))
        best = np.argmax(size, axis=-2, keepdims=True)
        source = np.where(row == j, best, np.where(row == best, j, row))
        swap = (source == np.arange(m, like=a)).astype(a.dtype)
        u, below, p = swap @ u, swap @ below, p @ swap.mT
        pivot = u[..., j : j + 1, j : j + 1]
        factor = np.where(row > j, u[..., j : j + 1] / np.where(pivot == 0, 1, pivot), 0)
        u = u - factor * u[..., j : j + 1, :]
        below = below + factor * same[j : j + 1]
    k = min(m, n)
    return p, (below + same)[..., :k], np.triu(u)[..., :k, :]


def lu(a: Any) -> Any:
    """(P, L, U) of each matrix."""
    f = _scipy("linalg").lu
    if a.size == 0:
        return lu_by_columns(a)
    return _each(lambda x: tuple(f(x, check_finite=False)), a)


_PADE = tuple(
    math.factorial(26 - i) // (math.factorial(13 - i) * math.factorial(i)) for i in range(14)
)
_SQUARINGS = 16


def expm_by_squaring(a: Any) -> Any:
    """The [13/13] Pade approximant of exp(a / 2^s), squared s times (Higham 2005): the plain version."""
    if 0 in a.shape:
        return a
    size = np.max(np.sum(np.abs(a), axis=-2, keepdims=True), axis=-1, keepdims=True)
    s = np.ceil(np.log2(np.maximum(size, 1)))
    x = a / 2**s
    power = np.eye(a.shape[-1], dtype=a.dtype, like=a)
    even, odd = 0 * a, 0 * a
    for i, c in enumerate(_PADE):
        odd, even = (
            (odd + c / _PADE[0] * power, even) if i % 2 else (odd, even + c / _PADE[0] * power)
        )
        power = power @ x
    y = np.linalg.solve(even - odd, even + odd)
    for i in range(_SQUARINGS):
        y = np.where(s > i, y @ y, y)
    return y


def expm(a: Any) -> Any:
    """The exponential of each matrix."""
    f = _scipy("linalg").expm
    return _each(f, a) if a.size else a


def sqrtm_by_iteration(a: Any) -> Any:
    """The limit of y <- (y + z^-1) / 2, z <- (z + y^-1) / 2 from a and 1 (Denman & Beavers 1976): the plain version."""
    y, z = a, np.zeros_like(a) + np.eye(a.shape[-1], dtype=a.dtype, like=a)
    for _ in range(20):
        y, z = (y + np.linalg.inv(z)) / 2, (z + np.linalg.inv(y)) / 2
    return y


def sqrtm(a: Any) -> Any:
    """The square root of each matrix; ValueError if one is complex."""
    f = _scipy("linalg").sqrtm
    y = _each(f, a) if a.size else a
    if y.dtype.kind == "c" and np.any(y.imag != 0):
        raise ValueError(
            "sqrtm: a matrix has a negative eigenvalue and so a complex root, which has no gradient here"
        )
    return y.real.astype(a.dtype, copy=False)
