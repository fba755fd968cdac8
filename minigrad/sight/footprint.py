"""What a graph keeps in memory for backward, and nobody else."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from typing import Any

from ..core import writes
from ..core.graph import Node, TensorBase, creation_order
from .recording import all_before, origin_of


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
    ghosts = {node for y in outputs for node in all_before(origin_of(y)) if node.is_ghost}
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
    """What a saved value holds itself: the items of a tuple, or what an array is a view of."""
    if isinstance(thing, (tuple, list)):
        return list(thing)
    base = thing.obj if isinstance(thing, memoryview) else getattr(thing, "base", None)
    return [] if base is None else [base]


def _references(objects: dict[int, Any], key: int) -> int:
    return sys.getrefcount(objects[key])


# what `_references` counts where only the dict holds the object: measured, as interpreters differ
_ALONE = _references({0: object()}, 0)
