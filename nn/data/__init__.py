"""Data sets as NumPy arrays: found on this machine, or downloaded once and kept."""

from .digits import MNIST, mnist
from .files import fetch
from .idx import read_idx

__all__ = ["MNIST", "fetch", "mnist", "read_idx"]
