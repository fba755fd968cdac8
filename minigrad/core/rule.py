"""A rule: the function that computes one gradient of an op, and the values of the call that it needs."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from ..signatures import Signature
from .graph import PART, Node, TensorBase, describe, wrap

# origins of a value that a rule names: the output, the member of `*xs` that the rule is for, an `also` of the row
OUTPUT, MEMBER, ALSO = -1, -2, -3


class Rule:
    """The function that computes one gradient, and where each value that it names comes from.

    function  the rule as written in the row, called with the incoming gradient and the values it names
    place     the place of its argument; for a joint rule a tuple of places
    is_joint  whether it returns a tuple, with a gradient for each of its places
    save      picks what the rule names out of the pool of a call: output, arguments, `also`
    origins   for each named value its place, if it is a differentiable argument; or OUTPUT, MEMBER, ALSO; or None
    holding   the indices of the named values that may hold arrays: all but shapes
    also      (index, function, indices of its inputs) of each named value that is an `also` of the row
    """

    __slots__ = (
        "also", "argument", "function", "holding", "is_joint", "names", "origins", "place", "save",
    )  # fmt: skip

    def __init__(
        self, argument: str, function: Callable[..., Any], place: Any, pool: Sequence[str],
        origins: Sequence[int | None], also: dict[str, Callable[..., Any]],
    ) -> None:  # fmt: skip
        self.argument = argument
        self.function = function
        self.place = place
        self.is_joint = isinstance(place, tuple)
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
            (at, also[name], self._inputs_of(name, also[name]))
            for at, name in enumerate(self.names)
            if name in also
        ]

    def _inputs_of(self, name: str, function: Callable[..., Any]) -> list[int]:
        """The indices of the values that `name` is computed from; the rule must name them, so that they are saved."""
        inputs = Signature(function).names
        missing = [given for given in inputs if given not in self.names]
        if missing:
            raise TypeError(
                f"the rule for `{self.argument}` names `{name}`, which is computed from {', '.join(inputs)}; "
                f"it must name {', '.join(missing)} too"
            )
        return [self.names.index(given) for given in inputs]

    def leads_to(self, wanted: set[Any], parents: Sequence[Any], place: Any) -> bool:
        """Return whether the parent at `place`, or at any of the places of a joint rule, is wanted."""
        return any(parents[at] in wanted for at in (place if self.is_joint else (place,)))

    def each(self, result: Any, node: Node) -> list[tuple[int, Any]]:
        """(place, contribution) for each argument of a joint rule; raises if it did not return one for each."""
        if not isinstance(result, (tuple, list)) or len(result) != len(self.place):
            met = len(result) if isinstance(result, (tuple, list)) else type(result).__name__
            raise ValueError(
                f"the joint rule of {describe(node)} for {self.argument} must return a tuple of {len(self.place)} "
                f"gradients, not {met}"
            )
        return list(zip(self.place, result, strict=True))

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
            if isinstance(again, TensorBase):  # bit for bit the value of f, with this history
                lifted[at] = wrap(values[at], again._node)
        return lifted


def _saver(sources: list[tuple[int, bool]]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """The function that picks the values at the given indices of a pool, or only their shapes."""
    if any(is_shape for _, is_shape in sources):
        return lambda pool: tuple(
            [np.shape(pool[at]) if is_shape else pool[at] for at, is_shape in sources]
        )
    places = [at for at, _ in sources]
    if len(places) > 1:
        return itemgetter(*places)
    # a slice keeps the one value in a tuple
    return itemgetter(slice(places[0], places[0] + 1) if places else slice(0))


def output_of(value: Any, node: Node) -> Any:
    """The output of `node` as a Tensor with history, or a tuple of them."""
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
    """An argument of `node` as a Tensor with history, in the dtype in which the op computed."""
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
