"""What is trained: networks as plain lists of layers, which every engine builds in its own words.

Each engine starts from the same data and the same parameters, and makes the same steps of SGD or AdamW.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from kinds import (
    GRU,
    LSTM,
    SGD,
    AdamW,
    Attention,
    Average,
    BatchNorm,
    Conv,
    Dropout,
    Embedding,
    Flatten,
    Gelu,
    Last,
    Layer,
    LayerNorm,
    Linear,
    Optimizer,
    Places,
    Pool,
    Relu,
    Residual,
    Rows,
    state_of,
)


class Workload(NamedTuple):
    """The network ends in logits (examples, classes); the loss is softmax cross-entropy, its mean over the examples."""

    batch: int
    input_shape: tuple[int, ...]
    layers: tuple[Layer, ...]
    optimizer: Optimizer = SGD()

    @property
    def classes(self) -> int:
        return [layer for layer in self.layers if isinstance(layer, Linear)][-1].outputs

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs (batch, *input_shape), float32 or, where an embedding reads them, integers; integer labels."""
        rng = np.random.default_rng(0)
        shape, examples = (self.batch, *self.input_shape), self.batch
        if isinstance(self.layers[0], Embedding):
            x = rng.integers(0, self.layers[0].count, shape)
        else:
            x = rng.standard_normal(shape, np.float32)
        if isinstance(self.layers[-1], Rows):
            examples *= self.input_shape[0]
        return x, rng.integers(0, self.classes, examples)

    def state(self) -> dict[str, np.ndarray]:
        """The initial parameters and buffers under PyTorch's names and in its shapes."""
        return state_of(self.layers, np.random.default_rng(1))


def dense(batch: int, *sizes: int) -> Workload:
    """Linear layers of the given sizes with relu between them."""
    layers: list[Layer] = []
    for before, after in pairwise(sizes):
        layers += [Linear(before, after), Relu()]
    return Workload(batch, sizes[:1], tuple(layers[:-1]))


def cnn(filters: int) -> Workload:
    """Images of MNIST's size through two convolutions."""
    return Workload(
        64,
        (1, 28, 28),
        (
            Conv(1, filters, 3), Relu(), Pool(2),
            Conv(filters, 2 * filters, 3), Relu(), Pool(2), Flatten(),
            Linear(2 * filters * 7 * 7, 10),
        ),
    )  # fmt: skip


def gpt(characters: int, length: int, width: int, heads: int, blocks: int) -> tuple[Layer, ...]:
    """A causal transformer that reads a text, its norms before what they belong to."""
    block = (
        Residual((LayerNorm(width), Attention(width, heads))),
        Residual((
            LayerNorm(width), Linear(width, 4 * width), Gelu(), Linear(4 * width, width),
        )),
    )  # fmt: skip
    before = (Embedding(characters, width), Places(length, width))
    return (*before, *block * blocks, LayerNorm(width), Linear(width, characters), Rows())


def convolved(channels: int, filters: int) -> tuple[Layer, ...]:
    return Conv(channels, filters, 3, bias=False), BatchNorm(filters)


WORKLOADS = {
    "spiral": dense(300, 2, 100, 3),
    "mnist2": dense(100, 784, 50, 10),
    "cifar2": dense(200, 3072, 100, 10),
    "mlp4": dense(128, 784, 256, 128, 10),
    "lnmlp": Workload(
        256, (512,), (*(Linear(512, 512), LayerNorm(512), Gelu()) * 4, Linear(512, 10))
    ),
    "conv3": Workload(
        50,
        (3, 32, 32),
        (
            Conv(3, 32, 7), Relu(), Pool(2), Flatten(),
            Linear(32 * 16 * 16, 100), Relu(), Linear(100, 10),
        ),
    ),
    "mnistcnn": cnn(16),
    "widecnn": cnn(32),
    "resnet": Workload(
        32,
        (3, 32, 32),
        (
            *convolved(3, 16), Relu(),
            *(Residual((*convolved(16, 16), Relu(), *convolved(16, 16))), Relu()) * 3,
            Average(), Linear(16, 10),
        ),
    ),
    "lstm": Workload(32, (20, 64), (LSTM(64, 64), Last(), Linear(64, 10))),
    "gru": Workload(32, (20, 64), (GRU(64, 64), Last(), Linear(64, 10))),
    "gpt": Workload(8, (64,), gpt(65, length=64, width=128, heads=4, blocks=2), AdamW()),
}  # fmt: skip

ON_REQUEST = {
    "lm": Workload(  # of words, as papers train it on the Penn Treebank: two layers of 200, steps of 35 words
        20,
        (35,),
        (
            Embedding(10_000, 200), Dropout(0.2), LSTM(200, 200), Dropout(0.2),
            LSTM(200, 200), Dropout(0.2), Linear(200, 10_000), Rows(),
        ),
        SGD(lr=1.0, clip=0.05),  # so small that it clips from the first step
    ),
}  # fmt: skip
"""Workloads that take so long that only `--workloads` measures them."""


def find(name: str) -> Workload:
    """One of those above, or by `dense-BATCH-SIZE-...-SIZE` a perceptron of any size; SIZE*N stands for N times it."""
    known = WORKLOADS | ON_REQUEST
    if name in known:
        return known[name]
    if not name.startswith("dense-"):
        raise ValueError(f"there is no workload {name!r}; there are {', '.join(known)}")
    _, batch, *parts = name.split("-")
    sizes: list[int] = []
    for part in parts:
        size, _, times = part.partition("*")
        sizes += [int(size)] * int(times or 1)
    return dense(int(batch), *sizes)
