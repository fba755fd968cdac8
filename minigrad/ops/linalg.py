"""Linear algebra on stacks of square matrices (..., n, n): inverse, systems, determinants, decompositions.

LAPACK has no float16: that is computed in float32.
"""

from __future__ import annotations

from operator import index
from typing import Any, Literal, NamedTuple

import numpy as np

from ..core.rows import Primitive, primitive, serves
from .elementwise import where
from .inspection import plain
from .kernels import chosen
from .matrices import check_square, in_columns, in_lapack, over_gap, places
from .products import matmul
from .shapes import broadcast_to, matrix_transpose, sum_to

# Systems -------------------------------------------------------------------------------------------------


def _inv(a: Any) -> Any:
    return in_lapack("inv", np.linalg.inv, a)


inv = serves(np.linalg.inv)(
    primitive(
        _inv,
        a=lambda g, y: -(y.mT @ g @ y.mT),
        floats=True,
        doc="a^-1 of each matrix; LinAlgError where one is singular. solve(a, b) is better than inv(a) @ b",
    )
)


def _solve(a: Any, b: Any) -> Any:
    return in_lapack("solve", np.linalg.solve, a, b)


def _solve_back(g: Any, a: Any, y: Any, b_shape: Any, needed: Any) -> tuple[Any, Any]:
    toward_b = _solve_row(a.mT, g)
    return (
        sum_to(-toward_b @ y.mT, a.shape) if needed[0] else None,
        sum_to(toward_b, b_shape) if needed[1] else None,
    )


# joint: both gradients need the solution of the transposed system
_solve_row: Primitive = primitive(_solve, joint=(("a", "b"), _solve_back), floats=True)


@serves(np.linalg.solve)
def solve(a: Any, b: Any) -> Any:
    """x with a x = b, for a (..., n, n) and b (n,), one vector, or (..., n, k), columns; leading axes broadcast.

    LinAlgError where a matrix is singular. As in NumPy 2, only a 1-d b is a vector: give stacks of them as (..., n, 1).
    """
    return in_columns("solve", _solve_row, a, b)


# Determinants --------------------------------------------------------------------------------------------


def _det(a: Any) -> Any:
    return in_lapack("det", np.linalg.det, a)


MINORS = 32
"""The largest size of a matrix whose cofactors may be computed one by one, which takes n^5 steps."""


def _cofactors(g: Any, a: Any, y: Any) -> Any:
    """g det(a) inv(a)^T, as d det / da is det(a) inv(a)^T; near singular matrices the minors' determinants instead.

    The product is accurate at order 1 wherever inv succeeds, but its own derivatives are differences of numbers that
    grow with the condition number. The minors are polynomials: accurate everywhere and at every order.
    """
    g = g[..., None, None]
    if a.shape[-1] <= MINORS and _is_near_singular(plain(a)):
        return g * _minors(a)
    return g * y[..., None, None] * inv(a).mT


def _is_near_singular(a: Any) -> bool:
    """Tell whether a matrix has a condition number above eps^(-1/3); of NumPy's own arrays only, else False."""
    return bool(a.size) and bool(chosen(_is_ill, _is_never_ill, a)(a))


def _is_ill(a: Any) -> Any:
    condition = np.linalg.cond(a.astype(np.float64, copy=False), 1)
    return np.any(condition > np.finfo(a.dtype).eps ** (-1 / 3))


def _is_never_ill(a: Any) -> bool:
    return False


def _minors(a: Any) -> Any:
    """(-1)^(i + j) times the determinant of a without row i and column j, at [i, j]."""
    row, column = places(a)
    others = column[:, :-1] + (column[:, :-1] >= row)  # (n, n - 1): at [i] all numbers but i
    parts = a[..., others[:, None, :, None], others[None, :, None, :]]  # (..., n, n, n - 1, n - 1)
    y = det(parts)
    return where((row + column) % 2 == 1, -y, y)


det: Primitive = serves(np.linalg.det)(
    primitive(
        _det,
        a=_cofactors,
        floats=True,
        doc="""The determinant of each matrix.

    At the edge: the gradient at a singular matrix is its matrix of cofactors, exact at every order, up to n = 32;
    larger singular matrices raise LinAlgError in backward.
    """,
    )
)


class _Slogdet(NamedTuple):
    sign: Any
    logabsdet: Any


