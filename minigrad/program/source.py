"""The source of a planned program: Python that names arrays, buffers and functions, and what these names stand for."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .recorded import Attribute, Call, Method, OtherWay, Ref, getitem, refs_in, setitem

REDUCED = {"sum": "add", "max": "maximum", "min": "minimum", "prod": "multiply"}
"""Methods, and the ufuncs that they call in the end: without a line of Python."""


class Source:
    """Lines of Python, in which v<number> is a value made at each run, and c<number> one that is there before.

    static  number of a value -> the array that it is at each run, in the same memory
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.static: dict[int, Any] = {}
        self._names: dict[str, Any] = {"np": np, "OtherWay": OtherWay}
        self._known = {id(np): "np"}

    def fix(self, at: int, array: Any) -> None:
        """Let a value be this array at each run."""
        self.static[at] = array
        self._names[f"c{at}"] = array

    def name(self, at: int) -> str:
        """The name of a value."""
        return f"c{at}" if at in self.static else f"v{at}"

    def named(self, thing: Any) -> str:
        """A name for something that is the same at each run; numbers and texts are written as they are."""
        kind = thing.__class__
        if thing is None or kind in (bool, int, str) or (kind is float and math.isfinite(thing)):
            return repr(thing)
        if isinstance(thing, np.ufunc):
            name = str(thing.__name__)
            if getattr(np, name, None) is thing:
                return f"np.{name}"
        name = self._known.setdefault(id(thing), f"k{len(self._names)}")
        self._names[name] = thing  # kept, and so its id is its own
        return name

    def text(self, tree: Any) -> str:
        """An argument of a call."""
        if isinstance(tree, Ref):
            return self.name(tree.at)
        if not list(refs_in(tree)):
            return self.named(tree)
        if isinstance(tree, slice):
            return f"slice({self.text(tree.start)}, {self.text(tree.stop)}, {self.text(tree.step)})"
        if isinstance(tree, dict):
            return "{" + ", ".join(f"{k!r}: {self.text(v)}" for k, v in tree.items()) + "}"
        items = ", ".join(self.text(item) for item in tree)
        return f"[{items}]" if isinstance(tree, list) else f"({items},)"

    def call(self, call: Call, into: Ref | None = None) -> str:
        """A call, which writes `into` a value if that is given."""
        f, args = call.function, list(call.args)
        word = "into" if has_into(f) else "out"
        options = call.options if into is None else {**call.options, word: into}
        if f is getitem:
            return f"{self.text(args[0])}[{self.text(args[1])}]"
        if f is setitem:
            return f"{self.text(args[0])}[{self.text(args[1])}] = {self.text(args[2])}"
        if isinstance(f, Attribute):
            return f"{self.text(args[0])}.{f.name}"
        if not isinstance(f, Method):
            start = self.named(f)
        elif f.name in REDUCED and len(args) < 3 and options.keys() <= {"axis", "keepdims", "out"}:
            start = f"np.{REDUCED[f.name]}.reduce"
            options = options if len(args) > 1 else {"axis": None, **options}
        else:
            start = f"{self.text(args.pop(0))}.{f.name}"
        given = [self.text(a) for a in args] + [f"{k}={self.text(v)}" for k, v in options.items()]
        return f"{start}({', '.join(given)})"

    def function(self, given: list[str], results: list[str]) -> tuple[str, Callable[..., Any]]:
        """The whole source of a function, and the function."""
        body = "\n".join(f"    {line}" for line in [*self.lines, f"return [{', '.join(results)}]"])
        source = f"def run({', '.join(given)}):\n{body}\n"
        space = dict(self._names)
        exec(compile(source, "<minigrad.compile>", "exec"), space)
        return source, space["run"]


def has_into(function: Any) -> bool:
    """Return whether a kernel takes `into`, an array for its result."""
    return "into" in (getattr(function, "__kwdefaults__", None) or ())
