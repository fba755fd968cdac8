"""Data sets as NumPy arrays, found on this machine or downloaded once and kept; and batches of any data."""

from .augment import Normalize, RandomCrop, RandomHorizontalFlip, ToDtype
from .cifar import CIFAR10, cifar10
from .collate import collate
from .dataset import ConcatDataset, Dataset, Subset, TensorDataset, random_split
from .digits import MNIST, mnist
from .download import fetch
from .idx import read_idx
from .images import ImageFolder, load_image
from .loader import DataLoader
from .samplers import (
    BucketBatchSampler,
    RandomSampler,
    Sampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from .text import Characters

__all__ = [
    "CIFAR10",
    "MNIST",
    "BucketBatchSampler",
    "Characters",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "ImageFolder",
    "Normalize",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomSampler",
    "Sampler",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "ToDtype",
    "WeightedRandomSampler",
    "cifar10",
    "collate",
    "fetch",
    "load_image",
    "mnist",
    "random_split",
    "read_idx",
]
