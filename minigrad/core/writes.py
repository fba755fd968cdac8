"""The clock of writes: when was a block of memory last written? It ticks for nodes and writes alike.

A node takes the next tick when it is recorded, a write takes the next tick when it happens. A value that a node saved
is stale exactly if its block was written at a later tick than the node's. So a node costs one increment of a counter
in the forward pass, and in the backward pass, if nothing was written since, one comparison of integers.

A block is known by the array that owns it, the end of the `.base` chain: every view, `detach()`, transposed weight or
slice of a flat parameter buffer leads to the same owner, however it was made. Where the chain leads out of NumPy
(DLPack, `torch.Tensor.numpy()`, a buffer, a mapped file) an array is known by its own addresses, and a write is found
where addresses overlap. Its entry may outlive the memory: a value that was saved before the write has kept its own
memory since, so the write was to that. Two mappings of one file have different addresses and are not found.

Several threads may record, write and go backward at once. A write counts from the moment `mark_written` returns. A
thread must not write what the forward or backward pass of another is reading.
"""

from __future__ import annotations

import itertools
import os
import threading
import weakref
from operator import itemgetter
from typing import Any

from numpy import ndarray
from numpy.lib.array_utils import byte_bounds

next_tick = itertools.count(1).__next__
last_write = 0
_written: dict[int, list[Any]] = {}  # id(owner) -> [tick, addresses, weak reference that clears it]
_elsewhere: dict[tuple[int, int], int] = {}  # addresses (first, end) outside NumPy's blocks -> tick
MOST_ELSEWHERE = 1000
# Without a lock the earlier tick of two writers could replace the later one and so hide a write. The lock is reentrant,
# because the garbage collector may run a finalizer that writes while it is held.
_writing = threading.RLock()
if hasattr(os, "register_at_fork"):  # a thread that holds it does not exist in the child
    os.register_at_fork(after_in_child=_writing._at_fork_reinit)  # type: ignore[attr-defined]


def owner(array: Any) -> Any:
    """The object that owns the memory of `array`: the array itself, or the end of its `.base` chain."""
    while True:
        base = array.obj if array.__class__ is memoryview else getattr(array, "base", None)
        if base is None or base is array:
            return array
        array = base


def mark_written(*arrays: Any) -> None:
    """Announce that the memory behind `arrays` was written: a graph that saved it before refuses to use it."""
    global last_write
    with _writing:
        last_write = tick = next_tick()
        for array in arrays:
            # most own their memory
            block = array if array.__class__ is ndarray and array.base is None else owner(array)
            entry = _written.get(id(block))
            if entry is not None:
                entry[0] = tick
            elif _is_owner(block, array):
                gone = weakref.KeyedRef(block, lambda gone: _written.pop(gone.key, None), id(block))
                _written[id(block)] = [tick, _addresses(block), gone]
            else:
                _elsewhere[_addresses(array)] = tick
        if len(_elsewhere) > MOST_ELSEWHERE:
            _join_older_half()


def _join_older_half() -> None:
    """Replace the older half of `_elsewhere` by one entry, for all addresses from its first to its last."""
    entries = sorted(_elsewhere.copy().items(), key=itemgetter(1))
    old = dict(entries[: len(entries) // 2])
    whole = min(old)[0], max(end for _, end in old)
    _elsewhere[whole] = max(_elsewhere.get(whole, 0), *old.values())
    for at in old.keys() - {whole}:  # after that one is there: other threads may look
        del _elsewhere[at]


def written_since(array: Any, tick: int) -> bool:
    """Return whether the memory behind `array` was written after `tick`."""
    block = owner(array)
    entry = _written.get(id(block))
    if entry is not None and entry[0] > tick:
        return True
    is_owner = entry is not None or _is_owner(block, array)
    if is_owner and not _elsewhere:
        return False
    later = [at for at, then in _elsewhere.copy().items() if then > tick]
    later += [] if is_owner else [at for then, at, _ in _written.copy().values() if then > tick]
    first, end = _addresses(array)
    return any(start < end and first < stop for start, stop in later)


def _is_owner(block: Any, array: Any) -> bool:
    """Return whether all views of the block lead to it, and its entry can be deleted with it."""
    if isinstance(block, ndarray):
        return block.flags.owndata
    return not isinstance(array, ndarray) and type(block).__weakrefoffset__ != 0


def _addresses(array: Any) -> tuple[int, int]:
    """The first address of an array and the one after its last; another library's array has that of its owner."""
    at = id(owner(array))
    return byte_bounds(array) if isinstance(array, ndarray) else (at, at + 1)
