"""Inputs of a function besides its arguments: the Tensors, arrays and generators that it has from around it."""

from __future__ import annotations

import os
import random as python_random
import sys
import threading
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import IOBase
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from .. import random
from ..core.graph import TensorBase
from .facts import Facts
from .recorded import Input
from .trace import Trace

OURS = ("minigrad", "nn", "numpy")
ASKING = frozenset(("ndarray", "isscalar"))
"""Names by which functions ask for types."""
PLAIN = (
    IOBase,
    str,
    bytes,
    int,
    float,
    complex,
    ModuleType,
    BuiltinFunctionType,
    CodeType,
    type(None),
)


class Around:
    """Tensors, arrays and generators that a function has from around it, each with a path: `model.0.weight`.

    holders  (path, Tensor, array or Generator), each once
    paths    id of a module, or of any other object that has some of these -> its path
    """

    def __init__(self, f: Callable[..., Any], others: Any = ()) -> None:
        self.facts = Facts()
        self.holders: list[tuple[str, Any]] = []
        self.paths: dict[int, str] = {}
        self._seen: dict[int, Any] = {}
        self._reason = ""
        self._optimizers: list[tuple[str, Any]] = []
        # the options of optimisers: a program reads them anew, but must not miss that f sets them
        self._options = Facts()
        self._named: set[str] = set()
        code = getattr(f, "__code__", None)
        self._place = f" at {code.co_filename}:{code.co_firstlineno}" if code else ""
        self._walk(f, "")
        for i, other in enumerate(others):
            self._walk(other, f"x{i}")
        for path, optimizer in self._optimizers:
            for i, p in enumerate(optimizer.params):
                self._walk(p, f"{path}.params.{i}")
            for group in optimizer.param_groups:
                self._options.of_container(path, group)
                if self._named & {"param_groups", *group}:
                    self.facts.of_container(path, group)

    def put_back(self) -> None:
        """Let all but arrays be what it was."""
        self.facts.put_back()
        self._options.put_back()

    def check_unchanged(self, name: str) -> None:
        """Raise TypeError, with all as it was, if a run of the function left something else behind than arrays."""
        path = self.facts.changed() or self._options.changed()
        if path:
            self.put_back()
            raise TypeError(
                f"compile: {name} changes {path}, which a program would not do again; do that outside, return what "
                "changes, or keep it in a Tensor and write that with assign()"
            )

    def hooked(self) -> str:
        """Why the function cannot be a program for now, or ""."""
        for path, holder in self.holders:
            if isinstance(holder, TensorBase) and holder._hooks:
                return f"{path} has hooks"
            array = holder._data if isinstance(holder, TensorBase) else holder
            if isinstance(holder, (TensorBase, np.ndarray)) and type(array) is not np.ndarray:
                return f"{path} holds a {type(array).__name__}"
        return self._reason

    def _walk(self, value: Any, path: str) -> None:
        if id(value) in self._seen or isinstance(value, PLAIN):
            return
        self._seen[id(value)] = value
        if _runs_after(value):
            self._optimizers += [] if isinstance(value, type) else [(path, value)]
            return
        if isinstance(value, (TensorBase, np.ndarray, np.random.Generator)):
            self.holders.append((path, value))
        if isinstance(value, (np.ndarray, bytearray, memoryview, array)):
            self.facts.of_content(path, value)
        if isinstance(value, Iterator):
            try:
                self.facts.of_iterator(path, value)
            except TypeError:
                self._reason = (
                    f"{path} is a {type(value).__name__}, and nobody can tell whether it goes on"
                )
            return
        if isinstance(value, (TensorBase, np.ndarray, np.random.Generator)):
            return
        for name, member in self._members(value, path):
            self._walk(member, f"{path}.{name}" if path and name else path or name)
        if not isinstance(value, (FunctionType, MethodType, type)):
            self.paths[id(value)] = path

    def _members(self, value: Any, path: str) -> Iterator[tuple[str, Any]]:
        """(name, member) of a container, a function, a class or an object, noted as facts."""
        if isinstance(value, dict):
            self.facts.of_container(path, value)
            yield from ((str(key), v) for key, v in value.items())
        elif isinstance(value, (list, tuple, set, frozenset, deque)):
            if isinstance(value, (list, set, deque)):
                self.facts.of_container(path, value)
            yield from ((str(i), v) for i, v in enumerate(value))
        elif isinstance(value, MethodType):
            yield from (("", value.__self__), ("", value.__func__))
        elif isinstance(value, FunctionType):
            yield from self._of_function(value)
        elif isinstance(value, (classmethod, staticmethod)):
            yield "", value.__func__
        elif isinstance(value, property):
            yield from (("", f) for f in (value.fget, value.fset))
        elif isinstance(value, type):
            yield from self._of_class(value)
        elif _has(value, "__wrapped__"):
            if _has(value, "cache_clear"):
                self._reason = (
                    f"{path} is a cache, which would keep what is made for the program only"
                )
            yield "", value.__wrapped__
        elif type(value).__module__.split(".")[0] not in ("numpy", "builtins"):
            yield from self._of_object(value, path)

    def _of_function(self, f: FunctionType) -> Iterator[tuple[str, Any]]:
        """All that a function names beyond its own: cells, globals, names in other modules, defaults."""
        found: dict[str, Any] = {}
        for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
            with suppress(ValueError):  # not filled yet
                self.facts.of_cell(name, cell)
                found[name] = cell.cell_contents
        named = {*_names_in(f.__code__)}
        if not _is_known(f.__module__):
            self._named |= named
            self.facts.of_container(f.__name__, vars(f))
            found |= vars(f)
        if not _is_known(f.__module__):
            asked = sorted(named & ASKING)
            if asked:
                self._reason = f"{f.__name__} asks for {asked[0]}, and while it is traced arrays are of another type"
            for name in sorted(named - f.__globals__.keys()):
                self.facts.of_absent(name, f.__globals__, name)
            for name in sorted(named & f.__globals__.keys()):
                self.facts.of_name(name, f.__globals__, name)
                found[name] = f.__globals__[name]
        for name, value in list(found.items()):
            if isinstance(value, ModuleType) and not _is_known(value.__name__):
                for inner in sorted(named & vars(value).keys()):
                    self.facts.of_name(f"{name}.{inner}", vars(value), inner)
                    found[f"{name}.{inner}"] = vars(value)[inner]
        yield from found.items()
        yield from (("", v) for v in (*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values()))

    def _of_class(self, kind: type) -> Iterator[tuple[str, Any]]:
        """The functions and attributes of a class of the user's."""
        own = [base for base in kind.__mro__ if not _is_known(base.__module__)]
        for base in own:
            self.facts.of_size(base.__name__, vars(base))
            for name, member in list(vars(base).items()):
                if not name.startswith("__") or callable(member):
                    for one in own:  # a class below may hide it
                        self.facts.of_name(f"{one.__name__}.{name}", vars(one), name)
                    yield name, member

    def _of_object(self, value: Any, path: str) -> Iterator[tuple[str, Any]]:
        if type(value).__name__ == "partial":
            yield from (("", value.func), ("", value.args), ("", value.keywords))
        own = getattr(value, "__dict__", None)
        if isinstance(own, dict):
            self.facts.of_container(path, own)
            yield from list(own.items())
        for kind in type(value).__mro__:
            for name in getattr(kind, "__slots__", ()):
                if _has(value, name) and not name.startswith("__"):
                    self.facts.of_slot(f"{path}.{name}", value, name)
                    yield name, getattr(value, name)
        yield "", type(value)

    def _check_settings(
        self, trace: Trace, inputs: dict[int, Any], drawing: Drawing, elsewhere: Any
    ) -> None:
        """Raise TypeError if the function gave a Tensor another array, or used generators that are no part of it."""
        for path, holder in self.holders:
            if isinstance(holder, TensorBase) and holder._data is not inputs[id(holder)]:
                raise TypeError(
                    f"{trace.caller}: {trace.program.name}{self._place} sets {path}.data to another array, which a "
                    "program would not do again; write into it with assign()"
                )
        if random._default is not drawing:
            raise TypeError(
                f"{trace.caller}: {trace.program.name}{self._place} calls minigrad.seed(), which a program would "
                "not do again; call it outside"
            )
        if _comparable(_global_states()) != _comparable(elsewhere):
            raise TypeError(
                f"{trace.caller}: {trace.program.name}{self._place} draws from np.random or random, and a program "
                "would repeat these numbers; draw from minigrad.generator(), or pass what is drawn as an argument"
            )

    @contextmanager
    def traced(self, trace: Trace, grads: bool = False) -> Iterator[None]:
        """Let the Tensors hold traced copies of their data, and the default generator note its draws."""
        before: list[tuple[Any, Any, Any]] = []
        inputs: dict[int, Any] = {}
        generators = [(p, h) for p, h in self.holders if isinstance(h, np.random.Generator)]
        states = [h.bit_generator.state for _, h in generators]
        default = random._default
        elsewhere = _global_states()
        _open.append((threading.get_ident(), default, before))
        try:
            for path, holder in self.holders:
                if isinstance(holder, TensorBase):
                    before.append((holder, holder._data, holder._grad))
                    inputs[id(holder)] = traced = trace.input(holder._data)
                    held = holder._grad
                    holder._data = traced
                    if held is not None and grads:
                        twin = trace.input(held._data)
                        trace.program.inputs.append(Input(f"d{path}", twin.at, "gradient", held))
                        before.append((held, held._data, held._grad))
                        held._data = twin
                    elif held is not None:
                        holder._grad = None
                    at, kind = traced.at, "parameter" if holder._requires_grad else "tensor"
                elif isinstance(holder, np.ndarray):
                    at, kind = trace.given(holder), "array"
                else:
                    continue
                trace.program.inputs.append(Input(path, at, kind, holder))
            drawing = _drawing(trace, generators)
            yield
            self._check_settings(trace, inputs, drawing, elsewhere)
            for (path, own), state in zip(generators, states, strict=True):
                if repr(own.bit_generator.state) != repr(state):
                    raise TypeError(
                        f"{trace.caller}: {trace.program.name}{self._place} draws from {path}, and a program would "
                        f"repeat these numbers; draw from minigrad.generator({path})"
                    )
        finally:
            _put_back(*_open.pop()[1:])
            np.random.set_state(elsewhere[0])  # noqa: NPY002
            python_random.setstate(elsewhere[1])
            for (_, own), state in zip(generators, states, strict=True):
                own.bit_generator.state = state


