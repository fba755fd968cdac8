"""Augmentation of whole batches of images (N, C, H, W) in NumPy: functions (batch, rng) -> batch for a DataLoader.

    DataLoader(data, 64, transform=[RandomCrop(32, padding=4), RandomHorizontalFlip(), Normalize(mean, std)])

The names are those of torchvision's transforms. A batch is an array of images, or a tuple or list that begins with one;
the rest of it stays. Nothing is written into a batch that was given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..checks import integer, probability

Images = npt.NDArray[Any]


class _OfImages:
    """A transform: `images(x, rng)` of the images in a batch."""

    def images(self, x: Images, rng: np.random.Generator) -> Images:
        raise NotImplementedError

    def __call__(self, batch: Any, rng: np.random.Generator) -> Any:
        x = batch[0] if isinstance(batch, (tuple, list)) else batch
        if getattr(x, "ndim", None) != 4:
            met = f"has {x.dtype} {x.shape}" if hasattr(x, "shape") else f"is a {type(x).__name__}"
            raise TypeError(
                f"{type(self).__name__}: images (N, C, H, W) are needed, alone or first in a tuple; the batch {met}"
            )
        y = self.images(x, rng)
        if x is batch:
            return y
        kind: Any = type(batch)
        return kind(y, *batch[1:]) if hasattr(batch, "_fields") else kind((y, *batch[1:]))


class RandomHorizontalFlip(_OfImages):
    """Each image mirrored, left to right, with probability p."""

    def __init__(self, p: float = 0.5) -> None:
        self.p = probability(self, "p", p)

    def images(self, x: Images, rng: np.random.Generator) -> Images:
        flipped, y = rng.random(len(x)) < self.p, x.copy()
        y[flipped] = x[flipped][..., ::-1]
        return y


class RandomCrop(_OfImages):
    """A window (N, C, *size) of each image, evenly drawn from all that fit after `padding` zeros on each side."""

    def __init__(self, size: int | Sequence[int], padding: int = 0) -> None:
        self.size = tuple(size) if isinstance(size, Sequence) else (size, size)
        if len(self.size) != 2:
            raise ValueError(f"RandomCrop: size must be a height and a width, not {size!r}")
        for n in self.size:
            integer(self, "size", n, 1)
        self.padding = integer(self, "padding", padding, 0)

    def images(self, x: Images, rng: np.random.Generator) -> Images:
        x = np.pad(x, [(0, 0), (0, 0), (self.padding,) * 2, (self.padding,) * 2])
        if any(n > most for n, most in zip(self.size, x.shape[2:], strict=True)):
            raise ValueError(
                f"RandomCrop: {self.size} do not fit into images of {x.shape[2:]}, padding included"
            )
        windows = np.lib.stride_tricks.sliding_window_view(x, self.size, (2, 3))
        top, left = (rng.integers(0, n, len(x)) for n in windows.shape[2:4])
        return windows[np.arange(len(x)), :, top, left]


class ToDtype(_OfImages):
    """The images as `dtype`; with `scale` integers are divided by the largest of their dtype: uint8 by 255."""

    def __init__(self, dtype: npt.DTypeLike = np.float32, scale: bool = False) -> None:
        self.dtype, self.scale = np.dtype(dtype), scale
        if scale and self.dtype.kind != "f":
            raise ValueError(f"ToDtype: to scale, dtype must be a float, not {self.dtype}")

    def images(self, x: Images, rng: np.random.Generator) -> Images:
        if not self.scale or x.dtype.kind not in "iu":
            return x.astype(self.dtype)
        wide = np.promote_types(self.dtype, np.float32)  # float16 has no 65535
        return (x.astype(wide) / wide.type(np.iinfo(x.dtype).max)).astype(self.dtype, copy=False)


class Normalize(_OfImages):
    """y = (x - mean[c]) / std[c] for each channel c of images of floats."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        self.mean, self.std = np.array(mean, np.float64), np.array(std, np.float64)
        if self.mean.ndim != 1 or self.mean.shape != self.std.shape or not (self.std > 0).all():
            raise ValueError(
                "Normalize: mean and std must be a number for each channel, those of std above 0, not "
                f"{mean!r} and {std!r}"
            )

    def images(self, x: Images, rng: np.random.Generator) -> Images:
        if x.dtype.kind != "f":
            raise TypeError(
                f"Normalize: the images are {x.dtype}; put ToDtype(np.float32, scale=True) before it, and take mean "
                "and std of images from 0 to 1"
            )
        if x.shape[1] != len(self.mean):
            raise ValueError(
                f"Normalize: mean and std have {len(self.mean)} channels, the images {x.shape[1]}"
            )
        mean, std = (a.astype(x.dtype)[:, None, None] for a in (self.mean, self.std))
        return (x - mean) / std
