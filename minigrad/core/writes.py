"""The clock of writes: when was a block of memory last written? It ticks for nodes and writes alike.

A node takes the next tick when it is recorded, a write takes the next tick when it happens. A value that a node saved
is stale exactly if its block was written at a later tick than the node's. So a node costs one increment of a counter
in the forward pass, and in the backward pass, if nothing was written since, one comparison of integers.

A block is known by the object that owns it, the end of the `.base` chain: every view, `detach()`, transposed
weight or slice of a flat parameter buffer leads to the same owner, however it was made.

Several threads may record, write and go backward at once. A write counts from the moment `mark_written` returns. A
thread must not write what the forward or backward pass of another is reading.
"""

from __future__ import annotations

import itertools
import os
import threading
import weakref
from typing import Any

next_tick = itertools.count(1).__next__
last_write = 0
_written: dict[int, list[Any]] = {}  # id(owner) -> [tick, weak reference that clears it]
# Without a lock the earlier tick of two writers could replace the later one and so hide a write. The lock is reentrant,
# because the garbage collector may run a finalizer that writes while it is held.
_writing = threading.RLock()
if hasattr(os, "register_at_fork"):  # a thread that holds it does not exist in the child
    os.register_at_fork(after_in_child=_writing._at_fork_reinit)  # type: ignore[attr-defined]


def owner(array: Any) -> Any:
    """The object that owns the memory of `array`: the array itself, or the end of its `.base` chain."""
    while True:
        base = array.obj if array.__class__ is memoryview else getattr(array, "base", None)
        if base is None:
            return array
        array = base


def mark_written(*arrays: Any) -> None:
    """Announce that the memory behind `arrays` was written: a graph that saved it before refuses to use it."""
    global last_write
    with _writing:
        last_write = tick = next_tick()
        for array in arrays:
            block = owner(array)
            entry = _written.get(id(block))
            if entry is None:
                _written[id(block)] = [tick, _forgetting(block)]
            else:
                entry[0] = tick


def _forgetting(block: Any) -> Any:
    """A weak reference that deletes the entry of `block` together with it."""
    key = id(block)
    try:
        return weakref.ref(block, lambda _: _written.pop(key, None))
    except TypeError:
        return None  # such as bytes; its entry stays, but is older than whatever is saved later


def written_since(array: Any, tick: int) -> bool:
    """Return whether the memory behind `array` was written after `tick`."""
    entry = _written.get(id(owner(array)))
    return entry is not None and entry[0] > tick
