"""The tracer: an array that notes each call made on it, and computes it as well.

It is sent through the engine as the data of Tensors. The table's rules are NumPy words that run on any array, so the
notes hold forward and backward pass alike; a kernel is noted as one call of a helper, see `ops.kernels.noting`.
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from ..core import backward, writes
from ..core.graph import TensorBase
from ..sight.recording import user_line
from .recorded import (
    Attribute,
    Call,
    Method,
    Program,
    Ref,
    Value,
    getitem,
    leaves,
    mapped,
    refs_in,
    same_way,
    setitem,
)

# fmt: off
ABOUT_SHAPES = frozenset((
    np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.iscomplexobj, np.isrealobj, np.common_type,
    np.min_scalar_type, np.may_share_memory, np.shares_memory,
))
BY_SHAPE = frozenset((np.zeros_like, np.ones_like, np.empty_like))  # their values depend on no value
LOOKS = frozenset((
    np.nonzero, np.flatnonzero, np.argwhere, np.extract, np.compress, np.unique, np.unique_all, np.unique_counts,
    np.unique_inverse, np.unique_values, np.intersect1d, np.union1d, np.setdiff1d, np.setxor1d, np.bincount,
    np.histogram, np.array_equal, np.array_equiv, np.allclose, np.trim_zeros, np.array2string, np.array_repr,
    np.array_str,
))
LOOKING_METHODS = frozenset(("item", "tolist", "nonzero", "compress", "tobytes", "dump", "dumps", "tofile"))
WRITING_METHODS = frozenset(("fill", "sort", "partition", "put"))
ATTRIBUTES = frozenset(("shape", "dtype", "ndim", "size", "nbytes", "itemsize", "strides", "flags"))
VIEWS = frozenset(("T", "mT", "real", "imag"))
# fmt: on
_PULL = backward._pull.__code__
_AROUND = backward.traverse.__code__, backward._store.__code__


class Trace:
    """The notes of one run: a program that grows, and the arrays that its values had."""

    def __init__(self, name: str) -> None:
        self.program = Program(name)
        self.paths: dict[int, str] = {}  # id of a module -> where the function has it
        # that of each value: they stay alive, and so their ids are their own
        self.arrays: list[Any] = []
        self._traced: dict[int, Traced] = {}
        self._known: dict[int, int] = {}  # id of an array -> number of its value
        self._owners: dict[int, tuple[Any, int]] = {}  # id -> an owner of memory, its root
        self._views: dict[int, int] = {}  # root -> how many values share its memory
        self._scopes: list[tuple[int, str]] = []  # (tick, scope) of calls on the way forward
        self._errors = np.geterr()

    # Values ------------------------------------------------------------------------------------------

    def input(self, array: Any) -> Traced:
        """A copy of `array`, to be traced; it stands for `array` where a call meets that as it is."""
        copied = np.array(array, order="K") if isinstance(array, np.ndarray) else array
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

    def is_known(self, refs: Any) -> bool:
        """Return whether all values among the arguments are the same at each run."""
        return all(self.program.values[at].is_constant for at in refs_in(refs))

    def is_alone(self, at: int) -> bool:
        """Return whether a value was made by a call, owns its memory, and no view of it was made."""
        value = self.program.values[at]
        is_given = value.data is not None or any(i.at == at for i in self.program.inputs)
        return value.root == at and self._views[at] == 1 and not is_given

    # Calls -------------------------------------------------------------------------------------------

    def note(
        self, function: Callable[..., Any], args: Any, options: Any, into: Traced | None = None
    ) -> Any:
        """function(*args, **options), noted; arrays in the result are traced."""
        arguments = tuple(args), dict(options)
        given, named = mapped(arguments, _plain)
        refs = mapped(arguments, self._ref)
        result = function(*given, **named)
        same = [t for t in leaves(arguments) if isinstance(t, Traced) and t.value is result]
        if same and isinstance(result, np.ndarray) and into is None:
            return same[0]  # as x.astype(its dtype, copy=False) does
        is_constant = function in BY_SHAPE or self.is_known(refs)
        if into is not None:
            self._overwrite(into.at, is_constant)
            self._append(Call(function, refs[0], refs[1], None, into.at))
            return None
        if result is not None and not _is_arrays(result):
            return result if is_constant else self.refuse(name_of(function))
        answer = self._wrapped(result, is_constant)
        if answer is not None or not is_constant:
            self._append(Call(function, refs[0], refs[1], _numbers(answer)))
        return answer

    def check(self, function: Callable[..., Any], args: Any) -> None:
        """Note a call for what it raises."""
        refs = mapped(tuple(args), self._ref)
        if not self.is_known(refs):
            self._append(Call(function, refs, {}, None))

    def draw(self, generator: Traced, name: str, args: Any, options: Any) -> Any:
        """A draw of a random generator: it writes into its state."""
        refs = mapped(((generator, *args), dict(options)), self._ref)
        answer = self._wrapped(getattr(generator.value, name)(*args, **options), False)
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
        if np.geterr() != self._errors:
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
        if not asker.startswith("minigrad.") or asker == "minigrad.tensor":
            self.refuse("bool()")
        self.check(same_way, (traced, answer, user_line()))
        return answer

    def check_target(self, function: Any, target: Any) -> None:
        """Raise for a write into an array that is not traced."""
        if not isinstance(target, Traced):
            raise TypeError(
                f"script: {name_of(function)} writes into a {type(target).__name__} at {user_line()}, which no "
                "script sees; make it an argument, or a Tensor"
            )

    def refuse(self, what: str) -> NoReturn:
        """Raise: the function looks into values."""
        raise TypeError(
            f"script: {what} at {user_line()} looks into the values of an array, and what follows may depend on "
            "them; a script is the same for all values. Leave it out of the function, or choose with minigrad.where"
        )


class Traced(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that notes each call made on it."""

    def __init__(self, trace: Trace, at: int) -> None:
        self.trace = trace
        self.at = at

    @property
    def value(self) -> Any:
        """The array that it stands for in this run."""
        return self.trace.arrays[self.at]

    @property
    def is_constant(self) -> bool:
        """Return whether it is the same at each run."""
        return self.trace.program.values[self.at].is_constant

    @property
    def base(self) -> Any:
        """The array that it is a view of."""
        root = self.trace.program.values[self.at].root
        return None if root == self.at else self.trace.traced(root)

    def noting(self, kernel: Callable[..., Any]) -> Callable[..., Any]:
        """The function that notes a call of `kernel`; see `ops.kernels.noting`."""
        return lambda *args, **options: self.trace.note(kernel, args, options)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if any(isinstance(a, TensorBase) for a in inputs):
            return NotImplemented
        note = self.trace.note
        if method == "at":
            return note(ufunc.at, inputs, options, inputs[0])
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        targets = options.pop("out", ())
        if not targets:
            return note(function, inputs, options)
        return self._into(function, inputs, options, targets)

    def _into(self, function: Any, inputs: Any, options: Any, targets: Any) -> Any:
        (target,) = targets
        self.trace.check_target(function, target)
        trace, old = self.trace, target.value
        if isinstance(old, np.generic):  # += makes a new number
            return trace.note(function, inputs, options)
        if trace.is_alone(target.at) and not options:
            y = function(*mapped(inputs, _plain))
            if (y.shape, y.dtype, y.strides) == (old.shape, old.dtype, old.strides):
                trace.replaced(target, trace.note(function, inputs, options))  # a new value
                return target
        trace.note(function, inputs, {**options, "out": target}, target)
        return target

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        if any(issubclass(t, TensorBase) for t in types):
            return NotImplemented
        if function in ABOUT_SHAPES:
            given, named = mapped((args, options), _plain)
            return function(*given, **named)
        is_where = function is np.where and len(args) == 1
        if (function in LOOKS or is_where) and not self._is_known(args, options):
            self.trace.refuse(name_of(function))
        if function is np.copyto or "out" in options:
            target = options["out"] if "out" in options else args[0]
            self.trace.check_target(function, target)
            self.trace.note(function, args, options, target)
            return target
        return self.trace.note(function, args, options)

    def _is_known(self, *given: Any) -> bool:
        return all(t.is_constant for t in leaves(given) if isinstance(t, Traced))

    def __getattr__(self, name: str) -> Any:
        if name in ATTRIBUTES:
            return getattr(self.value, name)
        if name in VIEWS:
            return self.trace.note(Attribute(name), (self,), {})
        if name.startswith("_") or not callable(getattr(np.ndarray, name, None)):
            raise AttributeError(f"an array that is traced has no attribute {name}")
        if name in LOOKING_METHODS and not self.is_constant:
            self.trace.refuse(_asked_by(name))
        into = self if name in WRITING_METHODS else None
        return lambda *args, **options: self.trace.note(Method(name), (self, *args), options, into)

    def __getitem__(self, index: Any) -> Any:
        traced = [part for part in leaves([index]) if isinstance(part, Traced) and part.ndim]
        if any(part.dtype == bool and not part.is_constant for part in traced):
            self.trace.refuse("a boolean mask as an index")
        return self.trace.note(getitem, (self, index), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        self.trace.note(setitem, (self, index, value), {}, self)

    def __pow__(self, other: Any) -> Any:
        if isinstance(other, TensorBase):
            return NotImplemented
        return self.trace.note(pow, (self, other), {})

    def __rpow__(self, other: Any) -> Any:
        return self.trace.note(pow, (other, self), {})

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Any:
        return iter([self[i] for i in range(len(self))])

    def __bool__(self) -> bool:
        return self.trace.truth(self)

    def _number(self, kind: Any) -> Any:
        return kind(self.value) if self.is_constant else self.trace.refuse(f"{kind.__name__}()")

    def __float__(self) -> float:
        return self._number(float)

    def __int__(self) -> int:
        return self._number(int)

    def __index__(self) -> int:
        return self._number(int)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if self.is_constant:
            return np.array(self.value, dtype)
        return self.trace.refuse("np.asarray")

    def __repr__(self) -> str:
        return f"<traced {self.shape} {self.dtype}>"


def name_of(function: Any) -> str:
    """A function as its user wrote it."""
    if isinstance(function, (Method, Attribute)):
        return f"{function.name}()"
    module = str(getattr(function, "__module__", None) or "np").replace("numpy", "np")
    return f"{module}.{function.__name__}" if module.startswith("np") else function.__name__


def _asked_by(name: str) -> str:
    """The method of a Tensor, or else of the array, that asks for values."""
    frame: Any = sys._getframe(2)
    while frame.f_globals.get("__name__") == "minigrad.tensor":
        name, frame = frame.f_code.co_name, frame.f_back
    return f"{name.strip('_')}()"


def _plain(leaf: Any) -> Any:
    return leaf.value if isinstance(leaf, Traced) else leaf


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
