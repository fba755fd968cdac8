"""A derivation as a file: a page with MathML, which needs no script, or a document for LaTeX."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from string import Template
from typing import Any

import numpy as np

from .equations import Parts, in_html, in_latex
from .mathematics import LaTeX, MathML, Term, latex_words
from .terms import LOSS


@dataclass
class Line:
    """One equation.

    left, right  its sides; a constant has no right side
    shape        of the left side, a tuple of them for several outputs
    value        the array that the left side is, None if that is not known
    numbers      the right side with numbers, and the result; None where there are too many
    name         of the left side in the user's program
    place        the user's line, "" if it is not known
    about        the op or the rule
    parts        the values of the terms of a sum, where paths meet
    """

    left: Term
    right: Parts
    shape: tuple[Any, ...]
    value: Any
    numbers: Term | None
    name: str = ""
    place: str = ""
    about: str = ""
    parts: list[Any] = field(default_factory=list)


@dataclass
class Board:
    """A whole derivation: what is sought and given, the forward equations, and the gradients."""

    wrt: list[Term]
    given: list[Line]
    forward: list[Line]
    backward: list[Line]
    recorded: bool

    def notes(self) -> list[str]:
        if self.recorded:
            return []
        return [
            "Values of results are not known: compute the loss inside “with minigrad.record():” to see them. "
            "The gradients are the engine's."
        ]


def _sides(line: Line) -> Parts:
    first, *rest = line.right or [""]
    if isinstance(first, str):
        return [line.left, " = " if first else "", *line.right]
    return [Term("relation", (line.left, first), "=="), *rest]


def _shape_text(shape: tuple[Any, ...]) -> str:
    if shape and isinstance(shape[0], tuple):
        return ", ".join(map(_shape_text, shape))
    return " × ".join(map(str, shape)) if shape else "scalar"


# HTML -------------------------------------------------------------------------------------------


def html_of(board: Board, title: str) -> str:
    """The derivation as a page of HTML."""
    style = "\n".join(
        (files(__package__) / "web" / name).read_text("utf-8") for name in ("look.css", "board.css")
    )
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    gradients = [Term("gradient", (LOSS, term)) for term in board.wrt]
    sought = ", ".join(in_html([gradient]) for gradient in gradients)
    template = Template((files(__package__) / "web" / "board.html").read_text("utf-8"))
    return template.substitute(
        title=html.escape(title),
        style=style,
        style_hash=f"sha256-{digest}",
        sought=sought,
        notes="".join(f'<p class="note">{html.escape(note)}</p>' for note in board.notes()),
        given=_given_html(board.given),
        forward=_lines_html(board.forward, 1, "forward"),
        backward=_lines_html(board.backward, 1 + len(board.forward), "backward"),
    )


def _given_html(lines: Sequence[Line]) -> str:
    items = []
    for line in lines:
        numbers = in_html(
            [Term("relation", (line.left, line.numbers), "==")] if line.numbers else [line.left]
        )
        name = "" if _is_letter(line) else html.escape(line.name)
        items.append(f'<li>{numbers}<div class="about">{_shape_html(line)} {name}</div></li>')
    return "".join(items)


def _shape_html(line: Line) -> str:
    return f'<span class="shape">{_shape_text(line.shape)}</span>'


def _is_letter(line: Line) -> bool:
    return line.left.text == line.name


def _lines_html(lines: Sequence[Line], first: int, kind: str) -> str:
    return "".join(_line_html(line, first + i, kind) for i, line in enumerate(lines))


def _line_html(line: Line, number: int, kind: str) -> str:
    told = [line.about, line.name if not _is_letter(line) and kind == "forward" else "", line.place]
    about = html.escape(" · ".join(filter(None, told)))
    steps = (
        line.numbers.parts if line.numbers and line.numbers.kind == "relation" else [line.numbers]
    )
    numbers = "".join(f"<math><mo>=</mo>{MathML()(step)}</math> " for step in steps if step)
    if numbers and line.numbers == (line.right[0] if line.right else None):
        numbers = ""  # the number is said already
    data = ""
    if line.value is not None and np.size(line.value) <= 64:
        data = f" data-values='{json.dumps(np.asarray(line.value, float).ravel().tolist())}'"
    return (
        f'<li class="line {kind}" value="{number}"{data}><div class="symbols">{in_html(_sides(line))}</div>'
        f'<div class="numbers">{numbers}</div>'
        f'<div class="about">{_shape_html(line)} {about}</div></li>'
    )


# LaTeX ------------------------------------------------------------------------------------------

_HEAD = r"""\documentclass{article}
\usepackage[a4paper, margin=2.2cm]{geometry}
\usepackage{amsmath, amssymb, graphicx}
\setlength{\parindent}{0pt}
\newcommand{\fit}[2]{\sbox0{$\displaystyle #2$}\ifdim\wd0>#1\resizebox{#1}{!}{\usebox0}\else\usebox0\fi}
\newcommand{\eq}[3]{\medskip\makebox[2.4em][l]{#1}\fit{0.74\linewidth}{#2}\hfill{\small\itshape #3}\par}
\newcommand{\numbers}[1]{\smallskip\hspace*{2.4em}\fit{0.9\linewidth}{#1}\par}
\begin{document}
"""


def latex_of(board: Board) -> str:
    """The derivation as a document for LaTeX."""
    sought = ", ".join(in_latex([Term("gradient", (LOSS, term))]) for term in board.wrt)
    pieces = [_HEAD, rf"\section*{{Derivation of {sought}}}", "\n"]
    pieces += [f"{latex_words(note)}\\par\n" for note in board.notes()]
    pieces += ["\\subsection*{Given}\n", *(_line_latex(line, "$\\cdot$") for line in board.given)]
    first = 1  # lines are referred to by number, as on the page
    for title, lines in (("Forward", board.forward), ("Backward", board.backward)):
        pieces.append(rf"\subsection*{{{title}}}" + "\n")
        pieces += [_line_latex(line, f"({first + i})") for i, line in enumerate(lines)]
        first += len(lines)
    return "".join([*pieces, "\\end{document}\n"])


def _line_latex(line: Line, number: str) -> str:
    """One equation with its shape, and below it the same with numbers."""
    write = LaTeX()
    told = [_shape_text(line.shape), line.about]
    about = latex_words(", ".join(filter(None, told))).replace("\\ensuremath{\\times}", "$\\times$")
    symbols = "".join(
        write(p) if isinstance(p, Term) else write(Term("word", text=p.replace("`", "")))
        for p in _sides(line)
    )
    below = (
        ""
        if not line.numbers or line.numbers in line.right
        else f"\\numbers{{= {write(line.numbers)}}}\n"
    )
    return f"\\eq{{{number}}}{{{symbols}}}{{{about}}}\n{below}"
