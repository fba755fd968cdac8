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
    """The cost of one call of an op.

    op             its name
    scope          the modules that it ran in, outermost first, as far as they still exist
    multiply_adds  the pairs of a multiplication and an addition in its matrix products
    saved_bytes    bytes kept for backward only; memory that several ops saved counts for the first of them
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

    Multiply-adds are counted in linear, matmul, einsum, attention, the convolutions and the recurrent ops, and nowhere
    else. Bytes are counted as in `saved_bytes`, which is their sum. Ops whose results need no gradient are listed too.

    Raises TypeError for an output that is no Tensor, RuntimeError for a graph that was not made inside `record()`.
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
    """The function that gives the size of one array times the sizes of some axes of another."""
    return lambda node: math.prod(_shape(node, size_of)) * math.prod(_shape(node, factors_of)[axes])


def _shape(node: Node, name: str) -> tuple[int, ...]:
    assert node.notes is not None
    return tuple(node.shape if name == "y" else node.notes.inputs[name].shape)


def _of_einsum(node: Node) -> int:
    """The product of the sizes of all letters: one multiply-add for each combination of indices."""
    labels, _ = dict(node.options)["subscripts"].split("->")
    sizes: dict[str, int] = {}
    for letters, name in zip(labels.split(","), ("a", "b"), strict=True):
        sizes.update(zip(letters, _shape(node, name), strict=True))
    return math.prod(sizes.values())


def _of_recurrent(node: Node) -> int:
    """One product with each of the two weights for every row of x."""
    weights = sum(math.prod(_shape(node, name)) for name in ("w_ih", "w_hh"))
    return math.prod(_shape(node, "x")[:-1]) * weights


def _of_attention(node: Node) -> int:
    """Two products: of every query with every key, and of the weights with the values."""
    keys = _shape(node, "key")[-2]
    return (math.prod(_shape(node, "query")) + math.prod(node.shape)) * keys


_MULTIPLY_ADDS: dict[str, Callable[[Node], int]] = {
    "linear": _per_element("y", "w", slice(1, None)),
    "matmul": _per_element("y", "a", slice(-1, None)),
    "conv2d": _per_element("y", "w", slice(1, None)),
    "conv2d_input": _per_element("g", "w", slice(1, None)),
    "conv2d_weight": _per_element("g", "y", slice(1, None)),
    "einsum": _of_einsum,
    "lstm": _of_recurrent,
    "gru": _of_recurrent,
    "rnn": _of_recurrent,
    "attention": _of_attention,
}


# Bytes kept for backward ---------------------------------------------------------------------------------


def saved_bytes(*outputs: Any) -> int:
    """Bytes that only the graph of `outputs` keeps in memory: what its rules saved for backward.

        >>> import minigrad, numpy as np
        >>> x = minigrad.Tensor(np.ones(1000), requires_grad=True)
        >>> minigrad.saved_bytes(np.exp(np.sin(x)).sum())    # sin saved x itself, exp its output
        8000

    A block of memory counts once and in full, no matter how many nodes saved it or a view of it. It does not count
    while anything else holds it: a leaf, or a Tensor, array or view of yours. So the output of exp counts only once you
    have dropped it. The result is 0 without history, and after a backward that freed the graph.

    Raises TypeError for an output that is no Tensor.
    """
    for y in outputs:
        if not isinstance(y, TensorBase):
            raise TypeError(f"saved_bytes: a {type(y).__name__} has no graph; a Tensor is needed")
    return sum(saved_by_node(*outputs).values())


def saved_by_node(*outputs: Any) -> dict[Node, int]:
    """node -> bytes, as `saved_bytes` counts them, of the blocks of memory that it was the first to save."""
    nodes = {node for y in outputs for node in creation_order(y._node)}
    blocks = _blocks(sorted(nodes, key=lambda node: node.tick))
    # notes go away with the graph, those of ghosts too, so what they hold is not held elsewhere
    ghosts = {node for y in outputs for node in all_before(origin_of(y)) if is_ghost(node)}
    held_elsewhere = _References(nodes | ghosts).held_elsewhere()
    saved: Counter[Node] = Counter()
    for key, (node, size) in blocks.items():
        if key not in held_elsewhere:
            saved[node] += size
    return dict(saved)


def _blocks(nodes: Iterable[Node]) -> dict[int, tuple[Node, int]]:
    """Blocks of memory: id of the owner -> (the first node that saved an array in it, its bytes)."""
    blocks: dict[int, tuple[Node, int]] = {}
    for node in nodes:
        for _, array in node.saved_arrays():
            owner = writes.owner(array)
            size = getattr(owner, "nbytes", array.nbytes)  # e.g. bytes have no nbytes
            blocks.setdefault(id(owner), (node, size))
    return blocks


class _References:
    """The objects in saved values and notes, and how many of the references to each come from these.

    An object is a tuple of values, an array, or what an array is a view of. One with more references than counted here
    is held elsewhere too, and so is everything that it holds.
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
        """The ids of the objects that something other than saved values and notes keeps alive."""
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
    """The objects that another one refers to: the items of a tuple, or what an array is a view of."""
    if isinstance(thing, (tuple, list)):
        return list(thing)
    base = thing.obj if isinstance(thing, memoryview) else getattr(thing, "base", None)
    return [] if base is None else [base]


def _references(objects: dict[int, Any], key: int) -> int:
    return sys.getrefcount(objects[key])


# the count of an object that only the dict holds: measured, because interpreters differ
_ALONE = _references({0: object()}, 0)
