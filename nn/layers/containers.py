"""Modules made of modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from ..checks import check_array
from ..module import Module

Self = TypeVar("Self", bound="_Ordered")


class _Container(Module):
    """The modules among a container's attributes, by name, in order."""

    def _named(self) -> dict[str, Module]:
        return dict(self._below())

    def _put(self, name: Any, layer: Any) -> None:
        owner = type(self).__name__
        if not isinstance(layer, Module):
            met = f"the class {layer.__name__}" if isinstance(layer, type) else f"a {type(layer).__name__}"  # fmt: skip
            raise TypeError(
                f"{owner}: layer {name} is {met}; a Module is needed, such as nn.ReLU()"
            )
        if not isinstance(name, str) or not name or "." in name:
            raise ValueError(f"{owner}: {name!r} cannot name a layer; a text without dots can")
        if hasattr(self, name) and name not in self._named():
            raise ValueError(f"{owner}: {name!r} cannot name a layer, as a {owner} has it already")
        setattr(self, name, layer)

    def __len__(self) -> int:
        return len(self._named())


class _Ordered(_Container):
    """A container whose modules are numbered."""

    def __iter__(self) -> Iterator[Module]:
        return (layer for layer in vars(self).values() if isinstance(layer, Module))

    def _name_of(self, i: int) -> str:
        names = list(self._named())
        try:
            return names[i]
        except IndexError:
            raise IndexError(
                f"{type(self).__name__}: there is no layer {i}; it has {len(names)}"
            ) from None

    def __setitem__(self, i: int, layer: Module) -> None:
        """Put another layer in the place of layer i."""
        self._put(self._name_of(i), layer)

    def append(self: Self, layer: Module) -> Self:
        """Add a layer at the end, named by the next free number; returns the container."""
        number = len(self)
        while str(number) in self._named():  # a slice keeps its names, so len may be taken
            number += 1
        self._put(str(number), layer)
        return self

    def extend(self: Self, layers: Iterable[Module]) -> Self:
        """Add layers at the end; returns the container."""
        for layer in list(layers):
            self.append(layer)
        return self


class Sequential(_Ordered):
    """x -> layer_n(... layer_1(layer_0(x)))

    The layers' names are 0, 1, 2, ...; or those of a dict or of (name, layer) pairs:

        >>> import nn
        >>> net = nn.Sequential({"hidden": nn.Linear(2, 8), "act": nn.Tanh(), "out": nn.Linear(8, 1)})
        >>> net[0] is net.hidden, [name for name, _ in net[:2].named_parameters()]
        (True, ['hidden.weight', 'hidden.bias'])
    """

    def __init__(self, *layers: Any) -> None:
        if len(layers) == 1 and isinstance(layers[0], Mapping):
            layers = (list(layers[0].items()),)
        if len(layers) == 1 and isinstance(layers[0], (list, tuple)) and all(map(_is_pair, layers[0])):  # fmt: skip
            names = [name for name, _ in layers[0]]
            if len(set(names)) < len(names):
                raise ValueError(f"Sequential: two layers have one name, in {names}")
            for name, layer in layers[0]:
                self._put(name, layer)
        else:
            for i, layer in enumerate(layers):
                self._put(str(i), layer)

    def forward(self, x: Any) -> Any:
        for layer in self:
            x = layer(x)
        return x

    def __getitem__(self, i: int | slice) -> Any:
        """Layer i, or a Sequential of the layers of a slice, which shares them and keeps their names."""
        if isinstance(i, slice):
            return Sequential(list(self._named().items())[i])
        return self._named()[self._name_of(i)]


def _is_pair(item: Any) -> bool:
    return isinstance(item, (list, tuple)) and len(item) == 2


class ModuleList(_Ordered):
    """A list of modules, named 0, 1, 2, ..., for a forward of your own; their parameters are found."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self.extend(modules)

    def __getitem__(self, i: int | slice) -> Any:
        """Module i, or a ModuleList of the modules of a slice."""
        if isinstance(i, slice):
            return ModuleList(list(self)[i])
        return self._named()[self._name_of(i)]


class ModuleDict(_Container):
    """A dict of modules, in the order they were set, for a forward of your own; their parameters are found."""

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] = ()) -> None:
        self.update(modules)

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Set all modules of a dict or of (name, module) pairs."""
        for name, module in dict(modules).items():
            self._put(name, module)

    def __getitem__(self, name: str) -> Module:
        return self._named()[name]

    def __setitem__(self, name: str, module: Module) -> None:
        self._put(name, module)

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        delattr(self, name)

    def __contains__(self, name: object) -> bool:
        return name in self._named()

    def __iter__(self) -> Iterator[str]:
        return iter(self._named())

    def keys(self) -> Iterable[str]:
        return self._named().keys()

    def values(self) -> Iterable[Module]:
        return self._named().values()

    def items(self) -> Iterable[tuple[str, Module]]:
        return self._named().items()


class Residual(Module):
    """y = x + layer(x), where layer(x) must have x's shape. He et al.: Deep Residual Learning (2016)."""

    def __init__(self, layer: Module) -> None:
        if not isinstance(layer, Module):
            raise TypeError(f"Residual: the layer is a {type(layer).__name__}; a Module is needed")
        self.layer = layer

    def forward(self, x: Any) -> Any:
        check_array(self, x)
        y = self.layer(x)
        if tuple(y.shape) != tuple(x.shape):
            raise ValueError(
                f"Residual: the layer makes {tuple(y.shape)} of {tuple(x.shape)}; it must keep the shape"
            )
        return x + y
