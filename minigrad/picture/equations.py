"""Equations of an op: what it computes, and the derivative rule of each of its arguments, as mathematics."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from ..signatures import Signature
from .line_reader import KNOWN, of_line
from .mathematics import LaTeX, MathML, Term, Writer, latex_words
from .python_reader import PythonReader, of_python
from .rules import definition_of, first_line, formula_of, single_return
from .terms import LOSS, Names, bare, called, total

Parts = list[str | Term]
Shapes = Mapping[Term, tuple[int, ...]]
OUTPUT = Term("name", text="y")
INCOMING = Term("gradient", (LOSS, OUTPUT))


def formula_parts(op: Any, names: Names | None = None) -> Parts:
    """The op's formula; terms in `names` stand where it has these names."""
    first, *rest = of_line(formula_of(op), op.names, names)
    is_over_axes = bool(rest) and str(rest[0]).startswith(" over the given axes")
    if isinstance(first, Term) and is_over_axes and "axis" in op.names:
        first = _over_axes(first, (names or {}).get("axis", _name("axis")))
    return [first, *rest]


def _over_axes(term: Term, axis: Term) -> Term:
    """A term whose sums over all elements are sums over axes."""
    parts = tuple(_over_axes(part, axis) for part in term.parts)
    return (
        total(*parts, [axis])
        if term.kind == "total" and len(parts) == 1
        else term._replace(parts=parts)
    )


def rule_parts(
    op: Any, names: Names | None = None, shapes: Shapes | None = None
) -> dict[str, Parts]:
    """argument -> the gradient of the loss L by it; `g`, the incoming gradient, is that of L by the output y.

    names   terms to stand where the rules have these names
    shapes  those of terms; cases that ask for the number of axes of one are decided
    """
    given = dict(names or {})
    given.setdefault("G" if "g" in op.names else "g", INCOMING)
    for name, function in op._also.items():  # what forward computes beside the output
        found_also = definition_of(function)
        if isinstance(found_also, ast.Lambda):
            given.setdefault(name, of_python(found_also.body, given))
    found: dict[str, Parts] = {}
    for rule in op.rules:
        for argument in rule.argument.split(", "):
            found[argument] = _parts_of(rule.function, given, op, argument, shapes or {})
    return found


def mathematics_of(op: Any, write: Callable[[Parts], str] | None = None) -> dict[str, Any]:
    """{"formula": y = ..., "rules": {argument: dL/dargument = ...}} as HTML with MathML, or as `write` writes them."""
    write = write or in_html
    rules = {
        argument: write(stated(Term("gradient", (LOSS, _name(argument))), parts))
        for argument, parts in rule_parts(op).items()
    }
    return {"formula": write(stated(OUTPUT, formula_parts(op))), "rules": rules}


def stated(left: Term, right: Parts) -> Parts:
    """`left = right`, where the right side begins with an expression; an equation or a sentence stays as it is."""
    first = right[0] if right else ""
    if isinstance(first, str) or first.kind == "relation" or not is_whole(right):
        return right
    return [Term("relation", (left, first), "=="), *right[1:]]


def is_whole(parts: Parts) -> bool:
    """True if a line begins with a formula that is complete: nothing follows it, or a remark."""
    is_term = bool(parts) and isinstance(parts[0], Term)
    return is_term and (len(parts) == 1 or bool(re.match(r"\s*[,;.:]|\s+over ", str(parts[1]))))


def in_html(parts: Parts) -> str:
    """Prose as text and mathematics as MathML: a fragment of HTML, in which all text is escaped."""
    return _joined(parts, MathML(), escape, "<math>", "</math>")


def in_latex(parts: Parts) -> str:
    """Prose as text and mathematics between dollars, with all text escaped."""
    return _joined(parts, LaTeX(), latex_words, "$", "$")


def _joined(parts: Parts, writer: Writer, words: Callable[[str], str], begin: str, end: str) -> str:
    return "".join(
        f"{begin}{writer(part)}{end}" if isinstance(part, Term) else words(part.replace("`", ""))
        for part in parts
    )


def _name(name: str) -> Term:
    return Term("name", text=name)


