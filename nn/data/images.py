"""ImageFolder: images in a folder for each class, read through Pillow, which takes no file at its word."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.files import StrPath

from .files import bad_file

EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
# Pillow knows more, such as EPS, which it gives to another program, whatever the file's name
FORMATS = ("JPEG", "PNG", "PPM", "BMP", "TIFF", "WEBP")


class ImageFolder:
    """Item i is (image, class), of the i-th image in `root/class name/...`, with names sorted and classes numbered.

    transform         a function of what the loader gives, such as `lambda image: image.resize((32, 32))`
    target_transform  a function of the class's number
    loader            a function of a path; by default `load_image`: an image of Pillow in RGB
    is_valid_file     a function of a path that tells images from other files; by default by the name's extension

    After the transform an image of Pillow becomes an array (C, H, W) of uint8. `classes` holds the classes' names,
    `class_to_idx` their numbers, `samples` the (path, number) of all images, and `targets` their numbers. Nothing is
    read before it is asked for; to decode in several processes, see the DataLoader's num_workers.
    """

    def __init__(
        self,
        root: StrPath,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
        loader: Callable[[str], Any] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
    ) -> None:
        self.root = os.fspath(root)
        self.transform, self.target_transform = transform, target_transform
        self.loader = load_image if loader is None else loader
        self.classes = sorted(entry.name for entry in os.scandir(self.root) if entry.is_dir())
        if not self.classes:
            raise FileNotFoundError(
                f"ImageFolder: no folder in {self.root}; there must be one for each class"
            )
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}
        valid = _is_image if is_valid_file is None else is_valid_file
        self.samples: list[tuple[str, int]] = []
        for name, i in self.class_to_idx.items():
            found = [path for path in _files(os.path.join(self.root, name)) if valid(path)]
            if not found:
                raise FileNotFoundError(
                    f"ImageFolder: no image in {os.path.join(self.root, name)}; by default their names end with "
                    f"{', '.join(EXTENSIONS)}"
                )
            self.samples += [(path, i) for path in found]
        self.targets = [i for _, i in self.samples]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, i: int, /) -> tuple[Any, Any]:
        path, target = self.samples[i]
        image = self.loader(path)
        if self.transform is not None:
            image = self.transform(image)
        if hasattr(image, "getbands"):  # still an image of Pillow
            array = np.asarray(image, np.uint8)
            image = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
        return image, target if self.target_transform is None else self.target_transform(target)


def load_image(path: StrPath) -> Any:
    """The image in a file, in RGB, as Pillow reads it; ValueError names a file that holds none, half of one, or a bomb.

    A bomb is an image that unpacks to more pixels than PIL.Image.MAX_IMAGE_PIXELS, which may be raised.
    """
    try:
        from PIL import Image
    except ImportError:
        raise ImportError(
            'ImageFolder needs the package Pillow: pip install "minigrad[images]"'
        ) from None
    if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would be waited for
        raise bad_file(path, "no regular file", f"an image ({', '.join(FORMATS)})")
    with open(path, "rb") as file:
        try:
            image: Any = Image.open(file, formats=FORMATS)
            pixels, most = image.width * image.height, Image.MAX_IMAGE_PIXELS
            if most is not None and pixels > most:
                raise ValueError(f"{pixels} pixels, over PIL.Image.MAX_IMAGE_PIXELS = {most}")
            if image.mode.startswith("I;16"):  # which Pillow would cut off at 255
                image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
            return image.convert("RGB")
        except Exception as error:  # Pillow's readers raise many kinds
            met = f"{type(error).__name__}: {error}"
            raise bad_file(path, met, f"an image ({', '.join(FORMATS)})") from error


def _is_image(path: str) -> bool:
    return path.lower().endswith(EXTENSIONS)


def _files(folder: str) -> Iterator[str]:
    """All files in a folder and its subfolders, sorted; through links too, but no folder twice."""
    met = set[Path]()
    for here, folders, names in os.walk(folder, followlinks=True):
        real = Path(here).resolve()
        if real in met:
            folders.clear()
            continue
        met.add(real)
        folders.sort()
        yield from (os.path.join(here, name) for name in sorted(names))
