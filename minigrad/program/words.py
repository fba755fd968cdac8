"""Expressions: how a step of the program is written in Python, with as few parentheses as its operators need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .recorded import Attribute, Call, Method, Ref, Value, getitem

ATOM, POWER, UNARY, TIMES, PLUS, SHIFT, AND, XOR, OR, COMPARE = (
    100,
    80,
    70,
    60,
    50,
    48,
    46,
    44,
    42,
    40,
)

INFIX = {
    np.add: ("+", PLUS), np.subtract: ("-", PLUS), np.multiply: ("*", TIMES), np.divide: ("/", TIMES),
    np.floor_divide: ("//", TIMES), np.remainder: ("%", TIMES), np.matmul: ("@", TIMES), pow: ("**", POWER),
    np.bitwise_and: ("&", AND), np.bitwise_or: ("|", OR), np.bitwise_xor: ("^", XOR),
    np.left_shift: ("<<", SHIFT), np.right_shift: (">>", SHIFT), np.equal: ("==", COMPARE),
    np.not_equal: ("!=", COMPARE), np.less: ("<", COMPARE), np.less_equal: ("<=", COMPARE),
    np.greater: (">", COMPARE), np.greater_equal: (">=", COMPARE),
}  # fmt: skip
PREFIX = {np.negative: "-", np.invert: "~"}
WEAK = frozenset((np.where, np.clip))
"""Functions, besides ufuncs, in which a Python number takes the dtype of the arrays beside it."""


class Said(NamedTuple):
    """An expression, and how strongly its last operator binds."""

    text: str
    binds: int = ATOM

    def within(self, binds: int) -> str:
        """The text as an operand of an operator that binds so strongly."""
        return self.text if self.binds >= binds else f"({self.text})"


class Words:
    """Writes calls: `said` tells how an array is written, `helper` the name of a function of minigrad's."""

    def __init__(
        self, values: list[Value], said: Callable[[int], Said], helper: Callable[[Any], str]
    ) -> None:
        self.values, self.said, self.helper = values, said, helper
        self.lengths: dict[str, int] = {}  # of the lists that loops fill

    def of(self, call: Call) -> Said:
        """The expression for the result of a call."""
        f, args, options = call.function, call.args, call.options
        if f is getitem:
            return Said(f"{self._arg(args[0], None).within(ATOM)}[{self._index(args[1])}]")
        if isinstance(f, Attribute):
            return Said(f"{self._arg(args[0], None).within(ATOM)}.{f.name}")
        if (
            f is np.array
            and len(args) == 1
            and isinstance(args[0], Ref)
            and set(options) == {"order"}
        ):
            return Said(f"{self._arg(args[0], None).within(ATOM)}.copy(order={options['order']!r})")
        partner = self._partner(call)
        if f in INFIX and len(args) == 2 and not options:
            sign, binds = INFIX[f]
            first = self._arg(args[0], partner).within(binds + (binds in (COMPARE, POWER)))
            return Said(
                f"{first} {sign} {self._arg(args[1], partner).within(binds + (binds != POWER))}",
                binds,
            )
        if f in PREFIX and not options:
            return Said(f"{PREFIX[f]}{self._arg(args[0], partner).within(UNARY)}", UNARY)
        if isinstance(f, Method):
            head = f"{self._arg(args[0], None).within(ATOM)}.{f.name}"
            args = args[1:]
        else:
            head = self._function(f)
        given = [self._arg(a, partner).text for a in args]
        options = {n: a for n, a in options.items() if not (n == "keepdims" and a is False)}
        if isinstance(f, Method):
            options = {n: a for n, a in options.items() if not (n == "axis" and a is None)}
        given += [f"{name}={self._arg(a, partner).text}" for name, a in options.items()]
        return Said(f"{head}({', '.join(given)})")

    def index_of(self, call: Call) -> str:
        """`x[index]` of a step that writes there."""
        return f"{self._arg(call.args[0], None).text}[{self._index(call.args[1])}]"

    def argument(self, leaf: Any, beside: Any = None) -> Said:
        """One argument, beside arrays of a dtype."""
        return self._arg(leaf, beside)

    def _function(self, f: Any) -> str:
        if isinstance(f, np.ufunc):
            return "np.abs" if f is np.absolute else self.helper(f)
        owner = getattr(f, "__self__", None)
        if isinstance(owner, np.ufunc):
            return f"np.{owner.__name__}.{f.__name__}"
        module = str(getattr(f, "__module__", ""))
        if module.startswith("numpy"):
            within = module.removeprefix("numpy").replace(
                ".lib._stride_tricks_impl", ".lib.stride_tricks"
            )
            return f"np{within}.{f.__name__}"
        return self.helper(f)

    def _partner(self, call: Call) -> Any:
        """The dtype of the arrays beside which a number may be a plain one of Python's; None if it may not."""
        if call.function is np.full:
            return call.args[2]
        f = call.function
        if not (isinstance(f, np.ufunc) and vars(np).get(f.__name__) is f) and f not in WEAK:
            return None
        args = call.args[1:] if call.function is np.where else call.args
        refs = [self.values[a.at] for a in args if isinstance(a, Ref)]
        dtypes = {v.dtype for v in refs if v.data is None or v.shape}
        return dtypes.pop() if len(dtypes) == 1 else None

    def _index(self, index: Any) -> str:
        if type(index) is tuple:
            return ", ".join(map(self._part, index)) or "()"
        return self._part(index)

    def _part(self, part: Any) -> str:
        if part is Ellipsis:
            return "..."
        if isinstance(part, slice):
            ends = [
                "" if e is None else self._arg(e, None).text
                for e in (part.start, part.stop, part.step)
            ]
            return ":".join(ends if ends[2] else ends[:2])
        return self._arg(part, None).text

    def _arg(self, leaf: Any, partner: Any) -> Said:
        if isinstance(leaf, Ref):
            value = self.values[leaf.at]
            if value.data is not None and not value.shape:
                return number(value.data, partner)
            return self.said(leaf.at)
        kind = type(leaf)
        if kind is tuple or kind is list:
            return self._sequence(leaf)
        if kind is slice:
            return Said(
                f"slice({', '.join(self._arg(e, None).text for e in (leaf.start, leaf.stop, leaf.step))})"
            )
        if isinstance(leaf, (float, np.generic)):
            return number(leaf, partner)
        if isinstance(leaf, np.dtype):
            return Said("bool" if leaf.kind == "b" else f"np.{leaf.name}")
        if isinstance(leaf, type):
            return Said(f"np.{leaf.__name__}" if issubclass(leaf, np.generic) else leaf.__name__)
        if hasattr(leaf, "_fields"):
            return self._named_tuple(leaf)
        if leaf is Ellipsis:
            return Said("...")
        text = self.helper(leaf) if callable(leaf) else repr(leaf)
        return Said(text, UNARY if text.startswith("-") else ATOM)

    def _sequence(self, leaf: Any) -> Said:
        """A tuple or a list; one of all that a loop made is the list that the loop filled."""
        texts = [self._arg(v, None).text for v in leaf]
        name = texts[0].partition("[")[0] if texts else ""
        if self.lengths.get(name) == len(texts):
            whole = [f"{name}[{i}]" for i in range(len(texts))]
            if texts in (whole, whole[::-1]):
                return Said(name if texts == whole else f"{name}[::-1]")
        if type(leaf) is list:
            return Said(f"[{', '.join(texts)}]")
        return Said(f"({', '.join(texts)}{',' * (len(texts) == 1)})")

    def _named_tuple(self, leaf: Any) -> Said:
        """A named tuple, without what is as by default."""
        default = leaf._field_defaults
        given = [
            self._arg(v, None).text if name not in default else f"{name}={self._arg(v, None).text}"
            for name, v in zip(leaf._fields, leaf, strict=True)
            if name not in default or v != default[name]
        ]
        return Said(f"{self.helper(type(leaf))}({', '.join(given)})")


