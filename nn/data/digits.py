"""MNIST, the handwritten digits of LeCun, Cortes and Burges (yann.lecun.com/exdb/mnist)."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from minigrad.files import StrPath

from .download import Content, download
from .files import bad_file, check_labels, folder_of
from .idx import read_idx

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
FILES = {  # unzipped
    "train-images-idx3-ubyte.gz": Content(
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", 47040016
    ),
    "train-labels-idx1-ubyte.gz": Content(
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", 60008
    ),
    "t10k-images-idx3-ubyte.gz": Content(
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", 7840016
    ),
    "t10k-labels-idx1-ubyte.gz": Content(
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", 10008
    ),
}


class MNIST(NamedTuple):
    """Images (N, 28, 28) uint8, 0 paper to 255 ink, and labels (N,) int64, the digits 0 to 9.

    N is 60000 for training and 10000 for testing.
    """

    train_images: npt.NDArray[np.uint8]
    train_labels: npt.NDArray[np.int64]
    test_images: npt.NDArray[np.uint8]
    test_labels: npt.NDArray[np.int64]


def mnist(data: StrPath | None = None) -> MNIST:
    """The MNIST digits, from a folder on this machine or else downloaded (11 MB) and kept.

    The four files, gzipped or not, are read from the folder `data`, or else from the one in the
    environment variable MINIGRAD_DATA, or from its subfolder `mnist`; FileNotFoundError if one is
    missing. If neither folder is given, they are read from ~/.cache/minigrad, and missing files are
    first downloaded to it; if that fails, a ConnectionError says what to do. A file that does not
    hold such digits is a ValueError that names it.
    """
    folder = folder_of("mnist", data)
    found = {name: folder.find(name, name.removesuffix(".gz")) for name in FILES}
    missing = [name for name, path in found.items() if path is None]
    if missing and folder.origin is not None:
        raise folder.lacks(", ".join(missing))
    train_images, train_labels, test_images, test_labels = (
        path or download(folder.parents[0] / name, "MNIST is the four files", MIRRORS, FILES)
        for name, path in found.items()
    )
    return MNIST(*_read(train_images, train_labels), *_read(test_images, test_labels))


def _read(
    images_path: Path, labels_path: Path
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The images and labels in two files; ValueError unless they are digits, and as many of each."""
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (28, 28):
        raise bad_file(images_path, f"{images.dtype} {images.shape}", "uint8 (N, 28, 28)")
    if not len(images):
        raise bad_file(images_path, "no images", "one or more")
    # Fewer digits than in the official files are allowed: a small extract is handy in lessons.
    if labels.dtype != np.uint8 or labels.shape != images.shape[:1]:
        raise bad_file(
            labels_path,
            f"labels {labels.dtype} {labels.shape}",
            f"uint8 {images.shape[:1]}, one for each image in {images_path}",
        )
    return images, check_labels(labels_path, labels)
