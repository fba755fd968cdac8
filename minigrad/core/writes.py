"""The clock of writes: when was a block of memory last written? It ticks for nodes and writes alike.

A node takes the next tick when it is recorded, a write takes the next tick when it happens. A value that
a node saved is stale exactly if its block was written at a later tick than the node's. So the forward pass
pays one counter increment, and the backward pass one comparison of integers as long as nothing was written.

A block is known by the object that owns it, the end of the `.base` chain: every view, `detach()`, transposed
weight or slice of a flat parameter buffer leads to the same owner, however it was made.

Several threads may record, write and go backward at once. A write counts from the moment `mark_written` returns:
whoever writes what another thread's forward or backward pass reads just then has to keep the two apart.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from typing import Any

next_tick = itertools.count(1).__next__
last_write = 0
_written: dict[int, list[Any]] = {}  # id(owner) -> [tick, weak reference that clears it]
# Of two writers at once, the one with the earlier tick could put it over the later one and so hide that write. The
# lock may be taken twice by one thread, because the garbage collector may meanwhile run a finalizer that writes.
_writing = threading.RLock()


def owner(array: Any) -> Any:
    """The object whose memory `array` looks at: the array itself if it owns its data."""
    while True:
        base = array.obj if array.__class__ is memoryview else getattr(array, "base", None)
        if base is None:
            return array
        array = base


def mark_written(*arrays: Any) -> None:
    """Announce that the memory behind `arrays` was written: graphs that saved it before will refuse to use it."""
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
    """A weak reference that takes the entry of `block` away with it."""
    key = id(block)
    try:
        return weakref.ref(block, lambda _: _written.pop(key, None))
    except TypeError:
        return None  # e.g. of bytes; an entry left over is harmless: older than any later save


def written_since(array: Any, tick: int) -> bool:
    """Return whether the memory behind `array` was written after `tick`."""
    entry = _written.get(id(owner(array)))
    return entry is not None and entry[0] > tick
