"""The text of an op: its formula, and the derivative rule of each of its arguments, read from the source."""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

from ..signatures import Signature


@functools.cache
def formula_of(op: Any) -> str:
    """The first line of the op's documentation, or of the public function that calls it; else how it is called."""
    module = getattr(getattr(op, "_computes", None), "__module__", None) or ""
    is_ours = module.startswith("minigrad.ops.")
    for documented in (getattr(sys.modules[module], op.name, None) if is_ours else None, op):
        line = first_line(documented)
        if line and not re.match(r"\w+\(.*signature", line):  # NumPy's own words for its ufunc
            return line
    return f"{op.name}({', '.join(getattr(op, 'names', ()))})"


@functools.cache
def rules_of(op: Any) -> dict[str, str]:
    """argument -> its derivative rule as text, `g` being the incoming gradient and `y` the output.

    A lambda is shown as its body, another function by its name, its parameters, and the first line of its
    documentation or, where it is one `return`, what it returns.
    """
    texts: dict[str, str] = {}
    for rule in getattr(op, "rules", ()):
        text = text_of(rule.function)
        texts.update((argument, text) for argument in rule.argument.split(", "))
    return texts


def text_of(function: Callable[..., Any]) -> str:
    """A function as a formula to read; only its name and parameters if there is no source."""
    found = definition_of(function)
    if isinstance(found, ast.Lambda):
        return _bare(ast.unparse(found.body))
    name = getattr(function, "__name__", type(function).__name__)
    call = _bare(f"{name}({', '.join(Signature(function).names)})")
    line = first_line(function)
    body = single_return(function)
    if not line and body is not None:
        line = _bare(ast.unparse(body))
    return f"{call}: {line}" if line else call


def single_return(function: Any) -> ast.expr | None:
    """The expression that a function returns, if that is all it does."""
    found = definition_of(function)
    if not isinstance(found, ast.FunctionDef):
        return None
    first = 1 if ast.get_docstring(found) is not None else 0
    match found.body[first:]:
        case [ast.Return(value=value)]:
            return value
    return None


def _bare(text: str) -> str:
    """Private names without their underscore and `_row`: `_where_row` becomes `where`."""
    return re.sub(r"(?<![\w.])_(?=[a-z])(\w+?)(?:_row)?\b", r"\1", text)


def first_line(documented: Any) -> str:
    return (inspect.getdoc(documented) or "").partition("\n")[0].strip() if documented else ""


def definition_of(function: Callable[..., Any]) -> ast.Lambda | ast.FunctionDef | None:
    """The syntax tree of a function. As several lambdas may stand in one line, the place of the body decides."""
    code = getattr(function, "__code__", None)
    if code is None:
        return None
    at_line = _functions_of(code.co_filename).get(code.co_firstlineno, [])
    names = list(code.co_varnames[: code.co_argcount])
    within = [f for f in at_line if [a.arg for a in f.args.args] == names and _holds(f, code)]
    return min(within, key=_extent, default=None)


@functools.lru_cache(maxsize=64)
def _functions_of(path: str) -> dict[int, list[Any]]:
    """Every function and lambda of a file by the line it begins in."""
    found: dict[int, list[Any]] = {}
    try:
        tree = ast.parse("".join(linecache.getlines(path)))
    except SyntaxError:
        return {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Lambda, ast.FunctionDef)):
            found.setdefault(node.lineno, []).append(node)
    return found


def _holds(f: Any, code: Any) -> bool:
    if isinstance(f, ast.FunctionDef):
        return bool(f.name == code.co_name)
    first, last = _extent_of(f.body)
    return all(first <= begin and end <= last for begin, end in _places(code))


def _places(code: Any) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    for begin, end, column, last_column in code.co_positions():
        if (
            begin and end and last_column
        ):  # not unknown, and not the empty place where a call begins
            yield (begin, column or 0), (end, last_column)


def _extent_of(node: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)


def _extent(f: Any) -> tuple[int, int]:
    (first, left), (last, right) = _extent_of(f.body if isinstance(f, ast.Lambda) else f)
    return last - first, right - left
