"""The scope of what runs: the modules that it belongs to, outermost first."""

from __future__ import annotations

import weakref
from contextvars import ContextVar
from typing import Any


class Owner(weakref.ref[Any]):
    """A weak reference that still knows the class of what is gone, such as a loss made for one call."""

    __slots__ = ("kind",)
    kind: str

    def __new__(cls, owner: Any) -> Owner:
        reference = super().__new__(cls, owner)
        reference.kind = type(owner).__name__
        return reference


_scope: ContextVar[tuple[Owner, ...]] = ContextVar("minigrad_scope", default=())


class scope:
    """Note that what is recorded inside belongs to `owner`, which is referred to weakly: modules enter theirs."""

    __slots__ = ("_owner", "_token")

    def __init__(self, owner: Any) -> None:
        self._owner = owner

    def __enter__(self) -> None:
        self._token = _scope.set((*_scope.get(), Owner(self._owner)))

    def __exit__(self, *exception: object) -> None:
        _scope.reset(self._token)


def current_scope() -> tuple[Owner, ...]:
    """Weak references to the modules that run, outermost first."""
    return _scope.get()
