"""Numbers in place of letters: small arrays as terms, and formulas with the values of their letters put in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .mathematics import Term
from .terms import minus

SMALL = 12  # the most elements of an array that is put in
SHOWN = 24  # and of a result
MOST_SHOWN = 36  # the most elements that a formula with numbers holds
_OPAQUE = ("name", "gradient", "index", "cases", "applied")


def array_term(array: Any) -> Term | None:
    """A small array of at most two axes as a number, a row or a matrix; None for another one."""
    array = None if array is None else np.asarray(array)
    if (
        array is None
        or array.ndim > 2
        or not 0 < array.size <= SHOWN
        or array.dtype.kind not in "biuf"
    ):
        return None
    if array.ndim == 0:
        return _number(array)
    rows = tuple(
        Term("tuple", tuple(_number(x, 3) for x in row), "  ")
        for row in np.atleast_2d(array).tolist()
    )
    return Term("matrix", rows)


def _number(value: Any, digits: int = 4) -> Term:
    text = f"{float(value):.{digits}g}"
    number = Term("number", text=text.removeprefix("-"))
    return minus(number) if text.startswith("-") else number


def put_in(right: Sequence[str | Term], values: Mapping[Term, Any], result: Any) -> Term | None:
    """The right side of an equation with the values of its letters put in, and the result; the result alone if some
    are not known or large; None if that is, too."""
    shown = array_term(result)
    first = right[0] if right else ""
    if shown is None or isinstance(first, str):
        return shown
    put = _Put(values)
    term = put.into(first)
    if not put.is_whole or put.count > MOST_SHOWN or term == shown:
        return shown
    return Term("relation", (term, shown), "==")


class _Put:
    """A formula with numbers: whether all letters have some, and how many numbers there are."""

    def __init__(self, values: Mapping[Term, Any]) -> None:
        self.values = values
        self.is_whole, self.count = True, 0

    def into(self, term: Term) -> Term:
        if term in self.values:
            array = np.asarray(self.values[term])
            found = array_term(array) if array.size <= SMALL else None
            self.count += array.size
            self.is_whole &= found is not None
            return found or term
        if term.kind in _OPAQUE or (term.kind == "word" and term.text):
            self.is_whole = False
            return term
        if term.kind == "total":
            return Term("total", (self.into(term.parts[0]), *term.parts[1:]))
        return term._replace(parts=tuple(map(self.into, term.parts)))
