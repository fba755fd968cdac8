"""Costs: the multiply-adds of each op of a recorded graph, and the bytes that a graph keeps for backward."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..core import writes
from ..core.graph import Node, TensorBase, creation_order
from .origins import all_before, is_ghost, origin_of


class Cost(NamedTuple):
    """The cost of one application of an op.

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


# Bytes kept for backward ---------------------------------------------------------------------------------


def saved_bytes(*outputs: Any) -> int:
    """Bytes that only the graph of `outputs` keeps in memory: what its rules saved for backward.

        >>> import minigrad, numpy as np
        >>> x = minigrad.Tensor(np.ones(1000), requires_grad=True)
        >>> minigrad.saved_bytes(np.exp(np.sin(x)).sum())    # sin saved x itself, exp its output
        8000

    A block of memory counts once and whole, however many nodes saved it or views of it. It does not count where
    somebody else holds it: a leaf, a Tensor or array of yours, a view of one. So the output of exp counts from the
    moment you drop it. 0 without history, and after a backward that freed the graph.

    Raises TypeError for what is no Tensor.
    """
    for y in outputs:
        if not isinstance(y, TensorBase):
            raise TypeError(f"saved_bytes: a {type(y).__name__} has no graph; a Tensor is needed")
    return sum(saved_by_node(*outputs).values())


def saved_by_node(*outputs: Any) -> dict[Node, int]:
    """node -> bytes, as `saved_bytes` counts them, of the blocks of memory that it was the first to save."""
    nodes = {node for y in outputs for node in creation_order(y._node)}
    blocks = _blocks(sorted(nodes, key=lambda node: node.tick))
    # what was recorded to be looked at goes with the graph as well, that of ghosts too
    ghosts = {node for y in outputs for node in all_before(origin_of(y)) if is_ghost(node)}
    held_elsewhere = _References(nodes | ghosts).held_elsewhere()
    saved: Counter[Node] = Counter()
    for key, (node, size) in blocks.items():
        if key not in held_elsewhere:
            saved[node] += size
    return dict(saved)


def _blocks(nodes: Iterable[Node]) -> dict[int, tuple[Node, int]]:
    """The first of the nodes that saved an array of it, and the size, of each block of memory, by its owner's id."""
    blocks: dict[int, tuple[Node, int]] = {}
    for node in nodes:
        for _, array in node.saved_arrays():
            owner = writes.owner(array)
            size = getattr(owner, "nbytes", array.nbytes)  # e.g. bytes have no nbytes
            blocks.setdefault(id(owner), (node, size))
    return blocks


class _References:
    """The objects that saved values consist of, and how many references to each are accounted for by these values.

    They are a tuple per rule, which holds arrays or tuples of them; an array holds the one that it is a view of, and
    so on to the owner of the memory. What has more references than these is held from elsewhere too, and with it
    everything that it holds.
    """

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.objects: dict[int, Any] = {}
        self.counts: Counter[int] = Counter()
        for node in nodes:
            for _, _, values in node.saved or ():
                self._add(values)
            if node.notes is not None:
                for thing in (node.notes.value, *node.notes.inputs.values()):
                    self._add(thing)

    def _add(self, thing: Any) -> None:
        self.counts[id(thing)] += 1
        if id(thing) not in self.objects:
            self.objects[id(thing)] = thing
            for part in _parts(thing):
                self._add(part)

    def held_elsewhere(self) -> set[int]:
        """The ids of the objects that something beside the saved values keeps alive."""
        found: set[int] = set()
        for key, count in self.counts.items():
            if _references(self.objects, key) > count + _ALONE:
                self._mark(self.objects[key], found)
        return found

    def _mark(self, thing: Any, found: set[int]) -> None:
        if id(thing) not in found:
            found.add(id(thing))
            for part in _parts(thing):
                self._mark(part, found)


def _parts(thing: Any) -> list[Any]:
    """The things that a saved value holds itself: the items of a tuple, or what an array is a view of."""
    if isinstance(thing, (tuple, list)):
        return list(thing)
    base = thing.obj if isinstance(thing, memoryview) else getattr(thing, "base", None)
    return [] if base is None else [base]


def _references(objects: dict[int, Any], key: int) -> int:
    return sys.getrefcount(objects[key])


# what `_references` counts where only the dict holds the object: measured, as interpreters differ
_ALONE = _references({0: object()}, 0)
