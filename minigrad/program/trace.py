"""The notes of one run of a function, which grow to its program."""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
from numpy.lib.array_utils import byte_bounds

from ..core import backward, writes
from ..core.graph import TensorBase, wrap
from ..sight.recording import user_line
from .recorded import Call, Input, Method, Program, Ref, Value, leaves, mapped, refs_in, same_way
from .traced import Later, Traced, name_of, plain

BY_SHAPE = frozenset(
    (np.zeros_like, np.ones_like, np.empty_like)
)  # their values depend on no value
_PULL = backward._pull.__code__
_AROUND = backward.traverse.__code__, backward._store.__code__


class Trace:
    """The notes of one run: a program that grows, and the arrays that its values had.

    caller  "script" or "compile": a compiled function may ask `if t > 0`, which is checked at each run
    at_end  takes a function that is to be called behind the program, with the gradients that it writes, and counts
            those functions; None: there may be none
    """

    def __init__(self, name: str, caller: str = "script") -> None:
        self.program = Program(name)
        self.caller = caller
        self.at_end: Callable[[Callable[[], Any], Any], int] | None = None
        # root -> (what has this memory, the function behind the program that writes into it)
        self._closed: dict[int, tuple[str, str]] = {}
        self.paths: dict[int, str] = {}  # id of a module -> where the function has it
        # that of each value: they stay alive, and so their ids are their own
        self.arrays: list[Any] = []
        self._traced: dict[int, Traced] = {}
        self._known: dict[int, int] = {}  # id of an array -> number of its value
        self._owners: dict[int, tuple[Any, int]] = {}  # id -> an owner of memory, its root
        self._views: dict[int, int] = {}  # root -> how many values share its memory
        self._scopes: list[tuple[int, str]] = []  # (tick, scope) of calls on the way forward
        self._errors = np.geterr()
        self._stopped: TypeError | None = None

    # Values ------------------------------------------------------------------------------------------

    def input(self, array: Any) -> Traced:
        """A copy of `array`, to be traced; it stands for `array` where a call meets that as it is."""
        copied = _twin(array) if isinstance(array, np.ndarray) else array
        traced = self.traced(self._value(copied, False))
        self._known[id(array)] = traced.at
        self._owners[id(array)] = array, traced.at
        return traced

    def given(self, array: np.ndarray[Any, Any]) -> int:
        """The number of an array that calls meet as it is: they read it, and nothing traced can write into it."""
        return self._value(array, False)

    def traced(self, at: int) -> Traced:
        """The traced array of a value: there is one."""
        return self._traced.setdefault(at, Traced(self, at))

    def replaced(self, target: Traced, new: Traced) -> None:
        """Let `target` be the value `new` from now on."""
        target.at = new.at
        self._traced[new.at] = target

    def _value(self, array: Any, is_constant: bool, data: Any = None) -> int:
        at = root = len(self.arrays)
        if isinstance(array, np.ndarray):
            owner = writes.owner(array)
            root = self._owners.setdefault(id(owner), (owner, at))[1]
            self._known[id(array)] = at
        is_array = isinstance(array, (np.ndarray, np.generic))
        value = Value(at, (), None, (), root, isinstance(array, np.generic), is_constant, data)
        if is_array:
            value.shape, value.dtype, value.strides = array.shape, array.dtype, array.strides
            value.data = array.copy() if is_constant and array.ndim == 0 else data
        self.program.values.append(value)
        self.arrays.append(array)
        self._views[root] = self._views.get(root, 0) + 1
        return at

    def _ref(self, leaf: Any) -> Any:
        """An argument as a call keeps it: a Ref for an array."""
        if isinstance(leaf, Traced):
            return Ref(leaf.at)
        if not isinstance(leaf, np.ndarray):
            return leaf
        at = self._known.get(id(leaf))
        return Ref(self._value(leaf, True, leaf.copy("K")) if at is None else at)

    def argument(self, name: str, given: Any) -> Any:
        """An array or a Tensor of a call, traced: an input of that name."""
        is_tensor = isinstance(given, TensorBase)
        traced = self.input(given._data if is_tensor else np.asarray(given))
        self.program.inputs.append(Input(name, traced.at, "argument"))
        if not is_tensor:
            return traced
        twin = wrap(traced)
        twin._requires_grad = given._requires_grad
        return twin

    def number_of(self, array: Any) -> int:
        """The number of the value that an array is."""
        return int(self._ref(array).at)

    def check_open(self, what: str, refs: Any) -> None:
        """Refuse what reads a parameter or a gradient after the function that writes it at the end of the program."""
        for at in refs_in(refs):
            if self.program.values[at].root in self._closed:
                kind, name = self._closed[self.program.values[at].root]
                self.stop(
                    f"compile: {what} reads a {kind} after {name}, which a program calls at its end; let that be the "
                    f"last thing that the function does with {kind}s, or copy it before"
                )

    def later(self, function: Callable[[], Any], gradients: Any) -> Later:
        """Let the function be called behind the program, as it is; it writes gradients or, without, parameters."""
        name = f"{getattr(function, '__qualname__', 'a function')}()"
        if self.at_end is None:
            self.stop(
                f"{self.caller}: {name} at {user_line()} is no part of a {self.caller}, which returns "
                "gradients; leave it out"
            )
        inputs, values = self.program.inputs, self.program.values
        around = [i.at for i in inputs if i.kind in ("parameter", "tensor")]
        kind = "gradient" if gradients else "parameter"
        for at in map(self.number_of, gradients) if gradients else around:
            self._closed[values[at].root] = kind, name
        return Later(self, self.at_end(function, gradients), name)

    def is_known(self, refs: Any) -> bool:
        """Return whether all values among the arguments are the same at each run, as those without elements are."""
        values = [self.program.values[at] for at in refs_in(refs)]
        return all(v.is_constant or 0 in v.shape for v in values)

    def is_alone(self, at: int) -> bool:
        """Return whether a value was made by a call, owns its memory, and no view of it was made."""
        value = self.program.values[at]
        is_given = value.data is not None or any(i.at == at for i in self.program.inputs)
        return value.root == at and self._views[at] == 1 and not is_given

    # Calls -------------------------------------------------------------------------------------------

    def note(
        self,
        function: Callable[..., Any],
        args: Any,
        options: Any,
        into: Traced | None = None,
        may_write: bool = False,
    ) -> Any:
        """function(*args, **options), noted; arrays in the result are traced.

        into       what the function writes into
        may_write  the function is NumPy's: it writes into a later argument that it returns, its `out`, and into the
                   first argument if it returns nothing
        """
        arguments = tuple(args), dict(options)
        given, named = mapped(arguments, plain)
        refs = mapped(arguments, self._ref)
        if self._closed:
            self.check_open(f"{name_of(function)} at {user_line()}", refs)
        try:
            result = function(*given, **named)
        except Exception as error:  # if f catches it, other values lead another way
            self._stopped = self._stopped or TypeError(
                f"{self.caller}: {self.program.name} catches what {name_of(function)} at {user_line()} raised "
                f"({error!r}), and a program would not see whether it does so again; ask for the reason before"
            )
            raise
        if may_write and into is None:
            into = self._target(result, arguments)
        same = [t for t in leaves(arguments) if isinstance(t, Traced) and t.value is result]
        if same and isinstance(result, np.ndarray) and into is None:
            return same[0]  # as x.astype(its dtype, copy=False) does
        is_constant = function in BY_SHAPE or self.is_known(refs)
        if into is not None:
            self._overwrite(into.at, is_constant)
            self._append(Call(function, refs[0], refs[1], None, into.at))
            return into if result is into.value else None
        if result is not None and not _is_arrays(result):
            return result if is_constant else self.refuse(name_of(function))
        answer = self._wrapped(result, is_constant)
        if answer is not None or not is_constant:
            self._append(Call(function, refs[0], refs[1], _numbers(answer)))
        return answer

    def _target(self, result: Any, arguments: Any) -> Traced | None:
        """The array that a function of NumPy's has written into, if there is one."""
        args, options = arguments
        if result is None:
            return args[0] if args and isinstance(args[0], Traced) else None
        out = options.get("out")
        if out is not None:
            self.check_target(np.copyto, out)
            return out
        later = [t for t in leaves(args[1:]) if isinstance(t, Traced)]
        return next(
            (t for t in later if t.value is result and isinstance(result, np.ndarray)), None
        )

    def check(self, function: Callable[..., Any], args: Any) -> None:
        """Note a call for what it raises."""
        refs = mapped(tuple(args), self._ref)
        if not self.is_known(refs):
            self._append(Call(function, refs, {}, None))

    def draw(self, generator: Traced, name: str, args: Any, options: Any) -> Any:
        """A draw of a random generator: it writes into its state."""
        refs = mapped(((generator, *args), dict(options)), self._ref)
        if name == "shuffle" or options.get("out") is not None:
            self.refuse_write(f"{name}() of a generator")
        drawn = getattr(generator.value, name)(*args, **options)
        if isinstance(drawn, (int, float)):  # Python's numbers are not seen in what follows
            self.stop(
                f"{self.caller}: {name}() at {user_line()} draws a number, which would be the same at each run; draw "
                f"an array, {name}(size=())"
            )
        answer = self._wrapped(drawn, False)
        self._append(Call(Method(name), refs[0], refs[1], _numbers(answer), generator.at))
        return answer

    def _wrapped(self, result: Any, is_constant: bool) -> Any:
        if isinstance(result, (tuple, list)):
            parts = [self._wrapped(part, is_constant) for part in result]
            return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
        if not isinstance(result, (np.ndarray, np.generic)):
            return result
        at = self._known.get(id(result))
        return self.traced(self._value(result, is_constant) if at is None else at)

    def _overwrite(self, target: int, is_constant: bool) -> None:
        """Let nobody take for known what a call writes into."""
        root = self.program.values[target].root
        for value in self.program.values:
            if value.root == root:
                value.is_constant = value.is_constant and is_constant
                value.data = None

    def _append(self, call: Call) -> None:
        call.line = user_line()
        call.is_back, call.scope = self._where()
        errors = np.geterr()
        if errors != self._errors:
            new = errors.items() - self._errors.items()
            if any(mode == "raise" for _, mode in new):
                self.refuse("np.errstate(...='raise')")
            self.program.quiet = True
        self.program.calls.append(call)

    def _where(self) -> tuple[bool, str]:
        """(whether a rule runs, the scope): that of the op which the rule is of, or the running one."""
        frame: Any = sys._getframe(2)
        found = None
        while frame is not None and frame.f_code is not _PULL:
            code = frame.f_code
            if code in _AROUND:  # between rules: with the last one
                last = self.program.calls[-1:]
                return True, last[0].scope if last else ""
            if found is None and code.co_varnames[:1] == ("self",):  # a method: of a module?
                found = self.paths.get(id(frame.f_locals.get("self")))
            frame = frame.f_back
        if frame is None:
            self._scopes.append((writes.next_tick(), found or ""))
            return False, found or ""
        place = bisect_right(self._scopes, (frame.f_locals["node"].tick, "\U0010ffff"))
        return True, self._scopes[place - 1][1] if place else ""

    # Values that are looked at -----------------------------------------------------------------------

    def truth(self, traced: Traced) -> bool:
        """The truth of a value: known of a constant, checked at each run where the engine asks."""
        answer = bool(traced.value)
        if traced.is_constant:
            return answer
        asker = sys._getframe(2).f_globals.get("__name__", "")
        if self.caller == "script" and (
            not asker.startswith("minigrad.") or asker == "minigrad.tensor"
        ):
            self.refuse("bool()")
        self.check(same_way, (traced, answer, user_line()))
        return answer

    def stop(self, message: str) -> NoReturn:
        """Raise TypeError: there can be no program, even if the function catches this."""
        self._stopped = TypeError(message)
        raise self._stopped

    def check_end(self) -> None:
        """Raise what the function has caught; it is called when that is done."""
        if self._stopped is not None:
            raise self._stopped

    def check_target(self, function: Any, target: Any) -> None:
        """Raise for a write into an array that is not traced."""
        if not isinstance(target, Traced):
            self.stop(
                f"script: {name_of(function)} writes into a {type(target).__name__} at {user_line()}, which no "
                "script sees; make it an argument, or a Tensor"
            )

    def refuse_write(self, what: str) -> NoReturn:
        """Raise: the function changes an array in a way that is not noted."""
        self.stop(
            f"{self.caller}: {what} at {user_line()} changes an array in a way that no program sees; make a new one"
        )

    def refuse(
        self,
        what: str,
        remedy: str = "Leave it out of the function, or choose with minigrad.where",
    ) -> NoReturn:
        """Raise: the function looks into values."""
        self.stop(
            f"{self.caller}: {what} at {user_line()} looks into the values of an array, and what follows may depend on "
            f"them; a program is the same for all values. {remedy}"
        )


def _twin(array: Any) -> Any:
    """A copy with the same strides, negative ones and 0 as well: they decide the layout of what is made from it."""
    copied = np.array(array, order="K")
    if copied.strides == array.strides or array.dtype.hasobject or not array.size:
        return copied
    low, high = byte_bounds(array)
    start = array.__array_interface__["data"][0] - low
    twin: Any = np.ndarray(
        array.shape, array.dtype, np.empty(high - low, np.uint8), start, array.strides
    )
    twin[...] = copied
    return twin


def _is_arrays(result: Any) -> bool:
    """Return whether the result of a call is an array, or a tuple of arrays and Nones."""
    parts = leaves(list(result)) if isinstance(result, (tuple, list)) else [result]
    kinds = [isinstance(part, (np.ndarray, np.generic)) for part in parts if part is not None]
    return bool(kinds) and all(kinds)


def _numbers(answer: Any) -> Any:
    """The numbers of the values in a traced result, as a call keeps them."""
    if isinstance(answer, (tuple, list)):
        return tuple([_numbers(part) for part in answer])
    return answer.at if isinstance(answer, Traced) else None
