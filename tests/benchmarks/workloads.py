"""What is trained: networks as plain lists of layers, which every engine builds in its own words.

Each engine starts from the same data and the same parameters, and makes the same steps of SGD.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np

LEARNING_RATE = 0.01


class Linear(NamedTuple):
    inputs: int
    outputs: int

    def __str__(self) -> str:
        return f"linear {self.inputs}x{self.outputs}"


class Conv(NamedTuple):
    """Stride 1, with a frame of zeros that keeps height and width: the kernel's size is odd."""

    channels: int
    filters: int
    kernel: int

    @property
    def padding(self) -> int:
        return self.kernel // 2

    def __str__(self) -> str:
        return f"conv {self.kernel}x{self.kernel}x{self.filters}"


class Relu(NamedTuple):
    def __str__(self) -> str:
        return "relu"


class Pool(NamedTuple):
    """The maximum of windows side by side."""

    size: int

    def __str__(self) -> str:
        return f"pool {self.size}"


class Flatten(NamedTuple):
    def __str__(self) -> str:
        return "flatten"


Layer = Linear | Conv | Relu | Pool | Flatten


class Workload(NamedTuple):
    """The network ends in logits; the loss is softmax cross-entropy, its mean over the batch."""

    batch: int
    input_shape: tuple[int, ...]
    layers: tuple[Layer, ...]

    @property
    def classes(self) -> int:
        return [layer for layer in self.layers if isinstance(layer, Linear)][-1].outputs

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs (batch, *input_shape) of float32, and integer labels (batch,)."""
        rng = np.random.default_rng(0)
        x = rng.standard_normal((self.batch, *self.input_shape), np.float32)
        return x, rng.integers(0, self.classes, self.batch)

    def state(self) -> dict[str, np.ndarray]:
        """The initial parameters under PyTorch's names and in its shapes, from uniform(-k, k), k = 1 / sqrt(fan in)."""
        rng = np.random.default_rng(1)
        state = {}
        for place, layer in enumerate(self.layers):
            match layer:
                case Linear(inputs, outputs):
                    shape: tuple[int, ...] = (outputs, inputs)
                case Conv(channels, filters, kernel):
                    shape = (filters, channels, kernel, kernel)
                case _:
                    continue
            bound = 1 / math.sqrt(math.prod(shape[1:]))
            for name, size in (("weight", shape), ("bias", shape[:1])):
                state[f"{place}.{name}"] = rng.uniform(-bound, bound, size).astype(np.float32)
        return state


def dense(batch: int, *sizes: int) -> Workload:
    """Linear layers of the given sizes with relu between them."""
    layers: list[Layer] = []
    for before, after in pairwise(sizes):
        layers += [Linear(before, after), Relu()]
    return Workload(batch, sizes[:1], tuple(layers[:-1]))


WORKLOADS = {
    "spiral": dense(300, 2, 100, 3),
    "mnist2": dense(100, 784, 50, 10),
    "cifar2": dense(200, 3072, 100, 10),
    "mlp4": dense(128, 784, 256, 128, 10),
    "conv3": Workload(
        50,
        (3, 32, 32),
        (
            Conv(3, 32, 7), Relu(), Pool(2), Flatten(),
            Linear(32 * 16 * 16, 100), Relu(), Linear(100, 10),
        ),
    ),
    "mnistcnn": Workload(
        64,
        (1, 28, 28),
        (
            Conv(1, 16, 3), Relu(), Pool(2),
            Conv(16, 32, 3), Relu(), Pool(2), Flatten(),
            Linear(32 * 7 * 7, 10),
        ),
    ),
}  # fmt: skip


def find(name: str) -> Workload:
    """One of WORKLOADS, or by `dense-BATCH-SIZE-...-SIZE` a perceptron of any size; SIZE*N stands for N times it."""
    if name in WORKLOADS:
        return WORKLOADS[name]
    if not name.startswith("dense-"):
        raise ValueError(f"there is no workload {name!r}; there are {', '.join(WORKLOADS)}")
    _, batch, *parts = name.split("-")
    sizes: list[int] = []
    for part in parts:
        size, _, times = part.partition("*")
        sizes += [int(size)] * int(times or 1)
    return dense(int(batch), *sizes)
