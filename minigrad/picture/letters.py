"""Letters for a derivation: the names that modules and the user gave, letters for the rest, and options as terms."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from ..core.graph import TensorBase
from .mathematics import Term
from .terms import CONSTANTS, ONE, minus
from .trace import text_of


class Names:
    """Names for what a graph holds: those of modules, those of the user's variables, and then letters."""

    def __init__(self, given: Mapping[Any, str], known: Mapping[str, Any]) -> None:
        self.given = given
        self.variables: dict[int, str] = {}
        for name, value in known.items():
            key = value._node or value if isinstance(value, TensorBase) else value
            if isinstance(value, (TensorBase, np.ndarray)) and not name.startswith("_"):
                self.variables.setdefault(id(key), name)
        self.taken: set[str] = {"L"}
        self.counts: Counter[str] = Counter()

    def of(self, key: Any, letter: str, is_single: bool = False) -> tuple[Term, str]:
        """The term of a thing, and its name in the user's program, "" if it has none."""
        told = self.given.get(key) if isinstance(key, TensorBase) else None
        name = told or self.variables.get(id(key), "") or self._name_of_whole(key)
        if name and name not in self.taken:
            self.taken.add(name)
            return term_of(name), name
        while True:
            self.counts[letter] += 1
            text = (
                letter
                if is_single and self.counts[letter] == 1
                else f"{letter}{self.counts[letter]}"
            )
            if text not in self.taken:
                self.taken.add(text)
                return Term("name", text=text), ""

    def _name_of_whole(self, key: Any) -> str:
        """The name of an array of which this is another shape, as that is the same to a reader."""
        of = key.base if isinstance(key, np.ndarray) else None
        return self.variables.get(id(of), "") if of is not None and of.size == key.size else ""


def term_of(name: str) -> Term:
    """A user's name; `0.weight` is W with index 0, and so are biases b."""
    owner, _, last = name.rpartition(".")
    letter = {"weight": "W", "bias": "b"}.get(last)
    if letter and owner:
        return Term("index", (Term("name", text=letter), Term("word", text=owner)))
    return Term("name" if name.isidentifier() else "word", text=name)


def _exact(value: float) -> Term:
    """A number that is not negative, not rounded: 1/6 of a mean and the root of 2 as such, all digits of others."""
    if not math.isfinite(value):
        return Term("word", text=str(value))
    if float(f"{value:.4g}") != value:
        share = Fraction(value).limit_denominator(9999)
        if share.numerator == 1 and float(share) == value:
            return Term("fraction", (ONE, _whole(share.denominator)))
        square = Fraction(value * value).limit_denominator(9999)
        if square.denominator == 1 and math.sqrt(square) == value:
            return Term("root", (_whole(square.numerator),))
        if square.numerator == 1 and value in (square**0.5, 1 / math.sqrt(square.denominator)):
            return Term("fraction", (ONE, Term("root", (_whole(square.denominator),))))
    return Term("number", text=str(value).removesuffix(".0"))


def _whole(number: int) -> Term:
    return Term("number", text=str(number))


def option_term(value: Any) -> Term:
    """An option of an op as a term: a number, an axis, or the words that say it."""
    if isinstance(value, tuple) and len(value) == 1 and isinstance(value[0], int):
        return option_term(value[0])
    if value is None or isinstance(value, bool):
        return CONSTANTS[value]
    if isinstance(value, (int, float)):
        return minus(_exact(-value)) if value < 0 else _exact(value)
    if isinstance(value, tuple) and value and all(type(v) is int for v in value):
        return Term("tuple", tuple(map(option_term, value)), "()")
    text = text_of(value)
    return Term("word", text=text if text == "()" else text.removeprefix("(").removesuffix(")"))
