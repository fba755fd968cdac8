"""The files of a data set: found on this machine or, if missing, downloaded; and opened."""

import gzip
import hashlib
import http.client
import os
import urllib.error
import urllib.request
import zlib
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from io import BufferedReader
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..atomic_file import StrPath, whole
from ..progress import progress_bar

BLOCK = 1 << 16  # bytes read between two steps of the progress bar
GZIP_ERRORS = (EOFError, gzip.BadGzipFile, zlib.error)  # what reading a damaged gzip file raises


def open_unzipped(path: StrPath) -> gzip.GzipFile | BufferedReader:
    """The file opened for reading; unzipped if its content is gzip, whatever its name."""
    with open(path, "rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if zipped else open(path, "rb")


def bad_file(path: StrPath, met: str, expected: str) -> ValueError:
    """The error for a file whose content is not what its reader expected."""
    return ValueError(
        f"{os.fspath(path)}: found {met}, expected {expected}. "
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


def download(path: Path, title: str, mirrors: Sequence[str], checksums: Mapping[str, str]) -> Path:
    """The path, after the file with that name has been downloaded from one of the data set's mirrors.

    If this fails, the error describes the data set by `title`, such as "MNIST is the four files".
    """
    try:
        return fetch([mirror + path.name for mirror in mirrors], path, sha256=checksums[path.name])
    except ConnectionError as error:
        raise ConnectionError(
            f"{error}\n{title} {', '.join(checksums)} in the folder {path.parent}; "
            f"its mirrors are {' and '.join(mirrors)}"
        ) from None


def fetch(urls: Iterable[str], path: StrPath, *, sha256: str, timeout: float = 30.0) -> Path:
    """The path, after the file has been downloaded from the first of the urls that works.

    The urls are http or https addresses of the same file on several mirrors, tried in order.
    `sha256` is the hexadecimal SHA-256 of the file or, if it is gzip, of its unzipped content,
    because mirrors may have zipped the same content differently; the file is kept as it was sent.
    `timeout` is the longest wait, in seconds, for a mirror that sends nothing.

    An existing file is replaced at the very end and in one step, so that nobody sees half a file
    and a download that fails or is interrupted leaves nothing behind. If no mirror works, a
    ConnectionError gives the reason for each. A progress bar is shown if tqdm is installed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for url in urls:
        try:
            _fetch_from(url, path, sha256, timeout)
        except _MirrorError as error:
            failures.append(f"\n  {url}: {error}")
        else:
            return path
    raise ConnectionError(
        f"{path.name} could not be downloaded:{''.join(failures)}\n"
        f"Try again later, or put the file by hand at {path}"
    )


class _MirrorError(Exception):
    """A mirror's failure: the next one may work."""


def _fetch_from(url: str, path: Path, sha256: str, timeout: float) -> None:
    """Download one url to the path; a _MirrorError if the mirror is to blame."""
    with whole(path) as file:
        with closing(_body(url, path.name, timeout)) as blocks:
            file.writelines(blocks)
        file.flush()
        _check(Path(file.name), sha256)


def _body(url: str, label: str, timeout: float) -> Generator[bytes, None, None]:
    """The blocks a mirror sends; anything that goes wrong on its side is a _MirrorError."""
    received = 0
    try:
        with urllib.request.urlopen(url, timeout=timeout) as response:
            total: int | None = response.length
            with progress_bar(label, total, unit="B", unit_scale=True) as bar:
                while block := response.read(BLOCK):
                    received += len(block)
                    if bar is not None:
                        bar.update(len(block))
                    yield block
    except urllib.error.HTTPError as error:
        error.close()  # it is the response, and holds the connection
        raise _MirrorError(f"answered {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        raise _MirrorError(f"failed with {type(error).__name__}: {error}") from None
    # http.client takes the end of a connection for the end of the body.
    if total is not None and received < total:
        raise _MirrorError(f"sent {received} of {total} bytes")


def _check(path: Path, sha256: str) -> None:
    """Raise a _MirrorError unless this is the SHA-256 of the file or, if it is gzip, of its unzipped content."""
    with open(path, "rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() == sha256:
            return
    try:
        with open_unzipped(path) as file:
            received = hashlib.file_digest(file, "sha256").hexdigest()
    except GZIP_ERRORS as error:
        raise _MirrorError(f"sent a damaged gzip file ({error})") from None
    if received != sha256:
        raise _MirrorError(f"sent content with the SHA-256 {received}, expected {sha256}")
