"""Module: a tree of layers whose parameters are found by walking its attributes."""

from __future__ import annotations

from collections import UserDict, UserList, deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from minigrad import Tensor, is_recording, scope

from .error_paths import locate
from .hooks import Handle, Hooks
from .pytorch_words import PyTorchWords, no_device, no_zeros
from .state import Buffer, IncompatibleKeys, Parameter, load_into
from .summary import Summary, report, summarise

__all__ = ["Buffer", "Module", "Parameter"]

Self = TypeVar("Self", bound="Module")


class Module(PyTorchWords):
    """The base of layers and models: give it Parameters and Modules as attributes, and a `forward`.

    >>> class Scale(Module):
    ...     def __init__(self):
    ...         self.factor = Parameter([2.0])
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> Scale()(Tensor([1.0, 3.0]))
    Tensor([2., 6.], op=multiply)
    """

    training = True  # an attribute of the instance after train() or eval()
    _hooks: Hooks | None = None  # likewise after the first register_..._hook

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} defines no forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        hooks = self._hooks
        try:
            if not is_recording():
                if hooks is None:
                    return self.forward(*args, **kwargs)
                return hooks.around(self, args, kwargs)
            with scope(self):
                y = (
                    self.forward(*args, **kwargs)
                    if hooks is None
                    else hooks.around(self, args, kwargs)
                )
            report(self, y)
            return y
        except Exception as error:
            locate(error, self)
            raise

    def register_forward_pre_hook(self, hook: Callable[[Any, tuple[Any, ...]], Any]) -> Handle:
        """Call hook(module, args) before each forward; a result that is not None replaces args.

        args are the positional arguments; a result that is no tuple takes the place of all of them. Returns a handle;
        its `remove()` takes the hook away.
        """
        self._hooks = self._hooks or Hooks()
        return self._hooks.add(self._hooks.before, hook)

    def register_forward_hook(self, hook: Callable[[Any, tuple[Any, ...], Any], Any]) -> Handle:
        """Call hook(module, args, output) after each forward; a result that is not None replaces the output.

        Returns a handle; its `remove()` takes the hook away.
        """
        self._hooks = self._hooks or Hooks()
        return self._hooks.add(self._hooks.after, hook)

    def __setattr__(self, name: str, value: Any) -> None:
        own = vars(self).get(name)
        if isinstance(own, (Parameter, Buffer)) and not (
            value is None or isinstance(value, (Parameter, Buffer, Module))
        ):
            kind, met = type(own).__name__, type(value).__name__
            raise TypeError(
                f"{type(self).__name__}.{name} is a {kind}, and with a {met} in its place it would be lost to training "
                f"and saving unseen; write with .{name}.assign(value), put an nn.{kind} there, or `del` it first"
            )
        if isinstance(value, (Parameter, Buffer, Module)) and (
            "." in name or name in ("", "__metadata__")
        ):
            raise ValueError(
                f"{type(self).__name__}: {name!r} cannot name a {type(value).__name__}: dots join the names of a "
                "path, and safetensors files keep their own notes under __metadata__"
            )
        super().__setattr__(name, value)

    # Members by name ---------------------------------------------------------------------------------

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Set the attribute `name`, as `self.name = param` does; None for a parameter that this layer goes without."""
        self._register(name, param, Parameter)

    def register_buffer(self, name: str, tensor: Any, persistent: bool = True) -> None:
        """Set the attribute `name` to a Buffer of the array, or to None."""
        if not persistent:
            raise ValueError(
                f"{type(self).__name__}: a buffer is part of the state_dict; what is not to be saved is a plain "
                f"attribute: self.{name} = array"
            )
        is_data = tensor is not None and not isinstance(tensor, (Parameter, Buffer, Module))
        self._register(name, Buffer(tensor) if is_data else tensor, Buffer)

    def add_module(self, name: str, module: Module | None) -> None:
        """Set the attribute `name`, as `self.name = module` does."""
        self._register(name, module, Module)

    def _register(self, name: str, value: Any, kind: type) -> None:
        owner = type(self).__name__
        if not isinstance(value, (kind, type(None))):
            met = type(value).__name__
            raise TypeError(
                f"{owner}: {name!r} is a {met}; an nn.{kind.__name__} or None is needed"
            )
        replaceable = (Parameter, Buffer, Module, type(None))
        if hasattr(self, name) and not isinstance(vars(self).get(name, name), replaceable):
            raise ValueError(f"{owner}: {name!r} cannot be set, as a {owner} has it already")
        setattr(self, name, value)

    def get_submodule(self, target: str) -> Module:
        """The module at a path such as "encoder.0.conv"; this one for ""."""
        found: Any = self
        for name in target.split(".") if target else ():
            below = dict(found._below())
            if name not in below:
                raise AttributeError(
                    f"{type(self).__name__}: there is no module {target!r}: the {type(found).__name__} has no "
                    f"module {name!r}; it has {', '.join(below) or 'none'}"
                )
            found = below[name]
        return found

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a path such as "encoder.0.weight"."""
        return self._at(target, Parameter)

    def get_buffer(self, target: str) -> Buffer:
        """The buffer at a path such as "encoder.1.running_mean"."""
        return self._at(target, Buffer)

    def _at(self, target: str, kind: type) -> Any:
        path, _, name = target.rpartition(".")
        owner = self.get_submodule(path)
        found = vars(owner).get(name)
        if not isinstance(found, kind):
            names = [n for n, value in owner._members() if isinstance(value, kind)]
            raise AttributeError(
                f"{type(self).__name__}: there is no {kind.__name__.lower()} {target!r}: the {type(owner).__name__} "
                f"has {', '.join(names) or 'none'}"
            )
        return found

    # The walk ----------------------------------------------------------------------------------------

    def _below(self) -> Iterator[tuple[str, Module]]:
        """(name, module) for each Module that is an attribute, without the checks of `_members`."""
        return ((name, value) for name, value in vars(self).items() if isinstance(value, Module))

    def _members(self) -> Iterator[tuple[str, Any]]:
        """The attributes that are Parameters, Buffers or Modules, in the order in which they were set."""
        for name, value in vars(self).items():
            if type(value) in _HOLD_NOTHING:
                continue
            if isinstance(value, (Parameter, Buffer, Module)):
                yield name, value
            elif isinstance(value, Tensor) and value.requires_grad and value.is_leaf:
                raise TypeError(
                    f"{type(self).__name__}.{name} is a Tensor that requires grad but no Parameter, and would not be "
                    "learned; make it an nn.Parameter, or a Tensor without gradient"
                )
            elif _holds_members(value):
                raise TypeError(
                    f"{type(self).__name__}.{name} is a {type(value).__name__} that holds parameters or modules, "
                    "which would not be found; use nn.ModuleList, nn.ModuleDict, nn.ParameterList, "
                    "nn.ParameterDict or one attribute for each"
                )

    def _walk(self, prefix: str = "", above: tuple[Module, ...] = ()) -> Iterator[tuple[str, Any]]:
        """Every Parameter and Buffer of the tree, under every name that leads to it without a cycle."""
        for name, value in self._members():
            if not isinstance(value, Module):
                yield prefix + name, value
            elif value is not self and value not in above:
                yield from value._walk(f"{prefix}{name}.", (*above, self))

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) for each Module that is an attribute; a shared one once, under its first name."""
        modules = ((name, value) for name, value in self._members() if isinstance(value, Module))
        return _each_once(modules)

    def children(self) -> Iterator[Module]:
        """The Modules that are attributes, each once."""
        return (module for _, module in self.named_children())

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """(path, module) for this Module, with path "", and all below it; a shared one once, under its first path."""
        seen: set[int] = set()
        stack: list[tuple[str, Module]] = [("", self)]
        while stack:
            path, module = stack.pop()
            if id(module) not in seen:
                seen.add(id(module))
                yield path, module
                below = [
                    (f"{path}.{name}" if path else name, m) for name, m in module.named_children()
                ]
                stack.extend(reversed(below))

    def modules(self) -> Iterator[Module]:
        """This Module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """(name, parameter) with dotted names such as `0.weight`; a shared parameter once, under its first name."""
        return _each_once((n, value) for n, value in self._walk() if isinstance(value, Parameter))

    def parameters(self) -> Iterator[Parameter]:
        """The parameters, each once."""
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Buffer]]:
        """(name, buffer) with dotted names such as `1.running_mean`; a shared one once, under its first name."""
        return _each_once((n, value) for n, value in self._walk() if isinstance(value, Buffer))

    def buffers(self) -> Iterator[Buffer]:
        """The buffers, each once."""
        return (buffer for _, buffer in self.named_buffers())

    def apply(self: Self, fn: Callable[[Module], Any]) -> Self:
        """Call `fn` with every module of the tree once, those below before those above; returns the Module."""
        for module in list(self._children_first(set())):
            fn(module)
        return self

    def _children_first(self, seen: set[int]) -> Iterator[Module]:
        seen.add(id(self))
        for child in self.children():
            if id(child) not in seen:
                yield from child._children_first(seen)
        yield self

    # State -------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Name -> array, a copy, for every parameter and buffer; names and shapes as in PyTorch."""
        return {name: value.data.copy() for name, value in self._walk()}

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True
    ) -> IncompatibleKeys:
        """Write the arrays into the parameters and buffers of the same names; returns the names without a partner.

        The arrays may be of any library; a state_dict of PyTorch works too. Everything is checked before anything is
        written: ValueError names every missing, extra and misshaped entry. strict=False passes over missing and extra
        ones, and returns both: (missing_keys, unexpected_keys).
        """
        return load_into(type(self).__name__, dict(self._walk()), state_dict, strict)

    def astype(self: Self, dtype: Any) -> Self:
        """Convert all parameters and buffers of floats to another dtype of floats, in place; returns the Module.

        They stay the same objects, so that an optimiser keeps them; what it keeps itself is converted at its next
        step. Gradients are set to None.
        """
        dtype = np.dtype(dtype)
        if dtype.kind != "f":
            raise TypeError(f"astype: a model is of floats, such as np.float32, not of {dtype}")
        for value in {id(value): value for _, value in self._walk()}.values():
            if value.dtype.kind == "f" and value.dtype != dtype:
                value._change_dtype(dtype)
        return self

    def to(self: Self, library: Any) -> Self:
        """Move all parameters and buffers, in place: `model.to(cupy)`, and back `model.to(np)`; returns the Module.

        They stay the same objects, so that an optimiser keeps them; what it keeps itself follows at its next step.
        Gradients move too.

        library  cupy, numpy, or a function of an array of NumPy's, such as `lambda a: cupy.asarray(a)`
        """
        if isinstance(library, str) or not (
            callable(library) or callable(getattr(library, "asarray", None))
        ):
            raise no_device(type(self).__name__, library)
        owned = {id(value): value for _, value in self._walk()}.values()
        for value, arrays in [(value, value._moved(library)) for value in owned]:  # all or none
            value._put(*arrays)
        return self

    def train(self: Self, mode: bool = True) -> Self:
        """Put this Module and all below it into training mode (Dropout drops, BatchNorm learns); returns it."""
        for module in self.modules():
            if module.training != mode:  # a step that is compiled may say what is so already
                module.training = mode
        return self

    def eval(self: Self) -> Self:
        """Put this Module and all below it into evaluation mode; returns it."""
        return self.train(False)

    def requires_grad_(self: Self, value: bool = True) -> Self:
        """Freeze (False) or thaw every parameter; returns the Module."""
        for parameter in self.parameters():
            parameter.requires_grad_(value)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set the `.grad` of every parameter to None."""
        if not set_to_none:
            raise no_zeros(type(self).__name__)
        for parameter in self.parameters():
            parameter.grad = None

    # Text --------------------------------------------------------------------------------------------

    def describe(self) -> str:
        """The text between the parentheses of this layer's repr."""
        return ""

    def __repr__(self) -> str:
        lines = _lines("", self, ())
        width = max(len(left) for left, _ in lines)
        text = "\n".join(f"{left:{width}}  {right}".rstrip() for left, right in lines)
        total = sum(parameter.size for parameter in self.parameters())
        return text if len(lines) == 1 else f"{text}\n{total:,} parameters"

    def summary(self, input_shape: tuple[int, ...], dtype: Any = None) -> Summary:
        """A table of the layers: output shapes, parameters, multiply-adds, bytes saved for backward, and their totals.

        input_shape  of one example, without the batch axis, as `CNN` takes it; the costs are per example
        dtype        of the input, by default that of the first parameter; an integer one for a model that takes labels

        Nothing is estimated: a copy of the model runs on zeros, in the mode of this one.
        """
        return summarise(self, input_shape, dtype)

    def _repr_html_(self) -> str | None:
        """The HTML that a notebook shows: the tree of modules, which clicks fold."""
        from minigrad.picture import html

        return html(self)