def number(value: Any, partner: Any) -> Said:
    """A number: plain beside arrays of its dtype, else with it; 1 / n as itself."""
    if type(value) is float or (partner is not None and value.dtype == partner):
        return _plain(value)
    text = _plain(value).text
    if isinstance(value, np.ndarray):
        return Said(f"np.array({text}, np.{value.dtype.name})")
    return Said(f"np.{type(value).__name__}({text})")


def _plain(value: Any) -> Said:
    kind = type(value) if isinstance(value, float) else value.dtype.type
    item = value if type(value) is float else value.item()
    if isinstance(item, float):
        if item != item or item in (np.inf, -np.inf):
            text = "np.nan" if item != item else "np.inf" if item > 0 else "-np.inf"
            return Said(text, UNARY if item < 0 else ATOM)
        text = repr(item) if kind is float else str(kind(item))
        text = text if kind(float(text)) == value else repr(item)
        text = text.removesuffix(".0") if kind is not float and text != "-0.0" else text
        n = round(1 / item) if item and abs(item) < 1 else 0
        digits = text.split("e")[0].replace(".", "").strip("-0")
        if n > 1 and len(digits) > 2 and kind(1 / n) == value and n < 10**7:
            return Said(f"1 / {n}", PLUS)  # in brackets, as one factor
    else:
        text = repr(item)
    return Said(text, UNARY if text.startswith("-") else ATOM)
