"""Covariances and correlations of several variables, each observed n times."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.dtypes import narrowed, widened
from ..core.rows import serves
from .axes import in_floats, together
from .elementwise import astype, where
from .inspection import plain
from .powers import sqrt
from .rearrange import diagonal
from .reductions import sum
from .shapes import atleast_2d, concatenate, squeeze, transpose


@serves(np.cov)
def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: float | None = None,
    fweights: Any = None, aweights: Any = None,
) -> Any:  # fmt: skip
    """sum_k w_k (x_ik - mean(x_i)) (x_jk - mean(x_j)) / f, with f = n - ddof; nan where f <= 0. float16: in float32.

    m, y      variables, one in each row, or in each column if not rowvar
    ddof      0 with bias, and 1 without, if it is not given
    fweights  how often each observation counts, n integers
    aweights  the weight of each observation, n numbers, which have a gradient too

    With weights w = fweights aweights and f = sum(w) - ddof sum(w aweights) / sum(w).
    """
    given = together(m) if y is None else together(m, y)
    rows = [atleast_2d(v) for v in given]
    if any(len(v.shape) > 2 for v in rows):
        raise ValueError("cov: m and y have at most 2 axes, variables and observations")
    if not rowvar:
        rows = [v if len(of.shape) < 2 else transpose(v) for v, of in zip(rows, given, strict=True)]
    x = in_floats(concatenate(rows) if len(rows) > 1 else rows[0])
    wide = widened(x)
    ddof = (0 if bias else 1) if ddof is None else ddof
    w, f = _weights(wide, fweights, aweights, ddof)
    total = wide.shape[1] if w is None else sum(w)
    apart = wide - sum(wide if w is None else wide * w, 1, keepdims=True) / total
    c = (apart if w is None else apart * w) @ transpose(apart) / f
    return narrowed(squeeze(c), x)


def _weights(x: Any, fweights: Any, aweights: Any, ddof: float) -> tuple[Any, Any]:
    """The weights of the columns of x, or None, and what their sum is divided by."""
    if fweights is None and aweights is None:
        f = x.shape[1] - ddof
        return None, f if f > 0 else math.nan
    each = []
    for name, w in (("fweights", fweights), ("aweights", aweights)):
        if w is None:
            continue
        _, w = together(x, w)
        if tuple(w.shape) != (x.shape[1],):
            raise ValueError(
                f"cov: {name} has shape {tuple(w.shape)}; one for each of the {x.shape[1]} observations is needed"
            )
        each.append(astype(w, x.dtype))
    w = each[0] if len(each) == 1 else each[0] * each[1]
    total = sum(w)
    f = total - (ddof if aweights is None else ddof * sum(w * each[-1]) / total)
    return w, where(f > 0, f, math.nan)


@serves(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Any:
    """c_ij / (c_ii c_jj)^(1/2), with c = cov(x, y, rowvar), in [-1, 1]; nan for a variable that is constant."""
    wide = [widened(v) for v in (together(x) if y is None else together(x, y))]
    c = cov(wide[0], None if y is None else wide[1], rowvar)
    if not len(c.shape):
        return c / c
    deviation = sqrt(diagonal(c))
    r = c / deviation[:, None] / deviation[None, :]
    # rounding may lead out of the range; taken off as a constant, it leaves every derivative as it is
    r = r - (plain(r) - np.clip(plain(r), -1, 1))
    return narrowed(r, together(x)[0])
