"""Attributes of a Module that are computed from its parameters, such as weight = g v / |v|."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

from ..layers.containers import ModuleDict
from ..module import Module, Parameter

M = TypeVar("M", bound=Module)


class Computing:
    """The class that a module gets: its `parametrizations` compute the attributes that it has names for.

    In a forward each is computed once; read outside of one, it is computed anew.
    """

    parametrizations: ModuleDict

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        values = {name: compute() for name, compute in self.parametrizations.items()}
        vars(self).update(values)
        try:
            return super().forward(*args, **kwargs)  # type: ignore[misc]
        finally:
            for name in values:
                vars(self).pop(name, None)  # another thread may have taken it

    def __getattr__(self, name: str) -> Any:
        computed = vars(self).get("parametrizations", ())
        if name in computed:
            return computed[name]()
        otherwise = getattr(super(), "__getattr__", None)  # of a class that has one
        return otherwise(name) if otherwise else object.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in vars(self).get("parametrizations", ()):
            raise TypeError(
                f"{type(self).__name__}.{name} is computed from the parameters of .parametrizations.{name}; write into "
                f'those, or call nn.utils.parametrize.remove_parametrizations(module, "{name}") before'
            )
        super().__setattr__(name, value)

    def __reduce_ex__(self, protocol: Any) -> Any:
        state = {n: value for n, value in vars(self).items() if n not in self.parametrizations}
        return _made, (type(self).__mro__[2],), state


@cache
def _computing(kind: type) -> type:
    """The class with computed attributes, under the same name."""
    names = {n: getattr(kind, n) for n in ("__module__", "__qualname__", "__doc__")}
    return type(kind.__name__, (Computing, kind), names)


def _made(kind: type) -> Any:
    return object.__new__(_computing(kind))


def parameter_of(module: Any, name: str, where: str) -> Parameter:
    """The parameter that is to be computed, which must be one of the module's own."""
    if not isinstance(module, Module):
        raise TypeError(f"{where}: the module is a {type(module).__name__}; a Module is needed")
    parameter = vars(module).get(name)
    if not isinstance(parameter, Parameter):
        own = [n for n, value in vars(module).items() if isinstance(value, Parameter)]
        raise ValueError(
            f"{where}: {name!r} is no parameter of the {type(module).__name__}; it has {', '.join(own) or 'none'}"
        )
    return parameter


def compute(module: M, name: str, by: Module) -> M:
    """Let `by()` compute the attribute in place of the parameter of that name; returns the module."""
    delattr(module, name)
    changed: Any = module
    if not isinstance(changed, Computing):
        changed.parametrizations = ModuleDict()
        changed.__class__ = _computing(changed.__class__)
    changed.parametrizations[name] = by
    return module


def remove_parametrizations(module: M, tensor_name: str) -> M:
    """Put a Parameter in the place of what was computed, with its present value; returns the module."""
    changed: Any = module
    if not isinstance(changed, Computing) or tensor_name not in changed.parametrizations:
        raise ValueError(
            f"remove_parametrizations: {tensor_name!r} of the {type(module).__name__} is not computed"
        )
    by = changed.parametrizations[tensor_name]
    value = Parameter(by.eval()().detach())
    value.requires_grad_(any(p.requires_grad for p in by.parameters()))
    del changed.parametrizations[tensor_name]
    if not len(changed.parametrizations):
        changed.__class__ = type(changed).__mro__[2]
        del changed.parametrizations
    setattr(module, tensor_name, value)
    return module
