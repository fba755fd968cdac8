"""Nested lists, tuples and dicts of arrays as one vector, which is what optimisers take."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any

import numpy as np

from ..core.graph import TensorBase
from ..ops.elementwise import astype
from ..ops.joining import split
from ..ops.shapes import concatenate, reshape
from ..structures import array_of, flattened, rebuilt


def ravel_tree(tree: Any) -> tuple[Any, Callable[[Any], Any]]:
    """(vector, unravel): the numbers in nested lists, tuples and dicts of arrays, and the function that puts them back.

        >>> start = {"w": np.ones((2, 2)), "b": 0.0}
        >>> x, unravel = ravel_tree(start)
        >>> x, unravel(x * 2)
        (array([1., 1., 1., 1., 0.]), {'w': array([[2., 2.],
               [2., 2.]]), 'b': np.float64(0.0)})

    Both are differentiable: a Tensor in the tree makes the vector a Tensor, and one of these makes a tree of Tensors.
    The vector has the widest of the dtypes, float64 for Python floats; `unravel` gives every array its own again.
    Raises TypeError for what is not made of floats, and `unravel` ValueError for a vector of another size.

    So an optimiser of vectors is one of trees. SciPy's:

        minimize(value_and_grad(lambda x: loss(unravel(x))), x, jac=True)

    and one of your own, here Adam (Kingma and Ba 2015):

        >>> from minigrad import grad
        >>> def adam(loss, tree, steps, rate=0.1):
        ...     x, unravel = ravel_tree(tree)
        ...     slope = grad(lambda x: loss(unravel(x)))
        ...     m = v = np.zeros_like(x)
        ...     for t in range(1, steps + 1):
        ...         g = slope(x)
        ...         m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        ...         x = x - rate * m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        ...     return unravel(x)
        >>> found = adam(lambda p: ((p["w"] - 3) ** 2).sum() + (p["b"] + 1) ** 2, start, 500)
        >>> np.round(found["w"], 6), round(found["b"], 6)
        (array([[3., 3.],
               [3., 3.]]), np.float64(-1.0))
    """
    parts, structure = flattened(tree, "ravel_tree: the tree", floats=True)
    kinds = [(x.shape, x.dtype) for x in parts]
    ends = list(accumulate((x.size for x in parts), initial=0))[1:]
    vector = concatenate([reshape(x, (-1,)) for x in parts]) if parts else np.zeros(0)

    def unravel(vector: Any) -> Any:
        x = array_of(vector, "unravel: the vector")
        size = ends[-1] if ends else 0
        if x.shape != (size,):
            raise ValueError(
                f"unravel: a vector of shape ({size},) is needed for this tree, not {x.shape}"
            )
        pieces = split(x, ends[:-1]) if ends else []
        return rebuilt(structure, [_shaped(p, *k) for p, k in zip(pieces, kinds, strict=True)])

    return vector, unravel


def _shaped(piece: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """A piece of the vector in its shape and dtype; of a plain one a copy, or a scalar."""
    x = reshape(piece, shape)
    if isinstance(x, TensorBase):
        return x if x.dtype == dtype else astype(x, dtype)
    return x.astype(dtype) if shape or x.__class__ is not np.ndarray else x.astype(dtype)[()]
