"""A rule: how one gradient of an op is computed, and which values of the call it needs."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from .graph import PART, Node, TensorBase, describe, wrap
from .signature import Signature

# origins of a value that a rule names: the op's output, this member of `*xs`, something computed on the way
OUTPUT, MEMBER, ALSO = -1, -2, -3


class Rule:
    """How one gradient is computed: the row's function, and where each value that it names comes from.

    function  the rule as the row gives it, called with the incoming gradient and the values it names
    place     which differentiable argument it is for; for a joint rule, which ones
    save      takes from the pool of a call `(y, *arguments)` what the rule names
    origins   per named value: the place of the differentiable argument it is, or OUTPUT, MEMBER, ALSO, or None
    holding   the positions among the named values that are not just shapes, and so may hold arrays
    also      (position, function, positions of its inputs) of each named value that was computed on the way
    """

    __slots__ = ("also", "argument", "function", "holding", "names", "origins", "place", "save")

    def __init__(
        self,
        argument: str,
        function: Callable[..., Any],
        place: Any,
        pool: Sequence[str],
        origins: Sequence[int | None],
        also: dict[str, Callable[..., Any]],
    ) -> None:
        self.argument = argument
        self.function = function
        self.place = place
        self.names = Signature(function).names[1:]
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
        self.holding = tuple(n for n, (_, is_shape) in enumerate(sources) if not is_shape)
        self.also = [
            (at, also[name], self._places_of_inputs(name, also[name]))
            for at, name in enumerate(self.names)
            if name in also
        ]

    def _places_of_inputs(self, name: str, function: Callable[..., Any]) -> list[int]:
        """Which of the named values `name` is computed from again: the rule must name them, so that they are saved."""
        inputs = Signature(function).names
        missing = [given for given in inputs if given not in self.names]
        if missing:
            raise TypeError(
                f"the rule for `{self.argument}` names `{name}`, which is computed from {', '.join(inputs)}; "
                f"it must name {', '.join(missing)} too"
            )
        return [self.names.index(given) for given in inputs]

    def lift(self, node: Node, place: Any, values: Sequence[Any]) -> list[Any]:
        """The saved values as Tensors of the graph, so that what the rule does with them is recorded."""
        lifted = list(values)
        for at, origin in enumerate(self.origins):
            if origin is None or origin is ALSO:
                continue
            if origin is OUTPUT:
                lifted[at] = output_of(values[at], node)
                continue
            parent = node.parents[place if origin is MEMBER else origin]
            if parent is not None:
                lifted[at] = _input(values[at], parent, node)
        for at, function, inputs in self.also:
            again = function(*[lifted[given] for given in inputs])
            if isinstance(
                again, TensorBase
            ):  # the value is f's to the last bit, the history is the function's
                lifted[at] = wrap(values[at], again._node)
        return lifted


def _saver(sources: list[tuple[int, bool]]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """The function that takes from a pool the values at the given positions, or only their shapes."""
    if not sources:
        return itemgetter(slice(0))
    if any(is_shape for _, is_shape in sources):
        return lambda pool: tuple(
            [np.shape(pool[at]) if is_shape else pool[at] for at, is_shape in sources]
        )
    places = [at for at, _ in sources]
    if len(places) == 1:  # a slice keeps the one value in a tuple
        return itemgetter(slice(places[0], places[0] + 1))
    return itemgetter(*places)


def output_of(value: Any, node: Node) -> Any:
    """What `node` gave, as the Tensor (or the tuple of Tensors) it gave it as."""
    if not isinstance(value, tuple):
        return wrap(value, node)
    known = [reference() for reference in node.part_nodes] or [None] * len(value)
    parts = [p or _part_node(v, node, i) for i, (p, v) in enumerate(zip(known, value, strict=True))]
    node.part_nodes = tuple([weakref.ref(part) for part in parts])
    return tuple(
        [wrap(v, p) if v.dtype.kind == "f" else wrap(v) for v, p in zip(value, parts, strict=True)]
    )


def _part_node(value: Any, node: Node, i: int) -> Node:
    return Node(PART, (node,), (), (i,), value.shape, value.dtype)


def _input(value: Any, parent: Any, node: Node) -> Any:
    """What `node` was given, as a Tensor over the node or leaf it came from, at the dtype it was brought to."""
    if isinstance(parent, Node):
        given = wrap(value if value.dtype == parent.dtype else value.astype(parent.dtype), parent)
        return given if given.dtype == value.dtype else given.astype(value.dtype)
    if not parent._requires_grad:
        raise RuntimeError(
            f"a leaf of shape {parent.shape} was frozen after {describe(node)} used it, so a derivative recorded now "
            "would miss it; freeze it before the forward pass or after the backward pass"
        )
    if parent.dtype == value.dtype:
        return parent
    if not np.array_equal(parent._data.astype(value.dtype), value, equal_nan=True):
        raise RuntimeError(
            f"a leaf of shape {parent.shape} was written after the forward pass of {describe(node)} used it; "
            "compute the forward pass again after the write"
        )
    return parent.astype(value.dtype)
