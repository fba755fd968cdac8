"""Module: a tree of layers whose parameters are found by walking its attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from minigrad import Tensor, is_recording, scope

from .error_paths import locate
from .summary import Summary, report, summarise

Self = TypeVar("Self", bound="Module")


class Parameter(Tensor):
    """A Tensor that a Module learns; `parameters()` finds it even if it is frozen."""

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True, dtype: Any = None) -> None:
        super().__init__(_copied(data, dtype), requires_grad)


class Buffer(Tensor):
    """A Tensor that belongs to a Module's state but is not learned, such as a running mean."""

    __slots__ = ()

    def __init__(self, data: Any, dtype: Any = None) -> None:
        super().__init__(_copied(data, dtype))


def _copied(data: Any, dtype: Any) -> Any:
    """A copy of the data: a Module that learns or loads must not write into the user's array."""
    return Tensor(data, dtype=dtype).data.copy(order="K")


class Module:
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

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} defines no forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if not is_recording():
                return self.forward(*args, **kwargs)
            with scope(self):
                y = self.forward(*args, **kwargs)
            report(self, y)
            return y
        except Exception as error:
            locate(error, self)
            raise

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
        super().__setattr__(name, value)

    # The walk ----------------------------------------------------------------------------------------

    def _below(self) -> Iterator[tuple[str, Module]]:
        """(name, module) for each Module that is an attribute, without the checks of `_members`."""
        return ((name, value) for name, value in vars(self).items() if isinstance(value, Module))

    def _members(self) -> Iterator[tuple[str, Any]]:
        """The attributes that are Parameters, Buffers or Modules, in the order in which they were set."""
        for name, value in vars(self).items():
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
                    "which would not be found; use nn.ModuleList, nn.ModuleDict or one attribute for each"
                )

    def _walk(self, prefix: str = "", above: tuple[Module, ...] = ()) -> Iterator[tuple[str, Any]]:
        """Every Parameter and Buffer of the tree, under every name that leads to it without a cycle."""
        for name, value in self._members():
            if not isinstance(value, Module):
                yield prefix + name, value
            elif value is not self and value not in above:
                yield from value._walk(f"{prefix}{name}.", (*above, self))

    def children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) for each Module that is an attribute."""
        return ((name, value) for name, value in self._members() if isinstance(value, Module))

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """(path, module) for this Module, with path "", and all below it; a shared one once, under its first path."""
        seen: set[int] = set()
        stack: list[tuple[str, Module]] = [("", self)]
        while stack:
            path, module = stack.pop()
            if id(module) not in seen:
                seen.add(id(module))
                yield path, module
                below = [(f"{path}.{name}" if path else name, m) for name, m in module.children()]
                stack.extend(reversed(below))

    def modules(self) -> Iterator[Module]:
        """This Module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """(name, parameter) with dotted names such as `0.weight`; a shared parameter once, under its first name."""
        seen: set[int] = set()
        for name, value in self._walk():
            if isinstance(value, Parameter) and id(value) not in seen:
                seen.add(id(value))
                yield name, value

    def parameters(self) -> Iterator[Parameter]:
        """The parameters, each once."""
        return (parameter for _, parameter in self.named_parameters())

    # State -------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Name -> array, a copy, for every parameter and buffer; names and shapes as in PyTorch."""
        return {name: value.data.copy() for name, value in self._walk()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Write the arrays of `state` into the parameters and buffers of the same names.

        The arrays may be of any library; a state_dict of PyTorch works too. Everything is checked before anything is
        written: ValueError names every missing, extra and misshaped entry. strict=False ignores missing and extra ones.
        """
        if not isinstance(state, Mapping):
            raise TypeError(
                f"load_state_dict: a {type(state).__name__} is no dict; pass model.state_dict()"
            )
        own = dict(self._walk())
        arrays: dict[str, Any] = {}
        problems = []
        for name in own:
            if name in state:
                try:
                    arrays[name] = _fitted(state[name], own[name])
                except (RuntimeError, TypeError, ValueError) as error:
                    problems.append(f"{name}: {error}")
        if strict:
            problems += [f"{name}: missing" for name in own if name not in state]
            problems += [
                f"{name}: not in this {type(self).__name__}" for name in state if name not in own
            ]
        if problems:
            raise ValueError("load_state_dict: nothing was loaded.\n  " + "\n  ".join(problems))
        for name, array in arrays.items():
            own[name].assign(array)

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

    def zero_grad(self) -> None:
        """Set the `.grad` of every parameter to None."""
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


def _holds_members(value: Any) -> bool:
    """True if a container holds Parameters, Buffers or Modules, at any depth."""
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, (list, tuple, set)):
        return any(isinstance(v, (Parameter, Buffer, Module)) or _holds_members(v) for v in value)
    return False


def _fitted(value: Any, own: Tensor) -> Any:
    """`value` as an array of own's shape and dtype; an error says why it cannot be."""
    array = value.data if isinstance(value, Tensor) else np.asarray(value)
    if array.shape != own.shape:
        raise ValueError(f"shape {array.shape}, needed {own.shape}")
    if not np.can_cast(array.dtype, own.dtype, "same_kind"):
        raise TypeError(f"dtype {array.dtype} cannot become {own.dtype}")
    with np.errstate(over="ignore"):
        fitted = array.astype(own.dtype)
    if (np.isinf(fitted) & ~np.isinf(array)).any():
        raise ValueError(f"{array.dtype} values too large for {own.dtype}")
    return fitted


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
