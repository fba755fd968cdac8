"""A row of the table: a function, and for each differentiable argument the rule of its gradient.

    exp = elementwise(np.exp, x=lambda g, y: g * y)

A rule's first parameter is the incoming gradient. Each further one is looked up by name: `y` is the output, the
name of an argument or option is its value, `<argument>_shape` only its shape. A call of the op saves exactly the
values that its rules name; the rules of arguments that need no gradient do not count.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from ..signatures import Signature
from .op import Primitive as Primitive
from .op import Variadic

F = TypeVar("F", bound=Callable[..., Any])

served: dict[Any, Callable[..., Any]] = {}
"""NumPy's function -> minigrad's, which is called in its place for Tensors."""


def serves(*numpy_functions: Any) -> Callable[[F], F]:
    """Register a function to be called in place of NumPy's for Tensors: `@serves(np.sum)` above `def sum(...)`."""

    def register(ours: F) -> F:
        for function in numpy_functions:
            served[function] = ours
        return ours

    return register


def primitive(
    f: Callable[..., Any], args: Sequence[str] | None = None, /, *,
    joint: tuple[Sequence[str], Callable[..., Any]] | None = None, also: dict[str, Callable[..., Any]] | None = None,
    floats: bool = False, doc: str | None = None, **rules: Callable[..., Any],
) -> Primitive:  # fmt: skip
    """A row: the op `f` with a gradient rule for each differentiable argument.

        double = primitive(lambda x: 2 * x, x=lambda g: 2 * g)

    args   names for the arguments in place of f's own; for a NumPy ufunc the default is the names of the rules
    joint  `(("a", "b"), rule)`: one rule that returns a tuple of gradients, for a and b; it may name `needed`, a bool
           for each of them
    also   name -> function, for values that f computes on the way: f returns `(y, value, ...)`. A rule that names such
           a value must name the function's parameters too. It gets f's value; if its derivative is recorded, the
           function computes the value again in ops, because as a constant it would lose a part of the derivative
    floats f computes in floats: integers and bools are converted first; of a NumPy ufunc this is known
    doc    the docstring of the op; by default f's, for a NumPy ufunc its call, such as `exp(x)`

    A rule must return the exact shape of its argument. Raises TypeError for a rule that names an unknown value.
    """
    return _row(f, args, rules, joint, also or {}, False, floats, doc)


def elementwise(
    f: Callable[..., Any], args: Sequence[str] | None = None, /, *,
    joint: tuple[Sequence[str], Callable[..., Any]] | None = None, also: dict[str, Callable[..., Any]] | None = None,
    floats: bool = False, doc: str | None = None, **rules: Callable[..., Any],
) -> Primitive:  # fmt: skip
    """A row like that of `primitive`, for an op that broadcasts: the engine sums gradients to the argument's shape."""
    return _row(f, args, rules, joint, also or {}, True, floats, doc)


def _positional(f: Callable[..., Any], by_keyword: Sequence[str]) -> Callable[..., Any]:
    """f, with its keyword-only options taken as the last positional arguments."""

    @functools.wraps(f)
    def call(*args: Any) -> Any:
        first = len(args) - len(by_keyword)
        return f(*args[:first], **dict(zip(by_keyword, args[first:], strict=True)))

    return call


def _row(
    f: Any, args: Any, rules: Any, joint: Any, also: Any, sums_back: bool, floats: bool, doc: str | None
) -> Primitive:  # fmt: skip
    defaults: dict[str, Any] = {}
    kind = Primitive
    if isinstance(f, np.ufunc):
        names = tuple(args or rules)
        if len(names) != f.nin:
            raise TypeError(f"{f.__name__} takes {f.nin} arguments; name them all in args=")
        integers = (np.dtype(np.int64),) * f.nin + (None,) * f.nout
        floats = floats or f.resolve_dtypes(integers)[-1].kind == "f"
        doc = doc or f"{f.__name__}({', '.join(names)})"
    else:
        found = Signature(f)
        names = tuple(args or found.names)
        if len(names) != len(found.names):
            raise TypeError(
                f"{f.__name__} takes {len(found.names)} arguments, args= names {len(names)}"
            )
        if not names or found.is_open:
            raise TypeError(
                f"{f.__name__}{inspect.signature(f)} cannot be an op: its arguments must have names, or be any "
                "number of arrays *xs followed by options"
            )
        own = dict(zip(found.names, names, strict=True))  # f's names -> the row's
        defaults = {own[name]: value for name, value in found.defaults.items()}
        kind = Variadic if found.is_variadic else Primitive
        f = _positional(f, found.by_keyword) if found.by_keyword else f
    row = kind(f, names, defaults, rules, joint, also, sums_back, floats, doc)
    if isinstance(f, np.ufunc):
        served.setdefault(f, row)
    return row
