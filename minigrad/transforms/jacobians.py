"""Jacobians and Hessians: all partial derivatives of a function of arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from ..ops.elementwise import astype
from ..ops.shapes import reshape, stack
from ..structures import rebuilt
from ..tensor import Tensor
from .call import Arguments, Call, Transposed, in_kind
from .gradients import grad

FORWARD_COST = (
    3  # a forward pass over the recorded gradients takes as long as so many backward passes
)


def jacobian(
    f: Callable[..., Any],
    argnums: Arguments = 0,
    mode: Literal["auto", "forward", "reverse"] = "auto",
) -> Callable[..., Any]:
    """x -> J, with J[i, j] = df_i / dx_j of shape f(x).shape + x.shape.

    mode  "reverse" takes a backward pass for each element of the result, "forward" a product J t for each element of
          the arguments, which takes about three times as long; "auto" takes the cheaper way

    In the structure of f's result, and within it that of the argument.
    """
    if mode not in ("auto", "forward", "reverse"):
        raise ValueError(f"jacobian: mode must be 'auto', 'forward' or 'reverse', not {mode!r}")

    @in_kind
    def transformed(*args: Any, **kwargs: Any) -> Any:
        call = Call("jacobian", f, args, kwargs, argnums)
        outputs, structure = call.outputs()
        rows, columns = [sum(t.size for t in ts) for ts in (outputs, call.xs)]
        has_floats = all(t.dtype.kind == "f" for t in outputs)
        is_cheaper = has_floats and FORWARD_COST * columns < rows
        forward = mode == "forward" or (mode == "auto" and is_cheaper)
        found = (_by_columns if forward else _by_rows)(call, outputs)
        return rebuilt(structure, [call.structured(each, recorded=True) for each in found])

    return transformed


def _by_rows(call: Call, outputs: list[Any]) -> list[list[Any]]:
    """Per output and argument dy/dx of shape y.shape + x.shape, by a backward pass for each element of y."""
    found = []
    for y in outputs:
        rows = [call.gradients([y], [Tensor(e)], call.reaches_out) for e in _unit_arrays(y)]
        found.append(_stacked(rows, [y.shape + x.shape for x in call.xs], call.xs, 0))
    return found


def _by_columns(call: Call, outputs: list[Any]) -> list[list[Any]]:
    """The same, by a product J t for each element of the arguments."""
    transposed = Transposed(call, outputs)
    found: list[list[Any]] = [[] for _ in outputs]
    for place, x in enumerate(call.xs):
        columns = []
        for e in _unit_arrays(x):
            along: list[Any] = [np.zeros_like(other.data) for other in call.xs]
            along[place] = e
            columns.append(transposed.times(along, call.reaches_out))
        shapes = [y.shape + x.shape for y in outputs]
        for rows, J in zip(found, _stacked(columns, shapes, outputs, -1), strict=True):
            rows.append(J if J.dtype == x.dtype else astype(J, x.dtype))  # as a gradient by x
    return found


def _unit_arrays(x: Any) -> Any:
    """Arrays like x of zeros with a 1 at each element in turn, in row-major order."""
    for place in range(x.size):
        e = np.zeros_like(x.data, order="C")  # of another order, reshape would be a copy
        e.reshape(-1)[place] = 1
        yield e


def _stacked(lists: list[list[Any]], shapes: list[Any], like: list[Any], axis: int) -> list[Any]:
    """The members of the lists at each place as one Tensor of the given shape; zeros of it if there are no lists."""
    if not lists:
        return [
            Tensor(np.zeros_like(x.data, shape=shape))
            for x, shape in zip(like, shapes, strict=True)
        ]
    columns = zip(*lists, strict=True)
    return [reshape(stack(c, axis), shape) for c, shape in zip(columns, shapes, strict=True)]


def hessian(f: Callable[..., Any], argnums: Arguments = 0) -> Callable[..., Any]:
    """x -> H, with H[i, j] = d^2 f / dx_i dx_j of shape x.shape + x.shape, for f that gives a scalar."""
    return jacobian(grad(f, argnums), argnums)
