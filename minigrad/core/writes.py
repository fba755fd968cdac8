"""The clock of writes: when was a block of memory last written? It ticks for nodes and writes alike.

A node takes the next tick when it is recorded, a write takes the next tick when it happens. A value that a node saved
is stale exactly if its block was written at a later tick than the node's. So a node costs one increment of a counter
in the forward pass, and in the backward pass, if nothing was written since, one comparison of integers.

A block is known by the object that owns it, the end of the `.base` chain: every view, `detach()`, transposed
weight or slice of a flat parameter buffer leads to the same owner, however it was made. Memory that an ndarray does not
own may have several owners (DLPack, another library, a mapped file): it is known by its addresses.

Several threads may record, write and go backward at once. A write counts from the moment `mark_written` returns. A
thread must not write what the forward or backward pass of another is reading.
"""

from __future__ import annotations

import itertools
import os
import threading
import weakref
from typing import Any

from numpy import memmap, ndarray
from numpy.lib.array_utils import byte_bounds

MOST = 1024  # stretches of foreign memory that are known by their ticks

next_tick = itertools.count(1).__next__
last_write = 0
_written: dict[int, list[Any]] = {}  # id(owner) -> [tick, weak reference that clears it]
_foreign: dict[
    Any, int
] = {}  # stretch -> tick, in the order of ticks: no object tells when such memory ends
_forgotten = (
    0  # the last tick that is no longer in `_foreign`: any older graph counts as written since
)
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
    global last_write, _forgotten
    with _writing:
        last_write = tick = next_tick()
        for array in arrays:
            block = owner(array)
            entry = _written.get(id(block))
            if entry is not None:
                entry[0] = tick
            elif (reference := _forgetting(array, block)) is not None:
                _written[id(block)] = [tick, reference]
            else:
                for stretch in _stretches(array, block, True):
                    _foreign.pop(stretch, None)
                    _foreign[stretch] = tick
        while len(_foreign) > MOST:
            _forgotten = _foreign.pop(next(iter(_foreign)))


def _is_foreign(array: Any, block: Any) -> bool:
    return isinstance(array, ndarray) and not (isinstance(block, ndarray) and block.flags.owndata)


def _forgetting(array: Any, block: Any) -> Any:
    """A weak reference that deletes the entry of `block` together with it; None if it cannot stand for its memory."""
    key = id(block)
    try:
        return (
            None
            if _is_foreign(array, block)
            else weakref.ref(block, lambda _: _written.pop(key, None))
        )
    except TypeError:
        return None


def _stretches(array: Any, block: Any, writing: bool) -> list[tuple[Any, int, int]]:
    """(space, start, end) of an array's bytes: in memory and, of a mapped file, also in the file."""
    if not isinstance(array, ndarray):
        return [("objects", id(block), id(block) + 1)]
    if not array.size:
        return []
    start, end = byte_bounds(array)
    whole: Any = array
    while isinstance(whole.base, ndarray):
        whole = whole.base
    found: list[tuple[Any, int, int]] = [("memory", start, end)]
    if isinstance(whole, memmap) and not (
        writing and whole.mode == "c"
    ):  # what "c" writes stays out of the file
        to_file = whole.offset - byte_bounds(whole)[0]
        found.append((os.path.realpath(str(whole.filename)), start + to_file, end + to_file))
    return found


def written_since(array: Any, tick: int) -> bool:
    """Return whether the memory behind `array` was written after `tick`."""
    block = owner(array)
    entry = _written.get(id(block))
    if (entry is not None and entry[0] > tick) or _forgotten > tick:
        return True
    if not _foreign and block.__class__ is ndarray and block.flags.owndata:
        return False
    others = [stretch for stretch, when in list(_foreign.items()) if when > tick]
    if _is_foreign(array, block):
        later = [reference() for when, reference in list(_written.values()) if when > tick]
        others += [("memory", *byte_bounds(b)) for b in later if isinstance(b, ndarray) and b.size]
    return any(
        space == other and start < last and first < end
        for space, start, end in _stretches(array, block, False)
        for other, first, last in others
    )