def _slogdet(a: Any) -> Any:
    return tuple(in_lapack("slogdet", np.linalg.slogdet, a))


# the sign is constant wherever the gradient exists
_slogdet_row = primitive(_slogdet, a=lambda g, a: g[1][..., None, None] * inv(a).mT, floats=True)


@serves(np.linalg.slogdet)
def slogdet(a: Any) -> _Slogdet:
    """(sign, logabsdet) with det(a) = sign exp(logabsdet), even where det itself would overflow.

    At the edge: a singular matrix gives (0, -inf), and its gradient raises LinAlgError.
    """
    return _Slogdet(*_slogdet_row(a))


# Decompositions ------------------------------------------------------------------------------------------


def _cholesky(a: Any) -> Any:
    return in_lapack("cholesky", np.linalg.cholesky, a)


def _cholesky_back(g: Any, y: Any) -> Any:
    """y^-T sym(half_lower(y^T g)) y^-1, with half_lower the lower triangle, its diagonal halved (Murray 2016)."""
    row, column = places(y)
    z = y.mT @ g
    half_lower = 0.5 * (where(row >= column, z, 0) + where(row > column, z, 0))
    inverse = inv(y)
    return inverse.mT @ (0.5 * (half_lower + half_lower.mT)) @ inverse


# the matrix is symmetric, and so is its gradient (as in PyTorch), although only one triangle is read
_cholesky_row = primitive(_cholesky, a=_cholesky_back, floats=True)


@serves(np.linalg.cholesky)
def cholesky(a: Any, *, upper: bool = False) -> Any:
    """L, lower triangular, with a = L L^T for symmetric positive definite a; if `upper`, U with a = U^T U.

    Only that triangle of a is read; the gradient is symmetric. LinAlgError where a is not positive definite.
    """
    if upper:
        return matrix_transpose(_cholesky_row(matrix_transpose(a)))
    return _cholesky_row(a)


class _Eigh(NamedTuple):
    eigenvalues: Any
    eigenvectors: Any


def _eigh(a: Any) -> Any:
    return tuple(in_lapack("eigh", np.linalg.eigh, a))


def _eigh_back(g: Any, y: Any) -> Any:
    """V (diag(gw) + skew(V^T gV) / (w_j - w_i)) V^T"""
    (g_values, g_vectors), (values, vectors) = g, y
    row, column = places(vectors)
    along = vectors.mT @ g_vectors
    turn = 0.5 * (along - along.mT)  # unit vectors can only rotate into each other
    gap = values[..., None, :] - values[..., :, None]
    inner = where(row == column, g_values[..., None, :], over_gap(turn, gap, along != 0))
    return vectors @ inner @ vectors.mT


_eigh_row = primitive(_eigh, a=_eigh_back, floats=True)


@serves(np.linalg.eigh)
def eigh(a: Any, UPLO: Literal["L", "U"] = "L") -> _Eigh:
    """(w, V) with a = V diag(w) V^T for symmetric a: eigenvalues in ascending order, unit eigenvectors as columns.

    Only the lower triangle of a is read (UPLO="U": the upper); the gradient is symmetric. The sign of a vector is
    LAPACK's choice, and treated as fixed.

    At a tie: vectors of equal eigenvalues have no derivative: the gradient is nan if the result depends on them. The
    gradient of equal eigenvalues is that for the vectors returned.
    """
    if UPLO not in ("L", "U"):
        raise ValueError(f'eigh: UPLO must be "L" or "U", not {UPLO!r}')
    return _Eigh(*_eigh_row(matrix_transpose(a) if UPLO == "U" else a))


# Powers --------------------------------------------------------------------------------------------------


@serves(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Any:
    """a^n for an integer n, by repeated squaring; a^0 is the identity, and a negative n inverts a first."""
    if not hasattr(n, "__index__"):
        raise TypeError(f"matrix_power: n must be an integer, not {n!r}")
    n = index(n)
    a = check_square("matrix_power", a)
    if n == 0:
        row, column = places(a)
        identity = np.zeros_like(a) + broadcast_to((row == column).astype(a.dtype), a.shape)
        return where(True, identity, a)  # with the history of a, and gradient 0
    if n < 0:
        return matrix_power(inv(a), -n)
    y = None
    while n:
        if n & 1:
            y = a if y is None else matmul(y, a)
        n >>= 1
        if n:
            a = matmul(a, a)
    return y