# The thread of each function that is traced now, the default generator, and what its Tensors held
_open: list[tuple[int, Any, list[tuple[Any, Any, Any]]]] = []


def _put_back(default: Any, before: list[tuple[Any, Any, Any]]) -> None:
    """Let Tensors and the default generator be what they were before a function was traced."""
    random._default = default
    random._traced.clear()
    for tensor, data, grad in before:
        tensor._data, tensor._grad = data, grad


def _put_back_in_child() -> None:
    """Put back in the child of a fork what other threads traced, which do not exist there."""
    for thread, default, before in reversed(_open):
        if thread != threading.get_ident():
            _put_back(default, before)
            random._reset_locks()
    _open[:] = [entry for entry in _open if entry[0] == threading.get_ident()]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_put_back_in_child)


def _drawing(trace: Trace, generators: list[tuple[str, Any]]) -> Drawing:
    """The notes of draws from the default generator, in its place from now on; the others get theirs, too."""
    known = random.generator()
    drawing = Drawing(trace, "rng", known)
    for path, own in generators:
        like = drawing if own is known else own
        random._traced[id(own)] = Drawing(trace, path, like, own)
    random._default = drawing
    return drawing


def _global_states() -> Any:
    return np.random.get_state(), python_random.getstate()  # noqa: NPY002


