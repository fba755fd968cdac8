"""What each op of a recorded graph cost: multiply-adds, and bytes kept for backward."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from ..core.graph import Node, TensorBase
from .footprint import saved_by_node
from .recording import all_before, origin_of


class Cost(NamedTuple):
    """What one application of an op cost.

    op             its name
    scope          the modules that it ran in, outermost first, those that still live
    multiply_adds  of the products of matrices in it: one for each number multiplied and added
    saved_bytes    what it keeps for backward, and nobody else; memory that several ops keep counts at the first
    """

    op: str
    scope: tuple[Any, ...]
    multiply_adds: int
    saved_bytes: int


def costs(*outputs: Any) -> list[Cost]:
    """The cost of every op that `outputs` were computed from, in the order they ran.

        >>> import minigrad, numpy as np
        >>> w = minigrad.Tensor(np.ones((3, 4), np.float32), requires_grad=True)
        >>> with minigrad.record():
        ...     y = np.tanh(minigrad.linear(np.ones((10, 4), np.float32), w)).sum()
        >>> [(cost.op, cost.multiply_adds, cost.saved_bytes) for cost in minigrad.costs(y)]
        [('linear', 120, 160), ('tanh', 0, 120), ('sum', 0, 0)]

    Multiply-adds are those of linear, matmul, einsum and the convolutions; what else an op computes is not counted.
    Bytes are counted as in `saved_bytes`, which is their sum. Ops without gradient are among them.

    Raises TypeError for what is no Tensor, RuntimeError for a graph that did not run inside `record()`.
    """
    for y in outputs:
        if not isinstance(y, TensorBase):
            raise TypeError(f"costs: a {type(y).__name__} has no graph; a Tensor is needed")
    nodes = {node for y in outputs for node in all_before(origin_of(y)) if not node.op.is_part}
    if any(node.notes is None for node in nodes):
        raise RuntimeError("costs: the graph was not recorded; compute it inside minigrad.record()")
    saved = saved_by_node(*outputs)
    return [_cost(node, saved.get(node, 0)) for node in sorted(nodes, key=lambda node: node.tick)]


def _cost(node: Node, saved_bytes: int) -> Cost:
    assert node.notes is not None
    owners = (reference() for reference in node.notes.scope)
    scope = tuple(owner for owner in owners if owner is not None)
    count = _MULTIPLY_ADDS.get(node.op.name)
    return Cost(node.op.name, scope, 0 if count is None else count(node), saved_bytes)


def _per_element(size_of: str, factors_of: str, axes: slice) -> Callable[[Node], int]:
    """So many for each element of one array as the given axes of another have elements."""
    return lambda node: math.prod(_shape(node, size_of)) * math.prod(_shape(node, factors_of)[axes])


def _shape(node: Node, name: str) -> tuple[int, ...]:
    assert node.notes is not None
    return tuple(node.shape if name == "y" else node.notes.inputs[name].shape)


def _of_einsum(node: Node) -> int:
    """Every combination of what the letters count."""
    labels, _ = dict(node.options)["subscripts"].split("->")
    sizes: dict[str, int] = {}
    for letters, name in zip(labels.split(","), ("a", "b"), strict=True):
        sizes.update(zip(letters, _shape(node, name), strict=True))
    return math.prod(sizes.values())


_MULTIPLY_ADDS: dict[str, Callable[[Node], int]] = {
    "linear": _per_element("y", "w", slice(1, None)),
    "matmul": _per_element("y", "a", slice(-1, None)),
    "conv2d": _per_element("y", "w", slice(1, None)),
    "conv2d_input": _per_element("g", "w", slice(1, None)),
    "conv2d_weight": _per_element("g", "y", slice(1, None)),
    "einsum": _of_einsum,
}
