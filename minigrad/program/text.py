"""The text of a program: a straight-line function as a teacher would write it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..ops.kernels.scatter import check_indices
from ..ops.labels import kept_labels
from .helpers import Helpers
from .lines import wrapped
from .literals import array_text
from .loops import Loop, Loops, replaced
from .naming import free, letter_of, names_of_inputs, short_paths
from .recorded import Attribute, Call, Program, Ref, getitem, leaves, refs_in, same_way, setitem
from .words import INFIX, PLUS, Said, Words

WIDTH = 80  # characters of a line before its comment
COMMENT = 66  # the column of the comments
TINY = 12  # of one that is moved to the way back
SHORT = 64  # characters of an expression that is written where it is used


class Text:
    """The lines of a script, and the helpers and constants that stand above it."""

    def __init__(self, program: Program, paths: dict[int, str]) -> None:
        self.program, self.values = program, program.values
        self.helpers = Helpers({i.name for i in program.inputs})
        self.constants: list[str] = []
        self.lines: list[str] = []
        self.names = names_of_inputs(program.inputs)
        self._results = self._names_of_results()
        self._taken = {*self.names.values(), *self._results.values()}
        self._waiting: dict[int, Call] = {}  # steps that are written where their result is used
        self._words = Words(self.values, self._said, self._helper)
        self._scopes = short_paths(sorted({c.scope for c in program.calls if c.scope}), keeps=0)
        self._users: dict[int, list[int]] = {}
        for i, call in enumerate(program.calls):
            for at in call.inputs():
                self._users.setdefault(at, []).append(i)
        self._ends = {at for _, at in program.outputs}
        self._section: Any = None
        self._indent = "    "
        self._forced: set[int] = set()  # values that get a name
        self._lists: dict[Any, str] = {}  # (loop, step, part) -> the list of what the turns make
        self._loops = Loops(program)
        i = 0
        for loop in [*self._loops.all, None]:
            end = len(program.calls) if loop is None else loop.start
            for at in range(i, end):
                self._take(at, program.calls[at])
            if loop is not None:
                self._write_loop(loop)
                i = loop.end
        self.results = [self._said(at).text for _, at in program.outputs]

    def _names_of_results(self) -> dict[int, str]:
        paths = {
            f"d{i.name}": f"d{self.names[i.at]}" for i in self.program.inputs if i.at in self.names
        }
        found: dict[int, str] = {}
        taken = set(self.names.values())
        for path, at in self.program.outputs:
            if at not in found and at not in self.names and self.values[at].data is None:
                found[at] = free(paths.get(path, path), taken)
                taken.add(found[at])
        return found

    # Names -------------------------------------------------------------------------------------------

    def _said(self, at: int) -> Said:
        """An array as it is written: its name, or the step that makes it."""
        if at in self.names:
            return Said(self.names[at])
        if at in self._waiting:
            return self._words.of(self._waiting[at])
        value = self.values[at]
        if value.data is not None:
            return self._constant(at)
        raise KeyError(f"the value {at} is used before it is made")

    def _constant(self, at: int) -> Said:
        text, is_short = array_text(self.values[at].data)
        if is_short:
            return Said(text)
        self.names[at] = name = free("C", self._taken)
        self._taken.add(name)
        self.constants.append(f"{name} = {text}")
        return Said(name)

    def _helper(self, thing: Any) -> str:
        name = self.helpers.name_of(thing, True)
        self._taken.add(name)
        return name

    def _name(self, at: int, call: Call) -> str:
        if at not in self.names:
            value = self.values[at]
            name = self._results.get(at)
            if name is None:
                name = free(letter_of(call, value.dtype == bool), self._taken)
            self.names[at] = name
            self._taken.add(name)
        return self.names[at]

    # Loops -------------------------------------------------------------------------------------------

    def _write_loop(self, loop: Loop) -> None:
        """Write a loop: what it starts from, its steps once, and what it hands on to the next turn."""
        inside = range(loop.start, loop.end)
        for at in [at for at in self._waiting if set(self._users.get(at, [])) & set(inside)]:
            if not self._is_light(at):
                self._write(self._waiting.pop(at))
        body = self._loops.body(loop)
        made = {(step, part): at for step, c in enumerate(body) for part, at in enumerate(c.made())}
        listed = [key for key in made if self._is_listed(loop, key)]
        last = [self._loops.calls[loop.end - loop.size + step] for step in range(loop.size)]
        after = {key for key in made if self._is_used_after(loop, last[key[0]].made()[key[1]])}
        self._forced |= {made[key] for key in (*listed, *loop.carried, *after)}
        self._head(body[0])
        carried = {}
        for key, start in loop.carried.items():
            carried[key] = name = self._new(letter_of(body[key[0]], False))
            self._line(f"{name} = {self._said(start).text}", str(self.values[start].shape))
        for key in listed:
            letter = letter_of(body[key[0]], False)
            name = self._new("a_s" if letter == "a" else f"{letter}s")  # `as` is a word of Python's
            self._lists[loop, *key] = name
            self._words.lengths[name] = loop.turns
            self._line(f"{name} = []", "")
        self._line(f"for t in range({loop.turns}):", "")
        self._indent += "    "
        for step, call in enumerate(body):
            self._take(loop.start + step, self._in_turn(loop, step, call, carried))
        for key in listed:
            self._line(f"{self._lists[loop, *key]}.append({self.names[made[key]]})", "")
        if carried:
            now = ", ".join(self.names[made[key]] for key in carried)
            self._line(f"{', '.join(carried.values())} = {now}", "")
        self._indent = self._indent[4:]
        for key, at in made.items():
            for turn in range(loop.turns):
                of_turn = self._loops.calls[loop.start + turn * loop.size + key[0]].made()[key[1]]
                if (loop, *key) in self._lists:
                    self.names[of_turn] = f"{self._lists[loop, *key]}[{turn}]"
                elif turn == loop.turns - 1 and at in self.names:
                    self.names[of_turn] = self.names[at]

    def _in_turn(self, loop: Loop, step: int, call: Call, carried: dict[Any, str]) -> Call:
        """A step of the first turn as it is in the turn t."""
        new = []
        for n, leaf in enumerate(leaves((call.args, call.options))):
            column = self._loops.column(loop, step, n)
            place = self._loops.places.get(column[1].at) if isinstance(leaf, Ref) else None
            is_own = place is not None and place.loop is loop and column[0] != column[1]
            if is_own and place is not None and place.turn == 0:
                new.append(self._named(leaf, carried[place.step, place.part]))
            elif is_own:
                new.append(leaf)
            else:
                found = self._loops.of_column(column)
                if isinstance(found, tuple) and len(found) == 2:
                    where, symbol = found
                    name = self._lists[where.loop, where.step, where.part]
                    new.append(self._named(leaf, f"{name}[{symbol}]"))
                else:
                    new.append(found[0] if isinstance(found, tuple) else found)
        return replaced(call, new)

    def _named(self, ref: Ref, text: str) -> Ref:
        """A value like that of `ref` under a name of its own."""
        at = len(self.values)
        self.values.append(replace(self.values[ref.at], at=at))
        self.names[at] = text
        return Ref(at)

    def _new(self, letter: str) -> str:
        name = free(letter, self._taken)
        self._taken.add(name)
        return name

    def _is_listed(self, loop: Loop, key: tuple[int, int]) -> bool:
        """Return whether what a step makes in each turn is used behind the loop, not in its last turn alone."""
        for turn in range(loop.turns):
            at = self._loops.calls[loop.start + turn * loop.size + key[0]].made()[key[1]]
            if not self._is_used_after(loop, at):
                continue
            later = [u for u in self._users.get(at, []) if u >= loop.end]
            in_loops = any(other.start <= u < other.end for u in later for other in self._loops.all)
            if turn < loop.turns - 1 or in_loops:
                return True
        return False

    def _is_used_after(self, loop: Loop, at: int) -> bool:
        return at in self._ends or any(u >= loop.end for u in self._users.get(at, []))

    # Steps -------------------------------------------------------------------------------------------

    def _take(self, i: int, call: Call) -> None:
        """Write a step, or let it wait until its result is used."""
        if self._may_wait(i, call):
            self._waiting[call.outputs] = call
        else:
            self._write(call)

    def _may_wait(self, i: int, call: Call) -> bool:
        made = call.made()
        if call.has_effect or len(made) != 1 or isinstance(call.outputs, tuple):
            return False
        if made[0] in self._ends or made[0] in self._forced:
            return False
        users = self._users.get(made[0], [])
        named = all(at in self.names or self.values[at].data is not None for at in call.inputs())
        is_light = isinstance(call.function, Attribute) or not call.inputs()
        if (
            is_light
            and named
            and self._is_unwritten(made[0])
            and len(self._words.of(call).text) <= 24
        ):
            return True
        calls = {self.program.calls[u] for u in users}
        user = self.program.calls[users[-1]] if len(calls) == 1 else None
        if user is None or (len(users) != 1 and not _is_target(user, made[0])):
            return False
        if user.writes == made[0] and call.function is not getitem:
            return False  # `f(x) += y` is no Python
        if not self._keeps(i, users[-1], self._reads(call)):
            return False
        return len(self._words.of(call).text) <= (SHORT if user.is_back == call.is_back else TINY)

    def _is_unwritten(self, at: int) -> bool:
        root = self.values[at].root
        return all(
            c.writes is None or self.values[c.writes].root != root for c in self.program.calls
        )

    def _reads(self, call: Call) -> set[int]:
        """The memory that an expression reads, with that of the steps within it."""
        found: set[int] = set()
        for at in call.inputs():
            found.add(self.values[at].root)
            if at in self._waiting:
                found |= self._reads(self._waiting[at])
        return found

    def _keeps(self, start: int, end: int, roots: set[int]) -> bool:
        """Return whether no step between two writes into this memory."""
        between = self.program.calls[start + 1 : end]
        return not any(
            c.writes is not None and self.values[c.writes].root in roots for c in between
        )

    def _write(self, call: Call) -> None:
        """Write a step as a line; what waits and makes it too long gets lines of its own before."""
        text = self._statement(call, dry=True)
        while len(text) + 4 > WIDTH:
            waiting = [at for at in self._within(call) if not self._is_light(at)]
            if not waiting:
                break
            longest = max(waiting, key=lambda at: len(self._words.of(self._waiting[at]).text))
            self._write(self._waiting.pop(longest))
            text = self._statement(call, dry=True)
        self._head(call)
        self._line(self._statement(call), self._shapes(call))

    def _is_light(self, at: int) -> bool:
        call = self._waiting[at]
        return len(self._words.of(call).text) <= 14 or (not self._is_owned(at))

    def _is_owned(self, at: int) -> bool:
        """Return whether only one step uses it, so that it may get a line of its own just before."""
        return len(set(self._users.get(at, []))) == 1

    def _within(self, call: Call) -> list[int]:
        found = []
        for at in call.inputs():
            if at in self._waiting:
                found += [at, *self._within(self._waiting[at])]
        return found

    def _statement(self, call: Call, dry: bool = False) -> str:
        check = self._check(call)
        if check is not None:
            return check
        if call.writes is not None and not call.made():
            return self._writing(call)
        expression = self._words.of(call).text
        if not call.made():
            return expression
        if isinstance(call.outputs, tuple) and len(call.outputs) == 1:
            return f"{self._targets(call.outputs[0], call, dry)} = {expression}[0]"
        names = self._targets(call.outputs, call, dry)
        return f"{names} = {expression}"

    def _targets(self, outputs: Any, call: Call, dry: bool) -> str:
        if isinstance(outputs, tuple):
            parts = [self._targets(part, call, dry) for part in outputs]
            for i, part in enumerate(outputs):
                if isinstance(part, tuple):
                    parts[i] = f"({parts[i]},)" if len(part) == 1 else f"({parts[i]})"
            return ", ".join(parts)
        is_used = outputs in self._users or outputs in self._ends
        if outputs is None or not is_used or outputs in self.names:
            return "_"  # nobody's, or what another step made
        return "a_00" if dry else self._name(outputs, call)

    def _writing(self, call: Call) -> str:
        """A step that writes into an array."""
        f, args = call.function, call.args
        if f is setitem:
            place = self._words.index_of(call)
            value = self._words.argument(args[2], self.values[args[0].at].dtype)
            step = self._waiting.get(args[2].at) if isinstance(args[2], Ref) else None
            sign = INFIX.get(step.function, ("", 0)) if step else ("", 0)
            if step and sign[1] >= PLUS and value.text.startswith(f"{place} {sign[0]} "):
                return f"{place} {sign[0]}= {value.text[len(place) + len(sign[0]) + 2 :]}"
            return f"{place} = {value.text}"
        if f is np.copyto:
            return (
                f"{self._words.argument(args[0]).text}[...] = {self._words.argument(args[1]).text}"
            )
        options = {k: v for k, v in call.options.items() if k != "out"}
        if f in INFIX and not options and "out" in call.options and args[0] == call.options["out"]:
            target = self._words.argument(args[0]).text
            beside = self.values[args[0].at].dtype
            return f"{target} {INFIX[f][0]}= {self._words.argument(args[1], beside).text}"
        return self._words.of(call).text

    def _check(self, call: Call) -> str | None:
        """A check as an assert with the engine's words."""
        if call.made() or call.writes is not None:
            return None
        if call.function is check_indices or call.function is kept_labels:
            op, ref, *rest = call.args
            low, high = rest if call.function is check_indices else (0, rest[0])
            what = "an index" if call.function is check_indices else "a label"
            x = self._words.argument(ref).within(100)
            return f'assert {x}.min() >= {low} and {x}.max() < {high}, "{op}: {what} is outside [{low}, {high})"'
        if call.function is same_way:
            ref, answer, _ = call.args
            test = self._words.argument(ref)
            test_text = test.text if answer else f"not {test.within(40)}"
            return f'assert {test_text}, "the script was written for other values"'
        return None

    def _shapes(self, call: Call) -> str:
        if call.writes is not None and not call.made():
            return str(self.values[call.writes].shape)
        made = [at for at in call.made() if at in self._users or at in self._ends]
        return str(self.values[made[0]].shape) if made else ""

    def _head(self, call: Call) -> None:
        """A comment where the module changes, or the direction."""
        scope = self._scopes.get(call.scope, "")
        if (call.is_back, scope) != self._section:
            self._section = call.is_back, scope
            way = "backward" if call.is_back else "forward"
            self.lines.append(
                f"{self._indent}# {way} of {scope}" if scope else f"{self._indent}# {way}"
            )

    def _line(self, text: str, comment: str) -> None:
        *before, line = wrapped(self._indent + text)
        self.lines += [*before, f"{line.ljust(COMMENT)}  # {comment}" if comment else line]


def _is_target(call: Call, at: int) -> bool:
    """Return whether a step `x += y` names x twice: as what it reads, and as what it writes."""
    out = call.options.get("out")
    named = [ref for ref in refs_in((call.args, call.options)) if ref == at]
    return out == Ref(at) and call.args[0] == Ref(at) and len(named) == 2
