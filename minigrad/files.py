"""Files that are written whole or not at all, even if an error, kill -9 or a loss of power ends the writing."""

from __future__ import annotations

import glob
import hashlib
import os
import stat
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedWriter
from pathlib import Path
from typing import Any

__all__ = ["StrPath", "whole"]

StrPath = str | os.PathLike[str]


@contextmanager
def whole(path: StrPath) -> Iterator[BufferedWriter]:
    """A file to write bytes to, which replaces `path` in one step when the block ends; the folder is made if missing.

    Until then it lies in the same folder under another name, because only within one file system can a file be
    replaced in one step. Its content is on disk before it gets the name, and the name is before this returns. If the
    block raises, `path` stays as it was and nothing is left beside it. The next writer removes what a killed one left
    behind; a writer that is alive, in any process, is known by the lock on its file. A file that is replaced keeps its
    permissions; OSError for a device, a pipe or a socket, which are not replaced.
    """
    place = Path(os.path.realpath(path))  # a link stays: the file to which it leads is replaced
    place.parent.mkdir(parents=True, exist_ok=True)
    old = place.stat().st_mode if place.exists() else None
    if old is not None and not (stat.S_ISREG(old) or stat.S_ISDIR(old)):
        raise OSError(f"{place} is a device, a pipe or a socket; only a file can be written whole")
    _remove_leftovers(place)
    partial, file = _begun(place)
    try:
        with file:
            if old is not None:
                os.chmod(partial, stat.S_IMODE(old))
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
        partial = place.with_name(f".{_short(place.name)}.{uuid.uuid4().hex}.part")
        file = open(partial, "xb")  # noqa: SIM115  the caller closes it
        is_ours = _lock(file) is not False
        if is_ours and partial.exists():  # else another writer removed it before it was locked
            return partial, file
        file.close()


def _short(name: str) -> str:
    """The name, or if no more than 255 bytes are to hold it with what is added, its hash."""
    content = os.fsencode(name)
    return name if len(content) <= 200 else hashlib.sha256(content).hexdigest()


def _remove_leftovers(place: Path) -> None:
    for left in place.parent.glob(f".{glob.escape(_short(place.name))}.*.part"):
        with suppress(OSError):
            if not stat.S_ISREG(left.lstat().st_mode):  # to open a pipe could take for ever
                continue
            if sys.platform == "win32":  # it does not remove a file that is open
                left.unlink()
            else:
                with open(left, "rb") as file:
                    if _lock(file):
                        left.unlink()


def _lock(file: Any) -> bool | None:
    """True if we now hold the lock on an open file, which ends with the process; None where there are no locks."""
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
    """Write the names in a folder to the disk, if the system lets a folder be opened."""
    if sys.platform == "win32":
        return
    entry = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(entry)
    finally:
        os.close(entry)
