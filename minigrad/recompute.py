"""Checkpoints: parts of the forward pass that save only their inputs, and are computed again in the backward pass."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from .core import writes
from .core.backward import contributions
from .core.graph import ON, Node, TensorBase, creation_order, mode
from .core.op import Primitive
from .core.rule import settled
from .modes import enable_grad
from .random import generator
from .structures import as_outputs
from .tensor import Tensor

_recomputing: ContextVar[bool] = ContextVar("minigrad_recomputing", default=False)


def recomputing() -> bool:
    """Return whether a checkpoint is computing its function again; running statistics must skip that."""
    return _recomputing.get()


def checkpoint(
    f: Callable[..., Any], rngs: Sequence[np.random.Generator] = ()
) -> Callable[..., Any]:
    """x -> f(x), which saves only x for backward; backward computes f again for what else it needs.

    rngs  the Generators that f draws from, beside the default one. While f is computed again they and the default one
          are set back, so that f draws the same numbers; no other thread may draw from them then

    f takes arrays and Tensors, and returns a Tensor or a tuple of them. Parameters that are no arguments of f get their
    gradients too; a hook on one runs once, when its gradient is whole. Raises RuntimeError if f uses a Tensor with
    history that is no argument of it, and in backward if the second value differs from the first. Something else that f
    uses, such as a list of yours, must not change in between: where the value happens to stay the same (as with a
    weight of 0), the change is found only if f was first computed inside `debug()`, which compares what f saves as
    well. From Chen et al. 2016.
    """

    def call(*args: Any) -> Any:
        if not mode.get() & ON:
            return f(*args)
        segment = _Segment(f, args, rngs)
        if not segment.inputs:
            return (
                tuple(map(Tensor, segment.values))
                if segment.is_tuple
                else Tensor(segment.values[0])
            )
        return _row(segment)(*segment.inputs)

    return call


class _Segment:
    """One call of f: its arguments, its values, and the parameters that it used from outside."""

    def __init__(self, f: Any, args: tuple[Any, ...], rngs: Sequence[np.random.Generator]) -> None:
        self.f, self.args = f, [settled(a) for a in args]  # as a node saves them
        self.name = getattr(f, "__name__", type(f).__name__).strip("<>")
        self.rngs = [generator(), *rngs]
        self.states = [rng.bit_generator.state for rng in self.rngs]
        self.places = [
            i for i, a in enumerate(args) if isinstance(a, TensorBase) and a._requires_grad
        ]
        start = writes.next_tick()
        twins = self.twins([args[i]._data for i in self.places])
        with enable_grad():  # the graph shows which parameters it uses
            outputs = self.outputs(twins)
        self.values = [y._data for y in outputs]
        nodes = _nodes_since(start, outputs)
        # in `debug()`, whose notes have the checksums of what f saved; in the second run they are compared
        is_checked = [node.notes is not None and node.notes.checksums is not None for node in nodes]
        self.notes = [node.notes for node in nodes] if all(is_checked) else []
        self.calls = _calls(nodes) if self.notes else []
        self.is_tuple = len(outputs) > 1
        self.outside = self._used_from_outside(outputs, twins, start)
        self.inputs = [args[i] for i in self.places] + self.outside

    def twins(self, values: Sequence[Any]) -> list[Any]:
        """New leaves with the values of the arguments that need a gradient."""
        return [Tensor(v, requires_grad=True) for v in values]

    def outputs(self, xs: Sequence[Any]) -> tuple[Any, ...]:
        """The outputs of f with xs in place of the arguments that need a gradient."""
        given = list(self.args)
        for place, x in zip(self.places, xs, strict=True):
            given[place] = x
        outputs = as_outputs(self.f(*given))
        for y in outputs:
            if not isinstance(y, TensorBase):
                raise TypeError(
                    f"checkpoint: {self.name} must return a Tensor or a tuple of them, not a {type(y).__name__}"
                )
        return outputs

    def _used_from_outside(self, outputs: Any, twins: list[Any], start: int) -> list[Any]:
        """The leaves that the outputs depend on beside the twins; f may also return one as it is."""
        nodes = [node for y in outputs for node in creation_order(y._node)]
        for node in nodes:
            if node.tick < start:
                raise RuntimeError(
                    f"checkpoint: {self.name} uses a Tensor of shape {node.shape} from outside that was made by "
                    f"{node.op.name}; pass it as an argument, so that its gradient is not lost"
                )
        ends = [y for y in outputs if y._requires_grad and y._node is None]
        ends += [parent for node in nodes for parent in node.parents if parent is not None]
        own = set(map(id, twins))
        leaves = {id(t): t for t in ends if not isinstance(t, Node) and id(t) not in own}
        return list(leaves.values())

    def gradients(self, seeds: Sequence[Any], xs: Sequence[Any], create_graph: bool) -> list[Any]:
        """The gradients of <seeds, f> by xs and by the parameters from outside, with f computed again."""
        with enable_grad(), self._as_the_first_time():
            start = writes.next_tick()
            outputs = self.outputs(xs)
            for y, value in zip(outputs, self.values, strict=True):
                if not np.array_equal(y._data, value, equal_nan=True):
                    raise RuntimeError(
                        f"checkpoint: {self.name} gave another value the second time. Does it draw from a Generator "
                        "that was not passed as rngs=, or use something that has changed since?"
                    )
            if self.notes:
                self._compare(_nodes_since(start, outputs))
            total: Any = 0
            for y, seed in zip(outputs, seeds, strict=True):
                total = total + (y * seed).sum() if y._requires_grad else total
            targets = [*xs, *self.outside]
            found: Sequence[Any] = [None] * len(targets)
            if isinstance(total, TensorBase):
                found = contributions(total, targets, create_graph, unfinished=self.outside)
        return [
            Tensor(np.zeros_like(x._data)) if g is None else g
            for g, x in zip(found, targets, strict=True)
        ]

    def _compare(self, nodes: list[Node]) -> None:
        """Raise if f does not call the same ops the second time, or saves other arrays."""
        again = f"checkpoint: {self.name}, computed again"
        if self.calls != _calls(nodes):
            raise RuntimeError(
                f"{again}, called other ops than at first, or with other numbers. Does it use something that has "
                "changed since?"
            )
        for notes, node in zip(self.notes, nodes, strict=True):
            notes.check(again, node)

    @contextmanager
    def _as_the_first_time(self) -> Iterator[None]:
        """Set the Generators to their states at the first call, and back afterwards."""
        now = [rng.bit_generator.state for rng in self.rngs]
        before = _recomputing.get()
        try:
            _recomputing.set(True)
            for rng, state in zip(self.rngs, self.states, strict=True):
                rng.bit_generator.state = state
            yield
        finally:
            _recomputing.set(before)
            for rng, state in zip(self.rngs, now, strict=True):
                rng.bit_generator.state = state


class _Checkpoint(Primitive):
    """An op whose arguments keep their dtypes, because f is to meet them again as they were."""

    def _unify(self, args: Sequence[Any], values: list[Any], slots: Sequence[int]) -> None:
        pass


def _nodes_since(start: int, outputs: Sequence[Any]) -> list[Node]:
    """The nodes of the outputs' graphs that were made after `start`, each once, oldest first."""
    nodes = {node: None for y in outputs for node in creation_order(y._node) if node.tick > start}
    return sorted(nodes, key=lambda node: node.tick)


