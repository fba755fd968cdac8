"""A file that is written whole or not at all, whatever ends the writing: an error, kill -9, a loss of power."""

from __future__ import annotations

import glob
import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedWriter
from pathlib import Path
from typing import Any

StrPath = str | os.PathLike[str]


@contextmanager
def whole(path: StrPath) -> Iterator[BufferedWriter]:
    """A file to write bytes to; when the block ends it takes the place of `path`, whose folder is made, in one step.

    Until then it lies in the same folder under another name, because only within one file system can a file be
    replaced in one step. It reaches the disk before it gets the name, and the name before this returns. Where the
    block raises, `path` stays as it was and nothing is left beside it. What a killed writer has left there the next
    one removes, unless the writer still lives: it holds a lock on its file, in any process.
    """
    place = Path(os.path.realpath(path))  # of a link the file that it leads to is replaced
    place.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(place)
    partial, file = _begun(place)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if sys.platform == "win32":  # it does not rename a file that is open
                file.close()
            os.replace(partial, place)
    finally:
        partial.unlink(missing_ok=True)
    _sync_folder(place.parent)


def _begun(place: Path) -> tuple[Path, BufferedWriter]:
    """A new file beside `place`, locked."""
    while True:
        partial = place.with_name(f".{place.name}.{uuid.uuid4().hex}.part")
        file = open(partial, "xb")  # noqa: SIM115  the caller closes it
        is_ours = _lock(file) is not False
        if is_ours and partial.exists():  # or it was taken for a leftover before it was locked
            return partial, file
        file.close()


def _remove_leftovers(place: Path) -> None:
    for left in place.parent.glob(f".{glob.escape(place.name)}.*.part"):
        with suppress(OSError):
            if sys.platform == "win32":  # it does not remove a file that is open
                left.unlink()
            else:
                with open(left, "rb") as file:
                    if _lock(file):
                        left.unlink()


def _lock(file: Any) -> bool | None:
    """True if the lock on an open file, which ends with the process, is ours now; None where there are no locks."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:  # another holds it
        return False
    except OSError:  # this file system has none
        return None
    return True


def _sync_folder(folder: Path) -> None:
    """Let the names in a folder reach the disk, where the system lets a folder be opened."""
    if sys.platform == "win32":
        return
    entry = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(entry)
    finally:
        os.close(entry)
