"""The origin of a Tensor: the node that made it, or its ghost if it needs no gradient.

A ghost is a node outside the graph, made inside `record()`, that tells what made a Tensor without gradient. The Tensor
leads to it by `origin_of`, and later nodes by their `notes.sources`. It is a parent of no node in the graph, so the
backward pass never meets it.
"""

from __future__ import annotations

import weakref
from functools import partial
from typing import Any

from ..core.graph import Node, TensorBase

_readings: dict[int, tuple[Any, dict[str, None]]] = {}  # id -> (weak reference, lines)
_ghosts: dict[int, tuple[Any, Node]] = {}  # id(tensor) -> (weak reference that clears it, ghost)


def is_ghost(origin: Any) -> bool:
    """Return whether an origin is a ghost, as opposed to a node of the graph or a leaf."""
    return isinstance(origin, Node) and origin.notes is not None and origin.notes.cut is not None


def origin_of(tensor: Any) -> Any:
    """The node that made a Tensor, or the ghost of one that needs no gradient; without either, the Tensor itself."""
    if tensor._node is not None:
        return tensor._node
    return tensor if tensor._requires_grad else ghost_of(tensor) or tensor


def ghost_of(tensor: Any) -> Node | None:
    """The ghost of a Tensor, even of one that requires grad by now: `h.detach().requires_grad_()`; None without one."""
    entry = _ghosts.get(id(tensor))
    return None if entry is None else entry[1]


def sources_of(origin: Any) -> list[tuple[str, Any]]:
    """(argument, origin) of each Tensor that a node was computed from; without notes, of those that need a gradient."""
    if not isinstance(origin, Node):
        return []
    if origin.notes is not None and not origin.op.is_part:
        return list(origin.notes.sources.items())
    name = origin.op.argument_name
    return [(name(place), p) for place, p in enumerate(origin.parents) if p is not None]


def all_sources_of(node: Node) -> list[tuple[str, Any]]:
    """The result of `sources_of`, and for each leaf in it that has a ghost also the ghost."""
    found = sources_of(node)
    for argument, source in list(found):
        ghost = ghost_of(source) if isinstance(source, TensorBase) else None
        if ghost is not None:
            found.append((argument, ghost))
    return found


def all_before(end: Any) -> list[Node]:
    """The nodes and ghosts that `end` was computed from, and `end` itself, oldest first; none if it is a leaf."""
    if not isinstance(end, Node):
        return []
    seen, stack = {end}, [end]
    while stack:
        for _, source in all_sources_of(stack.pop()):
            if isinstance(source, Node) and source not in seen:
                seen.add(source)
                stack.append(source)
    return sorted(seen, key=lambda node: node.tick)


def haunt(tensor: Any, ghost: Node) -> None:
    """Make `ghost` the ghost of a Tensor, as long as the Tensor exists."""
    key = id(tensor)
    _ghosts[key] = (weakref.ref(tensor, lambda _: _ghosts.pop(key, None)), ghost)


def note_reading(tensor: Any, line: str) -> None:
    """Remember that a line took the array of a Tensor, as long as what the Tensor was made from exists."""
    nodes = all_before(origin_of(tensor))
    leaves = [source for node in nodes for _, source in sources_of(node)]
    for key, origin in {id(o): o for o in (*nodes, *leaves, tensor)}.items():
        if key not in _readings:
            forget = partial(
                _readings.pop, key
            )  # the weak reference is what pop gives if it is gone
            _readings[key] = weakref.ref(origin, forget), {}
        _readings[key][1][line] = None


def readings_of(origin: Any) -> list[str]:
    """The lines that took the array of what came from an origin, a node or leaf, inside `record()`."""
    return [*_readings[id(origin)][1]] if id(origin) in _readings else []
