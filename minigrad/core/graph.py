"""The graph: Tensor's base, nodes, their order, and whether they are recorded. Knows no op.

A `Node` is one recorded application of an op. Edges point from output to input only, so a graph holds no cycle
and is freed by reference counting alone.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from .dtypes import is_array
from .writes import next_tick

# classes of options that hold no Tensor
PLAIN = frozenset((type(None), bool, int, float, str, type, np.ndarray))
F = TypeVar("F", bound=Callable[..., Any])


class TensorBase:
    """The part of a Tensor that the engine needs: array, gradient, and the node that made it (None at a leaf)."""

    __slots__ = ("__weakref__", "_data", "_grad", "_hooks", "_node", "_requires_grad")
    _data: Any
    _grad: Any
    _hooks: list[Any] | None
    _node: Node | None
    _requires_grad: bool

    if TYPE_CHECKING:

        @property
        def shape(self) -> tuple[int, ...]: ...

        @property
        def dtype(self) -> Any: ...

        @property
        def ndim(self) -> int: ...

    else:  # the same without a Python frame: every op and every contribution to a leaf asks
        shape = property(attrgetter("_data.shape"))
        dtype = property(attrgetter("_data.dtype"))
        ndim = property(attrgetter("_data.ndim"))


_tensor_class: type[TensorBase] = TensorBase


def register_tensor_class(cls: type[TensorBase]) -> None:
    """Let the engine make its results of this class; called once, by `tensor.py`."""
    global _tensor_class
    _tensor_class = cls


def wrap(data: Any, node: Node | None = None) -> Any:
    """A Tensor over `data` without checks or copies; with a node it is an interior one and requires grad."""
    tensor = _tensor_class.__new__(_tensor_class)
    tensor._data = data
    tensor._grad = None
    tensor._hooks = None
    tensor._node = node
    tensor._requires_grad = node is not None
    return tensor


class Sketch(NamedTuple):
    """The trace that a node keeps of an array that was an argument but needs no gradient."""

    shape: tuple[int, ...]
    dtype: Any


def sketch(option: Any) -> Any:
    """An argument as a node keeps it: arrays with axes are described, not held."""
    kind = option.__class__
    if kind is np.ndarray:
        return Sketch(option.shape, option.dtype) if option.ndim else option.item()
    if kind in PLAIN:
        return option
    if kind in (tuple, list):
        return tuple([sketch(v) for v in option])
    if isinstance(option, np.generic):
        return option.item()
    return Sketch(option.shape, option.dtype) if is_array(option) else option


class Node:
    """One application of an op: what it was applied to, what its rules saved, and what it gave.

    op       the primitive; `op.name` is its name, `op.arguments` names the differentiable arguments
    parents  per differentiable argument the Node or leaf Tensor it came from, None where no gradient is needed
    saved    per needed gradient `(place, rule, values)`: which parent it is for, and what the rule is called with;
             None once backward has freed it
    constants  every other argument, by name in `options`; an array among them is a `Sketch` of its shape and dtype
    shape, dtype  of the output (tuples of them for an op with several outputs)
    tick     when it was made, on the clock of `writes`; also its place in the topological order
    hooks    functions of the gradient of its output, or None
    keeper   a weak reference to the Tensor that asked to keep that gradient (`retain_grad`), or None
    part_nodes  weak references to the nodes of its outputs, if it has several
    notes    what an onlooker keeps beside, see `Onlooker`; otherwise None
    """

    __slots__ = (
        "__weakref__",
        "constants",
        "dtype",
        "hooks",
        "keeper",
        "notes",
        "op",
        "parents",
        "part_nodes",
        "saved",
        "shape",
        "tick",
    )  # fmt: skip

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

    def __repr__(self) -> str:
        return f"<node {self.op.name} {self.shape} {self.dtype}>"

    @property
    def options(self) -> tuple[tuple[str, Any], ...]:
        """(name, value) of every argument that is no parent."""
        return tuple(zip(self.op.constant_names(self.parents), self.constants, strict=True))

    def saved_arrays(self) -> list[tuple[str, Any]]:
        """The arrays that backward will use, each with the name its rule has for it."""
        return [
            (rule.names[at], array)
            for _, rule, values in self.saved or ()
            for at in rule.holding
            for array in _arrays_in(values[at])
        ]

    @property
    def saved_bytes(self) -> int:
        """Bytes of the distinct arrays that backward will use; 0 once it has freed them."""
        return sum({id(array): array.nbytes for _, array in self.saved_arrays()}.values())


def _arrays_in(value: Any) -> list[Any]:
    """The arrays that a saved value is or, as the outputs of an op or an index of arrays, contains."""
    if isinstance(value, (tuple, list)):
        return [array for item in value for array in _arrays_in(item)]
    return [value] if hasattr(value, "nbytes") else []


def describe(node: Node) -> str:
    """The op with its shapes, as errors name it, and where it was recorded the user's line."""
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
            if parent.__class__ is Node and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return sorted(seen, key=_tick)


