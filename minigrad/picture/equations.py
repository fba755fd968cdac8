"""Equations of an op: what it computes, and the derivative rule of each of its arguments, as mathematics."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from ..signatures import Signature
from .line_reader import KNOWN, of_line
from .mathematics import LaTeX, MathML, Term, Writer, latex_words
from .python_reader import of_python
from .rules import definition_of, first_line, formula_of
from .terms import LOSS, Names, bare, called

Parts = list[str | Term]
OUTPUT = Term("name", text="y")
INCOMING = Term("gradient", (LOSS, OUTPUT))


def formula_parts(op: Any, names: Names | None = None) -> Parts:
    """The op's formula; terms in `names` stand where it has these names."""
    return of_line(formula_of(op), op.names, names)


def rule_parts(op: Any, names: Names | None = None) -> dict[str, Parts]:
    """argument -> the gradient of the loss L by it; `g`, the incoming gradient, is that of L by the output y."""
    given = dict(names or {})
    given.setdefault("G" if "g" in op.names else "g", INCOMING)
    found: dict[str, Parts] = {}
    for rule in op.rules:
        for argument in rule.argument.split(", "):
            found[argument] = _parts_of(rule.function, given, op, argument)
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


def _parts_of(function: Callable[..., Any], names: Names, op: Any, argument: str) -> Parts:
    found = definition_of(function)
    notation = _Notation(function)
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
    if isinstance(found, ast.FunctionDef) and len(found.body) == 1:
        (last,) = found.body
        if isinstance(last, ast.Return) and last.value is not None:
            return [of_python(last.value, names, notation)]
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

    def __init__(self, function: Callable[..., Any]) -> None:
        self.known = {**getattr(function, "__globals__", {})}
        closure = inspect.getclosurevars(function).nonlocals if inspect.isfunction(function) else {}
        self.known.update(closure)

    def __call__(
        self, name: str, arguments: Sequence[Term], options: Mapping[str, Term]
    ) -> Term | None:
        helper = self.known.get(name)
        line = first_line(helper) if callable(helper) else ""
        if not line or not callable(helper) or options or bare(name) in KNOWN:
            return None
        names = getattr(helper, "names", None) or Signature(helper).names
        given = dict(zip(names, arguments, strict=False))
        parts = of_line(line, names, given)
        formula = parts[0]
        if isinstance(formula, str) or not is_whole(parts) or _is_no_expression(formula):
            return None
        is_of_these = any(_holds(formula, argument) for argument in arguments)
        return formula if is_of_these and not _holds(formula, _name("…")) else None


def _is_no_expression(term: Term) -> bool:
    is_equation = term.kind == "relation" and term.text.split(" ")[0] in ("==", "+=", "->")
    return is_equation or term.kind in ("name", "number")


def _holds(term: Term, part: Term) -> bool:
    return term == part or any(_holds(p, part) for p in term.parts)
