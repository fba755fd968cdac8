"""A program without what has no bearing on its results: dead steps, repeated ones, copies, and factors of 1.

Every change keeps the bits. So a copy goes only where it has the layout of what it copies, because strides decide the
last bits of sums; and nothing goes whose memory is written into.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .recorded import Attribute, Call, Method, Program, Ref, Value, getitem, mapped, setitem

RESHAPE = Method("reshape")
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
    program = replace(program, values=work.rooted())
    kept = replace(program, calls=_live(program, calls, outputs), outputs=outputs)
    kept.calls.sort(
        key=lambda call: not work.is_of_input(call)
    )  # where it is made for the first of equal steps
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
        self._full: dict[int, int] = {}  # an array -> the number that it is full of
        self._written = {self.values[c.writes].root for c in program.calls if c.writes is not None}
        self._ends = {at for _, at in program.outputs}
        self._owned = {
            self.values[at].root for at in self._ends
        }  # by a result: each has its own memory
        self._inputs = {i.at for i in program.inputs}
        self._users: dict[int, list[Call]] = {}
        for call in program.calls:
            for at in call.inputs():
                self._users.setdefault(at, []).append(call)

    def now(self, at: int) -> int:
        """The value that stands for `at`."""
        return self._instead.get(at, at)

    def rooted(self) -> list[Value]:
        """The values; a view of what another value stands for is one of that value's memory."""
        found: list[Value] = []
        for v in self.values:
            root = self.now(v.root)
            found.append(replace(v, root=found[root].root if root < v.at else root))
        return found

    def take(self, call: Call) -> None:
        """Take a step over, unless another value stands for what it makes."""
        refs = mapped(
            (call.args, call.options), lambda v: Ref(self.now(v.at)) if isinstance(v, Ref) else v
        )
        call = replace(call, args=self._plain_factors(call, refs[0]), options=refs[1])
        call.args = self._without_detour(call)
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
        if len(made) == 1:
            self._note_full(call, made[0])
        key = self._key(call)
        if key is not None and key in self._known:
            self._instead.update(zip(made, self._known[key].made(), strict=True))
            return
        if key is not None:
            self._known[key] = call
        self._made.update(dict.fromkeys(made, call))
        self.calls.append(call)

    def is_of_input(self, call: Call) -> bool:
        """Return whether a step only looks at an input in another way, as x.T does: it may stand first."""
        at = call.inputs()
        return (
            isinstance(call.function, Attribute) and at[0] in self._inputs and self._is_free(at[0])
        )

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
            if not is_same or not x.is_whole or x.root in self._inputs or x.root in self._owned:
                return None
            self._owned |= {x.root} if made[0] in self._ends else set()
            return x.at
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

    def _without_detour(self, call: Call) -> Any:
        """The arguments of a reshape, with an array of rows in place of one that was reshaped from it."""
        first = call.args[0] if call.args else None
        while call.function == RESHAPE and isinstance(first, Ref) and first.at in self._made:
            maker = self._made[first.at]
            source = maker.args[0].at if maker.function == RESHAPE else first.at
            if source == first.at or not self.values[source].is_rows or not self._is_free(source):
                break
            first = maker.args[0]
        return (first, *call.args[1:]) if call.args else ()

    def _plain_factors(self, call: Call, args: Any) -> Any:
        """The arguments, with a number in place of an array that is full of it, where the other decides the shape."""
        made = call.made()
        if not _is_elementwise(call) or len(args) != 2 or not made:
            return args
        y = self.values[made[0]]
        for i in (0, 1):
            number = self._full.get(args[i].at) if isinstance(args[i], Ref) else None
            other = args[1 - i]
            if number is None or not isinstance(other, Ref) or other.at in self._full:
                continue
            x = self.values[other.at]
            if (x.shape, x.strides) == (y.shape, y.strides) and x.is_whole:
                return tuple(Ref(number) if k == i else a for k, a in enumerate(args))
        return args

    def _note_full(self, call: Call, y: int) -> None:
        """Note an array whose elements are all one number, known before the run."""
        values, args = self.values, call.args
        if call.function is np.broadcast_to:
            is_number = isinstance(args[0], Ref) and values[args[0].at].data is not None
            if is_number and values[args[0].at].shape == ():
                self._full[y] = args[0].at
        elif _is_elementwise(call) and self._is_free(y):
            refs = [a.at for a in args if isinstance(a, Ref)]
            if not any(at in self._full for at in refs) or not all(
                at in self._full or (values[at].data is not None and values[at].shape == ())
                for at in refs
            ):
                return
            numbers = [
                values[self._full.get(a.at, a.at)].data if isinstance(a, Ref) else a for a in args
            ]
            with np.errstate(all="ignore"):
                number = np.asarray(call.function(*numbers))[()]
            if number.dtype == values[y].dtype:
                at = len(values)
                values.append(Value(at, (), number.dtype, (), at, True, True, number))
                self._full[y] = at
                if values[y].is_rows:
                    call.function = np.full
                    call.args = (values[y].shape, Ref(at), values[y].dtype)

    def _is_idle(self, call: Call) -> bool:
        """Return whether a step writes a view back where it lies already: y[i] = y[i], as `y[i] += x` ends."""
        if call.function is not setitem:
            return False
        x, index, value = call.args
        maker = self._made.get(value.at) if isinstance(value, Ref) else None
        if maker is None or self.values[value.at].root != self.values[x.at].root:
            return False
        return maker.function is getitem and repr(maker.args) == repr((x, index))


def _is_elementwise(call: Call) -> bool:
    f = call.function
    return isinstance(f, np.ufunc) and f.signature is None and not call.options


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
