"""The plan: a program whose calls write into memory that is made once.

A value that a call makes anew gets a buffer, and buffers go round: when no call reads a value any more, its buffer is
free for the next one of that size, or takes the result of the call that reads it last. What depends on buffers and
constants alone, such as a view, is made once with them. Results of the program are arrays of their own at each run.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np

from ..ops.kernels import BITS
from .recorded import Call, Input, Method, Program, Ref, Value, substituted
from .source import Source, has_into
from .traced import name_of

# fmt: off
INTO = frozenset((
    np.sum, np.prod, np.max, np.min, np.amax, np.amin, np.mean, np.cumsum, np.cumprod, np.concatenate, np.stack,
    np.clip, np.take, np.einsum, np.dot, np.argmax, np.argmin,
    *map(Method, ("sum", "prod", "max", "min", "mean", "cumsum", "cumprod", "clip", "take", "argmax", "argmin")),
))
# fmt: on
"""Functions and methods that take `out`, ufuncs aside."""
COPIES = frozenset((Method("copy"), Method("astype"), np.copy))
ROW = 2**13  # zeros to compare with at once, in an array that has many times as many


class Plan:
    """A program with its memory.

    source     Python of the function `run`
    run        takes the arrays of the arguments and of the inputs that are `moving`, and returns the outputs
    buffers    the memory of all values that got some
    unplanned  what a call makes anew at each run -> how often
    """

    def __init__(self, program: Program, moving: list[Input]) -> None:
        self.values = program.values
        self.buffers: list[Any] = []
        self.unplanned: Counter[str] = Counter()
        self._text = Source()
        self._static = self._text.static
        self._free: list[Any] = []  # the one freed last is still in cache: it is taken first
        self._memory: dict[int, Any] = {}  # root -> its buffer
        self._known: set[int] = set()  # values whose content is known now, not only their memory
        self._written = {self.values[c.writes].root for c in program.calls if c.writes is not None}
        calls = self._writes_last(program)
        self._last = self._last_reads(program, calls)
        given = [*(i for i in program.inputs if i.kind == "argument"), *moving]
        for value in self.values:
            if value.data is not None:
                self._text.fix(value.at, value.data)
                self._known.add(value.at)
        for i in program.inputs:
            if i not in given:
                self._text.fix(i.at, i.array())
        for place, call in enumerate(calls):
            self._plan(place, call)
        names = [self._text.name(i.at) for i in given]
        self.source, self.run = self._text.function(names, self._owned_results(program))

    @property
    def steps(self) -> int:
        """The number of lines."""
        return len(self._text.lines)

    def _writes_last(self, program: Program) -> list[Call]:
        """The calls, with those that write into memory from around the function behind all that may raise."""
        roots = [v.root for v in self.values]
        around = {roots[i.at] for i in program.inputs if i.kind != "generator"}
        calls, last = [], []
        touched: set[int] = (
            set()
        )  # memory from around the function that calls further on read or write
        for call in reversed(program.calls):
            used = {roots[at] for at in (*call.inputs(), *call.made())}
            written = None if call.writes is None else roots[call.writes]
            if written in around and not call.made() and not used & touched:
                last.append(call)
                continue
            calls.append(call)
            touched |= used & around if written is None else used
        return [*reversed(calls), *reversed(last)]

    def _last_reads(self, program: Program, calls: list[Call]) -> dict[int, float]:
        """root -> the place of the last call that reads or writes it; infinity for results."""
        last: dict[int, float] = {}
        for place, call in enumerate(calls):
            last |= dict.fromkeys(
                [self.values[at].root for at in (*call.inputs(), *call.made())], place
            )
        return last | {self.values[at].root: math.inf for _, at in program.outputs}

    # One call ----------------------------------------------------------------------------------------

    def _plan(self, place: int, call: Call) -> None:
        made = call.made()
        value = self.values[made[0]] if len(made) == 1 and call.outputs == made[0] else None
        if value is not None and call.writes is None and self._is_fixed(call, value):
            args, options = substituted((call.args, call.options), self._static.__getitem__)
            self._text.fix(value.at, call.function(*args, **options))
        elif value is not None and call.writes is None and self._takes_out(call, value):
            self._into(place, call, value)
        else:
            self._anew(call, made)
        for root in {self.values[at].root for at in (*call.inputs(), *made)}:
            if self._last[root] == place and root in self._memory:
                self._free.append(self._memory.pop(root))

    def _is_fixed(self, call: Call, value: Value) -> bool:
        """Tell a call that makes a view of memory that is the same at each run, or what is constant."""
        is_view, is_result = value.root != value.at, self._last[value.root] == math.inf
        is_known = value.is_constant and value.root not in self._written
        if (
            is_known
            and all(at in self._known for at in call.inputs())
            and (is_view or not is_result)
        ):
            self._known.add(value.at)
            return True
        return is_view and all(at in self._static for at in call.inputs())

    def _takes_out(self, call: Call, value: Value) -> bool:
        """Tell a call that makes an array of its own, which is no result, and can be told where."""
        f = call.function
        is_own = value.root == value.at and not value.is_number and self._last[value.at] != math.inf
        if not is_own or "out" in call.options or not _is_dense(value) or value.dtype.hasobject:
            return False
        if isinstance(f, np.ufunc):
            return f.nout == 1
        of_ufunc = isinstance(getattr(f, "__self__", None), np.ufunc)
        is_reduction = of_ufunc and f.__name__ in ("reduce", "accumulate")
        return is_reduction or f in INTO or f in COPIES or has_into(f) or self._is_mask(call)

    def _into(self, place: int, call: Call, value: Value) -> None:
        """Let the call write into a buffer."""
        buffer = self._in_place_of(place, call, value)
        self._memory[value.root] = buffer = self._buffer(value) if buffer is None else buffer
        self._text.fix(value.at, np.ndarray(value.shape, value.dtype, buffer, 0, value.strides))
        out, lines = self._text.name(value.at), self._text.lines
        if self._is_mask(call):
            mask, x, _ = call.args
            product = f"{self._bits(x.at)}, {self._text.text(mask)}, out={self._bits(value.at)}"
            lines.append(f"np.multiply({product})")
        elif self._is_rectifier(call, value):
            self._rectify(call.args[0].at, value)
        elif call.function in COPIES:
            lines.append(f"np.copyto({out}, {self._text.text(call.args[0])}, 'unsafe')")
        else:
            lines.append(self._text.call(call, Ref(value.at)))

    def _anew(self, call: Call, made: list[int]) -> None:
        """Let the call make what it makes; a helper that now returns None, or now does not, went another way."""
        text, lines, targets = self._text.call(call), self._text.lines, self._targets(call.outputs)
        module = str(getattr(call.function, "__module__", ""))
        is_helper = module.startswith("minigrad.ops.") and call.writes is None
        other = f"raise OtherWay({call.line!r})"
        if made:
            lines.append(f"{targets} = {text}")
            lines += (
                [f"if {targets} is None: {other}"] if is_helper and call.outputs == made[0] else []
            )
        else:
            lines.append(f"if {text} is not None: {other}" if is_helper else text)
        values = [self.values[at] for at in made]
        for v in values:
            if v.root == v.at and not v.is_number and self._last[v.root] != math.inf:
                self.unplanned[name_of(call.function)] += 1

    def _targets(self, outputs: Any) -> str:
        if isinstance(outputs, tuple):
            return "(" + "".join(f"{self._targets(o)}, " for o in outputs) + ")"
        return "_" if outputs is None else f"v{outputs}"

    def _owned_results(self, program: Program) -> list[str]:
        """The results: arrays of their own, so that no run changes those of another."""
        seen = {self.values[i.at].root for i in program.inputs}
        found = []
        for _, at in program.outputs:
            value, name = self.values[at], self._text.name(at)
            is_shared = value.root in seen or at in self._static
            found.append(f"{name}.copy('K')" if is_shared and not value.is_number else name)
            seen.add(value.root)
        return found

    # Memory ------------------------------------------------------------------------------------------

    def _in_place_of(self, place: int, call: Call, value: Value) -> Any:
        """The buffer of an operand that this elementwise call reads last, and that is exactly like the result."""
        if not isinstance(call.function, np.ufunc) or call.function.signature is not None:
            return None
        for at in call.inputs():
            v = self.values[at]
            root = self.values[v.root]
            is_alike = all(
                (w.shape, w.dtype, w.strides) == (value.shape, value.dtype, value.strides)
                for w in (v, root)
            )
            if is_alike and self._last[v.root] == place and v.root in self._memory:
                return self._memory.pop(v.root)
        return None

    def _buffer(self, value: Value) -> Any:
        size = max(math.prod(value.shape) * value.dtype.itemsize, 1)
        for i in reversed(range(len(self._free))):
            if size <= len(self._free[i]) <= 2 * size:
                return self._free.pop(i)
        raw = np.empty(size + 64, np.uint8)
        start = -raw.ctypes.data % 64  # kernels run faster from the beginning of a cache line
        self.buffers.append(raw[start : start + size])
        return self.buffers[-1]

    # Faster calls for the same bits ------------------------------------------------------------------

    def _is_mask(self, call: Call) -> bool:
        """where(mask, x, 0): a product of the bits of x, because np.where branches and takes six times as long."""
        if call.function is not np.where or call.options or len(call.args) != 3:
            return False
        mask, x, zero = call.args
        if not (
            isinstance(mask, Ref) and isinstance(x, Ref) and zero.__class__ is int and zero == 0
        ):
            return False
        return self.values[mask.at].dtype == bool and self.values[x.at].dtype.char in BITS

    def _bits(self, at: int) -> str:
        """The bits of a value as integers."""
        kind = BITS[self.values[at].dtype.char]
        if at in self._static:
            return self._text.named(self._static[at].view(kind))
        return f"{self._text.name(at)}.view({self._text.named(kind)})"

    def _is_rectifier(self, call: Call, value: Value) -> bool:
        """max(x, 0): NumPy compares two arrays several times as fast as an array and a number."""
        if call.function is not np.maximum or call.options or not isinstance(call.args[0], Ref):
            return False
        x, zero = self.values[call.args[0].at], call.args[1]
        is_like = (x.shape, x.strides, x.dtype) == (value.shape, value.strides, value.dtype)
        return zero.__class__ is int and zero == 0 and is_like

    def _rectify(self, at: int, value: Value) -> None:
        y, lines = self._static[value.at], self._text.lines
        if y.size < 8 * ROW:
            x, zero, out = self._text.name(at), self._text.named(np.zeros_like(y)), f"c{value.at}"
            lines.append(f"np.maximum({x}, {zero}, out={out})")
            return
        zeros = np.zeros(ROW, value.dtype)
        whole, rest = slice(0, y.size // ROW * ROW), slice(y.size // ROW * ROW, y.size)
        for part, rows, less in ((whole, (-1, ROW), zeros), (rest, (-1,), zeros[: y.size % ROW])):
            if part.start < part.stop:
                x, out = (self._elements(i, part, rows) for i in (at, value.at))
                lines.append(f"np.maximum({x}, {self._text.named(less)}, out={out})")

    def _elements(self, at: int, part: slice, shape: Any) -> str:
        """A part of the elements of a dense array, as they lie in memory."""
        v = self.values[at]
        order = sorted(range(len(v.shape)), key=lambda i: -v.strides[i] if v.shape[i] > 1 else 0)
        if at in self._static:
            flat = self._static[at].transpose(order).reshape(-1)
            return self._text.named(flat[part].reshape(shape))
        return f"v{at}.transpose({order}).reshape(-1)[{part.start}:{part.stop}].reshape({shape})"


def _is_dense(value: Value) -> bool:
    """Return whether its elements lie in memory without gaps, in any order of its axes."""
    step = value.dtype.itemsize
    axes = [(s, n) for s, n in zip(value.strides, value.shape, strict=True) if n > 1]
    for stride, n in sorted(axes):
        if stride != step:
            return False
        step *= n
    return True
