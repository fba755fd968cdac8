"""Loops: runs of equal steps in a program, as an unrolled recurrent network leaves them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from .recorded import Call, Program, Ref, leaves, mapped

LONGEST = 100  # steps of a loop's body
FEWEST = 3  # turns of a loop


class Place(NamedTuple):
    """A value made within a loop: by the turn-th turn's step, as its part-th output."""

    loop: Loop
    turn: int
    step: int
    part: int


@dataclass(frozen=True)
class Symbol:
    """A number that differs from turn to turn: start + slope t."""

    start: int
    slope: int

    def __repr__(self) -> str:
        t = "t" if abs(self.slope) == 1 else f"{abs(self.slope)} * t"
        if not self.start:
            return t if self.slope > 0 else f"-{t}"
        return f"{self.start} {'+' if self.slope > 0 else '-'} {t}"


@dataclass(eq=False)
class Loop:
    """The calls start to start + size * turns, `turns` times the same `size` steps.

    carried  (step, part) of what the next turn reads -> the value that the first turn reads in its place
    """

    start: int
    size: int
    turns: int
    carried: dict[tuple[int, int], int] = field(default_factory=dict)

    @property
    def end(self) -> int:
        return self.start + self.size * self.turns


class Loops:
    """All loops of a program, and where in them values are made."""

    def __init__(self, program: Program) -> None:
        self.calls = program.calls
        self.places: dict[int, Place] = {}
        self._marks = [_mark(program, call) for call in self.calls]
        self.all = list(self._found())

    def _found(self) -> Iterator[Loop]:
        start = 0
        while start < len(self.calls):
            loop = self._longest(start)
            if loop is None:
                start += 1
                continue
            for turn in range(loop.turns):
                for step in range(loop.size):
                    for part, at in enumerate(self._call(loop, turn, step).made()):
                        self.places[at] = Place(loop, turn, step, part)
            yield loop
            start = loop.end

    def _longest(self, start: int) -> Loop | None:
        best = None
        for size in range(1, min(LONGEST, (len(self.calls) - start) // FEWEST) + 1):
            same = 0
            while (
                start + same + size < len(self.calls)
                and self._marks[start + same] == self._marks[start + same + size]
                and self._marks[start + same] is not None
            ):
                same += 1
            turns = 1 + same // size
            while turns >= FEWEST and size * turns > 5:
                loop = Loop(start, size, turns)
                if best is not None and size * turns <= best.end - best.start:
                    break
                if self._agrees(loop):
                    best = loop
                    break
                turns -= 1
        return best

    def _call(self, loop: Loop, turn: int, step: int) -> Call:
        return self.calls[loop.start + loop.size * turn + step]

    def _agrees(self, loop: Loop) -> bool:
        """Return whether all that its steps read and all numbers in them follow from the turn."""
        loop.carried.clear()
        made = {
            at: (turn, step, part)
            for turn in range(loop.turns)
            for step in range(loop.size)
            for part, at in enumerate(self._call(loop, turn, step).made())
        }
        for step in range(loop.size):
            turns = [self._call(loop, turn, step) for turn in range(loop.turns)]
            columns = zip(*[leaves((c.args, c.options)) for c in turns], strict=True)
            if not all(self._follows(loop, made, list(column)) for column in columns):
                return False
        return True

    def _follows(self, loop: Loop, made: Any, column: list[Any]) -> bool:
        if not isinstance(column[0], Ref):
            return self.of_column(column) is not None
        own = [made.get(ref.at) for ref in column]
        if own[0] is not None:  # made in the same turn
            return all(m is not None and m == (k, *own[0][1:]) for k, m in enumerate(own))
        if own[1] is not None:  # made in the turn before
            key = own[1][1:]
            if not all(m == (k, *key) for k, m in enumerate(own[1:])):
                return False
            return loop.carried.setdefault(key, column[0].at) == column[0].at
        return self.of_column(column) is not None

    def of_column(self, column: list[Any]) -> Any:
        """An argument in the turn t: (the same leaf,), a Symbol, or (Place, Symbol); None if it is none of these."""
        first, second = column[0], column[1]
        if not isinstance(first, Ref):
            if all(type(v) is type(first) and repr(v) == repr(first) for v in column):
                return (first,)
            if not all(type(v) is int for v in column):
                return None
            symbol = Symbol(first, second - first)
            is_even = all(v == first + symbol.slope * k for k, v in enumerate(column))
            return symbol if is_even else None
        if all(ref == first for ref in column):
            return (first,)
        places = [self.places.get(ref.at) for ref in column]
        if any(p is None for p in places):
            return None
        kept = [p for p in places if p is not None]
        slope = kept[1].turn - kept[0].turn
        for k, p in enumerate(kept):
            same = p.loop is kept[0].loop and (p.step, p.part) == (kept[0].step, kept[0].part)
            if not same or p.turn != kept[0].turn + slope * k:
                return None
        return kept[0], Symbol(kept[0].turn, slope)

    def column(self, loop: Loop, step: int, n: int) -> list[Any]:
        """The n-th leaf of a step's arguments in each turn."""
        turns = [self._call(loop, turn, step) for turn in range(loop.turns)]
        return [leaves((c.args, c.options))[n] for c in turns]

    def body(self, loop: Loop) -> list[Call]:
        """The steps of the first turn."""
        return self.calls[loop.start : loop.start + loop.size]


def replaced(call: Call, new: list[Any]) -> Call:
    """The call with other leaves among its arguments."""
    following = iter(new)
    args, options = mapped((call.args, call.options), lambda _: next(following))
    return replace(call, args=args, options=options)


def _mark(program: Program, call: Call) -> Any:
    """A mark that two steps must share to be turns of one loop; None for a step with an effect."""
    if call.has_effect:
        return None

    def shape(leaf: Any) -> Any:
        if isinstance(leaf, Ref):
            value = program.values[leaf.at]
            is_number = value.data is not None and not value.shape
            return ("array", value.shape, str(value.dtype), leaf.at if is_number else None)
        return int if type(leaf) is int else repr(leaf)

    made = [(program.values[at].shape, str(program.values[at].dtype)) for at in call.made()]
    function = call.function if hasattr(call.function, "__hash__") else id(call.function)
    return repr(
        (str(function), mapped((call.args, call.options), shape), made, call.is_back, call.scope)
    )
