"""Decompositions of stacks of matrices (..., m, n), and numbers made of them: singular values, QR, eigenvalues.

LAPACK has no float16: that is computed in float32.
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np

from ..core.rows import primitive, serves
from .elementwise import where
from .kernels import chosen
from .kernels import matrices as kernels
from .linalg import eigh, inv, solve
from .matrices import (
    check_matrices,
    check_square,
    computed_widely,
    mirrored,
    nan_if_singular,
    over_gap,
    places,
)
from .norms import norm
from .shapes import concatenate

# Singular values -----------------------------------------------------------------------------------------


class _SVD(NamedTuple):
    U: Any
    S: Any
    Vh: Any


def _svd(a: Any, full_matrices: bool) -> Any:
    return chosen(kernels.svd, kernels.svd_plain, a)(a, full_matrices)


def _svd_back(g: Any, y: Any, a_shape: Any) -> Any:
    """U (inner) V^T and the part outside of U and V, as in Townsend, Differentiating the SVD (2016).

    With P = U^T gU and Q = V^T gV, inner is diag(gs) and (skew(P) s_j + s_i skew(Q)) / (s_j^2 - s_i^2); written as
    below it does not cancel where two values are near each other.
    """
    u, s, vh = y
    k = s.shape[-1]
    gu, gs, gv = g[0][..., :k], g[1], g[2][..., :k, :].mT
    u, v = u[..., :k], vh[..., :k, :].mT
    row, column = places(gs[..., None, :])
    p, q = u.mT @ gu, v.mT @ gv
    one, other = p - p.mT, q - q.mT
    difference, total = s[..., None, :] - s[..., :, None], s[..., None, :] + s[..., :, None]
    depends = (p != 0) | (q != 0)
    turn = 0.5 * (
        over_gap(one + other, difference, depends) + over_gap(one - other, total, depends)
    )
    # a value of 0 has gradient 0, as |x|
    inner = where(row == column, (gs * (s != 0))[..., None, :], turn)
    back = u @ inner
    if a_shape[-2] > k:
        back = back + _over_values(gu - u @ p, s, gu)
    back = back @ v.mT
    if a_shape[-1] > k:
        back = back + u @ _over_values(gv - v @ q, s, gv).mT
    for further in (g[0][..., k:], g[2][..., k:, :]):
        if 0 not in further.shape:  # vectors that a does not determine
            depends = np.any(further != 0, axis=(-2, -1), keepdims=True)
            back = where(depends, math.nan, back)
    return back


def _over_values(outside: Any, s: Any, g: Any) -> Any:
    """outside / s in each column; where s = 0, nan if the result depends on that vector, else 0."""
    s = s[..., None, :]
    return where((s == 0) & (g != 0), math.nan, outside / where(s == 0, 1, s))


_svd_row = primitive(_svd, a=_svd_back, floats=True)


@serves(np.linalg.svd)
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    """(U, S, Vh) with a = U diag(S) Vh: columns of U and rows of Vh of length 1, S >= 0 in descending order.

    For a (..., m, n) and k = min(m, n), S is (..., k), and U and Vh are (..., m, k) and (..., k, n); if
    `full_matrices`, (..., m, m) and (..., n, n). S alone if not `compute_uv`. Of a `hermitian` a only the lower
    triangle is read, and the gradient is symmetric. The signs of the vectors are LAPACK's choice, and treated as fixed.

    At a tie: vectors of equal values have no derivative: the gradient is nan if the result depends on them, or on the
    further ones of `full_matrices`. That of equal values is the one for the vectors returned.
    At the kink: a value of 0 has gradient 0.
    """
    a = check_matrices("svd", a)
    if hermitian:
        a = mirrored(check_square("svd", a))
    if not compute_uv:
        return svdvals(a)
    return _SVD(*computed_widely(_svd_row, a, bool(full_matrices)))


@serves(np.linalg.svdvals)
def svdvals(x: Any) -> Any:
    """The singular values of each matrix, in descending order: the roots of the eigenvalues of x^T x.

    At a tie: the gradient of equal values is that for the vectors that LAPACK finds; of a symmetric function of them
    it is the function's. At the kink: a value of 0 has gradient 0.
    """
    return computed_widely(_svd_row, check_matrices("svdvals", x), False)[1]


@serves(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    """|x| |x^-1| in the norm p: by default and for 2 the largest singular value over the smallest; -2: the inverse.

    p   None, 2, -2, and for square matrices those of `norm`: "fro", "nuc", 1, -1, inf, -inf

    At the edge: a singular matrix gives inf or nearly so, without a finite gradient, and zeros inf for every p, as in
    NumPy; LinAlgError where p needs x^-1.
    """
    x = check_matrices("cond", x)
    if 0 in x.shape[-2:]:
        raise np.linalg.LinAlgError(f"cond: x has shape {x.shape}; the matrices are empty")
    if p is None or p in (2, -2):
        s = svdvals(x)
        ratio = s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
        return where(s[..., 0] == 0, math.inf, ratio)
    return norm(x, p, axis=(-2, -1)) * norm(inv(x), p, axis=(-2, -1))


# Eigenvalues ---------------------------------------------------------------------------------------------


@serves(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: Literal["L", "U"] = "L") -> Any:
    """The eigenvalues of symmetric a in ascending order; the gradient is symmetric, as that of `eigh`.

    At a tie: the gradient of equal values is that for the vectors that LAPACK finds; of a symmetric function of them
    it is the function's.
    """
    return eigh(a, UPLO).eigenvalues


# QR ------------------------------------------------------------------------------------------------------


class _QR(NamedTuple):
    Q: Any
    R: Any


def _qr(a: Any) -> Any:
    return tuple(np.linalg.qr(a))


def _qr_back(g: Any, y: Any) -> Any:
    """(gQ + Q sym_lower(R gR^T - gQ^T Q)) R^-T, where sym_lower mirrors the lower triangle (Walter & Lehmann 2010).

    R^-T does not exist where a has dependent columns: nan.
    """
    (gq, gr), (q, r) = g, y
    row, column = places(r)
    m = r @ gr.mT - gq.mT @ q
    sym = where(row >= column, m, 0) + where(row > column, m, 0).mT
    return solve(nan_if_singular(r, q.shape[-2]), (gq + q @ sym).mT).mT


_qr_row = primitive(_qr, a=_qr_back, floats=True)


@serves(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    """(Q, R) with a = Q R, Q^T Q = 1 and R upper triangular: (..., m, k) and (..., k, n) for k = min(m, n).

    mode   "reduced"; "r": R alone; "complete": Q (..., m, m), the same for m <= n, and refused for m > n, as a does
           not determine the further columns

    At the edge: the gradient is nan where the first k columns of a are dependent, up to rounding.
    """
    if mode not in ("reduced", "r", "complete"):
        raise ValueError(f'qr: mode must be "reduced", "r" or "complete" on Tensors, not {mode!r}')
    a = check_matrices("qr", a)
    m, n = a.shape[-2:]
    if mode == "complete" and m > n:
        raise ValueError(
            f'qr: mode="complete" for shape {a.shape}: the last {m - n} columns of Q are not determined by a and have '
            'no gradient; use mode="reduced"'
        )
    q, r = computed_widely(_qr_row, a[..., :m])
    if n > m:  # a = Q (R, Q^T rest)
        r = concatenate([r, q.mT @ a[..., m:]], -1)
    return r if mode == "r" else _QR(q, r)
