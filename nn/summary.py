"""`Module.summary`: the outputs, parameters and costs of a model's layers, measured in a run.

A copy of the model runs on zeros, with batches of two and of three. An axis that is larger in the second run is N, and
the increase of a cost is the cost per example. So nothing is guessed, batch normalisation has the two examples that it
needs, and the model keeps its running statistics, mode and generators.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np

import minigrad

BATCHES = 2, 3


class Row(NamedTuple):
    """One module of the tree.

    path           from the model, "" for the model itself
    kind           its class
    outputs        the shape of each array that its last call gave, the batch axis as "N"; none if it was not called
    parameters     the count of numbers that it learns itself, without modules below it and those shared with modules
                   before it
    multiply_adds  of the ops of its own forward, per example
    saved_bytes    kept by these for backward, per example
    """

    path: str
    kind: str
    outputs: tuple[tuple[int | str, ...], ...]
    parameters: int
    multiply_adds: int
    saved_bytes: int


class Summary:
    """The rows of a model, in the order of its tree, and their sums; as text it is a table."""

    def __init__(self, input_shape: tuple[int, ...], rows: list[Row]) -> None:
        self.input_shape = input_shape
        self.rows = rows

    @property
    def parameters(self) -> int:
        return sum(row.parameters for row in self.rows)

    @property
    def multiply_adds(self) -> int:
        return sum(row.multiply_adds for row in self.rows)

    @property
    def saved_bytes(self) -> int:
        return sum(row.saved_bytes for row in self.rows)

    def __repr__(self) -> str:
        head = ["layer", "type", "output", "parameters", "multiply-adds", "saved bytes"]
        root, *below = self.rows
        # the title names the model, which has a line of its own only if it does something itself
        shown = self.rows if any(root[3:]) or not below else below
        sums = self.parameters, self.multiply_adds, self.saved_bytes
        lines = [head, *map(_cells, shown), ["total", "", "", *[f"{n:,}" for n in sums]]]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = [
            "  ".join(
                f"{cell:<{w}}" if i < 3 else f"{cell:>{w}}"
                for i, (cell, w) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        title = f"{root.kind} on {_shape_text(('N', *self.input_shape))}; the last two columns are per example"
        return "\n".join([title, *text])


def _cells(row: Row) -> list[str]:
    shapes = ", ".join(map(_shape_text, row.outputs)) or "not called"
    numbers = [f"{n:,}" if n else "" for n in row[3:]]
    return [row.path or "the model", row.kind, shapes, *numbers]


def _shape_text(shape: tuple[int | str, ...]) -> str:
    return f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"


def summarise(model: Any, input_shape: tuple[int, ...], dtype: Any = None) -> Summary:
    """The table that `Module.summary` promises."""
    if not isinstance(input_shape, (tuple, list)):
        raise TypeError(
            f"summary: input_shape is {input_shape!r}; the shape of one example is needed, such as (784,)"
        )
    if dtype is None:
        state = (*model.parameters(), *(value for _, value in model._walk()))  # buffers last
        floats = (t.dtype for t in state if t.dtype.kind == "f")
        dtype = next(floats, np.float32)
    few, more = (_Run(model, (n, *input_shape), dtype) for n in BATCHES)
    rows = [
        Row(
            path,
            type(module).__name__,
            tuple(map(_with_batch, few.shapes[place], more.shapes[place])),
            count,
            more.multiply_adds[place] - few.multiply_adds[place],
            more.saved_bytes[place] - few.saved_bytes[place],
        )
        for place, ((path, module), count) in enumerate(_with_counts(model))
    ]
    return Summary(tuple(input_shape), rows)


def _with_counts(model: Any) -> Iterator[tuple[tuple[str, Any], int]]:
    """Every module with its path, and the count of numbers it learns that no module before it has."""
    learned = {id(parameter) for parameter in model.parameters()}
    seen: set[int] = set()
    for path, module in model.named_modules():
        own = {id(value): value for value in vars(module).values() if id(value) in learned}
        yield (path, module), sum(own[key].size for key in own.keys() - seen)
        seen |= own.keys()


def _with_batch(few: tuple[int, ...], more: tuple[int, ...]) -> tuple[int | str, ...]:
    """A shape in which sizes that grow with the batch are texts in N: "N", "4 N", "N + 1"."""
    return tuple(a if a == b else _in_batch(a, b - a) for a, b in zip(few, more, strict=True))


def _in_batch(size: int, slope: int) -> str:
    fixed = size - BATCHES[0] * slope
    text = "N" if slope == 1 else f"{slope} N"
    return f"{text} {'-' if fixed < 0 else '+'} {abs(fixed)}" if fixed else text


# called with each module that ran while recording, and its output
_watcher: ContextVar[Callable[[Any, Any], None] | None] = ContextVar("nn_watcher", default=None)


@contextmanager
def _watching(watcher: Callable[[Any, Any], None]) -> Iterator[None]:
    """Call watcher(module, output) after each call of a module in the block, inner modules before outer ones."""
    token = _watcher.set(watcher)
    try:
        with minigrad.record():
            yield
    finally:
        _watcher.reset(token)


def report(module: Any, output: Any) -> None:
    """Tell the watcher, if there is one, that a module was called, and its output."""
    if (watcher := _watcher.get()) is not None:
        watcher(module, output)


class _Run:
    """The shapes and costs of each module of a copy of the model, by its place in the tree, in one run on zeros."""

    def __init__(self, model: Any, shape: tuple[int, ...], dtype: Any) -> None:
        self.model = copy.deepcopy(model)
        self.places = {id(module): place for place, module in enumerate(self.model.modules())}
        self.shapes: list[list[tuple[int, ...]]] = [[] for _ in self.places]
        self.multiply_adds = [0] * len(self.places)
        self.saved_bytes = [0] * len(self.places)
        size = math.prod(shape) * np.dtype(dtype).itemsize
        # of bytes, which nobody can write: or it would be copied, as an input that is small
        x = np.frombuffer(bytes(size), dtype).reshape(shape)
        of_model = next((value for _, value in model._walk()), x)
        x = minigrad.placed(x, of_model)
        default = minigrad.generator()
        state = default.bit_generator.state
        try:
            with _watching(self._note), minigrad.enable_grad(), np.errstate(all="ignore"):
                total = _sum_of(self.model(minigrad.Tensor(x)), x)
        finally:
            default.bit_generator.state = state
        for cost in minigrad.costs(total):
            known = [self.places[id(module)] for module in cost.scope if id(module) in self.places]
            place = known[-1] if known else 0
            self.multiply_adds[place] += cost.multiply_adds
            self.saved_bytes[place] += cost.saved_bytes

    def _note(self, module: Any, output: Any) -> None:
        if id(module) in self.places:
            self.shapes[self.places[id(module)]] = [tuple(a.shape) for a in _arrays(output)]


def _sum_of(outputs: Any, like: Any) -> Any:
    """One Tensor made from all outputs: it keeps the graph alive, so that the outputs need not be kept."""
    zero = minigrad.Tensor(minigrad.placed(minigrad.Tensor(0.0), like))
    return sum((a.sum() for a in _arrays(outputs)), zero)


def _arrays(outputs: Any) -> list[Any]:
    """The Tensors in tuples, lists and dicts of any depth."""
    if isinstance(outputs, dict):
        outputs = tuple(outputs.values())
    if isinstance(outputs, (tuple, list)):
        return [a for output in outputs for a in _arrays(output)]
    return [outputs] if isinstance(outputs, minigrad.Tensor) else []
