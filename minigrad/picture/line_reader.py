"""A reader of the table's formulas: lines in which mathematics stands within prose."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from .mathematics import GREEK, Term
from .terms import LOSS, Names, called, minus, named, over, plus, power, times, transposed

_TOKEN = re.compile(
    r"""(?P<space>\s+)|`(?P<quoted>[^`]*)`|(?P<string>"[^"]*")|(?P<prose>\d+-[a-z]+\b|[A-Za-z]+(?:-[A-Za-z]\w*)+'?s?|\w+'s\b)
    |(?P<number>\d+(?:\.\d+)?(?:e-?\d+)?)|(?P<name>[A-Za-z][A-Za-z0-9]+(?:_[A-Za-z]\w+)+|[A-Za-z]+\d*'?)
    |(?P<sign>\.\.\.|\*\*|\+=|<=|>=|==|!=|->|//|[-+*/@^_=<>|(){}\[\],:;!.%~&?'"])|(?P<other>.)""",
    re.VERBOSE,
)
KNOWN = {
    "exp", "log", "log2", "log10", "tanh", "sin", "cos", "tan", "sinh", "cosh", "sqrt", "max", "min", "sum", "mean",
    "floor", "ceil", "trunc", "erf", "erfc", "softmax", "sign", "det", "inv", "diag", "inf", "std", "prod", "sigmoid",
    "relu", "digamma", "where",
}  # fmt: skip
"""Functions that mathematics has names for."""
_RELATIONS = ("=", "<", ">", "<=", ">=", "==", "!=", "+=", "->")
_LINKS = {
    "where",
    "with",
    "for",
    "and",
    "or",
    "if",
    "as",
    "at",
    "in",
    "of",
    "is",
    "to",
    "over",
    "along",
    "times",
    "below",
    "from",
}


_ARTICLES = {"an", "the"}


class _Token(NamedTuple):
    kind: str
    text: str
    is_spaced: bool
    begin: int
    end: int


class _NoMathematics(Exception):
    """The text at this place is none."""


def of_line(text: str, known: Collection[str] = (), names: Names | None = None) -> list[str | Term]:
    """A line of prose and formulas, as its parts in order: text as it is, mathematics as terms.

    known  words that are variables, such as the arguments of the op
    names  terms to stand where the line has these names
    """
    return LineReader(text, known, names or {}).read()


class LineReader:
    """The notation of formulas: `a b` is a product, `x^2` a power, `y_i` and `x[i, j]` have indices, `|x|` has bars."""

    def __init__(self, text: str, known: Collection[str], names: Names) -> None:
        self.text, self.known, self.names = text, {*known, *names} - {*_LINKS, *_ARTICLES}, names
        self.tokens: list[_Token] = []
        spaced = False
        for found in _TOKEN.finditer(text):
            if found.lastgroup == "space":
                spaced = True
                continue
            kind = "name" if found.lastgroup == "quoted" else str(found.lastgroup)
            word = found[str(found.lastgroup)]
            self.tokens.append(_Token(kind, word, spaced, found.start(), found.end()))
            spaced = False
        self.at = self.depth = self.bars = 0
        self.is_wanted = False  # whether an operator stands before

    def read(self) -> list[str | Term]:
        parts: list[str | Term] = []
        done = 0
        while self.at < len(self.tokens):
            start = self.at
            self.depth = self.bars = 0
            try:
                term = self._relation() if self._begins() else None
            except _NoMathematics:
                term = None
            if term is None:
                self.at = start + 1
                continue
            begin, end = self.tokens[start].begin, self.tokens[self.at - 1].end
            parts += [self.text[done:begin]] * (begin > done) + [term]
            done = end
        return [*parts, *([self.text[done:]] if done < len(self.text) else [])]

    # tokens

    def _peek(self, ahead: int = 0) -> _Token:
        place = self.at + ahead
        return self.tokens[place] if place < len(self.tokens) else _Token("end", "", True, 0, 0)

    def _take(self, text: str | None = None) -> _Token:
        token = self._peek()
        if token.kind == "end" or (text is not None and token.text != text):
            raise _NoMathematics(text)
        self.at += 1
        return token

    def _is_word(self, token: _Token, following: _Token) -> bool:
        """True for a word of English, which is no variable or function."""
        name = token.text
        if token.kind != "name":
            return False
        if re.fullmatch(r"g[A-Z]|gw", name):  # the gradient of one output of several
            return False
        if name in ("a", "A") and following.is_spaced and following.kind in ("name", "prose"):
            is_called = following.text in KNOWN and self._peek(2).text in ("(", "_", "^", "|")
            is_noun = len(following.text) > 1 and following.text not in (
                *_LINKS,
                *self.known,
                *GREEK,
            )
            return is_noun and not is_called
        head = name.partition("_")[0]
        if (
            len(name) == 1
            or name in self.known
            or name in GREEK
            or (len(head) == 1 and "_" in name)
        ):
            return False
        if (
            self.depth
            and name not in _LINKS
            and not (following.is_spaced and following.kind == "name")
        ):
            return False  # in parentheses a single word is a variable
        if name == "log" and following.kind == "name" and following.is_spaced:
            return self._is_word(following, self._peek(2))
        is_called = not following.is_spaced and following.text in ("(", "[", "_", "^")
        is_indexed = re.fullmatch(r"[A-Za-z]\d*'?", name)
        return not (
            is_called or is_indexed or (name in KNOWN and following.text == "|") or name == "inf"
        )

    def _begins(self) -> bool:
        """True where mathematics begins: a sign in prose begins none."""
        token, following = self._peek(), self._peek(1)
        if token.kind == "name":
            return not self._is_word(token, following)
        return token.kind == "number" or token.text in ("(", "|", "-", "[")

    # the grammar, from the loosest to the tightest

    def _relation(self) -> Term:
        parts, signs = [self._sum()], []
        while self._peek().text in _RELATIONS:
            mark = self.at
            sign = self._take().text
            try:
                parts.append(self._sum())
            except _NoMathematics:
                if self.depth:
                    raise
                self.at = mark
                break
            signs.append("==" if sign == "=" else sign)
        return Term("relation", tuple(parts), " ".join(signs)) if signs else parts[0]

    def _sum(self) -> Term:
        if self._peek().text == "-":
            self._take()
            term = minus(self._product())
        else:
            term = self._product()
        while self._peek().text in ("+", "-") and self._peek(1).kind != "end":
            sign = self._take().text
            term = plus(term, self._product(), sign)
        return term

    def _product(self) -> Term:
        term = self._power()
        while True:
            token, following = self._peek(), self._peek(1)
            if token.text in ("*", "@", "/", "//", "%") or (token.text == "mod" and self.depth):
                self._take()
                self.is_wanted = True
                factor = self._power()
                if token.text in ("*", "@"):
                    term = times(term, factor, token.text)
                elif token.text == "/":
                    term = over(term, factor)
                else:
                    is_floor = token.text == "//"
                    term = (
                        Term("call", (over(term, factor),), "floor")
                        if is_floor
                        else Term("relation", (term, factor), "%")
                    )
            elif self._is_factor(token, following):
                mark = self.at, self.depth, self.bars
                try:
                    factor = self._power()
                except _NoMathematics:  # a remark in parentheses
                    self.at, self.depth, self.bars = mark
                    return term
                term = times(term, factor, " ")
            else:
                return term

    def _is_factor(self, token: _Token, following: _Token) -> bool:
        if token.kind == "name":
            return not self._is_word(token, following)
        if token.text == "|":
            return not self.bars
        return (
            token.kind == "number"
            or token.text in ("(", "...")
            or (token.text == "[" and token.is_spaced)
        )

    def _power(self) -> Term:
        base = self._indexed()
        if self._peek().text not in ("^", "**"):
            return base
        self._take()
        if self._peek().text in ("+", "T"):  # a pseudo-inverse, a transpose
            mark = self._take().text
            return (
                transposed(base) if mark == "T" else Term("power", (base, Term("name", text=mark)))
            )
        if self._peek().text == "-":
            self._take()
            return Term("power", (base, minus(self._indexed())))
        exponent = self._indexed()
        bare = (
            exponent.parts[0] if exponent.kind == "tuple" and len(exponent.parts) == 1 else exponent
        )
        return power(base, bare)

    def _indexed(self) -> Term:
        start = self._peek()
        base = self._atom()
        is_number = start.kind == "name" and base.kind in ("number", "fraction")
        while not self._peek().is_spaced:
            mark = self._peek().text
            if mark == "_":
                self._take()
                base = self._lowered(base)
            elif mark == "[":
                indices = self._within("[", "]")  # a number stands for all elements alike
                base = base if is_number else Term("index", (base, *indices))
            elif mark == "(" and start.kind == "name":
                base = self._call(base)
            elif mark == "!" and self._peek().kind == "sign":
                self._take()
                base = Term("product", (base, Term("word", text="!")), " ")
            elif mark == "." and self._peek(2).text == "(" and not self._peek(2).is_spaced:
                self.at += 1
                base = called(self._take().text, [base, *self._within("(", ")")], {})
            elif mark == "." and self._peek(1).text in ("T", "mT") and not self._peek(1).is_spaced:
                self.at += 2
                base = transposed(base)
            else:
                break
        return self._summed(base)

    def _lowered(self, base: Term) -> Term:
        if self._peek().text == "{":
            return Term("index", (base, *self._within("{", "}")))
        token = self._take()
        if token.kind not in ("name", "number"):
            raise _NoMathematics(token.text)
        indices = token.text if token.kind == "name" and len(token.text) < 3 else [token.text]
        terms = (
            named(i, self.names) if token.kind == "name" else Term("number", text=i)
            for i in indices
        )
        return Term("index", (base, *terms))

    def _call(self, base: Term) -> Term:
        arguments = self._within("(", ")")
        if base.kind == "name":
            return called(base.text, arguments, {})
        return Term("applied", (base, *arguments))

    def _summed(self, base: Term) -> Term:
        """sum_i x_i: what follows the sign is summed, as far as the product goes."""
        is_sign = base.kind == "index" and base.parts[0] == Term("name", text="sum")
        if not is_sign:
            return base
        return Term("total", (self._product(), *base.parts[1:]))

    def _within(self, left: str, right: str) -> list[Term]:
        self._take(left)
        self.depth += 1
        bars, self.bars = self.bars, 0
        parts: list[Term] = []
        while self._peek().text != right:
            if parts:
                self._take(",")
            parts.append(self._range())
        self._take(right)
        self.depth -= 1
        self.bars = bars
        return parts

    def _range(self) -> Term:
        """One item of a list: a relation, or a slice between two of them."""
        ends = [self._relation() if self._peek().text != ":" else Term("word")]
        while self._peek().text == ":":
            self._take()
            ends.append(Term("word") if self._peek().text in ("]", ",", ":") else self._relation())
        return (
            ends[0]
            if len(ends) == 1
            else Term("relation", tuple(ends), " ".join(":" * (len(ends) - 1)))
        )

    def _atom(self) -> Term:
        token, following = self._peek(), self._peek(1)
        is_wanted, self.is_wanted = self.is_wanted, False
        match token.kind, token.text:
            case ("name", text) if (
                text == "log" and following.kind == "name" and following.is_spaced
            ):
                self._take()
                return Term("call", (self._indexed(),), text)
            case ("number", text):
                self._take()
                return Term("number", text=text)
            case ("name", text) if is_wanted or not self._is_word(token, following):
                self._take()
                if re.fullmatch(r"g[A-Z]|gw", text):
                    return Term("gradient", (LOSS, Term("name", text=text[1:])))
                return named(text, self.names)
            case ("string", text):
                self._take()
                return Term("word", text=text.strip('"').replace("->", " → "))
            case (_, "..."):
                self._take()
                return Term("name", text="…")
            case (_, "("):
                inside = self._within("(", ")")
                if not inside:
                    raise _NoMathematics("()")
                is_term = len(inside) == 1 and inside[0].kind != "relation"
                return inside[0] if is_term else Term("tuple", tuple(inside), "()")
            case (_, "["):
                return Term("tuple", tuple(self._within("[", "]")), "[]")
            case (_, "|"):
                self._take()
                self.bars += 1
                inside_bars = self._sum()
                self._take("|")
                self.bars -= 1
                return Term("bars", (inside_bars,))
        raise _NoMathematics(token.text)
