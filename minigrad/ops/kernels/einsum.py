"""Fast sums of products for NumPy's own arrays; ops/einsum.py has the plain version, which says what is computed."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

# Subscripts are read once for all calls with the same shapes: for small arrays reading them takes most of the time.
once = lru_cache(maxsize=1024)


def einsum(a: Any, b: Any, subscripts: str) -> Any:
    """np.einsum of a and b (or None), as a product of stacks of matrices if it is one."""
    of_a, of_b, out = split(subscripts)
    a, of_a = _reduced(a, of_a, of_b + out)
    if b is None:
        return a.transpose([of_a.index(n) for n in out])
    b, of_b = _reduced(b, of_b, of_a + out)
    steps = _as_matmul(of_a, of_b, out, a.shape, b.shape)
    if steps is None:
        return np.einsum(f"{of_a},{of_b}->{out}", a, b)
    a_order, a_shape, b_order, b_shape, sizes, order = steps
    y = np.matmul(a.transpose(a_order).reshape(a_shape), b.transpose(b_order).reshape(b_shape))
    return y.reshape((*y.shape[:-2], *sizes)).transpose(order)


@once
def split(subscripts: str) -> tuple[str, str, str]:
    """The labels of a, of b ("" if there is none) and of the output."""
    labels, out = subscripts.split("->")
    of_a, _, of_b = labels.partition(",")
    return of_a, of_b, out


def _reduced(x: Any, labels: str, elsewhere: str) -> tuple[Any, str]:
    """x with diagonals for repeated labels, summed over labels that appear nowhere else; and the labels left."""
    distinct, alone, left = _to_reduce(labels, elsewhere)
    if distinct != labels:
        x = np.einsum(f"{labels}->{distinct}", x)
    return (x.sum(axis=alone) if alone else x), left


@once
def _to_reduce(labels: str, elsewhere: str) -> tuple[str, tuple[int, ...], str]:
    distinct = "".join(dict.fromkeys(labels))
    alone = tuple(i for i, n in enumerate(distinct) if n not in elsewhere)
    return distinct, alone, "".join(n for n in distinct if n in elsewhere)


@once
def _as_matmul(of_a: str, of_b: str, out: str, a_shape: Any, b_shape: Any) -> Any:
    """The steps of a product of stacks of matrices, many times as fast as NumPy's loop; None if it is no such product.

    The steps: the order of a's axes and its shape (*batch, rows, summed); the same for b, (*batch, summed, columns);
    the sizes of rows and columns; and the order of the axes *batch, *rows, *columns in the output.
    """
    summed = [n for n in of_a if n not in out]
    sizes = dict(zip(of_a + of_b, a_shape + b_shape, strict=True))
    fits = all(a_shape[of_a.index(n)] == sizes[n] for n in summed)
    if not summed or not fits or set(of_a) == set(of_b):
        return None
    batch = [n for n in out if n in of_a and n in of_b]
    rows, columns = ([n for n in out if n not in other] for other in (of_b, of_a))

    def stacked(labels: str, shape: Any, first: list[str], second: list[str]) -> tuple[Any, Any]:
        order = [labels.index(n) for n in (*batch, *first, *second)]
        own = [shape[axis] for axis in order[: len(batch)]]  # some may be 1, and broadcast
        return order, (*own, *(math.prod(sizes[n] for n in group) for group in (first, second)))

    order = [*batch, *rows, *columns]
    return (
        *stacked(of_a, a_shape, rows, summed),
        *stacked(of_b, b_shape, summed, columns),
        [sizes[n] for n in (*rows, *columns)],
        [order.index(n) for n in out],
    )
