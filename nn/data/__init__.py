"""Data sets as NumPy arrays: found on this machine, or downloaded once and kept."""

from nn.data.digits import MNIST, mnist
from nn.data.files import fetch
from nn.data.idx import read_idx

__all__ = ["MNIST", "fetch", "mnist", "read_idx"]
