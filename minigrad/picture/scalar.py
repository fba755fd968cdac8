"""The derivatives of single elements, for the scalar zoom of a page."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.backward import grad
from ..core.graph import Node, wrap
from ..core.rule import output_of
from ..devices import is_elsewhere, on_host
from ..sight.origins import is_ghost
from .statistics import SMALL

MOST_SEEDS = 4000  # vector-Jacobian products for one page: some seconds at most


def local_derivatives(trace: dict[str, Any], places: dict[Any, int]) -> dict[str, Any]:
    """dy_t/dx_s of every op for every argument x, where y and x have at most 64 elements.

    jacobians    edge index -> [[output, t, s, dy_t/dx_s], ...], t and s counted in row-major order. Zeros are left
                 out, except in elementwise ops, where s is the one element from which y_t is made
    elementwise  ids of the elementwise ops
    complete     whether the budget sufficed for all

    A row t is the vector-Jacobian product of the t-th unit vector, by the op's own rules.
    """
    edges = {(e["target"], e["argument"]): i for i, e in enumerate(trace["edges"])}
    jacobians: dict[int, list[Any]] = {}
    elementwise = []
    budget = MOST_SEEDS
    for node, place in reversed(places.items()):
        if not isinstance(node, Node) or node.op.is_part or is_ghost(node):
            continue
        shapes = node.shape if isinstance(node.dtype, tuple) else (node.shape,)
        sizes = [int(np.prod(shape)) for shape in shapes]
        small = [at for at, p in enumerate(node.parents) if p is not None and _size(p) <= SMALL]
        if not small or max(sizes) > SMALL:
            continue
        budget -= sum(sizes)
        if budget < 0:
            break
        is_elementwise = bool(node.op.sums_back)
        if is_elementwise:
            elementwise.append(place)
        for at, rows in _rows(node, small, shapes).items():
            used = _used_elements(node, at) if is_elementwise else None
            jacobians[edges[place, node.op.argument_name(at)]] = [
                [output, t, int(s), _plain(row[s])]
                for output, t, row in rows
                for s in (np.flatnonzero(row) if used is None else [used[t]])
            ]
    return {"jacobians": jacobians, "elementwise": elementwise, "complete": budget >= 0}


def _plain(x: Any) -> Any:
    """A number as JSON knows it: "nan", "inf" and "-inf" as text."""
    x = float(x)  # of more than 64 bits it may become inf
    return x if math.isfinite(x) else str(x)


def _size(parent: Any) -> int:
    return int(np.prod(parent.shape))


def _rows(node: Node, wanted: list[int], shapes: Any) -> dict[int, list[tuple[int, int, Any]]]:
    """Wanted argument -> (output, t, dy_t/dx flattened) for every element t of every output.

    A copy of the op's node stands on leaves, outside of the graph, so that each product runs no other rules.
    """
    leaves: list[Any] = [p if p is None else _stand_in(p.shape, p.dtype) for p in node.parents]
    saved = _here(node.saved)
    alone = Node(node.op, tuple(leaves), saved, node.constants, node.shape, node.dtype)
    rows: dict[int, list[tuple[int, int, Any]]] = {at: [] for at in wanted}
    targets = [leaves[at] for at in wanted]
    for output, (y, shape) in enumerate(zip(_outputs(alone), shapes, strict=True)):
        for t in range(int(np.prod(shape))):
            seed = np.zeros(shape)
            seed.flat[t] = 1
            is_float = y._requires_grad
            found = grad(y, targets, seed, retain_graph=True) if is_float else [None] * len(wanted)
            for at, x, g in zip(wanted, targets, found, strict=True):
                row = np.zeros(x.data.size) if g is None else on_host(g.data).ravel()
                rows[at].append((output, t, row))
    return rows


def _here(value: Any) -> Any:
    """Values that a node saved, with copies on the host of the arrays of another library."""
    if isinstance(value, dict):
        return {name: _here(v) for name, v in value.items()}
    if value.__class__ in (tuple, list):
        return value.__class__([_here(v) for v in value])
    return on_host(value) if is_elsewhere(value) else value


def _stand_in(shape: Any, dtype: Any) -> Any:
    leaf = wrap(np.broadcast_to(np.zeros((), dtype), shape))
    leaf._requires_grad = True
    return leaf


def _outputs(node: Node) -> tuple[Any, ...]:
    """Tensors that stand in for the outputs of the node."""
    if not isinstance(node.dtype, tuple):
        return (output_of(np.broadcast_to(np.zeros((), node.dtype), node.shape), node),)
    zeros = [np.zeros((), dtype) for dtype in node.dtype]
    values = tuple(map(np.broadcast_to, zeros, node.shape))
    return output_of(values, node)


def _used_elements(node: Node, at: int) -> Any:
    """The element of the argument from which each element of an elementwise op's output is made."""
    shape = node.parents[at].shape
    return np.broadcast_to(np.arange(_size(node.parents[at])).reshape(shape), node.shape).ravel()
