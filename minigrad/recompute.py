"""Checkpoints: parts of the forward pass that save only their inputs, and are computed again in the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from .core import writes
from .core.backward import traverse
from .core.dtypes import is_array, widened
from .core.graph import ON, Node, TensorBase, creation_order, mode, wrap
from .core.op import Primitive
from .core.options import settled
from .modes import enable_grad
from .random import generator
from .signatures import taking
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
            return segment.rebuilt([Tensor(value) for value in segment.values])
        return segment.rebuilt(as_outputs(_row(segment)(*segment.inputs)))

    return call


class _Segment:
    """One call of f: its arguments, its values, and the parameters that it used from outside."""

    def __init__(self, f: Any, args: tuple[Any, ...], rngs: Sequence[np.random.Generator]) -> None:
        self.f = f
        self.name = getattr(f, "__name__", type(f).__name__).strip("<>")
        self.rngs = rngs
        self.states = [rng.bit_generator.state for rng in (generator(), *rngs)]
        self.places = [
            i for i, a in enumerate(args) if isinstance(a, TensorBase) and a._requires_grad
        ]
        self.start = start = writes.next_tick()
        self.args = [_kept(a) for a in args]
        twins = self.twins([args[i]._data for i in self.places])
        with enable_grad():  # the graph shows which parameters it uses
            self.kind, outputs = self.run(args, twins)
        self.values = [y._data for y in outputs]
        self.is_needed = [y._requires_grad for y in outputs]
        nodes = _nodes_of(outputs)
        self.outside = self._used_from_outside(nodes, outputs, twins, start)
        # in `debug()`, whose notes have the checksums of what f saved; in the second run they are compared
        is_checked = [node.notes is not None and node.notes.checksums is not None for node in nodes]
        self.notes = [node.notes for node in nodes] if all(is_checked) else []
        self.calls = _calls(nodes) if self.notes else []
        self.inputs = [args[i] for i in self.places] + self.outside

    def twins(self, values: Sequence[Any]) -> list[Any]:
        """New leaves with the values of the arguments that need a gradient."""
        return [Tensor(v, requires_grad=True) for v in values]

    def run(self, args: Sequence[Any], xs: Sequence[Any]) -> tuple[type, tuple[Any, ...]]:
        """The kind of f's result, and its outputs, with xs in place of the arguments that need a gradient."""
        given = list(args)
        for place, x in zip(self.places, xs, strict=True):
            given[place] = x
        result = self.f(*given)
        outputs = as_outputs(result)
        for y in outputs:
            if not isinstance(y, TensorBase):
                raise TypeError(
                    f"checkpoint: {self.name} must return a Tensor or a tuple of them, not a {type(y).__name__}"
                )
        return type(result), outputs

    def rebuilt(self, ys: Sequence[Any]) -> Any:
        """The outputs as f returned them: one or a tuple of some kind, without history where f gave them none."""
        ys = [y if needed else y.detach() for y, needed in zip(ys, self.is_needed, strict=True)]
        if not issubclass(self.kind, tuple):
            return ys[0]
        return self.kind(*ys) if hasattr(self.kind, "_fields") else tuple(ys)

    def _used_from_outside(
        self, nodes: list[Node], outputs: Any, twins: list[Any], start: int
    ) -> list[Any]:
        """The leaves that the outputs depend on beside the twins; f may also return one as it is."""
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
            self._check_unchanged()
            start = writes.next_tick()
            _, outputs = self.run(self.args, xs)
            is_other = len(outputs) != len(self.values)
            for y, value in zip(outputs, self.values, strict=False):
                refuse = getattr(value, "refuse", None)
                if refuse is not None:  # the array of a function that is compiled
                    refuse(
                        f"the comparison of both runs of checkpoint({self.name})",
                        "Call the function itself within, without checkpoint",
                    )
                if is_other or not np.array_equal(y._data, value, equal_nan=True):
                    raise RuntimeError(
                        f"checkpoint: {self.name} gave another value the second time. Does it draw from a Generator "
                        "that was not passed as rngs=, or use something that has changed since?"
                    )
            if self.notes:
                self._compare([node for node in _nodes_of(outputs) if node.tick > start])
            total: Any = 0
            for y, seed in zip(outputs, seeds, strict=True):
                if y._requires_grad:  # the product of two float16 would often overflow
                    total = total + (widened(y) * widened(seed)).sum()
            targets = [*xs, *self.outside]
            found: Sequence[Any] = [None] * len(targets)
            if isinstance(total, TensorBase):
                # a part of a longer walk: no hook of a parameter runs before its gradient is whole
                unfinished = set(self.outside)
                keys = [x if x._node is None else x._node for x in targets]
                walk = "checkpoint", total, None, set(keys), create_graph, create_graph, None
                by_key = traverse(*walk, unfinished)
                found = [by_key.get(key) for key in keys]
        return [_as_tensor(g, x) for g, x in zip(found, targets, strict=True)]

    def _check_unchanged(self) -> None:
        """Raise if an argument was written, or a parameter frozen, since f was called."""
        for array in _arrays_in(self.args):
            if writes.written_since(array, self.start):
                raise RuntimeError(
                    f"checkpoint: an argument of {self.name}, of shape {array.shape}, was written after the forward "
                    "pass. Run backward before the write, or compute the forward pass again after it"
                )
        for leaf in self.outside:
            if not leaf._requires_grad:
                raise RuntimeError(
                    f"checkpoint: a leaf of shape {leaf.shape} was frozen after {self.name} used it; freeze it before "
                    "the forward pass or after the backward pass"
                )

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
        rngs = [generator(), *self.rngs]  # the default one may be another by now
        now = [rng.bit_generator.state for rng in rngs]
        before = _recomputing.get()
        try:
            _recomputing.set(True)
            for rng, state in zip(rngs, self.states, strict=True):
                rng.bit_generator.state = state
            yield
        finally:
            _recomputing.set(before)
            for rng, state in zip(rngs, now, strict=True):
                rng.bit_generator.state = state


