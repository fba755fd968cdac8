"""A rule: how one gradient of an op is computed, and which values of the call it needs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from .graph import PART, Node, wrap

OUTPUT, MEMBER = (
    -1,
    -2,
)  # origins of a value that a rule names: the op's output, this member of `*xs`


class Rule:
    """How one gradient is computed: the row's function, and where each value that it names comes from.

    function  the rule as the row gives it, called with the incoming gradient and the values it names
    place     which differentiable argument it is for; for a joint rule, which ones
    save      takes from the pool of a call `(y, *arguments)` what the rule names
    origins   per named value: the place of the differentiable argument it is, or OUTPUT, MEMBER, or None
    """

    __slots__ = ("argument", "function", "names", "origins", "place", "save")

    def __init__(
        self,
        argument: str,
        function: Callable[..., Any],
        place: Any,
        pool: Sequence[str],
        origins: Sequence[int | None],
    ) -> None:
        self.argument = argument
        self.function = function
        self.place = place
        self.names = tuple(inspect.signature(function).parameters)[1:]
        sources = []
        for name in self.names:
            if name in pool:
                sources.append((pool.index(name), False))
            elif name.endswith("_shape") and name[:-6] in pool:
                sources.append((pool.index(name[:-6]), True))
            else:
                raise TypeError(
                    f"the rule for `{argument}` names `{name}`; it may name {', '.join(pool)} and <argument>_shape"
                )
        self.save = _saver(sources)
        self.origins = tuple(None if is_shape else origins[at] for at, is_shape in sources)

    def lift(self, node: Node, place: Any, values: Sequence[Any]) -> list[Any]:
        """The saved values as Tensors of the graph, so that what the rule does with them is recorded."""
        lifted = list(values)
        for at, origin in enumerate(self.origins):
            if origin is None:
                continue
            if origin is OUTPUT:
                lifted[at] = output_of(values[at], node)
                continue
            parent = node.parents[place if origin is MEMBER else origin]
            if parent is not None:
                lifted[at] = _input(values[at], parent)
        return lifted


def _saver(sources: list[tuple[int, bool]]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """The function that takes from a pool the values at the given positions, or only their shapes."""
    if not sources:
        return lambda pool: ()
    if any(is_shape for _, is_shape in sources):
        return lambda pool: tuple(
            [np.shape(pool[at]) if is_shape else pool[at] for at, is_shape in sources]
        )
    if len(sources) == 1:
        only = sources[0][0]
        return lambda pool: (pool[only],)
    return itemgetter(*[at for at, _ in sources])


def output_of(value: Any, node: Node) -> Any:
    """What `node` gave, as the Tensor (or the tuple of Tensors) it gave it as."""
    if isinstance(value, tuple):
        return tuple(_part(part, node, i) for i, part in enumerate(value))
    return wrap(value, node)


def _input(value: Any, parent: Any) -> Any:
    """What an op was given, as a Tensor over the node or leaf it came from, at the dtype it was brought to."""
    tensor = parent
    if isinstance(parent, Node):
        tensor = wrap(value if value.dtype == parent.dtype else value.astype(parent.dtype), parent)
    return tensor if tensor.dtype == value.dtype else tensor.astype(value.dtype)


def _part(value: Any, node: Node, i: int) -> Any:
    if value.dtype.kind != "f":
        return wrap(value)
    return wrap(value, Node(PART, (node,), (), (("output", i),), value.shape, value.dtype))
