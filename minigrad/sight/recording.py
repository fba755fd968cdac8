"""`record()` and `debug()`, the notes that they take (values, origins, lines, modules) and the ghosts they make."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter
from typing import Any, Literal

import numpy as np

from ..core.dtypes import is_array
from ..core.graph import (
    ON,
    PART,
    Node,
    Onlooker,
    TensorBase,
    describe,
    mode,
    register_onlooker,
    sketch,
)
from ..core.op import shape_and_dtype
from ..devices import on_host
from ..modes import Mode
from ..signatures import Signature
from .arguments import arrays_in, plain, sources_in
from .naming import arrays_around, name_of
from .not_finite import check_backward, check_forward
from .origins import haunt, is_ghost, note_reading, origin_of
from .scope import current_scope

# Flags of the mode, above the engine's ON. RECORD: nodes get notes. CHECK: nan, inf and unannounced writes are found.
# OBSERVE: observers are called.
RECORD, CHECK, OBSERVE = 2, 4, 8
Cut = Literal["constant", "detach", "no_grad", "not differentiable"]


def record(function: Any = None) -> Any:
    """Take notes on each op for `explain` and pictures: a with-block or a decorator.

    The notes are your line of code, the input and output arrays, where these came from, the modules, and the time the
    op took. Ops whose results need no gradient get them too, so that a cut (`detach`, `no_grad`, an integer op) can be
    found. Notes live as long as the loss. The recording of gradients is not switched on or off.
    """
    block = Mode(add=RECORD)
    return block if function is None else block(function)


def debug(function: Any = None) -> Any:
    """Take notes as `record()` does, and raise for a nan or inf and for unannounced writes.

    An op that makes a nan or inf, forward or backward, raises FloatingPointError with your line and, where the pattern
    is known, what to write instead. Backward raises RuntimeError if the checksum of a saved array has changed: that of
    a Tensor with a gradient, or of an array of yours of more than 64 kB; a smaller one was copied, and may change.
    What a `checkpoint` computes again is compared as well, saved arrays and all.
    """
    block = _Debug(add=RECORD | CHECK)
    return block if function is None else block(function)


class _Debug(Mode):
    """The mode of `debug()`: NumPy does not warn, because the error that is raised says more."""

    def __enter__(self) -> None:
        super().__enter__()
        _warned.set((*_warned.get(), np.seterr(all="ignore")))

    def _leave(self) -> bool:
        is_here = super()._leave()
        if is_here:
            *rest, warned = _warned.get()
            _warned.set(tuple(rest))
            np.seterr(**warned)
        return is_here


_warned: ContextVar[tuple[Any, ...]] = ContextVar("minigrad_warned", default=())


def is_recording() -> bool:
    """Return whether an onlooker is told of calls in this thread: by `record()`, `debug()` or a watch."""
    return mode.get() > ON


class Notes:
    """The notes on a node. Arrays are not copied, so later writes into them show here.

    line     file:line of the user's call
    value    the output array, or a tuple of them
    inputs   name -> value, of every argument that is an array or a number, whether it needs a gradient or not
    names    name -> that of the user's variable, of every argument that is an array without history and has one
    sources  name -> origin (node, ghost or leaf), of every argument that is a Tensor
    scope    weak references to the modules that the op ran in, outermost first
    seconds  the time that the call took; None if the op has no row
    cut      of a ghost, the reason why there is no gradient: "no_grad"; "detach"; "not differentiable", also for an
             integer result; "constant" if no input needs a gradient
    saved_bytes  the bytes that the rules saved for backward
    checksums  those of the saved arrays in `debug()`; otherwise None
    """

    __slots__ = (
        "checksums",
        "cut",
        "inputs",
        "line",
        "names",
        "saved_bytes",
        "scope",
        "seconds",
        "sources",
        "value",
    )  # fmt: skip

    def __init__(
        self,
        line: str,
        value: Any,
        inputs: dict[str, Any],
        sources: dict[str, Any],
        seconds: float | None = None,
        cut: Cut | None = None,
    ) -> None:
        self.line = line
        self.value = value
        self.inputs = inputs
        self.names: dict[str, str] = {}
        self.sources = sources
        self.scope = current_scope()
        self.seconds = seconds
        self.cut = cut
        self.saved_bytes = 0
        self.checksums: list[int] | None = None

    def check(self, caller: str, node: Node) -> None:
        """Raise if a saved array no longer has the checksum that `debug()` took."""
        if self.checksums is not None and self.checksums != _checksums(node):
            raise RuntimeError(
                f"{caller}: an array that the gradient of {describe(node)} needs was changed after the forward pass "
                "without minigrad.touch(t) being told. Copy the array before it is changed"
            )

    def saw(self, node: Node, argument: str, g: Any, contribution: Any) -> None:
        """Check, in `debug()`, what the node's rule for `argument` made of the gradient g."""
        if self.checksums is not None:
            check_backward(node, argument, g, contribution)