def _comparable(states: Any) -> Any:
    (kind, words, *rest), python = states
    return kind, words.tobytes(), rest, python


class Drawing(np.random.Generator):
    """A copy of a generator, whose draws are noted; of a Drawing it is another name. `holder`: None for the default."""

    def __init__(self, trace: Trace, name: str, known: Any, holder: Any = None) -> None:
        bits = known.bit_generator
        if not isinstance(known, Drawing):
            bits = type(bits)()
            bits.state = known.bit_generator.state
        super().__init__(bits)
        self._trace = trace
        self._name, self._holder = name, holder
        self._traced: Any = None

    def __getattribute__(self, name: str) -> Any:
        own = super().__getattribute__
        if name.startswith("_") or name in ("bit_generator", "spawn"):
            return own(name)
        if own("_traced") is None:
            plain = np.random.Generator(own("bit_generator"))
            self._traced = own("_trace").input(plain)
            inputs = own("_trace").program.inputs
            inputs.append(Input(self._name, self._traced.at, "generator", self._holder))
        return lambda *args, **options: self._trace.draw(self._traced, name, args, options)


def _is_known(module: Any) -> bool:
    """Return whether a module is ours, of Python or of an installed package: nobody changes its numbers."""
    top = str(module).split(".")[0]
    file = str(getattr(sys.modules.get(top), "__file__", ""))
    is_installed = "site-packages" in file or "dist-packages" in file
    return top in OURS or is_installed or (top in sys.stdlib_module_names and top != "__main__")


def _has(value: Any, name: str) -> bool:
    try:
        return hasattr(value, name)
    except Exception:  # of an object that answers questions in its own way
        return False


def _runs_after(value: Any) -> bool:
    """Return whether it is an optimiser: its step is called behind the program, as it is."""
    return bool(getattr(type(value), "runs_after_programs", False))


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)
