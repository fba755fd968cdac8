"""The parameters of a function, read from its code where that tells all: `import minigrad` reads two hundred."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

_STARRED = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS


class Signature:
    """The parameters of a function.

    names        all names, in order
    defaults     name -> default
    by_keyword   the names of the keyword-only parameters
    is_variadic  whether the first is `*xs`
    is_open      whether another one is `*more` or `**options`, whose arguments have no names
    """

    __slots__ = ("by_keyword", "defaults", "is_open", "is_variadic", "names")

    def __init__(self, function: Callable[..., Any]) -> None:
        if _is_plain(function):
            self._read(function)
        else:
            self._ask(function)

    def _read(self, function: Any) -> None:
        """Read the code object: `import minigrad` reads two hundred, and `inspect.signature` is much slower."""
        code, given = function.__code__, function.__defaults__ or ()
        count = code.co_argcount
        self.names = code.co_varnames[: count + code.co_kwonlyargcount]
        self.by_keyword = self.names[count:]
        self.defaults = dict(zip(self.names[count - len(given) : count], given, strict=True))
        self.defaults.update(function.__kwdefaults__ or {})
        self.is_variadic = self.is_open = False

    def _ask(self, function: Any) -> None:
        parameters = list(inspect.signature(function).parameters.values())
        self.names = tuple(p.name for p in parameters)
        self.by_keyword = tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)
        self.defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
        starred = [p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters]
        self.is_variadic = bool(parameters) and parameters[0].kind is parameters[0].VAR_POSITIONAL
        self.is_open = any(starred[self.is_variadic :])


def _is_plain(function: Any) -> bool:
    """Return whether the code object tells all: no parameter is starred, and no decorator has changed them."""
    return (
        function.__class__ is FunctionType
        and not function.__dict__
        and not function.__code__.co_flags & _STARRED
    )


def taking(names: Sequence[str], function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which takes `*values`, with these names for them, as rules are asked for theirs."""
    named = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in names]
    function.__signature__ = inspect.Signature(named)  # type: ignore[attr-defined]
    return function


def parameters(names: Sequence[str], defaults: dict[str, Any]) -> list[inspect.Parameter]:
    """Parameters as `inspect` has them; after one with a default, one without is given by keyword only."""
    empty, kinds = inspect.Parameter.empty, inspect.Parameter
    found: list[inspect.Parameter] = []
    for name in names:
        default = defaults.get(name, empty)
        by_keyword = default is empty and any(p.default is not empty for p in found)
        kind = kinds.KEYWORD_ONLY if by_keyword else kinds.POSITIONAL_OR_KEYWORD
        found.append(inspect.Parameter(name, kind, default=default))
    return sorted(found, key=lambda parameter: parameter.kind)