def _checksums(node: Node) -> list[int]:
    return [hash(np.ascontiguousarray(on_host(v)).tobytes()) for _, v in node.saved_arrays()]


def user_line() -> str:
    """file:line of the innermost frame outside minigrad, nn and NumPy."""
    frame = _user_frame()
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _user_frame() -> Any:
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] in (
        "minigrad",
        "nn",
        "numpy",
    ):
        frame = frame.f_back
    return frame


# Observers -----------------------------------------------------------------------------------------------

_observers: ContextVar[tuple[Callable[[Any, Any], None], ...]] = ContextVar(
    "minigrad_observers", default=()
)


@contextmanager
def observed(f: Callable[[Any, Any], None]) -> Iterator[None]:
    """Call f(op, result) after each call of an op inside the with-block; no notes are taken.

    It is also called for `x.detach()` and `x.numpy()` of an x that requires grad, with x as the result.
    """
    _observers.set((*_observers.get(), f))
    try:
        with Mode(add=OBSERVE):
            yield
    finally:
        others = list(_observers.get())
        if f in others:  # another thread may end a suspended block
            others.remove(f)
        _observers.set(tuple(others))


# Ghosts --------------------------------------------------------------------------------------------------


def _leave_ghosts(
    op: Any, parents: tuple[Any, ...], constants: Any, result: Any, notes: Any
) -> None:
    """Make the ghost of a result without gradient; of several results, a ghost and a part of it for each."""
    ghost = Node(op, parents, (), constants, *shape_and_dtype(notes.value))
    ghost.notes = notes
    if result.__class__ is tuple:
        _leave_parts(ghost, result, notes.cut)
    else:
        haunt(result, ghost)


def _leave_parts(node: Node, outputs: Sequence[Any], cut: Cut) -> None:
    """Make a ghost, a part of `node`, for each output that has no gradient."""
    for i, output in enumerate(outputs):
        if not output._requires_grad:
            part = Node(PART, (node,), (), (i,), output.shape, output.dtype)
            assert node.notes is not None
            part.notes = Notes(node.notes.line, output._data, {}, {"output": node}, None, cut)
            part.notes.scope = node.notes.scope
            haunt(output, part)


# What a call leaves --------------------------------------------------------------------------------------


def called(op: Any, args: Sequence[Any], slots: Sequence[int], option_slots: Sequence[int]) -> Any:
    """The result of a call of an op, after notes were taken and observers told."""
    level = mode.get()
    if level & RECORD:
        result = _recorded(op, args, slots, option_slots, level)
    else:
        try:
            mode.set(level & ON)
            result = op._apply(args, slots, option_slots)
        finally:
            mode.set(level)
    for observer in _observers.get():
        observer(op, result)
    return result


def _recorded(
    op: Any, args: Sequence[Any], slots: Sequence[int], option_slots: Sequence[int], level: int
) -> Any:
    """Call an op, and leave notes of the call on its node or on a ghost."""
    line = user_line()
    start = perf_counter()
    try:
        mode.set(level & ON)
        result = op._apply(args, slots, option_slots)
    except Exception as error:
        error.add_note(f"at {line}")
        raise
    finally:
        mode.set(level)
    seconds = perf_counter() - start
    value = tuple([y._data for y in result]) if result.__class__ is tuple else result._data
    given = [(op._name_of(i, slots), args[i]) for i in slots]
    options = [(op._name_of(i, slots), args[i]) for i in option_slots]
    inputs = arrays_in(given, with_numbers=True)
    if level & CHECK:
        check_forward(op.name, line, value, inputs.items())
    inputs |= arrays_in(options, with_numbers=False)
    sources = sources_in(given + options)
    notes = Notes(line, value, inputs, sources, seconds)
    data = {k: a for k, a in inputs.items() if is_array(a) and not isinstance(sources.get(k), Node)}
    if data:
        around = arrays_around(_user_frame())
        notes.names = {name: name_of(array, around) for name, array in data.items()}
    node = node_of(result)
    if node is None:
        notes.cut = _cut_of(sources, value, level & ON)
        constants = [sketch(plain(v)) for _, v in given + options]
        _leave_ghosts(op, (None,) * len(given), constants, result, notes)
        return result
    node.notes = notes
    notes.saved_bytes = node.saved_bytes
    if level & CHECK:
        notes.checksums = _checksums(node)
    if result.__class__ is tuple:
        _leave_parts(node, result, "not differentiable")
    return result


