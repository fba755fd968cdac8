"""Kernels of minigrad as text: the source of a function, and of all that it needs, to be written above a script."""

from __future__ import annotations

import ast
import functools
import io
import keyword
import sys
import textwrap
import tokenize
from inspect import getsource
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from ..core.op import Primitive
from ..ops import inspection
from ..ops.kernels import chosen, noting
from ..ops.kernels.scratch import scratch

SIMPLER = {
    scratch: "def scratch(role, shape, dtype):\n    return np.empty(shape, dtype)\n",
    noting: "def noting(kernel, *arrays):\n    return None\n",
    chosen: "def chosen(kernel, plain, *arrays):\n    return kernel\n",
}
"""Helpers that are written shorter in a script."""

SCIPY = "import scipy.special"


class Helpers:
    """The functions, classes and constants that a script needs from minigrad, each under a name of its own."""

    def __init__(self, taken: set[str]) -> None:
        self.imports: dict[str, None] = {}
        self.texts: list[str] = []
        self._names: dict[Any, str] = {}
        self._taken = taken | set(keyword.kwlist) | {"np"}

    def name_of(self, thing: Any, is_called: bool = False) -> str:
        """The name in the script of a function or class, whose text stands above from now on.

        One that the step calls itself has no underscore.
        """
        if isinstance(thing, np.ufunc):
            name = inspection.name_of(thing)
            if not name.startswith("np."):
                self.imports[SCIPY] = None
            return name
        kept = getattr(thing, "__wrapped__", thing.f if isinstance(thing, Primitive) else thing)
        if kept not in self._names:
            if kept.__module__.split(".")[0] != "minigrad":
                self.imports[f"from {kept.__module__} import {kept.__name__}"] = None
                self._taken.add(kept.__name__)
                return kept.__name__
            self._names[kept] = name = self._free(
                kept.__name__.strip("_") if is_called else kept.__name__
            )
            if kept in SIMPLER:
                self.texts.append(SIMPLER[kept])
                return name
            module = sys.modules[kept.__module__]
            defined = kept.__code__.co_name if isinstance(kept, FunctionType) else kept.__name__
            cells: dict[str, Any] = {}
            if isinstance(kept, FunctionType) and kept.__closure__:
                contents = [cell.cell_contents for cell in kept.__closure__]
                cells = dict(zip(kept.__code__.co_freevars, contents, strict=True))
            source = _without_types(textwrap.dedent(getsource(kept)))
            self.texts.append(self._written(source, module, {defined: name}, cells))
        return self._names[kept]

    def _free(self, name: str) -> str:
        n, free = 1, name
        while free in self._taken:
            n += 1
            free = f"{name}_{n}"
        self._taken.add(free)
        return free

    def _name_in(self, module: ModuleType, word: str) -> str | None:
        """The name in the script of what a module calls `word`; None if it is nothing of the module's."""
        value = vars(module).get(word, _NOTHING)
        if value is _NOTHING:
            return None
        if isinstance(value, ModuleType):
            as_ = "" if value.__name__ == word else f" as {word}"
            self.imports[f"import {value.__name__}{as_}"] = None
            self._taken.add(word)
            return word
        is_made = "functools" in str(getattr(value, "__module__", "")) and value.__name__ != word
        if is_made:
            pass
        elif isinstance(value, (FunctionType, type, Primitive)) or hasattr(value, "__wrapped__"):
            return self.name_of(value)
        home, text = _assignment(module, word)
        if (home.__name__, word) not in self._names:
            if not home.__name__.startswith("minigrad"):
                self.imports[f"from {home.__name__} import {word}"] = None
                self._names[home.__name__, word] = word
            else:
                self._names[home.__name__, word] = name = self._free(word)
                self.texts.append(self._written(text, home, {word: name}, {}))
        return self._names[home.__name__, word]

    def _cell(self, value: Any, word: str, name: str) -> str:
        """The name in the script of what a function keeps from the one that made it."""
        if callable(value):
            return self.name_of(value)
        own = self._free(f"{name}_{word}")
        self.texts.append(f"{own} = {value!r}\n")
        return own

    def _written(
        self, source: str, module: ModuleType, new: dict[str, str], cells: dict[str, Any]
    ) -> str:
        """A source of a module with the names of the script in it; what it needs is written before."""
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
        own, names = next(iter(new.values())), dict(new)
        local = _local_names(source) - set(new)
        edits = []
        for i, token in enumerate(tokens):
            before, after = tokens[i - 1].string if i else "", tokens[i + 1 : i + 3]
            word = token.string
            is_option = bool(after) and after[0].string == "=" and before in ("(", ",")
            if token.type != tokenize.NAME or before == "." or is_option or word in local:
                continue
            value = vars(module).get(word)
            end = token.end
            if isinstance(value, ModuleType) and value.__name__.startswith("minigrad"):
                end = after[1].end
                text = self._name_in(value, after[1].string)
            elif word in cells and word not in names:
                text = names[word] = self._cell(cells[word], word, own)
            else:
                text = names.get(word) or self._name_in(module, word)
            if text is not None and (text != word or end != token.end):
                edits.append((token.start, end, text))
        return _edited(source, edits)


