"""The scope: the modules in which an op runs, outermost first."""

from __future__ import annotations

import weakref
from contextvars import ContextVar
from typing import Any


class Owner(weakref.ref[Any]):
    """A weak reference that knows the class of its object even when that is gone, such as a loss made for one call."""

    __slots__ = ("kind",)
    kind: str

    def __new__(cls, owner: Any) -> Owner:
        reference = super().__new__(cls, owner)
        reference.kind = type(owner).__name__
        return reference


_scope: ContextVar[tuple[Owner, ...]] = ContextVar("minigrad_scope", default=())


class scope:
    """Mark what is recorded in the with-block as run by `owner`, as modules do; nodes refer to it weakly."""

    __slots__ = ("_owner", "_token")

    def __init__(self, owner: Any) -> None:
        self._owner = owner

    def __enter__(self) -> None:
        self._token = _scope.set((*_scope.get(), Owner(self._owner)))

    def __exit__(self, *exception: object) -> None:
        _scope.reset(self._token)


def current_scope() -> tuple[Owner, ...]:
    """Weak references to the modules that are running, outermost first."""
    return _scope.get()
