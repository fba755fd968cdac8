"""The program: what a function did to arrays, as plain data, and how it is run again.

A `Value` is an array of the program, a `Call` one step: a function of NumPy, a method, or a helper of minigrad. A text
writes the calls down; whoever plans memory reads shapes, strides and roots, and replaces calls by others that write
into arrays it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..random import generator

OTHER_WAY = "the program was written for other values: these lead another way at"


class OtherWay(ValueError):
    """Values led another way than when the program was written."""


@dataclass(frozen=True)
class Ref:
    """An array in the arguments of a call, by the number of its value."""

    at: int


@dataclass(frozen=True)
class Method:
    """A method of an array as a function: Method("sum")(x, axis=0) is x.sum(axis=0)."""

    name: str

    def __call__(self, x: Any, *args: Any, **options: Any) -> Any:
        return getattr(x, self.name)(*args, **options)


@dataclass(frozen=True)
class Attribute:
    """An attribute of an array as a function: Attribute("T")(x) is x.T."""

    name: str

    def __call__(self, x: Any) -> Any:
        return getattr(x, self.name)


def getitem(x: Any, index: Any) -> Any:
    """x[index]"""
    return x[index]


def setitem(x: Any, index: Any, value: Any) -> None:
    """x[index] = value"""
    x[index] = value


def same_way(truth: Any, answer: bool, line: str) -> None:
    """Raise if a value that the engine asked for is not what it was when the program was written."""
    if bool(truth) != answer:
        raise OtherWay(f"{OTHER_WAY} {line}")


@dataclass(eq=False)
class Value:
    """An array of the program.

    root         the number of the value whose memory it is a view of, or its own
    is_number    whether NumPy gave a scalar, not an array
    is_constant  whether it is the same at each run: it depends on no input, or on shapes alone
    data         the array itself, of one that the function had from elsewhere; and of every constant number
    """

    at: int
    shape: tuple[int, ...]
    dtype: Any
    strides: tuple[int, ...]
    root: int
    is_number: bool = False
    is_constant: bool = False
    data: Any = None

    @property
    def is_whole(self) -> bool:
        """Return whether its elements lie in memory without gaps, row by row or column by column."""
        return bool(self._probe.flags.forc)

    @property
    def is_rows(self) -> bool:
        """Return whether its elements lie in memory without gaps, row by row."""
        return bool(self._probe.flags.c_contiguous)

    @property
    def _probe(self) -> Any:
        return np.lib.stride_tricks.as_strided(np.empty(0, self.dtype), self.shape, self.strides)


@dataclass(eq=False)
class Call:
    """One step of the program.

    function  called with args and options, in which a Ref stands for each array
    outputs   the number of the value that it returns, None for what is no array; a tuple of such for a tuple
    writes    the number of the value that it writes into, if there is one: it is a step for its effect
    line      file:line of the user's code
    scope     the path of the module that it ran in, or ""
    is_back   whether it ran on the way back, then `scope` is that of the op that it belongs to
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    options: dict[str, Any]
    outputs: Any
    writes: int | None = None
    line: str = ""
    scope: str = ""
    is_back: bool = False

    def inputs(self) -> list[int]:
        """The numbers of the values that it reads, each as often as it is named."""
        return list(refs_in((self.args, self.options)))

    def made(self) -> list[int]:
        """The numbers of the values that it returns."""
        return [at for at in leaves(self.outputs) if at is not None]

    @property
    def has_effect(self) -> bool:
        """Return whether it does more than to return values: it writes, draws numbers, or checks."""
        return self.writes is not None or not self.made()


@dataclass(eq=False)
class Input:
    """An array that the program is given: an argument, or what the function has from around it.

    kind    "argument", "parameter", "tensor", "array" or "generator"
    holder  the Tensor, array or generator that it is at each run; None for an argument and for the default generator
    """

    name: str
    at: int
    kind: str
    holder: Any = None

    def array(self) -> Any:
        """The array that the holder has now, or the generator."""
        if self.kind == "generator":
            return generator(self.holder)
        return getattr(self.holder, "_data", self.holder)


@dataclass(eq=False)
class Program:
    """A function as a list of calls: `run` gives its results for other inputs, bit for bit those of eager.

    outputs  (name, number of the value) of the results; a gradient is named d<name of the parameter>
    quiet    whether a step ran where NumPy's warnings were switched off
    """

    name: str
    values: list[Value] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    inputs: list[Input] = field(default_factory=list)
    outputs: list[tuple[str, int]] = field(default_factory=list)
    quiet: bool = False

    def run(self, given: list[Any]) -> list[Any]:
        """The results for these inputs, arrays in the order of `inputs`; some may be written into."""
        known = {v.at: v.data for v in self.values if v.data is not None}
        known |= {i.at: array for i, array in zip(self.inputs, given, strict=True)}
        for call in self.calls:
            args, options = substituted((call.args, call.options), known.__getitem__)
            result = call.function(*args, **options)
            if call.writes is None and (result is None) != (call.outputs is None):
                raise OtherWay(f"{self.name}: {OTHER_WAY} {call.line}")
            known.update(paired(call.outputs, result))
        return [known[at] for _, at in self.outputs]


def refs_in(tree: Any) -> Iterator[int]:
    """The numbers of all values in the arguments of a call."""
    if isinstance(tree, Ref):
        yield tree.at
    elif isinstance(tree, (tuple, list)):
        for item in tree:
            yield from refs_in(item)
    elif isinstance(tree, dict):
        yield from refs_in(list(tree.values()))
    elif isinstance(tree, slice):
        yield from refs_in([tree.start, tree.stop, tree.step])


def paired(outputs: Any, result: Any) -> Iterator[tuple[int, Any]]:
    """(number, array) for each array in the result of a call."""
    if isinstance(outputs, tuple):
        for part, y in zip(outputs, result, strict=True):
            yield from paired(part, y)
    elif outputs is not None:
        yield outputs, result


def leaves(tree: Any) -> list[Any]:
    """All leaves of nested tuples, lists, dicts and slices."""
    found: list[Any] = []
    mapped(tree, found.append)
    return found


def substituted(tree: Any, array_of: Callable[[int], Any]) -> Any:
    """Arguments with `array_of(number)` in place of each Ref."""
    return mapped(tree, lambda leaf: array_of(leaf.at) if isinstance(leaf, Ref) else leaf)


def is_named(kind: type) -> bool:
    """Return whether it is a class of named tuples."""
    return issubclass(kind, tuple) and hasattr(kind, "_fields")


def mapped(tree: Any, f: Callable[[Any], Any]) -> Any:
    """Nested tuples, named ones too, lists, dicts and slices with f of each leaf."""
    kind = tree.__class__
    if kind is tuple or kind is list:
        return kind([mapped(item, f) for item in tree])
    if is_named(kind):
        return kind._make([mapped(item, f) for item in tree])
    if kind is dict:
        return {key: mapped(item, f) for key, item in tree.items()}
    if kind is slice:
        return slice(*[mapped(end, f) for end in (tree.start, tree.stop, tree.step)])
    return f(tree)
