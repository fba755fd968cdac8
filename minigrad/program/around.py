"""Inputs of a function besides its arguments: the Tensors, arrays and generators that it has from around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from .. import random
from ..core.graph import TensorBase
from .recorded import Input
from .trace import Trace

OURS = ("minigrad", "nn", "numpy")


class Around:
    """Tensors, arrays and generators that a function has from around it, each with a path: `model.0.weight`.

    holders  (path, Tensor, array or Generator), each once
    paths    id of a module, or of any other object that has some of these -> its path
    """

    def __init__(self, f: Callable[..., Any]) -> None:
        self.holders: list[tuple[str, Any]] = []
        self.paths: dict[int, str] = {}
        self._seen: dict[int, Any] = {}
        self._roots = 0
        self._walk(f, "")

    def _walk(self, value: Any, path: str) -> None:
        if id(value) in self._seen or isinstance(
            value,
            (
                str,
                bytes,
                int,
                float,
                complex,
                type,
                ModuleType,
                BuiltinFunctionType,
                CodeType,
                type(None),
            ),
        ):
            return
        self._seen[id(value)] = value
        if isinstance(value, (TensorBase, np.ndarray, np.random.Generator)):
            self.holders.append((path, value))
            return
        for name, member in _members(value):
            self._walk(member, f"{path}.{name}" if path and name else path or name)
        if not isinstance(value, (FunctionType, MethodType)):
            self.paths[id(value)] = path

    @contextmanager
    def traced(self, trace: Trace) -> Iterator[None]:
        """Let the Tensors hold traced copies of their data, and the default generator note its draws."""
        before: list[tuple[Any, Any, Any]] = []
        generator = random._default
        try:
            for path, holder in self.holders:
                if isinstance(holder, TensorBase):
                    before.append((holder, holder._data, holder._grad))
                    traced = trace.input(holder._data)
                    holder._data, holder._grad = traced, None
                    at, kind = traced.at, "parameter" if holder._requires_grad else "tensor"
                elif isinstance(holder, np.ndarray):
                    at, kind = trace.given(holder), "array"
                else:
                    continue
                trace.program.inputs.append(Input(path, at, kind, holder))
            drawing = Drawing(trace)
            random._default = drawing
            yield
        finally:
            random._default = generator
            for tensor, data, grad in before:
                tensor._data, tensor._grad = data, grad


class Drawing(np.random.Generator):
    """A copy of the default generator, whose draws are noted."""

    def __init__(self, trace: Trace) -> None:
        known = random.generator()
        kind = type(known.bit_generator)
        super().__init__(kind())
        self.bit_generator.state = known.bit_generator.state
        self._trace = trace
        self._traced: Any = None

    def __getattribute__(self, name: str) -> Any:
        own = super().__getattribute__
        if name.startswith("_") or name in ("bit_generator", "spawn"):
            return own(name)
        if own("_traced") is None:
            plain = np.random.Generator(own("bit_generator"))
            self._traced = own("_trace").input(plain)
            inputs = own("_trace").program.inputs
            inputs.append(Input("rng", self._traced.at, "generator"))
        return lambda *args, **options: self._trace.draw(self._traced, name, args, options)


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    """(name, member) of a container, a function or an object."""
    if isinstance(value, dict):
        yield from ((str(key), v) for key, v in value.items())
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from ((str(i), v) for i, v in enumerate(value))
    elif isinstance(value, MethodType):
        yield from (("", value.__self__), ("", value.__func__))
    elif isinstance(value, FunctionType):
        yield from _around(value)
    elif hasattr(value, "__wrapped__"):
        yield "", value.__wrapped__
    else:
        yield from _attributes(value)


def _around(f: FunctionType) -> Iterator[tuple[str, Any]]:
    """(name, value) of what a function names beyond its own: cells, globals, defaults."""
    if str(f.__module__).split(".")[0] in OURS and not f.__closure__:
        return
    cells = f.__closure__ or ()
    for name, cell in zip(f.__code__.co_freevars, cells, strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not filled yet
            continue
    if str(f.__module__).split(".")[0] not in OURS:
        for name in _names_in(f.__code__):
            if name in f.__globals__:
                yield name, f.__globals__[name]
    yield from (("", v) for v in (*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values()))


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    if type(value).__module__.split(".")[0] in ("numpy", "builtins"):
        return
    if type(value).__name__ == "partial":
        yield from (("", value.func), ("", value.args), ("", value.keywords))
    yield from getattr(value, "__dict__", {}).items()
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    yield from ((name, getattr(value, name)) for name in slots if hasattr(value, name))
