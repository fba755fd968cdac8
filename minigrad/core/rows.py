"""A row of the table: a function, and for each differentiable argument the rule of its gradient.

    exp = elementwise(np.exp, x=lambda g, y: g * y)

A rule's first parameter is the incoming gradient. Each further one is looked up by name: `y` is the output, the
name of an argument or option is its value, `<argument>_shape` only its shape. What the rules of those arguments
that need a gradient name is saved for backward, and nothing else.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from .op import Primitive as Primitive
from .op import Variadic
from .rule import Signature

F = TypeVar("F", bound=Callable[..., Any])

served: dict[Any, Callable[..., Any]] = {}
"""NumPy's function -> ours: what the NumPy protocols of Tensor look up."""


def serves(*numpy_functions: Any) -> Callable[[F], F]:
    """Let NumPy's functions call ours for Tensors: `@serves(np.sum)` above `def sum(...)`."""

    def register(ours: F) -> F:
        for function in numpy_functions:
            served[function] = ours
        return ours

    return register


def primitive(
    f: Callable[..., Any],
    args: Sequence[str] | None = None,
    /,
    *,
    joint: tuple[Sequence[str], Callable[..., Any]] | None = None,
    also: dict[str, Callable[..., Any]] | None = None,
    floats: bool = False,
    doc: str | None = None,
    **rules: Callable[..., Any],
) -> Primitive:
    """A row: the op `f` with a gradient rule per differentiable argument.

        double = primitive(lambda_or_function, x=lambda g: 2 * g)

    args   the arguments' names where f's own are not wanted; a NumPy ufunc takes the rules' names
    joint  `(("a", "b"), rule)`: one rule that returns a tuple for those arguments; it may name `needed`
    also   name -> function: f returns `(y, value, ...)`, with each of these values computed on the way, and rules may
           name it beside what the function computes it from. They use f's value; where a derivative of the rule is
           recorded, the function gives it once more in ops, so that it is no silent constant
    floats f computes in floats: integers and bools become float32 first (known of NumPy's ufuncs)
    doc    the op's docstring, if not f's; a NumPy ufunc has its call for one

    A rule must return the exact shape of its argument. Raises TypeError for a rule that names what is not there.
    """
    return _row(f, args, rules, joint, also or {}, False, floats, doc)


def elementwise(
    f: Callable[..., Any],
    args: Sequence[str] | None = None,
    /,
    *,
    joint: tuple[Sequence[str], Callable[..., Any]] | None = None,
    also: dict[str, Callable[..., Any]] | None = None,
    floats: bool = False,
    doc: str | None = None,
    **rules: Callable[..., Any],
) -> Primitive:
    """A row, as `primitive` makes one, of an op that broadcasts: the engine sums gradients back."""
    return _row(f, args, rules, joint, also or {}, True, floats, doc)


def _positional(f: Callable[..., Any], by_keyword: Sequence[str]) -> Callable[..., Any]:
    """f with the options that it takes by keyword only as its last positional arguments."""

    @functools.wraps(f)
    def call(*args: Any) -> Any:
        first = len(args) - len(by_keyword)
        return f(*args[:first], **dict(zip(by_keyword, args[first:], strict=True)))

    return call


def _row(
    f: Any,
    args: Any,
    rules: Any,
    joint: Any,
    also: Any,
    sums_back: bool,
    floats: bool,
    doc: str | None,
) -> Primitive:
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
