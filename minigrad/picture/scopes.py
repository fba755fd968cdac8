"""The modules that a recorded graph ran in: a path for every call, and names for what a module owns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from ..core.graph import TensorBase
from .data import Module


class Scopes:
    """Paths of module calls, from the outermost one, such as `Sequential.0`; ask for them in the order of the ops.

    modules  every call, an outer one before those inside
    names    Tensor -> its name, for attributes of a module that was called: `0.weight`
    owners   Tensor -> the path of the first call of that module
    """

    def __init__(self) -> None:
        self.modules: list[Module] = []
        self.names: dict[Any, str] = {}
        self.owners: dict[Any, str] = {}
        self._calls: Counter[str] = Counter()
        self._open: list[_Call] = []
        self._known: dict[int, list[_Call]] = {}
        self._names: dict[int, dict[int, str]] = {}

    def path_of(self, scope: tuple[Any, ...]) -> str:
        """The path of the innermost module of a node's `notes.scope`, "" where there is none.

        All ops that one call makes directly have the same tuple, so another tuple is another call.
        """
        if not scope:
            self._open = []
            return ""
        if id(scope) not in self._known:
            self._known[id(scope)] = self._enter(scope)
        self._open = self._known[id(scope)]
        return self._open[-1].module.path

    def _enter(self, scope: tuple[Any, ...]) -> list[_Call]:
        calls: list[_Call] = []
        for depth, reference in enumerate(scope):
            is_last = depth == len(scope) - 1
            still = self._open[depth] if depth < len(self._open) else None
            # an open call goes on while all calls above it do; if it has a tuple already, this is another call
            same = (
                still is not None and still.reference is reference and calls == self._open[:depth]
            )
            if not same or still is None or (is_last and still.has_scope):
                still = self._call(reference, calls[-1] if calls else None)
            still.has_scope = still.has_scope or is_last
            calls.append(still)
        return calls

    def _name_within(self, outer: Any, inner: Any) -> str | None:
        if id(outer) not in self._names:
            self._names[id(outer)] = names_within(outer)
        return self._names[id(outer)].get(id(inner))

    def _call(self, reference: Any, outer: _Call | None) -> _Call:
        owner = reference()
        name = kind = reference.kind
        if outer is not None and owner is not None:
            name = self._name_within(outer.reference(), owner) or kind
        path = name if outer is None else f"{outer.module.path}.{name}"
        self._calls[path] += 1
        if self._calls[path] > 1:
            path = f"{path} ({self._calls[path]})"
        call = _Call(reference, Module(path, kind, outer.module.path if outer else None))
        call.prefix = "" if outer is None else f"{outer.prefix}{name}."
        self.modules.append(call.module)
        for attribute, value in getattr(owner, "__dict__", {}).items():
            if isinstance(value, TensorBase):
                self.names.setdefault(value, call.prefix + attribute)
                self.owners.setdefault(value, path)
        return call


class _Call:
    """One call of a module; `prefix` is what the names of its parameters begin with."""

    __slots__ = ("has_scope", "module", "prefix", "reference")

    def __init__(self, reference: Any, module: Module) -> None:
        self.reference = reference
        self.module = module
        self.prefix = ""
        self.has_scope = False


def names_within(outer: Any) -> dict[int, str]:
    """id of a module -> its dotted name as seen from `outer`, the shortest one."""
    level, names = [("", outer)], {id(outer): ""}
    while level:
        below = [(prefix + name, child) for prefix, m in level for name, child in _children(m)]
        level = []
        for name, child in below:
            if names.setdefault(id(child), name) is name:
                level.append((f"{name}.", child))
    return names


def _children(module: Any) -> Iterator[tuple[str, Any]]:
    children = getattr(module, "named_children", None)
    yield from children() if callable(children) else ()
