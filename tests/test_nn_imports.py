"""nn builds on the public names of minigrad, and its modules import one another in one direction."""

import ast
import importlib
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest

import nn

ROOT = Path(nn.__file__).parent.parent
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(ROOT.glob("nn/**/*.py"))
}


def imports(module):
    """(module, name or None) of each import in a module, also of those inside functions."""
    path = FILES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = resolve_name("." * node.level + (node.module or ""), package)
            yield from ((source, alias.name) for alias in node.names)


@pytest.mark.parametrize("module", FILES)
def test_nn_takes_public_names_of_minigrad_alone(module):
    for source, name in imports(module):
        if source.split(".")[0] == "minigrad" and name is not None:
            assert name in importlib.import_module(source).__all__, (source, name)
    tree = ast.parse(FILES[module].read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "minigrad":
            assert node.attr in (*importlib.import_module("minigrad").__all__, "__all__"), node.attr


def test_the_modules_of_nn_import_one_another_in_one_direction():
    graph = {module: set() for module in FILES}
    for module in FILES:
        for source, name in imports(module):
            target = f"{source}.{name}" if f"{source}.{name}" in FILES else source
            if target in FILES and target != module:
                graph[module].add(target)
    assert list(TopologicalSorter(graph).static_order())  # a cycle would raise


@pytest.mark.parametrize("room", ["minigrad.picture", "nn.data", "nn.onnx.table"])
def test_importing_nn_leaves_out_what_is_used_now_and_then(room):
    code = f"import sys, nn; assert {room!r} not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
