"""Linear algebra by SciPy's names, where SciPy is installed: triangular systems, LU, functions of a matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..core.rows import Primitive, primitive
from .elementwise import where
from .inspection import plain
from .kernels import chosen
from .kernels import matrices as kernels
from .linalg import solve
from .matrices import (
    check_matrices,
    check_square,
    computed_widely,
    in_columns,
    nan_if_singular,
    places,
)
from .rearrange import tril, triu
from .shapes import concatenate, sum_to

# Triangular systems --------------------------------------------------------------------------------------


def _solve_triangular(a: Any, b: Any, trans: bool, lower: bool, unit_diagonal: bool) -> Any:
    return computed_widely(_substitute, a, b, trans, lower, unit_diagonal)


def _substitute(a: Any, b: Any, *options: Any) -> Any:
    return chosen(kernels.solve_triangular, kernels.solved_by_elimination, a, b)(a, b, *options)


def _solve_triangular_back(
    g: Any, a: Any, y: Any, b_shape: Any, trans: Any, lower: Any, unit_diagonal: Any, needed: Any
) -> tuple[Any, Any]:
    toward_b = _solve_triangular_row(a, g, not trans, lower, unit_diagonal)
    toward_a = None
    if needed[0]:
        product = -(y @ toward_b.mT) if trans else -(toward_b @ y.mT)
        toward_a = sum_to((tril if lower else triu)(product), a.shape)
        if unit_diagonal:
            row, column = places(a)
            toward_a = where(row == column, 0, toward_a)
    return toward_a, sum_to(toward_b, b_shape) if needed[1] else None


# a row, as solve is one; joint: both gradients need the solution of the transposed system
_solve_triangular_row: Primitive = primitive(
    _solve_triangular, joint=(("a", "b"), _solve_triangular_back), floats=True
)


def solve_triangular(
    a: Any, b: Any, trans: int | str = 0, lower: bool = False, unit_diagonal: bool = False
) -> Any:
    """x with a x = b for triangular a (..., n, n) and b (n,), one vector, or (..., n, k), columns; by substitution.

    trans   0 or "N"; 1 or "T" (2, "C"): a^T x = b
    lower   whether the lower triangle of a is read, and has a gradient; else the upper one
    unit_diagonal   the diagonal of a is taken as ones and not read

    LinAlgError where an element of the diagonal is 0. SciPy's function of this name.
    """
    if trans not in (0, 1, 2, "N", "T", "C"):
        raise ValueError(f'solve_triangular: trans must be 0, 1, 2, "N", "T" or "C", not {trans!r}')
    check_square("solve_triangular", a)
    options = (trans not in (0, "N"), bool(lower), bool(unit_diagonal))
    return in_columns("solve_triangular", lambda a, b: _solve_triangular_row(a, b, *options), a, b)


def cholesky_solve(b: Any, L: Any, upper: bool = False) -> Any:
    """x with L L^T x = b, or U^T U x = b if `upper`, for L of `cholesky`: two triangular systems.

    The arguments are those of PyTorch's function of this name; b is (n,), one vector, or (..., n, k), columns.
    """
    check_square("cholesky_solve", L)

    def f(factor: Any, columns: Any) -> Any:
        half = solve_triangular(factor, columns, trans=int(upper), lower=not upper)
        return solve_triangular(factor, half, trans=int(not upper), lower=not upper)

    return in_columns("cholesky_solve", f, L, b)


# LU ------------------------------------------------------------------------------------------------------


class _LU(NamedTuple):
    P: Any
    L: Any
    U: Any


def _lu(a: Any) -> Any:
    return chosen(kernels.lu, kernels.lu_by_columns, a)(a)


def _lu_back(g: Any, y: Any) -> Any:
    """P L^-T (lower(L^T gL) + upper(gU U^T)) U^-T, with lower strict; of the parts beyond the square, as they follow.

    (de Hoog, Anderssen & Lukas 2011.) U^-T does not exist where the first columns of a are dependent: nan.
    """
    (_, gl, gu), (p, lower, u) = g, y
    k = lower.shape[-1]
    l_square, u_square = lower[..., :k, :], nan_if_singular(u[..., :k], lower.shape[-2])
    gl_below, gu_right = gl[..., k:, :], gu[..., k:]
    inner = tril(lower.mT @ gl, -1) + triu(gu @ u.mT)
    inner = inner - lower[..., k:, :].mT @ gl_below - gu_right @ u[..., k:].mT
    right = solve(l_square.mT, concatenate([inner, gu_right], -1))
    left = concatenate([right[..., :k], gl_below], -2)
    left = solve(u_square, left.mT).mT
    return p @ (concatenate([left, right[..., k:]], -1) if u.shape[-1] > k else left)


_lu_row = primitive(_lu, a=_lu_back, floats=True)


def lu(a: Any, permute_l: bool = False) -> Any:
    """(P, L, U) with a = P L U: P a permutation, L with ones on the diagonal, U upper triangular; SciPy's function.

    For a (..., m, n) and k = min(m, n), L is (..., m, k) and U (..., k, n). (P L, U) if `permute_l`. P has no gradient.

    At the edge: the gradient is nan where the first k columns of a are dependent, up to rounding.
    """
    p, lower, u = computed_widely(_lu_row, check_matrices("lu", a))
    return (p @ lower, u) if permute_l else _LU(p, lower, u)


# Functions of a matrix -----------------------------------------------------------------------------------


def _along(f: Callable[..., Any], a: Any, g: Any) -> Any:
    """The derivative of f at a along g, which is the upper right block of f([[a, g], [0, a]]) (Mathias 1996)."""
    if 0 in a.shape:
        return g
    # linear in g: scaled to 1, so that the block has the size of a; the derivative does not depend on the scale
    size = np.max(np.abs(plain(g)), axis=(-2, -1), keepdims=True)
    size = np.where(size > 0, size, np.ones_like(size))
    above, below = concatenate([a, g / size], -1), concatenate([np.zeros_like(a), a], -1)
    n = a.shape[-1]
    return f(concatenate([above, below], -2))[..., :n, n:] * size


def _expm(a: Any) -> Any:
    return chosen(kernels.expm, kernels.expm_by_squaring, a)(a)


_expm_row: Primitive = primitive(_expm, a=lambda g, a: _along(_expm_row, a.mT, g), floats=True)


def expm(A: Any) -> Any:
    """1 + A + A^2 / 2! + ...: the exponential of each square matrix; SciPy's function.

    The gradient takes the exponential of a matrix of twice the size.
    """
    return computed_widely(_expm_row, check_square("expm", A))


def _sqrtm(a: Any) -> Any:
    return chosen(kernels.sqrtm, kernels.sqrtm_by_iteration, a)(a)


_sqrtm_row: Primitive = primitive(_sqrtm, a=lambda g, a: _along(_sqrtm_row, a.mT, g), floats=True)


def sqrtm(A: Any) -> Any:
    """Y with Y Y = A and no eigenvalue of Y in the left half-plane: the root of each square matrix; SciPy's function.

    ValueError where it is complex: at an A with a negative eigenvalue.

    At the edge: at a singular A the derivative is infinite; SciPy warns, and it is a huge number, 1e15 and more.
    """
    return computed_widely(_sqrtm_row, check_square("sqrtm", A))
