"""The options of a law, each declared once: its name, type, default and check."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

Check = Callable[[Any, str], Any]  # of a value and its name: the value to use, or a ValueError


def option(check: Check, *, default: Any = inspect.Parameter.empty, kw_only: bool = False) -> Any:
    """An option, declared in the body of a class: `momentum: float = option(not_negative, default=0.0)`."""
    return Option(check, default, kw_only)


POSITIONAL = inspect.Parameter.POSITIONAL_OR_KEYWORD


class Option:
    """An attribute of the optimiser that reads and sets the value of an option in all groups.

    The values are kept in the groups: if they differ, read and set `param_groups[i]["lr"]`.
    """

    def __init__(self, check: Check, default: Any, kw_only: bool) -> None:
        self.check = check
        self.default = default
        self.kind = POSITIONAL if not kw_only else inspect.Parameter.KEYWORD_ONLY

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.annotation = inspect.get_annotations(owner).get(name, inspect.Parameter.empty)

    def __get__(self, optimizer: Any, owner: Any = None) -> Any:
        if optimizer is None:
            return self
        first, *others = [group[self.name] for group in optimizer.param_groups]
        if any(other != first for other in others):
            raise ValueError(
                f"{type(optimizer).__name__}: the groups have different {self.name}: {[first, *others]}; "
                f'use optimizer.param_groups[i]["{self.name}"]'
            )
        return first

    def __set__(self, optimizer: Any, value: Any) -> None:
        if "_blocks" not in vars(optimizer):
            raise AttributeError(
                f"{type(optimizer).__name__}: {self.name} is an option, and there are no groups yet to set it in; "
                f"pass it on: super().__init__(params, {self.name}=...)"
            )
        value = self.check(value, f"{type(optimizer).__name__}: {self.name}")
        self.__get__(optimizer)  # raises if the groups have different values
        for group in optimizer.param_groups:
            group[self.name] = value


def options_of(law: type) -> dict[str, Option]:
    """The options that a class and those above it declare, in the order in which each was declared first."""
    found: dict[str, Option] = {}
    for cls in reversed(law.__mro__):
        found |= {name: value for name, value in vars(cls).items() if isinstance(value, Option)}
    return found


def constructor(law: type, base: type[Any]) -> Any:
    """An `__init__` whose arguments are params and the options of `law`; the class after `base` gets them by name.

    `inspect.signature` and `help` show them like those of a handwritten function.
    """
    arguments = [
        inspect.Parameter("self", POSITIONAL),
        inspect.Parameter("params", POSITIONAL, annotation="Params"),
        *(
            inspect.Parameter(name, each.kind, default=each.default, annotation=each.annotation)
            for name, each in options_of(law).items()
        ),
    ]
    signature = inspect.Signature(sorted(arguments, key=lambda a: a.kind), return_annotation="None")

    def __init__(*args: Any, **kwargs: Any) -> None:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{law.__name__}.__init__(): {error}") from None
        bound.apply_defaults()
        super(base, bound.arguments.pop("self")).__init__(**bound.arguments)

    __init__.__signature__ = signature  # type: ignore[attr-defined]
    __init__.__qualname__ = f"{law.__qualname__}.__init__"
    return __init__
