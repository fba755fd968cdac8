"""Data sets as NumPy arrays: found on this machine, or downloaded once and kept."""

from .cifar import CIFAR10, cifar10
from .digits import MNIST, mnist
from .files import fetch
from .idx import read_idx

__all__ = ["CIFAR10", "MNIST", "cifar10", "fetch", "mnist", "read_idx"]
