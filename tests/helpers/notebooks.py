"""Notebooks: cells made and read as JSON, and run in a process of their own, without Jupyter."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": _lines(text)}


def code(text: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": _lines(text),
    }


def notebook(cells: list[dict[str, Any]]) -> str:
    """The text of a notebook, in format 4.5."""
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    whole = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _lines(text: str) -> list[str]:
    return text.strip("\n").splitlines(keepends=True)


def check(path: Path) -> None:
    """Raise AssertionError unless the file is a notebook in format 4.5, as its schema has it."""
    whole = json.loads(path.read_text(encoding="utf-8"))
    assert (whole["nbformat"], whole["nbformat_minor"]) == (4, 5)
    assert whole["metadata"]["kernelspec"]["name"] == "python3"
    assert len({cell["id"] for cell in whole["cells"]}) == len(whole["cells"])
    for cell in whole["cells"]:
        more = {"outputs", "execution_count"} if cell["cell_type"] == "code" else set()
        assert cell["cell_type"] in ("code", "markdown")
        assert cell.keys() == {"cell_type", "id", "metadata", "source"} | more
        assert all(isinstance(line, str) for line in cell["source"])


def run(path: Path, timeout: float = 120) -> list[str]:
    """What each code cell prints, from the first to the last, in the folder of the notebook.

    A last line that is an expression is printed too, unless it is None, as Jupyter shows it. Raises AssertionError
    with the error if a cell fails.
    """
    done = subprocess.run(
        [sys.executable, __file__, path.name],
        cwd=path.parent, capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split(BETWEEN)[:-1]


BETWEEN = "\n-- the end of a cell --\n"


def _run_here(path: Path) -> None:
    sys.path[0] = ""  # as in Jupyter, what lies beside the notebook can be imported
    sys.argv = ["notebook"]
    names = {"__name__": "__main__"}
    for number, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"]):
        if cell["cell_type"] != "code":
            continue
        tree = ast.parse("".join(cell["source"]), f"cell {number}")
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, f"cell {number}", "exec"), names)
        if last is not None:
            shown = eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names)
            if shown is not None:
                print(repr(shown))
        print(end=BETWEEN)


if __name__ == "__main__":
    _run_here(Path(sys.argv[1]))
