"""Makers of terms, which choose the notation: signs are drawn out of products, and calls get the signs they have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .mathematics import Term

Names = Mapping[str, Term]
CONSTANTS: dict[Any, Term] = {None: Term("word", text="none"), True: Term("word", text="true")}
CONSTANTS |= {False: Term("word", text="false"), ...: Term("name", text="…")}
ONE, ZERO = Term("number", text="1"), Term("number", text="0")
LOSS = Term("name", text="L")


def named(name: str, names: Names) -> Term:
    """The term that stands for a name; `x_shape` is the shape of x."""
    if name in names:
        return names[name]
    if name.endswith("_shape"):
        return Term("call", (named(name.removesuffix("_shape"), names),), "shape")
    return Term("name", text=name)


def bare(name: str) -> str:
    """The name of a function without underscores around it, and without `_row`."""
    return name.strip("_").removesuffix("_row")


def called(name: str, arguments: list[Term], options: Mapping[str, Term]) -> Term:
    """A call in the notation that its function has, if it has one."""
    match name, arguments:
        case ("of_known", [Term("name", text=function), *rest]):  # one that checks nothing again
            return called(function, rest, options)
        case ("sqrt", [x]):
            return Term("root", (x,))
        case ("abs" | "absolute" | "fabs", [x]):
            return Term("bars", (x,))
        case ("square", [x]):
            return power(x, Term("number", text="2"))
        case ("negative", [x]):
            return minus(x)
        case ("add", [a, b]):
            return plus(a, b)
        case ("subtract", [a, b]):
            return plus(a, b, "-")
        case ("multiply", [a, b]):
            return times(a, b, "*")
        case ("divide", [a, b]):
            return over(a, b)
        case ("transpose", [x]) if not options:
            return transposed(x)
        case ("transpose", [x, axes]) if _is_swap(axes):
            return transposed(x)
        case ("inverse", [axes]) if _is_swap(axes):
            return axes
        case ("zeros_like", [_, *_]):
            return ZERO
        case ("where", [condition, a, b]):
            return Term("cases", (a, condition, b))
        case ("softmax" | "log_softmax", [x, _]):
            return Term("call", (x,), name)
        case ("tuple" | "list" | "plain" | "array" | "asarray", [x]):
            return x
        case ("power_slope", [a, b, m, n]) if (m.text, n.text) == ("1", "0"):
            if b.kind == "number" and b.text.isdigit():
                less = Term("number", text=str(int(b.text) - 1))
                return times(b, a if less == ONE else power(a, less), "*")
            return times(b, power(a, plus(b, ONE, "-")), "*")
        case ("power_slope", [a, b, m, n]) if (m.text, n.text) == ("0", "1"):
            return times(power(a, b), Term("call", (a,), "log"), "*")
        case ("sum", [x, *axes]):
            return total(x, [*axes, *(v for k, v in options.items() if k == "axis")])
    named = [Term("option", (value,), key) for key, value in options.items() if key]
    return Term("call", (*arguments, *named), name)


def total(x: Term, axes: list[Term]) -> Term:
    """The sum over axes, which are named below the sign."""
    axis = axes[0] if axes else None
    if axis is None or axis == CONSTANTS[None]:
        return Term("total", (x,))
    axes = list(axis.parts) if axis.kind == "tuple" else [axis]
    word = "axis " if len(axes) == 1 else "axes "
    (first, *rest) = axes
    if first.kind == "number":
        return Term("total", (x, Term("word", text=word + first.text), *rest))
    return Term("total", (x, *axes))


def plus(a: Term, b: Term, sign: str = "+") -> Term:
    """A sum; an optional term that was not given is left out."""
    if b == CONSTANTS[None]:
        return a
    left = (a.text, a.parts) if a.kind == "sum" else ("+", (a,))
    if b.kind == "sum" and b.text.startswith("-") and len(b.parts) == 1:
        sign, b = ("-" if sign == "+" else "+"), b.parts[0]
    return Term("sum", (*left[1], b), left[0] + sign)


def minus(x: Term) -> Term:
    if x.kind == "sum" and x.text == "-":
        return x.parts[0]
    return Term("sum", (x,), "-")


def times(a: Term, b: Term, sign: str) -> Term:
    if a.kind == "sum" and a.text == "-":
        return minus(times(a.parts[0], b, sign))
    if b.kind == "sum" and b.text == "-":
        return minus(times(a, b.parts[0], sign))
    if ONE in (a, b) and sign != "@":
        return b if a == ONE else a
    if a.kind == "product":
        return Term("product", (*a.parts, b), a.text + sign)
    if b.kind == "product":
        return Term("product", (a, *b.parts), sign + b.text)
    return Term("product", (a, b), sign)


def over(a: Term, b: Term) -> Term:
    if a.kind == "sum" and a.text == "-":
        return minus(over(a.parts[0], b))
    if a.kind == "gradient":  # no fraction within a fraction
        return times(a, Term("fraction", (ONE, b)), "*")
    if a.kind == "product" and any(part.kind == "gradient" for part in a.parts):
        rest = a.parts[0] if len(a.parts) == 2 else Term("product", a.parts[:-1], a.text[:-1])
        return (
            times(rest, over(a.parts[-1], b), a.text[-1])
            if a.parts[-1].kind != "gradient"
            else times(a, over(ONE, b), "*")
        )
    return Term("fraction", (a, b))


def power(a: Term, b: Term) -> Term:
    if b in (
        Term("number", text="0.5"),
        Term("fraction", (ONE, Term("number", text="2"))),
    ):
        return Term("root", (a,))
    return Term("power", (a, b))


def transposed(x: Term) -> Term:
    if x.kind == "product" and not x.text.strip("@"):
        return Term("product", tuple(map(transposed, reversed(x.parts))), x.text)
    if x.kind == "cases":
        values = [part if i % 2 else transposed(part) for i, part in enumerate(x.parts)]
        return Term("cases", tuple(values))
    return x.parts[0] if x.kind == "transpose" else Term("transpose", (x,))


def _is_swap(axes: Term) -> bool:
    """True of the axes of a transposed matrix."""
    return axes.kind == "tuple" and [axis.text for axis in axes.parts] == ["1", "0"]


def negated(x: Term) -> Term:
    return Term("relation", (Term("word"), x), "not")
