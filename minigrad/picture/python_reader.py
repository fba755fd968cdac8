"""A reader of Python's expressions, in which rules are written, as mathematics."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from .mathematics import Term
from .terms import (
    CONSTANTS,
    Names,
    bare,
    called,
    minus,
    named,
    negated,
    over,
    plus,
    power,
    times,
    transposed,
)

_BINARY = {ast.BitOr: "or", ast.BitAnd: "and", ast.Mod: "%", ast.BitXor: "xor"}
_COMPARED = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Is: "==",
    ast.IsNot: "!=", ast.In: "in",
}  # fmt: skip
Notation = Callable[[str, list[Term], Mapping[str, Term]], Term | None]


def of_python(expression: ast.expr, names: Names, notation: Notation | None = None) -> Term:
    """An expression of Python.

    names     terms to stand where the expression has these names
    notation  gives the term of a call by the function's name, its arguments and options, or None
    """
    return PythonReader(names, notation).read(expression)


class PythonReader:
    """Expressions of Python as terms; what mathematics has no notation for becomes the words of the source."""

    def __init__(self, names: Names, notation: Notation | None) -> None:
        self.names, self.notation = names, notation

    def read(self, node: Any) -> Term:
        reader = getattr(self, f"_{type(node).__name__}", None)
        return reader(node) if reader else Term("word", text=ast.unparse(node))

    def _Constant(self, node: Any) -> Term:
        value = node.value
        if value is None or value is ... or isinstance(value, bool):
            return CONSTANTS[value]
        is_number = isinstance(value, (int, float))
        return Term("number" if is_number else "word", text=str(value))

    def _Name(self, node: Any) -> Term:
        name: str = node.id
        return named(bare(name), self.names)

    def _BinOp(self, node: Any) -> Term:
        a, b = self.read(node.left), self.read(node.right)
        match node.op:
            case ast.Add():
                return plus(a, b)
            case ast.Sub():
                return plus(a, b, "-")
            case ast.Mult() | ast.MatMult():
                return times(a, b, "*" if isinstance(node.op, ast.Mult) else "@")
            case ast.Div():
                return over(a, b)
            case ast.FloorDiv():
                return Term("call", (over(a, b),), "floor")
            case ast.Pow():
                return power(a, b)
        return Term("relation", (a, b), _BINARY.get(type(node.op), "?"))

    def _UnaryOp(self, node: Any) -> Term:
        of = self.read(node.operand)
        if isinstance(node.op, ast.USub):
            return minus(of)
        return of if isinstance(node.op, ast.UAdd) else negated(of)

    def _Compare(self, node: Any) -> Term:
        parts = tuple(map(self.read, (node.left, *node.comparators)))
        return Term("relation", parts, " ".join(_COMPARED.get(type(op), "?") for op in node.ops))

    def _BoolOp(self, node: Any) -> Term:
        sign = "and" if isinstance(node.op, ast.And) else "or"
        return Term(
            "relation",
            tuple(map(self.read, node.values)),
            " ".join([sign] * (len(node.values) - 1)),
        )

    def _IfExp(self, node: Any) -> Term:
        is_so = self.decided(node.test)
        if is_so is not None:
            return self.read(node.body if is_so else node.orelse)
        return Term("cases", tuple(map(self.read, (node.body, node.test, node.orelse))))

    def decided(self, test: Any) -> bool | None:
        """The answer to a question for the number of axes of a term, where that is known."""
        ndim_of = getattr(self.notation, "ndim_of", None)
        match test:
            case ast.Compare(
                left=ast.Call(func=ast.Name("len"), args=[ast.Attribute(value=x, attr="shape")]),
                ops=[ast.Eq() | ast.LtE() as sign],
                comparators=[ast.Constant(int(bound))],
            ) if ndim_of:
                found = ndim_of(self.read(x))
                is_equal = isinstance(sign, ast.Eq)
                return None if found is None else found == bound if is_equal else found <= bound
        return None

    def _Tuple(self, node: Any) -> Term:
        return Term("tuple", tuple(map(self.read, node.elts)), "()")

    def _List(self, node: Any) -> Term:
        return Term("tuple", tuple(map(self.read, node.elts)), "[]")

    def _GeneratorExp(self, node: Any) -> Term:
        (loop, *_) = node.generators
        within = Term("relation", (self.read(loop.target), self.read(loop.iter)), "in")
        return Term("index", (Term("tuple", (self.read(node.elt),), "()"), within))

    def _Lambda(self, node: Any) -> Term:
        names = tuple(Term("name", text=a.arg) for a in node.args.args)
        head = names[0] if len(names) == 1 else Term("tuple", names, "()")
        return Term("relation", (head, self.read(node.body)), "|->")

    def _Starred(self, node: Any) -> Term:
        return self.read(node.value)

    def _Attribute(self, node: Any) -> Term:
        if node.attr in ("T", "mT"):
            return transposed(self.read(node.value))
        if node.attr in ("shape", "size", "ndim", "dtype"):
            return Term("call", (self.read(node.value),), node.attr)
        return Term("name", text=node.attr)

    def _Subscript(self, node: Any) -> Term:
        base, at = self.read(node.value), node.slice
        places = at.elts if isinstance(at, ast.Tuple) else [at]
        texts = list(map(ast.unparse, places))
        if not set(texts) - {"None", "...", ":"}:  # the same numbers, with other axes
            return base
        if texts == ["::-1"]:
            return Term("call", (base,), "reversed")
        return Term("index", (base, *map(self.read, places)))

    def _Slice(self, node: Any) -> Term:
        bounds = [node.lower, node.upper] + [node.step] * (node.step is not None)
        parts = tuple(Term("word") if bound is None else self.read(bound) for bound in bounds)
        return Term("relation", parts, " ".join(":" * (len(parts) - 1)))

    def _Call(self, node: Any) -> Term:
        function = node.func
        name = getattr(function, "attr", getattr(function, "id", ""))
        given = list(node.args)
        if isinstance(function, ast.Attribute) and ast.unparse(function.value) not in (
            "np",
            "math",
        ):
            given.insert(0, function.value)  # a method of an array
        if not name:
            return Term("index", (self.read(function), *map(self.read, given)))
        options = {k.arg: self.read(k.value) for k in node.keywords if k.arg}
        arguments = list(map(self.read, given))
        if name == "len" and isinstance(given[0], ast.Attribute) and given[0].attr == "shape":
            return Term("call", (self.read(given[0].value),), "ndim")
        found = self.notation(name, arguments, options) if self.notation else None
        return found or called(bare(name), arguments, options)
