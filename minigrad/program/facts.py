"""All but arrays that a compiled function has from around it: its program holds these numbers, so they are compared."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from operator import is_
from typing import Any

import numpy as np

NUMBERS = (bool, int, float, complex, str, bytes)
"""Kinds that are compared by value; of all else only the same object will do."""


class Facts:
    """The members of containers, objects and closures, and the values of names, as they were when they were noted."""

    def __init__(self) -> None:
        self._dicts: list[tuple[str, Any, list[Any], list[Any]]] = []
        self._lists: list[tuple[str, Any, list[Any]]] = []
        self._contents: list[tuple[str, Any, bytearray]] = []
        self._iterators: list[tuple[str, Any, str]] = []
        self._cells: list[tuple[str, Any, Any]] = []
        self._names: list[tuple[str, Any, str, Any]] = []
        self._absent: list[tuple[str, Any, str]] = []
        self._sizes: list[tuple[str, Any, int]] = []
        self._slots: list[tuple[str, Any, str, Any]] = []

    def of_container(self, path: str, container: Any) -> None:
        """Note the members of a dict, a list, a set or a deque."""
        if isinstance(container, dict):
            self._dicts.append((path, container, list(container), list(container.values())))
        else:
            self._lists.append((path, container, list(container)))

    def of_content(self, path: str, memory: Any) -> None:
        """Note the bytes of an array, a bytearray or the like: NumPy may read these before a trace can see it."""
        self._contents.append((path, memory, bytearray(_content(memory))))

    def of_iterator(self, path: str, iterator: Any) -> None:
        """Note how far an iterator has come; TypeError if it does not tell."""
        self._iterators.append((path, iterator, _place(iterator)))

    def of_cell(self, name: str, cell: Any) -> None:
        """Note what a closure's cell holds."""
        self._cells.append((name, cell, cell.cell_contents))

    def of_name(self, path: str, space: Any, name: str) -> None:
        """Note the value of a name in a module or a class."""
        self._names.append((path, space, name, space.get(name)))

    def of_absent(self, path: str, space: Any, name: str) -> None:
        """Note that a module does not have a name."""
        self._absent.append((path, space, name))

    def of_size(self, path: str, space: Any) -> None:
        """Note how many names a class has."""
        self._sizes.append((path, space, len(space)))

    def of_slot(self, path: str, owner: Any, name: str) -> None:
        """Note what an object holds in a slot."""
        self._slots.append((path, owner, name, getattr(owner, name)))

    def changed(self) -> str:
        """The path of something that is not what it was, or ""."""
        for path, live, keys, kept in self._dicts:
            if len(live) != len(kept) or not (_same(live, keys) and _same(live.values(), kept)):
                return path or "itself"
        for path, live, kept in self._lists:
            if len(live) != len(kept) or not _same(live, kept):
                return path or "itself"
        for path, memory, content in self._contents:
            if content != _content(memory):
                return path or "itself"
        for path, cell, value in self._cells:
            if not _same((cell.cell_contents,), (value,)):
                return path or "itself"
        for path, space, name, value in self._names:
            if not _same((space.get(name),), (value,)):
                return path or "itself"
        for path, space, name in self._absent:
            if name in space:
                return path
        for path, space, size in self._sizes:
            if len(space) != size:
                return path
        for path, owner, name, value in self._slots:
            if not _same((getattr(owner, name, None),), (value,)):
                return path or "itself"
        return ""

    def advanced(self) -> str:
        """The path of an iterator that went on, or ""."""
        went = (path or "itself" for path, it, place in self._iterators if _place(it) != place)
        return next(went, "")

    def put_back(self) -> None:
        """Let all containers, closures, names of modules and slots be what they were."""
        for _, live, keys, kept in self._dicts:
            if len(live) != len(kept) or not (_same(live, keys) and _same(live.values(), kept)):
                live.clear()
                live.update(zip(keys, kept, strict=True))
        for _, live, kept in self._lists:
            if isinstance(live, list):
                live[:] = kept
            elif hasattr(live, "clear"):
                live.clear()
                (live.update if isinstance(live, set) else live.extend)(kept)
        for _, memory, content in self._contents:
            if content != _content(memory) and isinstance(memory, np.ndarray):
                memory[...] = np.frombuffer(content, memory.dtype).reshape(memory.shape)
            elif content != _content(memory):
                memoryview(memory).cast("B")[:] = content
        for _, cell, value in self._cells:
            cell.cell_contents = value
        for _, space, name, value in self._names:
            if isinstance(space, dict):
                space[name] = value
        for _, space, name in self._absent:
            space.pop(name, None)
        for _, owner, name, value in self._slots:
            setattr(owner, name, value)


def _place(iterator: Any) -> str:
    """The place that an iterator has come to, as its pickle would say."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        place = repr(iterator.__reduce__())
    if " at 0x" in place:
        raise TypeError("it holds another iterator")
    return place


def _content(memory: Any) -> Any:
    """Something with the bytes of a memory, without a copy if it has them in a row: a bytearray compares with it."""
    if not isinstance(memory, np.ndarray):
        return bytes(memory)
    is_row = type(memory) is np.ndarray and memory.flags.c_contiguous
    return memory if is_row and memory.dtype.kind in "biufc" else memory.tobytes()


def _same(live: Iterable[Any], kept: Iterable[Any]) -> bool:
    """Return whether as many values are the same objects, or equal numbers or texts."""
    return all(map(is_, live, kept)) or all(map(_is_equal, live, kept))


def _is_equal(a: Any, b: Any) -> bool:
    # by their texts, because 0.0 == -0.0
    return a is b or (type(a) is type(b) and isinstance(a, NUMBERS) and repr(a) == repr(b))
