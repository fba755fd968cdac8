"""The package's default random generator, used where no `rng=` is passed.

All threads share it, so which of them draws which numbers depends on timing. For a repeatable run, a thread among
several passes a Generator of its own as `rng=`.
"""

from __future__ import annotations

import os
import threading

import numpy as np

_default: np.random.Generator | None = None  # made at first use: importing numpy.random takes time
_traced: dict[
    int, np.random.Generator
] = {}  # id of a generator -> what stands for it while a function is traced
_changing = threading.Lock()  # without it one thread's first use could undo another's `seed`


def seed(n: int) -> None:
    """Start the default generator from `n`, so that a run can be repeated."""
    global _default
    with _changing:
        _default = np.random.default_rng(n)


def generator(rng: np.random.Generator | None = None) -> np.random.Generator:
    """`rng`, or the default generator."""
    global _default
    if rng is not None:
        if not isinstance(rng, np.random.Generator):
            raise TypeError(
                f"rng must be a numpy.random.Generator, such as np.random.default_rng(0), not {rng!r}"
            )
        return _traced.get(id(rng), rng) if _traced else rng
    if _default is None:
        with _changing:
            if _default is None:
                _default = np.random.default_rng()
    return _default


def _reset_locks() -> None:
    """Free the locks in the child of a fork: a thread that held one does not exist there."""
    locks = [_changing] if _default is None else [_changing, _default.bit_generator.lock]
    for lock in locks:
        lock._at_fork_reinit()  # type: ignore[attr-defined]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_locks)
