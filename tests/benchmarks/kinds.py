"""The layers and optimisers of which workloads are made; every engine builds them in its own words.

Sequences are (N, L, features), images (N, C, H, W). A layer's parameters have PyTorch's names and shapes.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np


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
    bias: bool = True

    @property
    def padding(self) -> int:
        return self.kernel // 2

    def __str__(self) -> str:
        return f"conv {self.kernel}x{self.kernel}x{self.filters}"


class Embedding(NamedTuple):
    """Integers -> rows of a table."""

    count: int
    width: int

    def __str__(self) -> str:
        return f"embedding {self.count}x{self.width}"


class Places(NamedTuple):
    """x + W: a learned vector for each of the L places of a sequence."""

    count: int
    width: int

    def __str__(self) -> str:
        return "places"


class LSTM(NamedTuple):
    """One layer, in one direction; h of all steps."""

    inputs: int
    hidden: int

    def __str__(self) -> str:
        return f"lstm {self.inputs}x{self.hidden}"


class GRU(NamedTuple):
    """One layer, in one direction; h of all steps."""

    inputs: int
    hidden: int

    def __str__(self) -> str:
        return f"gru {self.inputs}x{self.hidden}"


class Attention(NamedTuple):
    """A sequence to itself; no place sees those behind it."""

    width: int
    heads: int

    def __str__(self) -> str:
        return f"attention {self.width}, {self.heads} heads"


class LayerNorm(NamedTuple):
    width: int

    def __str__(self) -> str:
        return "layer norm"


class BatchNorm(NamedTuple):
    """Of images, in training."""

    channels: int

    def __str__(self) -> str:
        return "batch norm"


class Relu(NamedTuple):
    def __str__(self) -> str:
        return "relu"


class Gelu(NamedTuple):
    """The exact one, with erf."""

    def __str__(self) -> str:
        return "gelu"


class Dropout(NamedTuple):
    """Random numbers of its own in each engine."""

    p: float

    def __str__(self) -> str:
        return f"dropout {self.p}"


class Pool(NamedTuple):
    """The maximum of windows side by side."""

    size: int

    def __str__(self) -> str:
        return f"pool {self.size}"


class Average(NamedTuple):
    """Each channel's mean: (N, C, H, W) -> (N, C)."""

    def __str__(self) -> str:
        return "average"


class Flatten(NamedTuple):
    def __str__(self) -> str:
        return "flatten"


class Last(NamedTuple):
    """The last place of each sequence: (N, L, F) -> (N, F)."""

    def __str__(self) -> str:
        return "last"


class Rows(NamedTuple):
    """Every place of every sequence as an example: (N, L, F) -> (N L, F)."""

    def __str__(self) -> str:
        return "rows"


class Residual(NamedTuple):
    """x + layers(x)"""

    layers: tuple[Layer, ...]

    def __str__(self) -> str:
        return f"x + ({', '.join(map(str, self.layers))})"


Layer = (
    Linear | Conv | Embedding | Places | LSTM | GRU | Attention | LayerNorm | BatchNorm
    | Relu | Gelu | Dropout | Pool | Average | Flatten | Last | Rows | Residual
)  # fmt: skip


class SGD(NamedTuple):
    """Without momentum. `clip` is the norm to which the gradient of all parameters is made smaller if it is above."""

    lr: float = 0.01
    clip: float | None = None


class AdamW(NamedTuple):
    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.01


Optimizer = SGD | AdamW


def state_of(layers: tuple[Layer, ...], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The initial parameters and buffers of the layers, which are named by their places."""
    return {
        f"{place}.{name}": value
        for place, layer in enumerate(layers)
        for name, value in initial(layer, rng).items()
    }


def initial(layer: Layer, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Weights and biases from uniform(-k, k), k = 1 / sqrt(fan in), tables from normal(0, 1), norms as PyTorch's."""
    ones, zeros = (lambda n: np.ones(n, np.float32)), (lambda n: np.zeros(n, np.float32))

    def uniform(fan_in: int, **shapes: Any) -> dict[str, np.ndarray]:
        k = 1 / math.sqrt(fan_in)
        return {n: rng.uniform(-k, k, shape).astype(np.float32) for n, shape in shapes.items()}

    match layer:
        case Linear(inputs, outputs):
            return uniform(inputs, weight=(outputs, inputs), bias=outputs)
        case Conv(channels, filters, kernel, bias):
            shapes: dict[str, Any] = {"weight": (filters, channels, kernel, kernel)}
            return uniform(channels * kernel**2, **shapes, **({"bias": filters} if bias else {}))
        case Embedding(count, width) | Places(count, width):
            return {"weight": rng.standard_normal((count, width), np.float32)}
        case LSTM(inputs, hidden) | GRU(inputs, hidden):
            rows = (4 if isinstance(layer, LSTM) else 3) * hidden
            shapes = {"weight_ih_l0": (rows, inputs), "weight_hh_l0": (rows, hidden)}
            return uniform(hidden, **shapes, bias_ih_l0=rows, bias_hh_l0=rows)
        case Attention(width):
            inside = uniform(width, in_proj_weight=(3 * width, width), in_proj_bias=3 * width)
            outside = uniform(width, weight=(width, width), bias=width)
            return inside | {f"out_proj.{name}": value for name, value in outside.items()}
        case LayerNorm(width):
            return {"weight": ones(width), "bias": zeros(width)}
        case BatchNorm(n):
            running = {"running_mean": zeros(n), "running_var": ones(n)}
            learned = {"weight": ones(n), "bias": zeros(n)}
            return learned | running | {"num_batches_tracked": np.array(0)}
        case Residual(layers):
            return {f"layer.{name}": value for name, value in state_of(layers, rng).items()}
    return {}


def refuse_all_but(
    known: tuple[type, ...], layers: tuple[Layer, ...], optimizer: Optimizer
) -> None:
    """NotImplementedError if an engine that knows these layers, and plain SGD, cannot train."""
    if not all(isinstance(layer, known) for layer in layers) or optimizer != SGD(optimizer.lr):
        raise NotImplementedError("not written here")