def asked(function: Any, args: Sequence[Any], kwargs: dict[str, Any], result: Any) -> None:
    """Make the ghosts of what a function without gradient returned."""
    if not mode.get() & RECORD:
        return
    outputs = tuple(result) if isinstance(result, (tuple, list)) else (result,)
    if not outputs or not all(isinstance(y, TensorBase) for y in outputs):
        return
    names = [*_names_of(function)[: len(args)]]
    names += [f"argument {i}" for i in range(len(names), len(args))]
    given = [*zip(names, args, strict=True), *kwargs.items()]
    sources = sources_in(given)
    is_one = outputs[0] is result
    value = result._data if is_one else tuple([y._data for y in outputs])
    cut: Cut = "not differentiable" if _need_gradient(sources) else "constant"
    op = _NoRow(function.__name__.strip("_"), [name for name, _ in given], function.__doc__)
    notes = Notes(user_line(), value, arrays_in(given, with_numbers=True), sources, None, cut)
    constants = [sketch(plain(v)) for _, v in given]
    _leave_ghosts(op, (), constants, result if is_one else outputs, notes)


def detached(x: Any, twin: Any) -> None:
    """Make the ghost of `twin = x.detach()`."""
    for observer in _observers.get() if x._requires_grad else ():
        observer(_DETACH, x)
    if not mode.get() & RECORD:
        return
    sources = {"x": origin_of(x)}
    cut: Cut = "detach" if x._requires_grad else "constant"
    notes = Notes(user_line(), x._data, {"x": x._data}, sources, None, cut)
    _leave_ghosts(_DETACH, (), (sketch(x._data),), twin, notes)


def read(x: Any) -> None:
    """Note the line that took the array of a Tensor, with all that the Tensor was made from."""
    for observer in _observers.get():
        observer(_NUMPY, x)
    if mode.get() & RECORD and x.ndim:  # a number is taken to be shown
        note_reading(x, user_line())


class _NoRow:
    """The op of a ghost that has no row: `detach`, or a function without gradient."""

    is_part = False
    arguments = ()

    def __init__(self, name: str, names: Sequence[str], doc: str | None) -> None:
        self.name = name
        self.names = tuple(names)
        self.__doc__ = doc

    def argument_name(self, place: int) -> str:
        return self.names[place]

    def constant_names(self, parents: Sequence[Any]) -> Sequence[str]:
        return self.names


_DETACH = _NoRow("detach", ("x",), "y = x, without its history")
_NUMPY = _NoRow("numpy", ("x",), None)


@functools.cache
def _names_of(function: Callable[..., Any]) -> tuple[str, ...]:
    if isinstance(function, np.ufunc):
        return ("x",) if function.nin == 1 else ("a", "b")
    try:
        return Signature(function).names
    except ValueError:  # a function in C may have no signature
        return ()


def node_of(result: Any) -> Node | None:
    """The node that a call made, if any; not a part but the node it belongs to."""
    for y in result if result.__class__ is tuple else (result,):
        if y._requires_grad:
            return y._node.parents[0] if y._node.op.is_part else y._node
    return None


def _cut_of(sources: dict[str, Any], value: Any, is_on: int) -> Cut:
    if not _need_gradient(sources):
        return "constant"
    return "not differentiable" if is_on else "no_grad"


def _need_gradient(sources: dict[str, Any]) -> bool:
    return any(
        not is_ghost(s) if isinstance(s, Node) else s._requires_grad for s in sources.values()
    )


register_onlooker(Onlooker(called, asked, detached, read))
