"""CIFAR-10, small photographs in ten classes, by Krizhevsky, Nair and Hinton (cs.toronto.edu/~kriz/cifar.html)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from minigrad.files import StrPath

from .archive import read_members
from .download import Content, download
from .files import Folder, bad_file, check_labels, folder_of
from .pickled import read_pickled

MIRRORS = ("https://www.cs.toronto.edu/~kriz/", "https://cave.cs.toronto.edu/kriz/")
FILES = {
    "cifar-10-binary.tar.gz": Content(
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd", 170052171
    ),
    "cifar-10-python.tar.gz": Content(
        "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce", 170498071
    ),
}
PIXELS = 3 * 32 * 32
NEEDED = (
    "data_batch_1.bin (2 to 5 may be missing), test_batch.bin and batches.meta.txt, or the python version's "
    "data_batch_1, test_batch and batches.meta, or the archive of either"
)

Batch = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]


class CIFAR10(NamedTuple):
    """Images (N, 3, 32, 32) uint8, planes of red, green and blue, and labels (N,) int64, places in class_names.

    N is 50000 for training and 10000 for testing, or less if there are fewer or shorter files.
    """

    train_images: npt.NDArray[np.uint8]
    train_labels: npt.NDArray[np.int64]
    test_images: npt.NDArray[np.uint8]
    test_labels: npt.NDArray[np.int64]
    class_names: tuple[str, ...]


def cifar10(data: StrPath | None = None) -> CIFAR10:
    """The photographs of CIFAR-10, from a folder on this machine or else downloaded (162 MB) and kept.

    They are read from the folder `data`, or else from the one in the environment variable MINIGRAD_DATA, or from its
    subfolder `cifar10`. There may be the files of the binary or of the python version, with or without the folder that
    their archive makes, or the archive itself, as it is downloaded. Some of the five training batches may be missing;
    FileNotFoundError if anything else is. If neither folder is given, they are read from ~/.cache/minigrad, and the
    archive of the binary version is first downloaded to it; if that fails, a ConnectionError says what to do. A file
    that does not hold such photographs is a ValueError that names it.

    The python version consists of pickles. They are read without being unpickled (see nn/data/pickled.py).
    """
    folder = folder_of("cifar10", data)
    version, files = _found(folder)
    if version is None:
        if folder.origin is not None:
            raise folder.lacks(f"CIFAR-10 ({NEEDED})")
        version = VERSIONS[0]
        path = folder.parents[0] / version.archive
        files = version.unpacked(download(path, "CIFAR-10 is one of", MIRRORS, FILES))
    (meta, text), (test, content), *training = files.items()
    batches = [version.read_batch(path, batch) for path, batch in training]
    images, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    return CIFAR10(
        images, labels, *version.read_batch(test, content), version.read_names(meta, text)
    )


# The two versions -------------------------------------------------------------------------------------


class Version(NamedTuple):
    """One of the two formats: the names of its files, and how their contents are read."""

    archive: str
    folder: str
    meta: str
    suffix: str
    read_batch: Callable[[Path, bytes], Batch]
    read_names: Callable[[Path, bytes], tuple[str, ...]]

    @property
    def names(self) -> list[str]:
        """The files of the class names, of the test batch, and of the training batches."""
        batches = ["test_batch", *(f"data_batch_{i}" for i in range(1, 6))]
        return [self.meta, *(batch + self.suffix for batch in batches)]

    def present(self, is_there: Callable[[str], bool]) -> list[str]:
        """Those of `names` that are there; none, if one that is needed is missing."""
        names = [name for name in self.names if is_there(name)]
        return names if names[:2] == self.names[:2] and len(names) > 2 else []

    def loose(self, folder: Path) -> dict[Path, bytes]:
        """The contents of the files in a folder, in the order of `names`."""
        names = self.present(lambda name: (folder / name).is_file())
        return {folder / name: (folder / name).read_bytes() for name in names}

    def unpacked(self, archive: Path) -> dict[Path, bytes]:
        """The contents of the files in an archive, in the order of `names`."""
        found = read_members(archive, self.names)
        names = self.present(lambda name: archive / name in found)
        if not names:
            raise bad_file(
                archive,
                f"an archive of {', '.join(path.name for path in found) or 'other files'}",
                f"{self.meta}, test_batch{self.suffix} and data_batch_1{self.suffix} to 5 in it",
            )
        return {archive / name: found[archive / name] for name in names}


def _found(folder: Folder) -> tuple[Version | None, dict[Path, bytes]]:
    """The first version with all the files that it needs, and these files."""
    for parent in folder.parents:
        for version in VERSIONS:
            for place in (parent, parent / version.folder):
                if files := version.loose(place):
                    return version, files
        for version in VERSIONS:
            if (parent / version.archive).is_file():
                return version, version.unpacked(parent / version.archive)
    return None, {}


def _read_records(path: Path, content: bytes) -> Batch:
    """The binary version: for each image one byte, the label, and 3072 bytes, the pixels."""
    if not content or len(content) % (1 + PIXELS):
        raise bad_file(path, f"{len(content)} bytes", f"one or more records of {1 + PIXELS}")
    records = np.frombuffer(content, np.uint8).reshape(-1, 1 + PIXELS)
    labels = check_labels(path, records[:, 0])
    return records[:, 1:].reshape(-1, 3, 32, 32).copy(), labels


def _read_dict(path: Path, content: bytes) -> Batch:
    """The python version: a dict with the pixels (N, 3072), a list of labels, and entries that are not needed."""
    found = _unpickled(path, content)
    pixels, labels = found.get(b"data"), found.get(b"labels")
    if not isinstance(pixels, np.ndarray) or pixels.ndim != 2 or pixels.shape[1] != PIXELS:
        met = f"shape {pixels.shape}" if isinstance(pixels, np.ndarray) else "no array"
        raise bad_file(path, f"{met} as data", f"(N, {PIXELS})")
    if not isinstance(labels, list) or len(labels) != len(pixels) or not labels:
        met = f"{len(labels)} labels" if isinstance(labels, list) else "no list of labels"
        raise bad_file(path, met, f"one for each of {len(pixels)} images, at least one")
    if not all(type(label) is int and label >= 0 for label in labels):
        raise bad_file(path, "labels that are not numbers", "labels from 0 to 9")
    return pixels.reshape(-1, 3, 32, 32).copy(), check_labels(path, np.array(labels))


def _unpickled(path: Path, content: bytes) -> dict[bytes, Any]:
    try:
        return read_pickled(content)
    except ValueError as error:
        raise bad_file(path, str(error), "a pickle of CIFAR-10's python version") from None


def _names(path: Path, names: Any) -> tuple[str, ...]:
    """Ten class names, given as bytes."""
    if not isinstance(names, list) or len(names) != 10 or not all(type(n) is bytes for n in names):
        raise bad_file(path, "another list of class names", "ten names")
    return tuple(name.decode("utf-8", "replace") for name in names)


VERSIONS = (
    Version(
        archive="cifar-10-binary.tar.gz",
        folder="cifar-10-batches-bin",
        meta="batches.meta.txt",
        suffix=".bin",
        read_batch=_read_records,
        read_names=lambda path, content: _names(path, content.split()),
    ),
    Version(
        archive="cifar-10-python.tar.gz",
        folder="cifar-10-batches-py",
        meta="batches.meta",
        suffix="",
        read_batch=_read_dict,
        read_names=lambda path, content: _names(
            path, _unpickled(path, content).get(b"label_names")
        ),
    ),
)
