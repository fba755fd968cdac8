"""The lessons as a test and a lecture see them: their files, and the notebook of the first three.

python tests/helpers/lessons.py     writes the notebook anew from the lessons
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from notebooks import code, markdown, notebook
from places import DEMOS

LESSONS = DEMOS / "lessons"
FILES = sorted(LESSONS.glob("0*.py"))
HOUSE = LESSONS / "10_the_real_house"
ALL = [*FILES, HOUSE]
NOTEBOOK = LESSONS / "lessons_1_to_3.ipynb"


def cells(path: Path) -> list[dict[str, Any]]:
    """A lesson as cells: its docstring, a cell for each class and function, one below each heading, the question."""
    text = path.read_text(encoding="utf-8")
    docstring, *statements = ast.parse(text).body
    title, rest = ast.literal_eval(docstring.value).split("\n", maxsplit=1)
    made, written = [markdown(f"# {title}\n{rest}")], []
    lines, end = text.splitlines(), docstring.end_lineno

    def close() -> None:
        if "".join(written).strip():
            made.append(code("\n".join(written)))
        written.clear()

    for statement in statements:
        own = lines[end : statement.end_lineno]  # with the comments above it
        end = statement.end_lineno
        called = _called(statement)
        if isinstance(statement, (ast.ClassDef, ast.FunctionDef)) or called:
            close()
        if called == "heading":
            made.append(markdown(f"## {ast.literal_eval(statement.value.args[0])}"))
        elif called == "draw":
            made.append(markdown(f"![the graph of the program](pictures/{path.stem}.svg)"))
        elif called == "ask":
            question, answer = statement.value.args
            made.append(markdown(f"**Question.** {ast.literal_eval(question)}"))
            is_lambda = isinstance(answer, ast.Lambda)
            shown = ast.get_source_segment(text, answer.body if is_lambda else answer)
            made.append(code(f"say({shown if is_lambda else f'{shown}()'})"))
        elif isinstance(statement, ast.ImportFrom) and statement.module == "classroom":
            kept = {alias.name for alias in statement.names} - {"ask", "draw", "heading"}
            line = f"from classroom import {', '.join(sorted(kept | {'say'}))}"
            written.extend([*own[:-1], line])
        else:
            written.extend(own)
        if isinstance(statement, (ast.ClassDef, ast.FunctionDef)):
            close()
    close()
    return made


def _called(statement: ast.stmt) -> str:
    """The word of classroom that a statement of a lesson is a call of, if it becomes a cell of its own."""
    call = getattr(statement, "value", None)
    name = getattr(getattr(call, "func", None), "id", "") if isinstance(call, ast.Call) else ""
    return name if name in ("heading", "draw", "ask") else ""


def written() -> str:
    """The text of the notebook."""
    return notebook([cell for path in FILES[:3] for cell in cells(path)])


if __name__ == "__main__":
    NOTEBOOK.write_text(written(), encoding="utf-8")
