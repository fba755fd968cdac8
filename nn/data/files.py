"""The files of a data set: where they lie on this machine, and how they are opened."""

import gzip
import os
import zlib
from io import BufferedReader
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from minigrad.files import StrPath

BLOCK = 1 << 16  # bytes that are read at once
LONGEST = 500  # characters of a stranger in an error
GZIP_ERRORS = (EOFError, gzip.BadGzipFile, zlib.error)  # what reading a damaged gzip file raises


def open_unzipped(path: StrPath) -> gzip.GzipFile | BufferedReader:
    """The file opened for reading; unzipped if its content is gzip, whatever its name."""
    with open(path, "rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if zipped else open(path, "rb")


def shown(text: str) -> str:
    r"""A stranger's text for a terminal, which might obey it: control characters are written as \x1b; cut if long."""
    text = f"{text[:LONGEST]}..." if len(text) > LONGEST else text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def bad_file(path: StrPath, met: str, expected: str) -> ValueError:
    """The error for a file whose content is not what its reader expected."""
    return ValueError(
        f"{os.fspath(path)}: found {shown(met)}, expected {expected}. "
        "The file is damaged or another one: delete it and fetch it again."
    )


def check_labels(path: StrPath, labels: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """The labels as int64; ValueError for one above 9."""
    outside = np.flatnonzero(labels > 9)
    if outside.size:
        raise bad_file(path, f"the label {labels[outside[0]]}", "labels from 0 to 9")
    return labels.astype(np.int64)


class Folder(NamedTuple):
    """The place of a data set's files: the folder `path`, which `origin` gave; None as origin means the cache.

    They lie in the folder or in its subfolder with the data set's name; downloads go into the subfolder.
    """

    path: Path
    origin: str | None
    dataset: str

    @property
    def parents(self) -> tuple[Path, Path]:
        # The subfolder first: Fashion-MNIST, for one, has the same file names as MNIST.
        return self.path / self.dataset, self.path

    def find(self, *names: str) -> Path | None:
        """The first file there that has one of the names."""
        paths = (parent / name for parent in self.parents for name in names)
        return next((path for path in paths if path.is_file()), None)

    def lacks(self, what: str) -> FileNotFoundError:
        """The error for a folder named by the caller in which something is missing."""
        return FileNotFoundError(
            f"{what} not found in {self.path}, the folder named by {self.origin}"
            f"{'' if self.path.is_dir() else ' (it does not exist)'}, nor in its subfolder {self.dataset}. "
            "Put the files there, or name no folder to have them downloaded."
        )


def folder_of(dataset: str, data: StrPath | None = None) -> Folder:
    """The folder `data`, or else the one in the environment variable MINIGRAD_DATA, or else the cache."""
    if data is not None:
        return Folder(Path(data).expanduser(), "the argument data", dataset)
    if named := os.environ.get("MINIGRAD_DATA"):
        return Folder(Path(named).expanduser(), "MINIGRAD_DATA", dataset)
    return Folder(cache_folder(), None, dataset)


def cache_folder() -> Path:
    """The folder for downloads: $XDG_CACHE_HOME/minigrad, by default ~/.cache/minigrad."""
    root = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification: a path that is not absolute is ignored.
    return (Path(root) if os.path.isabs(root) else Path.home() / ".cache") / "minigrad"
