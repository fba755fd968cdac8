"""A program without what has no bearing on its results: dead steps, repeated ones, copies, and factors of 1.

Every change keeps the bits. So a copy goes only where it has the layout of what it copies, because strides decide the
last bits of sums; and nothing goes whose memory is written into.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .recorded import Attribute, Call, Method, Program, Ref, getitem, mapped, setitem

SAME_PLACE = (
    Method("reshape"), Method("transpose"), Method("squeeze"), Method("swapaxes"), Method("view"), Method("ravel"),
    Attribute("T"), Attribute("mT"), np.broadcast_to, np.reshape, np.squeeze,
)  # fmt: skip
COPIES = (np.copy, np.array, np.asarray, Method("copy"))


def simplified(program: Program) -> Program:
    """The same results in fewer steps."""
    work = _Work(program)
    for call in program.calls:
        work.take(call)
    calls = work.calls
    outputs = [(name, work.now(at)) for name, at in program.outputs]
    kept = replace(program, calls=_live(program, calls, outputs), outputs=outputs)
    read = {at for call in kept.calls for at in call.inputs()} | {at for _, at in outputs}
    read |= {call.writes for call in kept.calls if call.writes is not None}
    used = read | {program.values[at].root for at in read}
    kept.inputs = [i for i in program.inputs if i.kind == "argument" or i.at in used]
    return kept


class _Work:
    """The steps taken over so far, and which value stands for which."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.values = program.values
        self.calls: list[Call] = []
        self._instead: dict[int, int] = {}
        self._known: dict[Any, Call] = {}
        self._made: dict[int, Call] = {}
        self._written = {self.values[c.writes].root for c in program.calls if c.writes is not None}
        self._inputs = {i.at for i in program.inputs}
        self._users: dict[int, list[Call]] = {}
        for call in program.calls:
            for at in call.inputs():
                self._users.setdefault(at, []).append(call)

    def now(self, at: int) -> int:
        """The value that stands for `at`."""
        return self._instead.get(at, at)

    def take(self, call: Call) -> None:
        """Take a step over, unless another value stands for what it makes."""
        refs = mapped(
            (call.args, call.options), lambda v: Ref(self.now(v.at)) if isinstance(v, Ref) else v
        )
        call = replace(call, args=self._plain_factors(call, refs[0]), options=refs[1])
        made = call.made()
        if made and all(self.values[at].data is not None for at in made):
            return  # constant numbers
        if call.has_effect:
            if not self._is_idle(call):
                self.calls.append(call)
            return
        stand_in = self._stand_in(call)
        if stand_in is not None:
            self._instead[made[0]] = self.now(stand_in)
            return
        key = self._key(call)
        if key is not None and key in self._known:
            self._instead.update(zip(made, self._known[key].made(), strict=True))
            return
        if key is not None:
            self._known[key] = call
        self._made.update(dict.fromkeys(made, call))
        self.calls.append(call)

    def _is_free(self, at: int) -> bool:
        return self.values[at].root not in self._written

    def _key(self, call: Call) -> Any:
        """A key that a repetition of this step has, too; None for one that reads what is written into."""
        if not all(map(self._is_free, (*call.inputs(), *call.made()))):
            return None
        function = call.function if hasattr(call.function, "__hash__") else id(call.function)
        return function, repr((call.args, sorted(call.options.items())))

    def _stand_in(self, call: Call) -> int | None:
        """The value that has the same bits and layout as what this step makes."""
        made = call.made()
        if len(made) != 1:
            return None
        y = self.values[made[0]]
        given = [self.values[at] for at in call.inputs()]
        for x in given:  # a view of all of it, as it is
            is_same = (x.shape, x.dtype, x.strides) == (y.shape, y.dtype, y.strides)
            if is_same and x.root == y.root and call.function in SAME_PLACE:
                return x.at
        if not self._is_free(made[0]):
            return None
        if call.function in COPIES and len(given) == 1 and self._is_free(given[0].at):
            x = given[0]
            if x.is_number:
                return x.at if self._may_be_number(y.at) else None
            is_same = (x.shape, x.dtype, x.strides) == (y.shape, y.dtype, y.strides)
            return x.at if is_same and x.is_whole and x.root not in self._inputs else None
        if call.function is np.multiply and not call.options and len(given) == 2:
            for x, other in (given, given[::-1]):
                is_one = other.data is not None and other.shape == () and other.data == 1
                is_same = (x.shape, x.dtype) == (y.shape, y.dtype) and other.dtype == x.dtype
                if is_one and is_same and x.strides == y.strides and self._is_free(x.at):
                    return x.at
        return None

    def _may_be_number(self, at: int) -> bool:
        """Return whether all that is done to a 0-d array gives the same with a number."""
        return all(
            isinstance(c.function, np.ufunc) or c.function in (np.broadcast_to, np.where, *COPIES)
            for c in self._users.get(at, [])
        )

    def _plain_factors(self, call: Call, args: Any) -> Any:
        """The arguments, with a number in place of an array that is full of it, where the other decides the shape."""
        if not isinstance(call.function, np.ufunc) or call.options or len(args) != 2:
            return args
        refs = [a.at if isinstance(a, Ref) else None for a in args]
        made = call.made()
        for i in (0, 1):
            at, other = refs[i], refs[1 - i]
            maker = self._made.get(at) if at is not None else None
            if maker is None or other is None or maker.function is not np.broadcast_to or not made:
                continue
            number, x, y = maker.args[0], self.values[other], self.values[made[0]]
            is_number = isinstance(number, Ref) and self.values[number.at].data is not None
            if is_number and (x.shape, x.strides) == (y.shape, y.strides) and x.is_whole:
                return tuple(number if k == i else a for k, a in enumerate(args))
        return args

    def _is_idle(self, call: Call) -> bool:
        """Return whether a step writes a view back where it lies already: y[i] = y[i], as `y[i] += x` ends."""
        if call.function is not setitem:
            return False
        x, index, value = call.args
        maker = self._made.get(value.at) if isinstance(value, Ref) else None
        if maker is None or self.values[value.at].root != self.values[x.at].root:
            return False
        return maker.function is getitem and repr(maker.args) == repr((x, index))


def _live(program: Program, calls: list[Call], outputs: list[tuple[str, int]]) -> list[Call]:
    """The steps that the results, the checks or the memory of an input depend on."""
    values = program.values
    needed = {at for _, at in outputs}
    memory = {values[at].root for at in needed} | {values[i.at].root for i in program.inputs}
    kept = []
    for call in reversed(calls):
        made = call.made()
        is_check = call.writes is None and not made
        writes = call.writes is not None and values[call.writes].root in memory
        if is_check or writes or needed.intersection(made):
            reads = call.inputs()
            needed.update(reads)
            memory.update(values[at].root for at in reads)
            kept.append(call)
    return kept[::-1]
