"""Least squares: pseudo-inverses, systems that are not square, and systems of tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..core.dtypes import in_array
from ..core.rows import primitive, serves
from .axes import in_floats
from .decompositions import svdvals
from .inspection import plain
from .kernels import chosen
from .kernels import matrices as kernels
from .linalg import inv, solve
from .matrices import check_matrices, check_square, computed_widely, mirrored
from .products import matmul
from .pytorch_words import says_our_words
from .reductions import sum
from .shapes import expand_dims, ravel, reshape, squeeze, transpose


def _pinv(a: Any, rcond: Any) -> Any:
    return chosen(kernels.pinv, np.linalg.pinv, a)(a, rcond)


def _pinv_back(g: Any, a: Any, y: Any) -> Any:
    """-y^T g y^T + (1 - a y) g^T y y^T + y^T y g^T (1 - y a) (Golub & Pereyra 1973, eq. 4.12)"""
    if a.shape[-2] < a.shape[-1]:  # of the transpose: no product is larger than a or its short side
        return _pinv_back(g.mT, a.mT, y.mT).mT
    left, right = g.mT @ (y @ y.mT), y @ g.mT
    return left - a @ (y @ left) - y.mT @ (g @ y.mT) + y.mT @ (right - right @ y @ a)


_pinv_row = primitive(_pinv, a=_pinv_back, floats=True)


@serves(np.linalg.pinv)
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = 1e-15) -> Any:
    """a^+, the inverse on the range of each matrix: a^+ b is the least of the x for which a x is nearest to b.

    rcond   singular values up to rcond times the largest count as 0; one number, or one for each matrix
    rtol    the same word in the array API; None: max(m, n) eps
    hermitian   only the lower triangle of a is read, and the gradient is symmetric

    At the edge: a^+ jumps where the rank changes; the gradient at a matrix of lower rank is that along matrices of the
    same rank.
    """
    a = in_floats(check_matrices("pinv", a))
    if rcond is None:
        rcond = _rounding(a) if rtol is None else rtol
    elif rtol != 1e-15:
        raise ValueError("pinv: rcond and rtol are two words for one thing; give one of them")
    a = mirrored(check_square("pinv", a)) if hermitian else a
    return computed_widely(_pinv_row, a, rcond)


def _rounding(a: Any) -> float:
    return max(a.shape[-2:]) * float(np.finfo(a.dtype).eps)


class _Solution(NamedTuple):
    x: Any
    residuals: Any
    rank: int
    s: Any


@serves(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: float | None = None) -> _Solution:
    """(x, residuals, rank, s): the least x of those for which |a x - b| is least, for a (m, n) and b (m,) or (m, k).

    residuals   |a x - b|^2 for each column; empty unless n = rank < m
    rank, s     the rank of a, an integer, and its singular values
    rcond       singular values up to rcond times the largest count as 0; None: max(m, n) eps; -1: eps

    At the edge: of lower rank, as `pinv`: the gradient of x is that along matrices of the same rank.
    """
    a, b = in_floats(in_array(a)), in_array(b)
    if a.ndim != 2 or b.ndim not in (1, 2) or a.shape[0] != b.shape[0]:
        raise np.linalg.LinAlgError(
            f"lstsq: a has shape {a.shape} and b {b.shape}; (m, n) and (m,) or (m, k) are needed"
        )
    m, n = a.shape
    if rcond is None or rcond < 0:
        rcond = _rounding(a) if rcond is None else float(np.finfo(a.dtype).eps)
    columns = expand_dims(b, 1) if b.ndim == 1 else b
    x, s = matmul(pinv(a, rcond), columns), svdvals(a)
    values = plain(s)
    rank = int(np.count_nonzero(values > rcond * values[:1]))
    residuals = sum((columns - matmul(a, x)) ** 2, 0) if rank == n < m else ravel(x)[:0]
    return _Solution(squeeze(x, 1) if b.ndim == 1 else x, residuals, rank, s)


# Systems of tensors --------------------------------------------------------------------------------------


@serves(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    """The inverse of the map x -> tensordot(a, x): its axes are those of a from `ind` on, then the first `ind`."""
    a = in_array(a)
    if ind <= 0:
        raise ValueError(f"tensorinv: ind must be positive, not {ind!r}")
    first, last = a.shape[:ind], a.shape[ind:]
    matrix = reshape(a, (math.prod(first), math.prod(last)))
    return reshape(inv(matrix), (*last, *first))


@serves(np.linalg.tensorsolve)
@says_our_words
def tensorsolve(a: Any, b: Any, axes: Sequence[int] | None = None) -> Any:
    """x with tensordot(a, x, x.ndim) = b; `axes` of a are moved to its end first."""
    a, b = in_array(a), in_array(b)
    if axes is not None:
        last = list(normalize_axis_tuple(axes, a.ndim, "tensorsolve"))
        a = transpose(a, [i for i in range(a.ndim) if i not in last] + last)
    unknown = a.shape[b.ndim :]
    if math.prod(a.shape) != math.prod(unknown) ** 2 or math.prod(unknown) != math.prod(b.shape):
        raise np.linalg.LinAlgError(
            f"tensorsolve: a has shape {a.shape} and b {b.shape}; the axes of a after the first {b.ndim} must have "
            "as many elements as those before, and b as many"
        )
    size = math.prod(unknown)
    return reshape(solve(reshape(a, (size, size)), ravel(b)), unknown)
