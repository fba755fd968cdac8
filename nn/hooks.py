"""Forward hooks: functions called before and after a module's forward."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

_number = count().__next__


class Hooks:
    """The hooks of a module, in the order in which they were registered."""

    def __init__(self) -> None:
        self.before: dict[int, Callable[..., Any]] = {}
        self.after: dict[int, Callable[..., Any]] = {}

    def add(self, hooks: dict[int, Callable[..., Any]], hook: Callable[..., Any]) -> Handle:
        if not callable(hook):
            raise TypeError(f"a hook is a function, not a {type(hook).__name__}")
        handle = Handle(hooks)
        hooks[handle._key] = hook
        return handle

    def around(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The module's forward, between its hooks."""
        for hook in tuple(self.before.values()):
            given = hook(module, args)
            if given is not None:
                args = given if isinstance(given, tuple) else (given,)
        y = module.forward(*args, **kwargs)
        for hook in tuple(self.after.values()):
            given = hook(module, args, y)
            if given is not None:
                y = given
        return y


class Handle:
    """The handle of a registered hook; `remove()` takes it away."""

    def __init__(self, hooks: dict[int, Callable[..., Any]]) -> None:
        self._hooks, self._key = hooks, _number()

    def remove(self) -> None:
        self._hooks.pop(self._key, None)
