"""Mathematics as a tree, and how it is written: in MathML, which browsers set without a library, and in LaTeX.

A tree is made of `Term`s, which `python_reader` finds in rules and `line_reader` in formulas. A writer adds the
parentheses that the tree needs; `Writer` knows what a term is, its subclasses how a fraction or a letter is spelt.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from html import escape
from typing import Any, NamedTuple


class Term(NamedTuple):
    """A piece of mathematics: its kind, its parts, and a text that depends on the kind.

    number, name, word    `text` as it stands; a name is set as a letter with an index where it is one, a word never
    sum                   `text` has the sign before each part
    product               `text` has a sign between parts: * of elements, @ of matrices, a space for neither
    relation              `text` has the signs between parts, separated by spaces
    fraction, power, root, bars, transpose, gradient    of their parts; the gradient of the first by the second
    index, applied        the first part with the others as indices or arguments
    call                  the function `text` of its parts
    total                 the sum of the first part over the others
    cases                 value, condition, ..., and the value otherwise
    tuple                 `text` is its two parentheses
    option                a part that is named `text`
    matrix                rows of numbers, each a tuple
    """

    kind: str
    parts: tuple[Any, ...] = ()
    text: str = ""


# how tightly a term holds together: the rest, such as letters, calls and fences, never needs parentheses
_HOLD = {
    "relation": 0,
    "cases": 1,
    "sum": 1,
    "total": 1.5,
    "product": 2,
    "fraction": 3,
    "gradient": 3,
}
_HOLD |= {"power": 4, "transpose": 4}
GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eps": "ε", "theta": "θ", "lambda": "λ",
    "lambd": "λ", "mu": "μ", "nu": "ν", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "chi": "χ",
    "psi": "ψ", "omega": "ω", "eta": "η", "zeta": "ζ", "kappa": "κ", "Gamma": "Γ", "Delta": "Δ", "Phi": "Φ",
    "Theta": "Θ", "Lambda": "Λ", "Sigma": "Σ", "Omega": "Ω", "Psi": "Ψ",
}  # fmt: skip
FUNCTIONS = {"sigmoid": "σ", "gammaln": "log Γ", "digamma": "ψ"}
"""What a function is called in mathematics, if not by its name."""
_SIGNS = {
    "*": "⊙", "<=": "≤", ">=": "≥", "!=": "≠", "==": "=", "-": "−", "or": "∨", "and": "∧", "not": "¬", "->": "→",
    "+=": "+=", "in": "∈", "|->": "↦",
}  # fmt: skip


def letters(name: str) -> tuple[str, str] | None:
    """A name as a letter and its index, "" without one; None for a longer word."""
    found = re.fullmatch(r"([A-Za-z]+'*)(?:_?(\d+)|_(\w+))?", name)
    if not found or (found[1] not in GREEK and len(found[1].rstrip("'")) > 1):
        return None
    return GREEK.get(found[1], found[1]), found[2] or found[3] or ""


class Writer:
    """A term as text in some language of mathematics."""

    def __call__(self, term: Term) -> str:
        write: Callable[..., str] = getattr(self, f"_{term.kind}")
        return write(term.text, *term.parts)

    def held(self, term: Term, tightly: float) -> str:
        """A term within one that holds its parts so tightly: in parentheses if it is looser itself."""
        text = self(term)
        return self.fenced("(", ")", text) if _HOLD.get(term.kind, 9) < tightly else text

    def _number(self, text: str) -> str:
        if "e" not in text:
            return self.digits(text)
        digits, _, exponent = text.partition("e")
        short = exponent.replace("+", "").lstrip("0").replace("-0", "-")
        power = self.above(self.digits("10"), self.digits(short))
        return self.row([self.digits(digits), self.sign("×"), power])

    def _word(self, text: str) -> str:
        return self.words(text)

    def _name(self, text: str) -> str:
        found = letters(text)
        if not found:
            return self.upright(text.replace("_", " ").strip())
        letter, index = found
        return (
            self.below(self.letter(letter), self.upright(index)) if index else self.letter(letter)
        )

    def _sum(self, signs: str, *parts: Term) -> str:
        written: list[str] = []
        for sign, part in zip(signs, parts, strict=True):
            if sign == "-" or written:
                written.append(self.sign(sign, is_prefix=not written))
            written.append(self.held(part, 1.5))
        return self.row(written)

    def _product(self, signs: str, *parts: Term) -> str:
        written = [self.held(parts[0], 2)]
        for sign, before, part in zip(signs, parts, parts[1:], strict=False):
            is_by_number = sign == "*" and "number" in (before.kind, part.kind)
            if part.kind == "number" and sign != "@":
                written.append(self.sign("·"))
            else:
                written.append(self.gap() if is_by_number or sign != "*" else self.sign(sign))
            written.append(self.held(part, 1.5 if part is parts[-1] else 2))
        return self.row(written)

    def _relation(self, signs: str, *parts: Term) -> str:
        written: list[str] = []
        for sign, part in zip(["", *signs.split(" ")], parts, strict=True):
            written += [self.sign(sign)] if sign and (written or sign == "not") else []
            written.append(self.held(part, 0 if part.kind == "cases" else 1))
        return self.row(written)

    def _fraction(self, _: str, above: Term, below: Term) -> str:
        return self.fraction(self(above), self(below))

    def _gradient(self, _: str, of: Term, by: Term) -> str:
        return self.fraction(*(self.row([self.letter("∂"), self.held(t, 2)]) for t in (of, by)))

    def _power(self, _: str, base: Term, exponent: Term) -> str:
        return self.above(self.held(base, 5), self(exponent))

    def _transpose(self, _: str, base: Term) -> str:
        return self.above(self.held(base, 5), self.upright("T"))

    def _root(self, _: str, of: Term) -> str:
        return self.root(self(of))

    def _bars(self, _: str, of: Term) -> str:
        return self.fenced("|", "|", self(of))

    def _index(self, _: str, base: Term, *indices: Term) -> str:
        found = letters(base.text) if base.kind == "name" else None
        is_indexed = base.kind == "index" or (found is not None and bool(found[1]))
        text = self.fenced("(", ")", self(base)) if is_indexed else self.held(base, 5)
        return self.below(text, self.listed(indices))

    def _call(self, name: str, *arguments: Term) -> str:
        called = FUNCTIONS.get(name, name)
        head = self.upright(called.replace("_", " ")) if not letters(called) else self._name(called)
        is_fenced = len(arguments) == 1 and arguments[0].kind in ("matrix", "bars")
        inside = self.listed(arguments)
        return self.row([head, inside if is_fenced else self.fenced("(", ")", inside)])

    def _applied(self, _: str, function: Term, *arguments: Term) -> str:
        return self.row([self.held(function, 5), self.fenced("(", ")", self.listed(arguments))])

    def _total(self, _: str, of: Term, *over: Term) -> str:
        under = self.listed(over) if over else ""
        return self.row([self.total(under), self.held(of, 1.5)])

    def _cases(self, _: str, *parts: Term) -> str:
        *pairs, last = map(self, parts)
        lines = [
            (value, self.row([self.words("if "), condition]))
            for value, condition in zip(pairs[::2], pairs[1::2], strict=True)
        ]
        return self.cases([*lines, (last, self.words("otherwise"))])

    def _tuple(self, fences: str, *parts: Term) -> str:
        return self.fenced(fences[0], fences[1], self.listed(parts))

    def _matrix(self, _: str, *rows: Term) -> str:
        return self.matrix([list(map(self, row.parts)) for row in rows])

    def _option(self, name: str, value: Term) -> str:
        return self.row([self.upright(name.replace("_", " ")), self.sign("="), self(value)])

    def listed(self, terms: Sequence[Term]) -> str:
        written: list[str] = []
        for term in terms:
            written += [self.sign(",")] if written else []
            written.append(self(term))
        return self.row(written)

    digits: Callable[[str], str]
    words: Callable[[str], str]
    upright: Callable[[str], str]
    letter: Callable[[str], str]
    sign: Callable[..., str]
    gap: Callable[[], str]
    row: Callable[[Sequence[str]], str]
    fenced: Callable[[str, str, str], str]
    fraction: Callable[[str, str], str]
    above: Callable[[str, str], str]
    below: Callable[[str, str], str]
    root: Callable[[str], str]
    total: Callable[[str], str]
    cases: Callable[[Sequence[tuple[str, str]]], str]
    matrix: Callable[[Sequence[Sequence[str]]], str]


def _element(name: str, inside: str, attributes: str = "") -> str:
    return f"<{name}{attributes}>{inside}</{name}>"


class MathML(Writer):
    """Presentation MathML of the elements that every browser knows (MathML Core)."""

    def digits(self, text: str) -> str:
        return _element("mn", escape(text.replace("-", "−")))

    def words(self, text: str) -> str:
        if not text:
            return ""
        # a space at the end of an element is not shown, one that does not break is
        return _element("mtext", escape(re.sub(r"^ | $", "\u00a0", text)))

    def upright(self, text: str) -> str:
        is_letter = len(text) == 1 and text.isalpha()
        return _element("mi", escape(text), ' mathvariant="normal"' if is_letter else "")

    def letter(self, text: str) -> str:
        return self.upright(text) if text == "∂" else _element("mi", escape(text.replace("'", "′")))

    def sign(self, text: str, is_prefix: bool = False) -> str:
        form = ' form="prefix"' if is_prefix else ""
        return _element("mo", escape(_SIGNS.get(text, text)), form)

    def gap(self) -> str:
        return '<mspace width="0.17em"/>'

    def row(self, parts: Sequence[str]) -> str:
        return parts[0] if len(parts) == 1 else _element("mrow", "".join(parts))

    def fenced(self, left: str, right: str, inside: str) -> str:
        grows = "true" if re.search("<m(frac|table|under|sqrt|sup)", inside) else "false"
        around = [
            _element("mo", fence, f' form="{form}" stretchy="{grows}"') if fence.strip() else ""
            for fence, form in ((left, "prefix"), (right, "postfix"))
        ]
        return _element("mrow", around[0] + inside + around[1])

    def fraction(self, above: str, below: str) -> str:
        return _element("mfrac", above + below)

    def above(self, base: str, exponent: str) -> str:
        return _element("msup", base + exponent)

    def below(self, base: str, index: str) -> str:
        return _element("msub", base + index)

    def root(self, inside: str) -> str:
        return _element("msqrt", inside)

    def total(self, over: str) -> str:
        big = '<mo movablelimits="false">∑</mo>'
        return _element("munder", big + over) if over else big

    def cases(self, lines: Sequence[tuple[str, str]]) -> str:
        left = ' class="case"'
        rows = [
            _element("mtr", "".join(_element("mtd", cell, left) for cell in line)) for line in lines
        ]
        return self.fenced("{", "", _element("mtable", "".join(rows)))

    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        cells = ["".join(_element("mtd", cell) for cell in row) for row in rows]
        table = _element("mtable", "".join(_element("mtr", row) for row in cells))
        return self.fenced("(", ")", table)


_LATEX = {
    "⊙": r"\odot", "×": r"\times", "·": r"\cdot", "≤": r"\le", "≥": r"\ge", "≠": r"\ne",
    "−": "-", "∨": r"\lor", "∧": r"\land",
    "¬": r"\lnot", "→": r"\to", "∈": r"\in", "↦": r"\mapsto", "∂": r"\partial", "…": r"\dots", "≈": r"\approx",
    "+=": r"\mathrel{+}=", "%": r"\bmod", "∞": r"\infty", **{sign: f"\\{name}" for name, sign in GREEK.items()},
    "ε": r"\varepsilon", "λ": r"\lambda", "γ": r"\gamma", "Γ": r"\Gamma", "~": r"\sim", "&": r"\&", "#": r"\#",
}  # fmt: skip
_LATEX_FUNCTIONS = {"exp", "log", "tanh", "sin", "cos", "tan", "det", "max", "min"}
_UNSAFE = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", "\u00a0": " ", "—": "--", "…": r"\dots{}", "−": "$-$",
    **{sign: rf"\{sign}" for sign in "#$%&_{}"},
}  # fmt: skip


def latex_words(text: str) -> str:
    """A text that LaTeX sets as it stands; a letter that it might not have becomes one like it, or its number."""
    return "".join(map(_latex_letter, text))


def _latex_letter(letter: str) -> str:
    if letter in _UNSAFE:
        return _UNSAFE[letter]
    if " " <= letter <= "~":
        return letter
    if letter in _LATEX:
        return rf"\ensuremath{{{_LATEX[letter]}}}"
    plain = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    return "".join(_UNSAFE.get(c, c) for c in plain if c >= " ") or f"U+{ord(letter):04X}"


class LaTeX(Writer):
    """LaTeX with amsmath, to stand within mathematics."""

    def digits(self, text: str) -> str:
        return text.replace("−", "-")

    def words(self, text: str) -> str:
        return rf"\text{{{latex_words(text)}}}" if text else ""

    def upright(self, text: str) -> str:
        if re.fullmatch(r"[A-Za-z0-9]+", text):
            return rf"\{text}" if text in _LATEX_FUNCTIONS else rf"\mathrm{{{text}}}"
        return self.letter(text) if text in _LATEX else self.words(text)

    def letter(self, text: str) -> str:
        return f"{_LATEX[text]} " if text in _LATEX else text  # a space ends the command

    def sign(self, text: str, is_prefix: bool = False) -> str:
        text = _SIGNS.get(text, text)
        return f" {_LATEX.get(text, text)} "

    def gap(self) -> str:
        return r"\,"

    def row(self, parts: Sequence[str]) -> str:
        return "".join(parts)

    def fenced(self, left: str, right: str, inside: str) -> str:
        left, right = (
            rf"\{fence}" if fence in ("{", "}") else fence or "." for fence in (left, right)
        )
        return rf"\left{left} {inside} \right{right}"

    def fraction(self, above: str, below: str) -> str:
        return rf"\frac{{{above}}}{{{below}}}"

    def above(self, base: str, exponent: str) -> str:
        return f"{{{base}}}^{{{exponent}}}"

    def below(self, base: str, index: str) -> str:
        return f"{{{base}}}_{{{index}}}"

    def root(self, inside: str) -> str:
        return rf"\sqrt{{{inside}}}"

    def total(self, over: str) -> str:
        return rf"\sum_{{{over}}} " if over else r"\sum "

    def cases(self, lines: Sequence[tuple[str, str]]) -> str:
        return (
            r"\begin{cases} " + r" \\ ".join(" & ".join(line) for line in lines) + r" \end{cases}"
        )

    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        lines = r" \\ ".join(" & ".join(row) for row in rows)
        return rf"\begin{{pmatrix}} {lines} \end{{pmatrix}}"
