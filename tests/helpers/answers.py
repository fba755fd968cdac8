"""Every sentence that `explain` can say, read from its source: what its tests must have heard."""

from __future__ import annotations

import ast
import inspect
import re
from types import ModuleType
from typing import get_args

from minigrad.sight.explain import Kind
from minigrad.sight.mistakes import MistakeKind

NO_SENTENCES = (*get_args(Kind), *get_args(MistakeKind))
WORDS = 3  # fewer are names, signs and parts of sentences


def sentences_of(*modules: ModuleType) -> dict[str, re.Pattern[str]]:
    """ "file:line text" -> what it matches, of each text that is no documentation and of no exception."""
    found = {}
    for module in modules:
        tree = ast.parse(inspect.getsource(module))
        for node in _texts(tree):
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            texts = [p.value if isinstance(p, ast.Constant) else None for p in parts]
            if texts[0] in NO_SENTENCES:
                continue
            plain = "".join(text or " " for text in texts)
            if len(re.findall(r"\b[a-z]+\b", plain)) >= WORDS:
                pattern = "".join(".*" if text is None else re.escape(text) for text in texts)
                place = f"{module.__name__}:{node.lineno}"
                found[f"{place} {ast.unparse(node)}"] = re.compile(pattern, re.DOTALL)
    return found


def _texts(node: ast.AST) -> list[ast.Constant | ast.JoinedStr]:
    if isinstance(node, ast.JoinedStr):
        return [node]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node]
    if isinstance(node, (ast.Raise, ast.AnnAssign)) or _is_documentation(node):
        return []
    return [text for child in ast.iter_child_nodes(node) for text in _texts(child)]


def _is_documentation(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