_tick = attrgetter("tick")


class _Part:
    """The op of a node that stands for one output of an op with several; its `output` option is which one."""

    name = "part"
    is_part = True

    def argument_name(self, place: int) -> str:
        return "output"

    def constant_names(self, parents: Sequence[Any]) -> list[str]:
        return ["output"]


PART = _Part()


# Onlookers -----------------------------------------------------------------------------------------------


class Onlooker(NamedTuple):
    """The functions by which somebody looks on, called while the mode is above ON.

    called    (op, args, slots, option_slots) -> result: calls a row in the engine's place, see `Primitive._apply`
    asked     (function, args, kwargs, result): a function without gradient gave this
    detached  (x, twin): a Tensor gave a twin without history

    What it leaves in `node.notes` has a `line`, the user's, for errors to name; `check(caller, node)`, which raises
    where the node is not to be used any more; and `saw(node, argument, g, contribution)`, told of each edge.
    """

    called: Callable[..., Any]
    asked: Callable[..., None]
    detached: Callable[..., None]


_onlooker: Any = None


def register_onlooker(found: Onlooker) -> None:
    """Let somebody look on; called once, by `sight`."""
    global _onlooker
    _onlooker = found


def onlooker() -> Onlooker:
    """The one who looks on; only to be asked while the mode is above ON."""
    return _onlooker


# Modes ---------------------------------------------------------------------------------------------------

OFF, ON = 0, 1
"""Modes: ops leave nodes or not. Further flags above ON are an onlooker's own."""
mode: ContextVar[int] = ContextVar("minigrad_mode", default=ON)  # each thread has its own
_outer: ContextVar[tuple[int, ...]] = ContextVar("minigrad_outer_modes", default=())


class Mode:
    """Flags set or cleared in a with-block; it may be entered again while it is open, also from several threads."""

    def __init__(self, add: int = 0, clear: int = 0) -> None:
        self._add = add
        self._clear = clear

    def __enter__(self) -> None:
        before = mode.get()
        _outer.set((*_outer.get(), before))
        mode.set(before & ~self._clear | self._add)

    def __exit__(self, *exception: object) -> None:
        *rest, before = _outer.get()
        _outer.set(tuple(rest))
        mode.set(before)

    def __call__(self, function: F) -> F:
        if any(runs_later(function) for runs_later in _RUN_LATER):
            raise TypeError(
                f"a recording mode cannot decorate {function.__name__}: it would end before the body of a "
                "generator or coroutine runs; use a with-block inside"
            )

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return call  # type: ignore[return-value]


_RUN_LATER = (
    inspect.isgeneratorfunction,
    inspect.iscoroutinefunction,
    inspect.isasyncgenfunction,
)


def no_grad(function: Any = None) -> Any:
    """Record nothing: `with no_grad(): ...`, or `@no_grad` (also `@no_grad()`) above a function.

    Results inside require no gradient, and `w -= step` writes a leaf in place. As every recording mode it is the
    thread's own: other threads go on recording.
    """
    block = Mode(clear=ON)
    return block if function is None else block(function)


def enable_grad(function: Any = None) -> Any:
    """Record again inside a `no_grad()`: a with-block or a decorator."""
    block = Mode(add=ON)
    return block if function is None else block(function)
