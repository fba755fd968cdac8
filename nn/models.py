"""Models from short specifications."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from .layers.activations import ReLU
from .layers.batch_norm import BatchNorm1d, BatchNorm2d
from .layers.containers import Sequential
from .layers.convolution import Conv2d
from .layers.linear import Linear
from .layers.pooling import MaxPool2d
from .layers.regularisation import Dropout
from .layers.shaping import Flatten
from .module import Module


class MLP(Sequential):
    """A multi-layer perceptron: Linear layers of the given sizes with an activation between them.

    batch_norm  a BatchNorm1d before each activation. The Linear before it has no bias, which its mean would take away
                again; of an older state_dict that has one, take it off the mean that was learned with it:
                `state["1.running_mean"] -= state.pop("0.bias")`
    dropout     a Dropout with this probability after each activation; it draws from `rng`

    >>> MLP([2, 100, 3])
    MLP()
      0: Linear(2, 100)  weight (100, 2), bias (100,)  300
      1: ReLU()
      2: Linear(100, 3)  weight (3, 100), bias (3,)  303
    603 parameters
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: Callable[[], Module] = ReLU,
        *,
        batch_norm: bool = False,
        dropout: float = 0.0,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        if not isinstance(sizes, (list, tuple)) or len(sizes) < 2:
            raise ValueError(
                f"MLP: sizes must be those of input, hidden layers and output, such as [2, 100, 3], not {sizes!r}"
            )
        _check_activation("MLP", activation)
        super().__init__(*_dense(sizes, activation, batch_norm, dropout, dtype, rng))


class CNN(Sequential):
    """Blocks of Conv2d, activation and 2x2 max-pool, then Linear layers with the activation between them.

    input_shape  (C, H, W) of one image; the convolutions keep H and W, each pool halves them
    channels     the filters of each convolution
    hidden       the sizes of the Linear layers before the last, which has `classes` outputs
    batch_norm   a BatchNorm2d or BatchNorm1d before each activation. The layer before it has no bias, which its mean
                 would take away again; of an older state_dict that has one, take it off the mean that was learned with
                 it: `state["1.running_mean"] -= state.pop("0.bias")`
    dropout      a Dropout with this probability after the activation of each Linear layer; it draws from `rng`
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        channels: Sequence[int] = (16, 32),
        hidden: Sequence[int] = (128,),
        classes: int = 10,
        kernel_size: int = 3,
        activation: Callable[[], Module] = ReLU,
        *,
        batch_norm: bool = False,
        dropout: float = 0.0,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        if kernel_size % 2 == 0:
            raise ValueError(
                f"CNN: an even kernel_size cannot keep height and width; {kernel_size} was given"
            )
        if len(input_shape) != 3:
            raise ValueError(f"CNN: input_shape must be (C, H, W), not {tuple(input_shape)}")
        _check_activation("CNN", activation)
        depth, height, width = input_shape
        layers: list[Module] = []
        for filters in channels:
            conv = Conv2d(
                depth,
                filters,
                kernel_size,
                padding=kernel_size // 2,
                bias=not batch_norm,
                dtype=dtype,
                rng=rng,
            )
            norm = [BatchNorm2d(filters, dtype=dtype)] if batch_norm else []
            layers += [conv, *norm, activation(), MaxPool2d(2)]
            depth, height, width = filters, height // 2, width // 2
        if height * width == 0:
            raise ValueError(
                f"CNN: {len(channels)} pools leave nothing of an image of {input_shape[1:]} pixels"
            )
        sizes = [depth * height * width, *hidden, classes]
        dense = _dense(sizes, activation, batch_norm, dropout, dtype, rng)
        super().__init__(*layers, Flatten(), *dense)


def _check_activation(model: str, activation: Any) -> None:
    if isinstance(activation, Module) or not callable(activation):
        raise TypeError(
            f"{model}: activation is {activation!r}; pass a class, such as nn.ReLU, which makes one for each place"
        )


def _dense(
    sizes: Sequence[int],
    activation: Callable[[], Module],
    batch_norm: bool,
    dropout: float,
    dtype: Any,
    rng: np.random.Generator | None,
) -> list[Module]:
    """Linear layers of the given sizes; between them batch norm, activation and dropout, as asked for."""
    layers: list[Module] = []
    for place, (before, after) in enumerate(pairwise(sizes)):
        if layers:
            layers += [BatchNorm1d(before, dtype=dtype)] if batch_norm else []
            layers.append(activation())
            layers += [Dropout(dropout, rng=rng)] if dropout else []
        is_last = place == len(sizes) - 2
        layers.append(Linear(before, after, bias=is_last or not batch_norm, dtype=dtype, rng=rng))
    return layers