_NOTHING = object()


def _edited(source: str, edits: list[Any]) -> str:
    lines = source.splitlines(keepends=True)
    for (row, start), (_, end), text in reversed(edits):
        lines[row - 1] = lines[row - 1][:start] + text + lines[row - 1][end:]
    return "".join(lines)


@functools.cache
def _tree(module: ModuleType) -> Any:
    return ast.parse(getsource(module))


def _assignment(module: ModuleType, word: str) -> tuple[ModuleType, str]:
    """The module that a constant was assigned in, and this statement."""
    for node in _tree(module).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(getattr(t, "id", None) == word for t in targets):
            return module, f"{ast.get_source_segment(getsource(module), node)}\n"
        for place, target in enumerate(getattr(targets[0], "elts", ())):
            if target.id == word:
                is_tuple = isinstance(node.value, ast.Tuple)
                value = ast.get_source_segment(
                    getsource(module), node.value.elts[place] if is_tuple else node.value
                )
                return module, f"{word} = {value if is_tuple else f'({value})[{place}]'}\n"
        if isinstance(node, ast.ImportFrom) and any(
            (a.asname or a.name) == word for a in node.names
        ):
            package = module.__name__.split(".")
            base = (
                package[: len(package) - node.level + hasattr(module, "__path__")]
                if node.level
                else []
            )
            home = ".".join([*base, *filter(None, [node.module])])
            return (
                _assignment(sys.modules[home], word)
                if home.startswith("minigrad")
                else (sys.modules[home], "")
            )
    raise LookupError(f"{module.__name__} has no {word}")


def _local_names(source: str) -> set[str]:
    """The names that a function's source binds itself."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


def _without_types(source: str) -> str:
    """A function's source without the types of its parameters and variables; a class as it is."""
    tree = ast.parse(source)
    if not isinstance(tree.body[0], ast.FunctionDef):
        return source
    edits: list[Any] = []
    lines = [line.encode() for line in source.splitlines(keepends=True)]

    def cut(start: Any, end: Any) -> None:
        edits.append((start, end))

    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.annotation:
            name_end = (node.lineno, node.col_offset + len(node.arg))
            cut(name_end, (node.annotation.end_lineno, node.annotation.end_col_offset))
        elif isinstance(node, ast.FunctionDef) and node.returns:
            r = node.returns
            line = lines[r.lineno - 1]
            cut(
                (r.lineno, line.rindex(b"->", 0, r.col_offset) - 1),
                (r.end_lineno, r.end_col_offset),
            )
        elif isinstance(node, ast.AnnAssign) and node.value:
            target, kind = node.target, node.annotation
            cut((target.end_lineno, target.end_col_offset), (kind.end_lineno, kind.end_col_offset))
    for (row, start), (_, end) in sorted(edits, reverse=True):
        lines[row - 1] = lines[row - 1][:start] + lines[row - 1][end:]
    return b"".join(lines).decode()
