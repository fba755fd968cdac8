"""Modules made of modules, or of parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from ..checks import check_array
from ..module import Module, Parameter

Self = TypeVar("Self", bound="_Ordered")


class _Container(Module):
    """The modules, or the parameters, among a container's attributes, by name, in order."""

    _kind: type = Module
    _noun, _example = "layer", "a Module is needed, such as nn.ReLU()"

    def _named(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if isinstance(value, self._kind)}

    def _put(self, name: Any, layer: Any) -> None:
        owner = type(self).__name__
        if not isinstance(layer, self._kind):
            met = f"the class {layer.__name__}" if isinstance(layer, type) else f"a {type(layer).__name__}"  # fmt: skip
            raise TypeError(f"{owner}: {self._noun} {name} is {met}; {self._example}")
        if not isinstance(name, str) or not name or "." in name:
            raise ValueError(
                f"{owner}: {name!r} cannot name a {self._noun}; a text without dots can"
            )
        if hasattr(self, name) and name not in self._named():
            raise ValueError(
                f"{owner}: {name!r} cannot name a {self._noun}, as a {owner} has it already"
            )
        setattr(self, name, layer)

    def __len__(self) -> int:
        return len(self._named())


class _Ordered(_Container):
    """A container whose members are numbered."""

    def __iter__(self) -> Iterator[Any]:
        return (layer for layer in vars(self).values() if isinstance(layer, self._kind))

    def _name_of(self, i: int) -> str:
        names = list(self._named())
        try:
            return names[i]
        except IndexError:
            raise IndexError(
                f"{type(self).__name__}: there is no {self._noun} {i}; it has {len(names)}"
            ) from None

    def __setitem__(self, i: int, layer: Any) -> None:
        """Put another layer in the place of layer i."""
        self._put(self._name_of(i), layer)

    def append(self: Self, layer: Any) -> Self:
        """Add a layer at the end, named by the next free number; returns the container."""
        number = len(self)
        while str(number) in self._named():  # a slice keeps its names, so len may be taken
            number += 1
        self._put(str(number), layer)
        return self

    def extend(self: Self, layers: Iterable[Any]) -> Self:
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


class _List(_Ordered):
    def __getitem__(self, i: int | slice) -> Any:
        """Member i, or a list of the same kind of the members of a slice."""
        if isinstance(i, slice):
            return type(self)(list(self)[i])  # type: ignore[call-arg]
        return self._named()[self._name_of(i)]


class ModuleList(_List):
    """A list of modules, named 0, 1, 2, ..., for a forward of your own; their parameters are found."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self.extend(modules)


class ParameterList(_List):
    """A list of Parameters, named 0, 1, 2, ..."""

    _kind, _noun = Parameter, "parameter"
    _example = "a Parameter is needed, such as nn.Parameter(array)"

    def __init__(self, values: Iterable[Parameter] = ()) -> None:
        self.extend(values)


class _Dict(_Container):
    def update(self, members: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:
        """Set all members of a dict or of (name, member) pairs."""
        for name, member in dict(members).items():
            self._put(name, member)

    def __getitem__(self, name: str) -> Any:
        return self._named()[name]

    def __setitem__(self, name: str, member: Any) -> None:
        self._put(name, member)

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

    def values(self) -> Iterable[Any]:
        return self._named().values()

    def items(self) -> Iterable[tuple[str, Any]]:
        return self._named().items()


class ModuleDict(_Dict):
    """A dict of modules, in the order they were set, for a forward of your own; their parameters are found."""

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] = ()) -> None:
        self.update(modules)


class ParameterDict(_Dict):
    """A dict of Parameters, in the order they were set."""

    _kind, _noun, _example = Parameter, "parameter", ParameterList._example

    def __init__(
        self, parameters: Mapping[str, Parameter] | Iterable[tuple[str, Parameter]] = ()
    ) -> None:
        self.update(parameters)


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
