"""An array as a small picture: a grid of cells, each the mean of a block of elements."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from ..devices import on_host
from .statistics import SMALL

WHOLE = 4096  # the most elements that are shown one by one
CELLS = 2304  # of what has more, at most


def heat_of(array: Any) -> dict[str, Any] | None:
    """The array as a matrix (its last axis across, all others down), coarsened until it can be drawn.

    rows, columns  of the grid
    block   [elements down, elements across] of which each cell is the mean
    limit   the largest magnitude among the cells that are finite
    cells   base64 of one signed byte per cell, row by row: 127 is `limit`, -128 a cell that is not finite

    None for small arrays, which are shown by their numbers, and for what NumPy cannot read as numbers.
    """
    try:
        matrix = on_host(array)
    except (TypeError, ValueError):  # an array of a library that refuses the conversion
        return None
    if matrix.size <= SMALL or matrix.dtype.kind not in "biuf":
        return None
    matrix = matrix.reshape(-1, matrix.shape[-1] if matrix.ndim else 1)
    down, across = _block(*matrix.shape)
    with np.errstate(all="ignore"):
        cells = _means(_means(matrix.astype(np.float64), down, 0), across, 1)
        limit = float(np.max(np.abs(cells), where=np.isfinite(cells), initial=0))
        levels = np.where(np.isfinite(cells), np.rint(cells / (limit or 1) * 127), -128)
    return {
        "rows": cells.shape[0],
        "columns": cells.shape[1],
        "block": [down, across],
        "limit": float(f"{limit:.6g}"),
        "cells": base64.b64encode(levels.astype(np.int8).tobytes()).decode(),
    }


def _block(rows: int, columns: int) -> tuple[int, int]:
    """The smallest block, as square as the matrix allows, of which there are few enough."""
    down = across = 1
    while rows * columns > WHOLE and -(-rows // down) * -(-columns // across) > CELLS:
        if rows / down > columns / across:
            down += 1
        else:
            across += 1
    return down, across


def _means(matrix: Any, length: int, axis: int) -> Any:
    """The means of blocks of `length` neighbours; the last block may be shorter."""
    starts = np.arange(0, matrix.shape[axis], length)
    counts = np.diff(np.append(starts, matrix.shape[axis]))
    sums = np.add.reduceat(matrix, starts, axis=axis)
    return sums / (counts[:, None] if axis == 0 else counts)
