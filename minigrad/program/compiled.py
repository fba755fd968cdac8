"""Functions that run as programs: `compile`."""

from __future__ import annotations

import functools
import os
import sys
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

from ..core.graph import ON, mode
from .around import Around
from .given import Given
from .recorded import OtherWay
from .state import State, same_bits
from .tracing import compared
from .variant import Variant

KEPT = 8  # kinds of arguments for which a function keeps its programs; those used least recently go first
BRANCHES = 8  # programs for one kind of arguments


class Turn:
    """The turn of one thread, by its number, to trace: meanwhile what is around its function holds traced arrays."""

    def __init__(self) -> None:
        self.thread = 0
        self._lock = threading.Lock()

    @contextmanager
    def by(self, thread: int) -> Iterator[None]:
        """Wait for the turn of this thread."""
        with self._lock:
            self.thread = thread
            try:
                yield
            finally:
                self.thread = 0


_tracing = Turn()
_all: WeakSet[Compiled] = WeakSet()


def _reset_locks() -> None:
    """Free the locks in the child of a fork: a thread that held one does not exist there."""
    here = threading.get_ident()
    if _tracing.thread != here:
        _tracing.__init__()  # type: ignore[misc]
    for compiled in _all:
        if compiled._runner != here:
            compiled._lock, compiled._runner = threading.Lock(), 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_locks)


class Compiled:
    """A function that runs as a program; see `compile`."""

    def __init__(self, f: Callable[..., Any], check: int = 0) -> None:
        self.__name__ = getattr(f, "__name__", type(f).__name__)
        functools.update_wrapper(self, f)
        self.function = f
        self.check = check
        self._calls = 0
        self._programs: OrderedDict[Any, list[Variant]] = OrderedDict()
        self._latest: Variant | None = None
        self._warned: set[str] = set()
        self._lock = threading.Lock()
        self._runner = 0  # the thread that has the lock
        _all.add(self)

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        """The method of an object, if the function is one."""
        return self if owner is None else functools.partial(self, owner)

    def __reduce__(self) -> Any:
        """Its name, where it stands for the function itself; else what compiles the function, or its copy, anew."""
        name = getattr(self, "__qualname__", "")
        if getattr(sys.modules.get(self.__module__), name, None) is self:
            return name
        return Compiled, (self.function, self.check)

    def __call__(self, *args: Any, **options: Any) -> Any:
        here = threading.get_ident()
        # in a signal handler meanwhile, or a part of what is traced
        if here in (self._runner, _tracing.thread):
            return self.function(*args, **options)
        given = Given(args, options)
        reason = given.reason or ("a graph is recorded or debugged" if mode.get() > ON else "")
        if reason:
            return self._eagerly(reason, args, options)
        with self._lock:
            self._runner = here
            try:
                return self._run(given, args, options)
            finally:
                self._runner = 0

    def _run(self, given: Given, args: Any, options: Any) -> Any:
        variants = self._programs.get(given.key, [])
        for variant in variants:
            if variant.holds():
                reason = variant.mixed(given)
                if reason:
                    return self._eagerly(reason, args, options)
                try:
                    return self._checked(variant, given, args, options)
                except OtherWay:
                    continue
        with _tracing.by(threading.get_ident()):
            traced = self._traced(given, args, options)
        if isinstance(traced, str):
            return self._eagerly(traced, args, options)
        self._programs[given.key] = [traced, *variants][:BRANCHES]
        self._programs.move_to_end(given.key)
        while len(self._programs) > KEPT:
            self._programs.popitem(last=False)
        reason = traced.mixed(given)
        if reason:
            return self._eagerly(reason, args, options)
        return self._checked(traced, given, args, options)

    def _traced(self, given: Given, args: Any, options: Any) -> Variant | str:
        """The function as a program, or why it cannot be one for now."""
        around = Around(self.function, given.others)
        reason = around.hooked()
        if reason:
            return reason
        first, second = (Variant(self.function, around, given, args, options) for _ in range(2))
        compared(first.program, second.program, "compile")
        advanced = around.facts.advanced()
        if advanced:
            raise TypeError(
                f"compile: {self.__name__} draws from {advanced}, and a program would repeat what that gave; pass it "
                "as an argument"
            )
        if not same_bits(first.result, second.result):
            raise TypeError(
                f"compile: {self.__name__} returned another number when it ran again; make what changes from call to "
                "call an argument"
            )
        first.plan()
        return first

    def _checked(self, variant: Variant, given: Given, args: Any, options: Any) -> Any:
        """The results of the program, each `check` calls compared with those of the function."""
        self._latest = variant
        if not self.check or self._calls % self.check:
            result = variant.run(given)
            self._calls += 1
            return result
        state = State(variant, given)
        result = variant.run(given)
        after = State(variant, given, result)
        state.restore()
        eager = self.function(*args, **options)
        after.compare(State(variant, given, eager), self.__name__)
        self._calls += 1
        return eager

    def _eagerly(self, reason: str, args: Any, options: Any) -> Any:
        if reason not in self._warned:
            self._warned.add(reason)
            warnings.warn(f"compile: {self.__name__} runs eagerly, because {reason}", stacklevel=4)
        return self.function(*args, **options)

    @property
    def source(self) -> str:
        """The program that ran last, as Python that writes into planned memory."""
        return self._variant().planned.source

    def report(self) -> str:
        """Calls, buffers and bytes of the program that ran last, and what it makes anew at each run."""
        plan = self._variant().planned
        size = sum(map(len, plan.buffers))
        anew = ", ".join(f"{name} {n}" for name, n in plan.unplanned.most_common()) or "nothing"
        return (
            f"{self.__name__}: {plan.steps} steps, {len(plan.buffers)} buffers of {size:,} bytes; results aside, "
            f"made anew at each run by: {anew}"
        )

    def _variant(self) -> Variant:
        if self._latest is None:
            raise RuntimeError(
                f"compile: {self.__name__} was not called yet, so there is no program"
            )
        return self._latest


def compile(f: Callable[..., Any] | None = None, *, check: int = 0) -> Any:
    """f as a program: traced once for each kind of arguments, then run without a graph, bit for bit the same results.

        @minigrad.compile
        def step(x, y):
            loss = minigrad.cross_entropy(model(x), y)
            loss.backward()
            return loss

    f      a function of arrays, Tensors, and lists, tuples and dicts of them; other arguments are compared by value if
           they are numbers or texts, and by identity. It may call backward(), grad() and, last, nn's clips of gradients
           and an optimiser's step(), which are called behind the program; a norm that a clip returns may be returned
    check  compare each so many calls with f itself, and raise RuntimeError on the first different bit; 0: never

    At the first call, and when shapes, dtypes, modes or numbers around f are others, f runs twice on copies of all
    arrays, and what differs between these runs raises TypeError with the line; side effects of f beyond arrays happen
    at these times only. What looks into values (`item()`, `float(t)`, a mask as an index) raises TypeError, too; a
    branch on `t > 0` makes a program for either way. Random numbers are drawn anew by `minigrad.generator()`, and by
    `minigrad.generator(rng)` from a generator of your own. What the clock, the environment, files, and modules of
    others say is not seen; `check` finds it. Plain arrays around f are compared by content: let large ones be arguments
    or Tensors. Other threads must not use what is around f while it is traced. Results own their memory. With a
    generator, a cache or a question for np.ndarray around f, with memory that it writes and has by two names, within
    `record` and `debug`, with hooks, and with arguments that have a history, f runs as it is, and a warning says so.
    """
    if f is None:
        return functools.partial(compile, check=check)
    return Compiled(f, check)