def _calls(nodes: list[Node]) -> list[tuple[str, str]]:
    """The ops of the nodes, each with its numbers and words, of which nan is equal to itself."""
    plain = int, float, str, tuple
    return [(n.op.name, repr([c for c in n.constants if isinstance(c, plain)])) for n in nodes]


def _row(segment: _Segment) -> Primitive:
    """The segment as an op of its inputs, whose joint rule computes it again."""
    names = tuple(f"x{i}" for i in range(len(segment.inputs)))
    count = len(segment.places)
    values = tuple(segment.values) if segment.is_tuple else segment.values[0]

    def rule(g: Any, *saved: Any) -> tuple[Any, ...]:
        seeds, xs = list(g) if segment.is_tuple else [g], list(saved[:count])
        if any(isinstance(v, TensorBase) for v in (*seeds, *xs)):  # to be differentiated again
            again = checkpoint(lambda *v: _gradients(segment, v), segment.rngs[1:])
            found = again(*seeds, *xs)
            return found if isinstance(found, tuple) else (found,)
        return tuple(g._data for g in segment.gradients(seeds, segment.twins(xs), False))

    parameters = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in ("g", *names)
    ]
    rule.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]

    def forward(*_: Any) -> Any:
        return values

    forward.__name__ = f"checkpoint({segment.name})"
    return _Checkpoint(forward, names, {}, {}, (names, rule), {}, False, False, segment.f.__doc__)


def _gradients(segment: _Segment, values: tuple[Any, ...]) -> tuple[Any, ...]:
    """The gradients, recorded, as a function of the seeds and the arguments."""
    seeds, xs = values[: len(segment.values)], values[len(segment.values) :]
    return tuple(segment.gradients(seeds, xs, create_graph=True))