class _Checkpoint(Primitive):
    """An op whose arguments keep their dtypes, because f is to meet them again as they were."""

    def _unify(self, args: Sequence[Any], values: list[Any], slots: Sequence[int]) -> None:
        pass


def _as_tensor(g: Any, x: Any) -> Any:
    """The gradient of x as a Tensor, zeros where there is none."""
    if isinstance(g, TensorBase):
        return g
    return wrap(np.zeros_like(x._data) if g is None else np.asarray(g) if np.isscalar(g) else g)


def _kept(value: Any) -> Any:
    """An argument as a node would save it: small arrays and lists are copied, as they may be filled again."""
    if isinstance(value, TensorBase):
        return value if value._requires_grad else wrap(settled(value._data))
    if isinstance(value, (list, tuple)):
        items = [_kept(v) for v in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return {key: _kept(v) for key, v in value.items()} if type(value) is dict else settled(value)


def _arrays_in(value: Any) -> list[Any]:
    """The arrays in an argument, of those Tensors too that need no gradient: who needs one is watched as an input."""
    if isinstance(value, (list, tuple, dict)):
        items = value.values() if isinstance(value, dict) else value
        return [array for item in items for array in _arrays_in(item)]
    if isinstance(value, TensorBase):
        return [] if value._requires_grad else [value._data]
    return [value] if is_array(value) else []


def _nodes_of(outputs: Sequence[Any]) -> list[Node]:
    """The nodes of the outputs' graphs, each once, oldest first."""
    nodes = {node for y in outputs for node in creation_order(y._node)}
    return sorted(nodes, key=lambda node: node.tick)


def _calls(nodes: list[Node]) -> list[tuple[str, str]]:
    """The ops of the nodes, each with its numbers and words, of which nan is equal to itself."""
    plain = int, float, str, tuple
    return [(n.op.name, repr([c for c in n.constants if isinstance(c, plain)])) for n in nodes]


def _row(segment: _Segment) -> Primitive:
    """The segment as an op of its inputs, whose joint rule computes it again."""
    names = tuple(f"x{i}" for i in range(len(segment.inputs)))
    count = len(segment.places)
    is_tuple = issubclass(segment.kind, tuple)
    values = tuple(segment.values) if is_tuple else segment.values[0]

    def rule(g: Any, *saved: Any) -> tuple[Any, ...]:
        seeds, xs = list(g) if is_tuple else [g], list(saved[:count])
        if any(isinstance(v, TensorBase) for v in (*seeds, *xs)):  # to be differentiated again
            again = checkpoint(lambda *v: _gradients(segment, v), segment.rngs)
            found = again(*seeds, *xs)
            return found if isinstance(found, tuple) else (found,)
        return tuple(g._data for g in segment.gradients(seeds, segment.twins(xs), False))

    def forward(*_: Any) -> Any:
        return values

    forward.__name__ = f"checkpoint({segment.name})"
    joint = names, taking(("g", *names), rule)
    return _Checkpoint(forward, names, {}, {}, joint, {}, False, False, segment.f.__doc__)


def _gradients(segment: _Segment, values: tuple[Any, ...]) -> tuple[Any, ...]:
    """The gradients, recorded, as a function of the seeds and the arguments."""
    seeds, xs = values[: len(segment.values)], values[len(segment.values) :]
    return tuple(segment.gradients(seeds, xs, create_graph=True))