def _each_once(pairs: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The (name, thing) pairs without those whose thing was in one before."""
    seen: set[int] = set()
    for name, thing in pairs:
        if id(thing) not in seen:
            seen.add(id(thing))
            yield name, thing


# most attributes are such, and every walk meets them
_HOLD_NOTHING = frozenset((int, bool, float, str, type(None)))


def _holds_members(value: Any) -> bool:
    """True if a container holds Parameters, Buffers or Modules, at any depth."""
    if isinstance(value, (dict, UserDict)):
        value = (*value.keys(), *value.values())
    if isinstance(value, np.ndarray) and value.dtype == object:
        value = value.ravel().tolist()
    if isinstance(value, (list, tuple, set, frozenset, deque, UserList)):
        return any(
            isinstance(v, (Parameter, Buffer, Module)) or _holds_members(v)
            for v in value
            if type(v) not in _HOLD_NOTHING
        )
    return False


def _lines(name: str, module: Module, above: tuple[Module, ...]) -> list[tuple[str, str]]:
    """The text of each module's line and, beside it, the shapes and the count of its own parameters."""
    members = list(module._members())
    own = [(n, value) for n, value in members if not isinstance(value, Module)]
    shapes = ", ".join(f"{n} {tuple(value.shape)}" for n, value in own)
    count = sum(value.size for _, value in own if isinstance(value, Parameter))
    label = f"{name}: " if name else ""
    left = f"{'  ' * len(above)}{label}{type(module).__name__}({module.describe()})"
    lines = [(left, f"{shapes}  {count:,}" if own else "")]
    for child_name, child in members:
        if isinstance(child, Module) and child is not module and child not in above:
            lines += _lines(child_name, child, (*above, module))
    return lines
