"""The graph: the base class of Tensor, nodes and their order, and the recording mode. It knows no particular op.

A `Node` is one recorded call of an op. Edges point from output to input only, so a graph has no cycles, and reference
counting alone frees it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from .dtypes import is_array
from .writes import next_tick

ATOMS = {type(None), bool, int, float, str, type, type(...)}
PLAIN = {*ATOMS, np.ndarray}
"""Classes whose values hold no array, and those whose values hold no Tensor; see `holds_no_array`."""


def holds_no_array(kind: type) -> None:
    """Make known that values of a class of one's own, as an option, are plain."""
    ATOMS.add(kind)
    PLAIN.add(kind)


class TensorBase:
    """The part of a Tensor that the engine needs: array, gradient, and the node that made it (None for a leaf)."""

    __slots__ = ("__weakref__", "_data", "_grad", "_hooks", "_node", "_requires_grad")
    _data: Any
    _grad: Any
    _hooks: list[Any] | None
    _node: Node | None
    _requires_grad: bool

    if TYPE_CHECKING:
        shape: tuple[int, ...]
        dtype: Any
        ndim: int
    else:  # attrgetter runs without a Python frame; every op and every contribution to a leaf reads these
        shape = property(attrgetter("_data.shape"))
        dtype = property(attrgetter("_data.dtype"))
        ndim = property(attrgetter("_data.ndim"))


_tensor_class: type[TensorBase] = TensorBase


def register_tensor_class(cls: type[TensorBase]) -> None:
    """Set the class of the Tensors that the engine makes; called once, by `tensor.py`."""
    global _tensor_class
    _tensor_class = cls


def wrap(data: Any, node: Node | None = None) -> Any:
    """A Tensor that holds `data` itself, unchecked; one with a node requires grad and is not a leaf."""
    tensor = _tensor_class.__new__(_tensor_class)
    tensor._data = data
    tensor._grad = None
    tensor._hooks = None
    tensor._node = node
    tensor._requires_grad = node is not None
    return tensor


class Sketch(NamedTuple):
    """The shape and dtype that a node keeps in place of an array that needs no gradient."""

    shape: tuple[int, ...]
    dtype: Any


def sketch(value: Any) -> Any:
    """An argument as a node keeps it: with a Sketch in place of each array that has axes."""
    kind = value.__class__
    if kind is np.ndarray:
        return Sketch(value.shape, value.dtype) if value.ndim else value.item()
    if kind in PLAIN:
        return value
    if kind in (tuple, list):
        return tuple([sketch(v) for v in value])
    if isinstance(value, np.generic):
        return value.item()
    return Sketch(value.shape, value.dtype) if is_array(value) else value


class Node:
    """One recorded call of an op: where its arguments came from, what its rules saved, and its output's shape.

    op       the op; `op.name` is its name, `op.argument_name(place)` that of a differentiable argument
    parents  for each differentiable argument the Node or leaf Tensor it came from, None if it needs no gradient
    saved    `(place, rule, values)` for each gradient that is needed: the place of its argument (of a joint rule all
             places), the rule, and the values that the rule names; None once backward has freed them
    constants  the other arguments, as `sketch` keeps them; `options` adds their names
    shape, dtype  those of the output; tuples of them for an op with several outputs
    tick     when it was made, on the clock of `writes`; sorting by it gives a topological order
    hooks    hooks on the gradient of its output, or None
    keeper   a weak reference to the Tensor that asked to keep that gradient (`retain_grad`), or None
    part_nodes  weak references to its parts, if the op has several outputs
    notes    what an onlooker has left here, see `Onlooker`; otherwise None
    """

    __slots__ = (
        "__weakref__", "constants", "dtype", "hooks", "keeper", "notes", "op", "parents", "part_nodes", "saved",
        "shape", "tick",
    )  # fmt: skip
    draw: ClassVar[Any] = None  # gives a new node its subclass or None, see `landings`

    def __init__(
        self, op: Any, parents: Any, saved: Any, constants: Any, shape: Any, dtype: Any
    ) -> None:
        self.op = op
        self.parents: tuple[Any, ...] = parents
        self.saved: tuple[Any, ...] | None = saved
        self.constants: Sequence[Any] = constants
        self.shape = shape
        self.dtype = dtype
        self.tick = next_tick()
        self.hooks: list[Any] | None = None
        self.keeper: Any = None
        self.part_nodes: tuple[Any, ...] = ()
        self.notes: Any = None
        if Node.draw is not None and (subclass := Node.draw()):
            self.__class__ = subclass

    def __repr__(self) -> str:
        return f"<node {self.op.name} {self.shape} {self.dtype}>"

    @property
    def options(self) -> tuple[tuple[str, Any], ...]:
        """(name, value) of every argument without a parent."""
        return tuple(zip(self.op.constant_names(self.parents), self.constants, strict=True))

    def saved_arrays(self) -> list[tuple[str, Any]]:
        """The arrays that backward will use, each with its name in the rule."""
        named: dict[int, tuple[str, Any]] = {}  # many members of *xs may share a value
        for _, rule, values in self.saved or ():
            for at in rule.holding:
                named.setdefault(id(values[at]), (rule.names[at], values[at]))
        return [(name, array) for name, value in named.values() for array in _arrays_in(value)]

    @property
    def saved_bytes(self) -> int:
        """Bytes of the distinct arrays that backward will use; 0 once it has freed them."""
        return sum({id(array): array.nbytes for _, array in self.saved_arrays()}.values())