def _parts_of(
    function: Callable[..., Any], names: Names, op: Any, argument: str, shapes: Shapes
) -> Parts:
    found = definition_of(function)
    notation = _Notation(function, shapes)
    if isinstance(found, ast.Lambda):
        return [of_python(found.body, names, notation)]
    name = getattr(function, "__name__", type(function).__name__)
    if name == "rule":  # that of a composition, which has no formula of its own
        return [_chain(names, op, argument)]
    arguments = Signature(function).names
    line = first_line(function)
    if line:
        parts = of_line(line, arguments, names)
        if is_whole(parts):
            return parts
        call = called(bare(name), [names.get(a, _name(a)) for a in arguments], {})
        return [call, ": ", *parts]
    body = single_return(function)
    if body is not None:
        return [of_python(body, names, notation)]
    return [called(bare(name), [names.get(a, _name(a)) for a in arguments], {})]


def _chain(names: Names, op: Any, argument: str) -> Term:
    """The chain rule: what comes in, times the derivative of the op's formula."""
    incoming = names.get("g", INCOMING)
    output = names.get("y", OUTPUT)
    local = Term("gradient", (output, names.get(argument, _name(argument))))
    if op.sums_back or len(op.arguments) == 1:
        return Term("product", (incoming, local), "*")
    return Term("product", (Term("transpose", (local,)), incoming), "@")


class _Notation:
    """The notation of the helpers that a rule calls: the formula in the documentation of each, where it is one."""

    def __init__(self, function: Callable[..., Any], shapes: Shapes) -> None:
        self.shapes = shapes
        self.known = {**getattr(function, "__globals__", {})}
        closure = inspect.getclosurevars(function).nonlocals if inspect.isfunction(function) else {}
        self.known.update(closure)

    def __call__(
        self, name: str, arguments: Sequence[Term], options: Mapping[str, Term]
    ) -> Term | None:
        helper = self.known.get(name)
        if not callable(helper) or options or bare(name) in KNOWN:
            return None
        if bare(name) == "sum_to" and self.shapes:
            return self._summed(*arguments)
        names = getattr(helper, "names", None) or Signature(helper).names
        given = dict(zip(names, arguments, strict=False))
        line = first_line(helper)
        parts: Parts = of_line(line, names, given) if line else [""]
        body = single_return(helper)
        if isinstance(body, ast.IfExp):
            reader = PythonReader(given, self)
            if reader.decided(body.test) is not None:
                return reader.read(body)
        formula = parts[0]
        if isinstance(formula, str) or not is_whole(parts) or _is_no_expression(formula):
            return None
        is_of_these = any(_holds(formula, argument) for argument in arguments)
        return formula if is_of_these and not _holds(formula, _name("…")) else None

    def ndim_of(self, term: Term) -> int | None:
        return len(self.shapes[term]) if term in self.shapes else None

    def _summed(self, term: Term, shape: Term) -> Term | None:
        """A term summed over the axes along which it was broadcast: over none if the shapes are equal."""
        whole = self._shape_of(term)
        part = self.shapes.get(shape.parts[0]) if shape.parts else None
        return None if whole is None or part is None else summed_to(term, whole, part)

    def _shape_of(self, term: Term) -> tuple[int, ...] | None:
        if term.kind == "transpose":
            of = self._shape_of(term.parts[0])
            return of and (*of[:-2], *of[:-3:-1])
        if term.kind == "product" and term.text == "@":
            a, b = map(self._shape_of, term.parts)
            return (*np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1]) if a and b else None
        return self.shapes.get(term)


def summed_to(term: Term, whole: tuple[int, ...], part: tuple[int, ...]) -> Term:
    """A term of shape `whole`, summed over the axes along which one of shape `part` was broadcast to it."""
    added = len(whole) - len(part)
    axes = [*range(added), *(added + k for k, n in enumerate(part) if n != whole[added + k])]
    if not axes:
        return term
    numbers = tuple(Term("number", text=str(axis)) for axis in axes)
    return total(term, [] if len(axes) == len(whole) else [Term("tuple", numbers, "()")])


def _is_no_expression(term: Term) -> bool:
    is_equation = term.kind == "relation" and term.text.split(" ")[0] in ("==", "+=", "->")
    return is_equation or term.kind in ("name", "number")


def _holds(term: Term, part: Term) -> bool:
    return term == part or any(_holds(p, part) for p in term.parts)
