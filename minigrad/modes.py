"""Recording modes as with-blocks and decorators: `no_grad`, `enable_grad`, and those of `sight`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar

from .core.graph import ON, mode

F = TypeVar("F", bound=Callable[..., Any])
_open: ContextVar[tuple[tuple[Mode, int], ...]] = ContextVar("minigrad_open_modes", default=())
"""The blocks that are open in this thread, each with the mode before it."""


class Mode:
    """A with-block that sets or clears flags; it may be entered again while it is open, also by other threads.

    A generator that is suspended in a block may be closed after blocks that were entered later, and in another thread.
    Then those blocks go on as if it had never been; another thread has the mode that it had, and the one that entered
    the block is rid of it when it next enters or leaves one.

    Ctrl-C within a block leaves it like any other exception, but for one gap that every with-block in Python has
    (bpo-29988): if it comes while the last call of the block computes, Python raises it on entry to `__exit__`, which
    then does nothing. The thread stays in the mode of the block; `mode.set(ON)` of `core.graph` records again.
    """

    def __init__(self, add: int = 0, clear: int = 0) -> None:
        self._add = add
        self._clear = clear
        self._ended_elsewhere = 0  # times that a thread left it which had not entered it

    def __enter__(self) -> None:
        for block, _ in _open.get():
            if block._ended_elsewhere:
                block._ended_elsewhere -= 1
                block._leave()
        blocks, before = _open.get(), mode.get()
        try:
            _open.set((*blocks, (self, before)))
            mode.set(self._within(before))
        except BaseException:  # of a signal handler; __exit__ will not be called
            _open.set(blocks)
            mode.set(before)
            raise

    def __exit__(self, *exception: object) -> None:
        blocks = None
        try:
            blocks = _open.get()
            if not self._leave():
                self._ended_elsewhere += 1
        except BaseException:  # of a signal handler, before the block is left or after
            if blocks is None or blocks is _open.get():
                self._leave()
            raise

    def _within(self, before: int) -> int:
        return before & ~self._clear | self._add

    def _leave(self) -> bool:
        """Take away the innermost block of this Mode; returns False if this thread has none."""
        blocks = _open.get()
        places = [at for at, (block, _) in enumerate(blocks) if block is self]
        if not places:
            return False
        left, now = blocks[: places[-1]], blocks[places[-1]][1]
        for block, _ in blocks[places[-1] + 1 :]:
            left += ((block, now),)
            now = block._within(now)
        mode.set(now)
        _open.set(left)  # last, because it tells __exit__ that the block is left
        return True

    def __call__(self, function: F) -> F:
        inner: Any = getattr(function, "__func__", function)  # of a staticmethod or classmethod
        if isinstance(inner, type) or not callable(inner):
            raise TypeError(f"a recording mode decorates a function, not {function!r}")
        inner = inspect.unwrap(inner)
        bodies = inner, type(inner).__call__
        if any(runs_later(body) for runs_later in _RUN_LATER for body in bodies):
            name = getattr(function, "__name__", repr(function))
            raise TypeError(
                f"a recording mode cannot decorate {name}: it would end before the body of a "
                "generator or coroutine runs; use a with-block inside"
            )

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return call  # type: ignore[return-value]


_RUN_LATER = (inspect.isgeneratorfunction, inspect.iscoroutinefunction, inspect.isasyncgenfunction)


def no_grad(function: Any = None) -> Any:
    """Record nothing: `with no_grad(): ...`, or `@no_grad` (also `@no_grad()`) above a function.

    Results inside require no gradient, and `w -= step` writes a leaf in place. Like every recording mode it holds for
    its own thread only.
    """
    block = Mode(clear=ON)
    return block if function is None else block(function)


def enable_grad(function: Any = None) -> Any:
    """Record again inside a `no_grad()`: a with-block or a decorator."""
    block = Mode(add=ON)
    return block if function is None else block(function)
