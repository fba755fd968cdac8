"""Landings: the nodes at which the freeing of a deep graph comes to rest, on the one Python that needs it."""

from __future__ import annotations

import sys
import threading
from contextvars import ContextVar
from itertools import cycle
from typing import Any

from .core.graph import Node

# What the end of a landing calls in the main thread: a function in C. The stack is large there, and an interrupt that
# came in a function in Python would be lost.
_called: ContextVar[Any] = ContextVar("minigrad_landing")
if threading.current_thread() is threading.main_thread():
    _called.set(bool)


class Landing(Node):
    """A node whose end does not free what it held: the outermost such node in a thread frees it for all within it."""

    __slots__ = ()
    # what this gives is called: bool in the main thread, the node itself in any other
    __del__ = property(_called.get)
    _here = threading.local()

    def __call__(self) -> None:
        groups = self._here.__dict__.setdefault("groups", [])
        is_outermost = not groups
        groups.append([self.parents, self.saved, self.constants, self.hooks, self.notes, self.op])
        # so that who brings this node back to life meets an error, and no gradient that misses something
        del self.parents, self.saved, self.constants, self.hooks, self.notes, self.op
        if is_outermost:
            for group in groups:  # which grows meanwhile
                group.clear()
            groups.clear()


# One node in 32, in no regular order, and their number is prime: so that no regular graph avoids them.
SIZE = 4099
draw = cycle([Landing if k**3 % SIZE < SIZE // 32 else None for k in range(SIZE)]).__next__

# Python 3.13 frees up to 10,000 objects within each other, be they nested tuples, and needs up to a megabyte of stack
# for that, which a thread may not have. Others nest 50 at most, or look how much room there is.
if sys.version_info[:2] == (3, 13):
    Node.draw = draw