def _arrays_in(value: Any) -> list[Any]:
    """The arrays in a saved value: itself, or the items of a container, such as several outputs or an index."""
    value = list(value.values()) if value.__class__ is dict else value
    if isinstance(value, (tuple, list)):
        return [array for item in value for array in _arrays_in(item)]
    return [value] if hasattr(value, "nbytes") else []


def describe(node: Node) -> str:
    """The op and its shapes, for error messages; if it has notes, also the user's line."""
    shapes = ", ".join("-" if p is None else str(p.shape) for p in node.parents)
    line = f" made at {node.notes.line}" if node.notes else ""
    return f"{node.op.name} ({shapes} -> {node.shape}){line}"


def creation_order(end: Any) -> list[Node]:
    """The nodes of the graph that ends in `end`, oldest first; none if it is a leaf."""
    if not isinstance(end, Node):
        return []
    seen = {end}
    stack = [end]
    while stack:
        for parent in stack.pop().parents:
            if isinstance(parent, Node) and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return sorted(seen, key=attrgetter("tick"))


class _Part:
    """The op of every part; its option `output` tells which output the part stands for."""

    name = "part"
    is_part = True

    def argument_name(self, place: int) -> str:
        return "output"

    def constant_names(self, parents: Sequence[Any]) -> list[str]:
        return ["output"]


PART = _Part()


# Onlookers -----------------------------------------------------------------------------------------------


class Onlooker(NamedTuple):
    """The functions of an onlooker, called while the mode is above ON.

    called    (op, args, slots, option_slots) -> result: runs a call of an op, by `Primitive._apply`
    asked     (function, args, kwargs, result): is told what a function without gradient returned
    detached  (x, twin): is told that `x.detach()` returned `twin`
    read      (x): is told that `x.numpy()` gave the array of a Tensor that requires grad

    The notes that it leaves on a node have `line`, the user's, which errors name; `check(caller, node)`, which raises
    if the node must not be used any more; and `saw(node, argument, g, contribution)`, which is told of each edge.
    """

    called: Callable[..., Any]
    asked: Callable[..., None]
    detached: Callable[..., None]
    read: Callable[..., None]


_onlooker: Any = None


def register_onlooker(functions: Onlooker) -> None:
    """Set the onlooker; called once, by `sight`."""
    global _onlooker
    _onlooker = functions


def onlooker() -> Onlooker:
    """The onlooker; to be called only while the mode is above ON."""
    return _onlooker


# Modes ---------------------------------------------------------------------------------------------------

OFF, ON = 0, 1
"""Modes: in OFF ops record no nodes, in ON they do. The higher bits are flags of the onlooker."""
mode: ContextVar[int] = ContextVar("minigrad_mode", default=ON)  # each thread has its own
