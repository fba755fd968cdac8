"""The program of a function for one kind of arguments, with all that a call does besides returning results."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import starmap
from operator import call
from typing import Any, NamedTuple

import numpy as np

from ..core import writes
from ..core.graph import TensorBase, wrap
from ..sight.recording import user_line
from .around import Around
from .facts import NUMBERS
from .given import Given
from .plan import Plan
from .pools import masked_before_scattered
from .recorded import Input, OtherWay, Program, Ref, is_named, mapped
from .simplify import simplified
from .trace import Trace
from .traced import Later, Traced

_set_grad = TensorBase.__dict__["_grad"].__set__


@dataclass(frozen=True)
class Out:
    """An array in the structure of a result: its place among the outputs, and whether it is in a Tensor."""

    place: int
    is_tensor: bool


@dataclass(frozen=True)
class Said:
    """The answer of a function that is called behind the program, in the structure of a result."""

    place: int


class Grad(NamedTuple):
    """The fate of a `.grad`: a new Tensor with an output, None, or its array overwritten with an output.

    tensor  a Tensor from around the function, or the place of an argument
    kind    "new", "none" or "into"
    place   that of the output
    """

    tensor: Any
    kind: str
    place: int


class Variant:
    """A function traced for some arguments.

    effects  what a run does when all arrays are computed, in order: lists of Grad, and functions to call
    """

    program: Program
    planned: Plan

    def __init__(
        self, f: Callable[..., Any], around: Around, given: Given, args: Any, options: Any
    ) -> None:
        self.around = around
        self.others = given.others
        self.outputs: list[tuple[str, int]] = []
        self.effects: list[Any] = []
        self._moved = 0
        trace = Trace(getattr(f, "__name__", type(f).__name__), "compile")
        trace.paths, trace.at_end = around.paths, partial(self._later, trace)
        inputs, twins = given.traced(trace, (args, options))
        before = _identities(twins)
        held = [h for _, h in around.holders if isinstance(h, TensorBase)]
        self._needs = [(tensor, tensor._requires_grad) for tensor in held]
        self._own = {id(holder) for _, holder in around.holders}
        self._had = [(tensor, tensor._grad) for tensor in held]
        self._tensors = [
            *((t, t) for t in held),
            *((i, t) for i, t in enumerate(twins) if t is not None),
        ]
        with around.traced(trace, grads=True), _undone(around, self._needs):
            self._before = self._grads_now()
            members = mapped(inputs, lambda leaf: leaf)
            result = f(*inputs[0], **inputs[1])
            trace.check_end()
            self.result = mapped(result, lambda leaf: self._out(trace, leaf))
            self._gather_grads(trace)
        if before != _identities(twins):
            raise _not_again(
                trace, "sets requires_grad or data of an argument", "set them before the call"
            )
        if not _is_same_tree(inputs, members):
            raise _not_again(trace, "changes a list or a dict that is an argument", "copy it first")
        for tensor, needs in self._needs:
            if tensor._requires_grad is not needs:
                tensor._requires_grad = needs
                raise _not_again(trace, "sets requires_grad of a Tensor", "set it before the call")
        around.check_unchanged(trace.program.name)
        self.program = trace.program
        self.program.outputs = self.outputs

    # What a call leaves --------------------------------------------------------------------------------

    def _grads_now(self) -> list[Any]:
        """The `.grad` of each Tensor, and the traced array and value in it."""
        grads = [tensor._grad for _, tensor in self._tensors]
        return [(g, None, -1) if g is None else (g, g._data, g._data.at) for g in grads]

    def _gather_grads(self, trace: Trace) -> None:
        """Note what became of each `.grad` since it was noted last."""
        changed: list[Grad] = []
        now = self._grads_now()
        for (key, _), before, after in zip(self._tensors, self._before, now, strict=True):
            if all(
                a is b or (a.__class__ is int and a == b)
                for a, b in zip(before, after, strict=True)
            ):
                continue
            if after[0] is None:
                changed.append(Grad(key, "none", -1))
            else:
                kind = "into" if after[0] is before[0] else "new"
                changed.append(Grad(key, kind, self._output(trace, after[1])))
        self.effects.append(changed)
        self._before = now

    def _later(self, trace: Trace, function: Callable[[], Any], gradients: Any) -> int:
        kept = [t._grad._data for t, _ in self._needs if t._grad is not None]
        if not all(any(g is own for own in kept) for g in gradients):
            raise TypeError(
                f"compile: {trace.program.name} changes gradients at {user_line()} that are not those of parameters "
                "around it, by a function that a program calls at its end; change them after the call"
            )
        self._gather_grads(trace)
        self.effects.append(function)
        return sum(effect.__class__ is not list for effect in self.effects) - 1

    def _out(self, trace: Trace, leaf: Any) -> Any:
        """A leaf of the result: an Out for an array, unless it is a Tensor from around the function."""
        is_tensor = isinstance(leaf, TensorBase)
        if is_tensor and leaf._node is not None and _is_live(leaf._node):
            raise TypeError(
                f"compile: {trace.program.name} returns a Tensor with a history, which a program does not keep; call "
                "backward() or grad() within it, or return x.detach()"
            )
        data = leaf._data if is_tensor else leaf
        if any(leaf is t for t, _ in self._needs):
            return leaf
        if isinstance(leaf, Later):
            return Said(leaf.place)
        if not isinstance(data, (Traced, np.ndarray)):
            if leaf is not None and not isinstance(leaf, (*NUMBERS, np.generic)):
                raise TypeError(
                    f"compile: {trace.program.name} returns a {type(leaf).__name__}, which a program cannot make anew; "
                    "return arrays, Tensors, numbers and texts in tuples, named tuples, lists and dicts"
                )
            return leaf
        out = Out(self._output(trace, data), is_tensor)
        trace.check_open(f"the result of {trace.program.name}", Ref(self.outputs[out.place][1]))
        return out

    def _output(self, trace: Trace, array: Any) -> int:
        self.outputs.append(("", trace.number_of(array)))
        return len(self.outputs) - 1

    # Planning ------------------------------------------------------------------------------------------

    def plan(self) -> None:
        """Make the program ready to run."""
        self.program = program = masked_before_scattered(simplified(self.program))
        self._moving = [i for i in program.inputs if i.kind == "generator"]
        roots = {program.values[c.writes].root for c in program.calls if c.writes is not None}
        self._written = [i for i in program.inputs if i.at in roots and i.kind != "generator"]
        arguments = [i for i in program.inputs if i.kind == "argument"]
        self._places = {i.at: place for place, i in enumerate(arguments)}
        read = {i.holder for i in program.inputs if i.kind == "gradient"}
        # (Tensor, its .grad, whether another one will do as well)
        self._grads = [(t, grad, grad not in read) for t, grad in self._had]
        self._bind()

    def _bind(self) -> None:
        """Plan with the arrays that are around the function now."""
        self.planned = Plan(self.program, self._moving)
        self._bound = [
            (i.holder, i.array(), i)
            for i in self.program.inputs
            if isinstance(i.holder, TensorBase) and i not in self._moving
        ]
        holders = [h for _, h in self.around.holders]
        plain = [h for h in holders if isinstance(h, np.ndarray)]
        data = [h._data for h in holders if isinstance(h, TensorBase)]
        written = [i.array() for i in self._written if i.holder is not None]
        is_later = any(callable(effect) for effect in self.effects)
        behind = [t._data for t, needs in self._needs if needs and is_later]
        shares = np.may_share_memory
        self._shares = any(shares(a, b) for a in written for b in data if a is not b)
        self._shares |= any(shares(a, b) for a in (*written, *behind) for b in plain)

    def holds(self) -> bool:
        """Return whether the world around the function is what it was; new arrays like the old ones are bound."""
        for tensor, needs in self._needs:
            if tensor._requires_grad is not needs or tensor._hooks:
                return False
        for tensor, grad, is_any in self._grads:
            now = tensor._grad
            if now is not grad and not (is_any and grad is not None and now is not None):
                return False
        return not self.around.facts.changed() and self._follows_moves()

    def mixed(self, given: Given) -> str:
        """Why the function cannot run as a program for these arguments, or "": memory is known by two names."""
        if any(id(tensor) in self._own for tensor in given.tensors):
            return "an argument is a Tensor that it has from around it as well"
        if self._shares:
            return "it writes into memory that another array around it shares"
        if not self._written:
            return ""
        written = [self._array_of(i, given) for i in self._written]
        if not all(a.flags.writeable for a in written):
            return "it writes into memory that is read-only"
        others = [*written, *given.arrays]
        if any(np.may_share_memory(a, b) for a in written for b in others if a is not b):
            return "it writes into memory that another argument shares"
        if len({*map(id, given.arrays)}) < len(given.arrays):
            return "it writes into arguments, and an array is given twice"
        return ""

    def _follows_moves(self) -> bool:
        moved = []
        for tensor, array, given in self._bound:
            now = tensor._data
            if now is not array:
                if now.__class__ is not np.ndarray or _kind(now) != _kind(array):
                    return False
                moved.append(given)
        if moved:  # what moves again and again is an argument from then on
            self._moved += 1
            self._moving += moved if self._moved > 2 else []
            self._bind()
        return True

    # Running -------------------------------------------------------------------------------------------

    def run(self, given: Given) -> Any:
        """The results for these arguments, and all effects; OtherWay, with nothing changed, if a value decides so."""
        moving = [i.array() for i in self._moving]
        generators = [m.bit_generator for m in moving if isinstance(m, np.random.Generator)]
        before = [g.state for g in generators]
        try:
            out = self.planned.run(*given.arrays, *moving)
        except OtherWay:
            for g, state in zip(generators, before, strict=True):
                g.state = state
            raise
        if self._written:
            writes.mark_written(*[self._array_of(i, given) for i in self._written])
        said = []
        for effect in self.effects:
            if effect.__class__ is list:
                _write_grads(effect, given, out)
            else:
                said.append(effect())
        return _built(self.result, out, said)

    def _array_of(self, given: Input, arguments: Given) -> Any:
        return (
            given.array() if given.holder is not None else arguments.arrays[self._places[given.at]]
        )


@contextmanager
def _undone(around: Around, needs: list[tuple[Any, bool]]) -> Iterator[None]:
    """Let a function that raises leave nothing behind."""
    try:
        yield
    except BaseException:
        around.put_back()
        for tensor, was in needs:
            tensor._requires_grad = was
        raise


def _identities(twins: list[Any]) -> list[Any]:
    """All that no function may set in its arguments; None for plain arrays."""
    return [None if t is None else (t._requires_grad, id(t._data)) for t in twins]


def _not_again(trace: Trace, what: str, remedy: str) -> TypeError:
    name = trace.program.name
    return TypeError(f"compile: {name} {what}, which a program would not do again; {remedy}")


def _is_same_tree(tree: Any, copy: Any) -> bool:
    """Return whether all containers have the members that they had when the copy was made."""
    if isinstance(tree, dict) and isinstance(copy, dict):
        tree, copy = [*tree.items()], [*copy.items()]
    if not isinstance(tree, (tuple, list)):
        return tree is copy
    same = type(tree) is type(copy) and len(tree) == len(copy)
    return same and all(map(_is_same_tree, tree, copy))


def _is_live(node: Any) -> bool:
    """Return whether no backward has freed the node."""
    return (node.parents[0] if node.op.is_part else node).saved is not None


def _kind(array: Any) -> Any:
    return array.shape, array.dtype, array.strides


def _write_grads(grads: list[Grad], given: Given, out: Any) -> None:
    """Write all `.grad`, or none if an interrupt comes."""
    steps: list[Any] = []
    into = []
    for key, kind, place in grads:
        tensor = given.tensors[key] if key.__class__ is int else key
        if kind == "into":
            into.append(tensor._grad._data)
            steps.append((np.ndarray.__setitem__, into[-1], ..., out[place]))
        else:
            new = wrap(np.asarray(out[place])) if kind == "new" else None
            steps.append((_set_grad, tensor, new))
    if into:
        writes.mark_written(*into)
    deque(starmap(call, steps), maxlen=0)  # as in core.backward: without a line of Python between


def _built(tree: Any, out: Any, said: Any) -> Any:
    """A result with the outputs in their places, and what the functions behind the program said."""
    if tree.__class__ is Out:
        array = out[tree.place]
        return wrap(np.asarray(array)) if tree.is_tensor else array
    if tree.__class__ is Said:
        return said[tree.place]
    if tree.__class__ in (tuple, list, dict) or is_named(tree.__class__):
        return mapped(tree, lambda leaf: _built(leaf, out, said))
    return tree
