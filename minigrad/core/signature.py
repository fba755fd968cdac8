"""A function's parameters, as the grammar of a row asks for them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any

_STARRED = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS


class Signature:
    """The parameters of a function.

    names        of all of them, in order
    defaults     name -> default, of those that have one
    by_keyword   the names of those that are given by keyword only
    is_variadic  whether it begins with `*xs`
    is_open      whether it takes `*more` or `**options` elsewhere, which have no names
    """

    __slots__ = ("by_keyword", "defaults", "is_open", "is_variadic", "names")

    def __init__(self, function: Callable[..., Any]) -> None:
        if _is_plain(function):
            self._read(function)
        else:
            self._ask(function)

    def _read(self, function: Any) -> None:
        """From the code itself: `import minigrad` asks for two hundred, and `inspect` takes most of its time."""
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
    """Whether the code alone says what the parameters are: nothing starred, and no decorator that says otherwise."""
    return (
        function.__class__ is FunctionType
        and not function.__dict__
        and not function.__code__.co_flags & _STARRED
    )
