"""Modules made of modules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .module import Module


class Sequential(Module):
    """x -> layer_n(... layer_1(layer_0(x))); the layers' names are 0, 1, 2, ..."""

    def __init__(self, *layers: Module) -> None:
        layer: Any
        for i, layer in enumerate(layers):
            if not isinstance(layer, Module):
                met = (
                    f"the class {layer.__name__}"
                    if isinstance(layer, type)
                    else f"a {type(layer).__name__}"
                )
                raise TypeError(
                    f"Sequential: layer {i} is {met}; a Module is needed, such as nn.ReLU()"
                )
            setattr(self, str(i), layer)

    def forward(self, x: Any) -> Any:
        for layer in self:
            x = layer(x)
        return x

    def __iter__(self) -> Iterator[Module]:
        return (layer for layer in vars(self).values() if isinstance(layer, Module))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __getitem__(self, i: int | slice) -> Any:
        """Layer i, or a Sequential of the layers of a slice, which shares their parameters."""
        layers = list(self)
        return Sequential(*layers[i]) if isinstance(i, slice) else layers[i]
