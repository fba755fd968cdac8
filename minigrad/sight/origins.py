"""The origin of a Tensor: the node that made it, or where nothing was recorded for backward, its ghost.

A ghost is a node that stands beside the graph: it tells, while recording, what made a Tensor without gradient. It is
reached from that Tensor by `origin_of` and from later nodes by `notes.sources`, never by their parents, so that
backward, its checks and the freeing of graphs know nothing of it.
"""

from __future__ import annotations

import weakref
from typing import Any

from ..core.graph import Node, TensorBase

_ghosts: dict[int, tuple[Any, Node]] = {}  # id(tensor) -> (weak reference that clears it, ghost)


def is_ghost(origin: Any) -> bool:
    """Tell a ghost from a node that backward may meet, and from a leaf."""
    return isinstance(origin, Node) and origin.notes is not None and origin.notes.cut is not None


def origin_of(tensor: Any) -> Any:
    """The node that made a Tensor, or if it needs no gradient its ghost; itself if neither is there."""
    if tensor._node is not None:
        return tensor._node
    return tensor if tensor._requires_grad else ghost_of(tensor) or tensor


def ghost_of(tensor: Any) -> Node | None:
    """The ghost that made a Tensor, also one that became a leaf later: `h.detach().requires_grad_()`."""
    entry = _ghosts.get(id(tensor))
    return None if entry is None else entry[1]


def sources_of(origin: Any) -> list[tuple[str, Any]]:
    """(argument, origin) of what a node was computed from: while recording all, otherwise what needs a gradient."""
    if not isinstance(origin, Node):
        return []
    if origin.notes is not None and not origin.op.is_part:
        return list(origin.notes.sources.items())
    name = origin.op.argument_name
    return [(name(place), p) for place, p in enumerate(origin.parents) if p is not None]


def all_sources_of(node: Node) -> list[tuple[str, Any]]:
    """The same as `sources_of`, and through a leaf that was made of a cut Tensor to its ghost."""
    found = sources_of(node)
    for argument, source in list(found):
        ghost = ghost_of(source) if isinstance(source, TensorBase) else None
        if ghost is not None:
            found.append((argument, ghost))
    return found


def all_before(end: Any) -> list[Node]:
    """The nodes and ghosts that `end` was computed from, itself too, the oldest first; none if it is a leaf."""
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
    """Remember what made a Tensor without gradient, as long as it lives."""
    key = id(tensor)
    _ghosts[key] = (weakref.ref(tensor, lambda _: _ghosts.pop(key, None)), ghost)
