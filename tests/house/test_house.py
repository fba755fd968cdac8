"""The house: which room may import which, where a module lives, and how long files and functions are."""

import ast
import importlib
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

import minigrad
from minigrad.ops import later

ROOT = Path(minigrad.__file__).parents[1]
SOURCES = {
    path.relative_to(ROOT): ast.parse(path.read_text(encoding="utf-8"))
    for package in ("minigrad", "nn")
    for path in sorted((ROOT / package).rglob("*.py"))
}
MODULES = {".".join(path.with_suffix("").parts).removesuffix(".__init__"): path for path in SOURCES}

MAY_IMPORT = {
    "signatures": [],
    "core": ["signatures", "core"],
    "landings": ["core"],
    "random": [],
    "devices": ["core"],
    "ops.kernels": ["ops.kernels"],
    "ops": ["signatures", "core", "random", "devices", "ops"],
    "numpy_protocols": ["core", "ops"],
    "operators": ["core", "devices", "ops"],
    "methods": ["ops", "operators"],
    "tensor": ["core", "devices", "ops", "numpy_protocols", "methods"],
    "stats": ["core", "ops", "random"],
    "structures": ["core"],
    "modes": ["core"],
    "transforms": ["core", "ops", "modes", "tensor", "structures", "transforms"],
    "recompute": ["signatures", "core", "random", "modes", "tensor", "structures"],
    "trust": ["core", "devices", "ops", "random", "tensor", "structures", "trust"],
    "sight": ["signatures", "core", "devices", "ops", "modes", "sight"],
    "files": [],
    "program": ["core", "ops", "random", "sight", "files", "program"],
    "picture": ["signatures", "core", "devices", "sight", "files", "picture"],
}
"""Room of minigrad -> the rooms that it knows, in reading order; of two rooms that hold a module the inner counts."""
EXCEPTIONS = {
    ("tensor", "picture"): "a Tensor in a notebook draws itself",
    ("operators", "tensor"): "type checkers see that operators give Tensors",
    ("methods", "tensor"): "type checkers see that methods give Tensors",
}


def imports_of(module, when_imported=False):
    """(module, name or None) of each import: wherever in the file it stands, or those that importing it runs."""
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in _statements(SOURCES[path]) if when_imported else ast.walk(SOURCES[path]):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1]
            source = ".".join([*base, *filter(None, [node.module])]) if node.level else node.module
            for alias in node.names:
                whole = f"{source}.{alias.name}"
                yield (whole, None) if whole in MODULES else (source, alias.name)


def _statements(tree):
    """The statements of a module's own level, also in blocks, but for those that only type checkers read."""
    for node in tree.body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        if isinstance(node, (ast.If, ast.Try, ast.With)):
            yield from _statements(node)


def arrows(when_imported=False):
    """(module, the module of the house that it imports)"""
    return {
        (module, source)
        for module in MODULES
        for source, _ in imports_of(module, when_imported)
        if source in MODULES and source != module
    }


def is_package(module):
    return MODULES[module].name == "__init__.py"


def room_of(module):
    inside = [room for room in MAY_IMPORT if f"{module}.".startswith(f"minigrad.{room}.")]
    return max(inside, key=len, default=None)


def test_a_room_imports_the_rooms_before_it_alone():
    met = set()
    for module, source in sorted(arrows()):
        room, other = room_of(module), room_of(source)
        if room is None:
            assert module == "minigrad" or not module.startswith("minigrad."), (
                f"{module} has no room"
            )
        elif (room, other) in EXCEPTIONS:
            met.add((room, other))
        else:
            known = [other, f"{other}".partition(".")[0]]  # who knows a room knows the rooms within
            assert set(known) & set(MAY_IMPORT[room]), f"{module} imports {source}"
    assert met == EXCEPTIONS.keys()


def test_one_place_puts_a_file_in_the_place_of_another():
    for module, path in MODULES.items():
        words = {n.attr for n in ast.walk(SOURCES[path]) if isinstance(n, ast.Attribute)}
        moves = words & {"mkstemp", "NamedTemporaryFile", "rename", "renames"}
        moves |= {"os.replace"} & {
            ast.unparse(n) for n in ast.walk(SOURCES[path]) if isinstance(n, ast.Attribute)
        }
        assert not moves or module == "minigrad.files", (
            f"{module}: {moves}; take minigrad.files.whole"
        )


def test_the_engine_is_small():
    core = [path for path in SOURCES if path.parts[:2] == ("minigrad", "core")]
    assert len(core) <= 9
    assert sum((ROOT / path).read_text(encoding="utf-8").count("\n") for path in core) <= 1550


def test_kernels_import_numpy_and_the_standard_library_alone():
    known = {*sys.stdlib_module_names, "numpy", "minigrad"}
    for module in MODULES:
        if module.startswith("minigrad.ops.kernels"):
            assert {source.split(".")[0] for source, _ in imports_of(module)} <= known, module


def test_no_arrow_runs_in_a_circle():
    below = defaultdict(set)
    for module, source in arrows(when_imported=True):
        below[module].add(source)
    done = set()

    def walk(module, path):
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module not in done:
            for source in below[module]:
                walk(source, [*path, module])
            done.add(module)

    for module in MODULES:
        walk(module, [])


def test_a_module_that_one_other_imports_lives_in_its_folder():
    importers, offered = defaultdict(set), set()
    for module, source in arrows():
        if is_package(module):
            offered.add(source)  # to users, or to all who import the package
        else:
            importers[source].add(module)
    for source, found in importers.items():
        if len(found) == 1 and source not in offered:
            (module,) = found
            assert MODULES[source].is_relative_to(MODULES[module].parent), (
                f"only {module} imports {source}"
            )


def public_names_of(module):
    """The names that minigrad or one of its rooms offers; none of a module that is neither."""
    if module == "minigrad":
        return {*minigrad.__all__, *minigrad.ROOMS, "__all__"}
    is_room = module.removeprefix("minigrad.") in minigrad.ROOMS
    return set(importlib.import_module(module).__all__) if is_room else set()


def test_nn_takes_from_minigrad_what_is_public():
    for module, path in MODULES.items():
        if module.split(".")[0] != "nn":
            continue
        taken = {(source, name) for source, name in imports_of(module) if name is not None}
        taken |= {
            ("minigrad", node.attr)
            for node in ast.walk(SOURCES[path])
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "minigrad"
        }
        for source, name in taken:
            if source.split(".")[0] == "minigrad":
                assert name in public_names_of(source), f"{module} takes {source}.{name}"


@pytest.mark.parametrize(
    "room", ["minigrad.picture", "minigrad.program", "minigrad.stats", "nn.data", "nn.onnx.table"]
)
def test_importing_nn_leaves_out_what_is_used_now_and_then(room):
    code = f"import sys, nn; assert {room!r} not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_a_file_of_the_table_that_is_read_later_is_read_when_it_is_named():
    code = """import sys
import numpy as np
import minigrad
from minigrad.ops import LATER
assert not any(f"minigrad.ops.{name}" in sys.modules for name in LATER)
t = minigrad.Tensor(np.eye(2))
assert isinstance(CALL, minigrad.Tensor)
"""
    for call in ("np.linalg.inv(t)", "minigrad.inv(t)"):
        subprocess.run([sys.executable, "-c", code.replace("CALL", call)], check=True, cwd=ROOT)


def test_a_name_that_is_read_later_means_one_thing_in_all_files_that_have_it():
    for name in minigrad.__all__:
        found = [vars(module)[name] for module in later() if name in vars(module)]
        assert all(f is found[0] for f in found), name


def test_dir_shows_the_public_names_and_rooms_alone():
    shown = {name for name in dir(minigrad) if not name.startswith("__")}
    assert shown == {*minigrad.__all__, *minigrad.ROOMS}
    assert "core" not in shown


# Sizes ---------------------------------------------------------------------------------------------------

LINES_OF_A_FILE, LINES_OF_A_FUNCTION = 400, 50
LONGER = {
    "_apply": "a call of an op: its loop over the arguments runs for every op there is, without calls of its own",
    "fit": "half of it is the docstring, which is the loop that everybody writes",
}
"""Functions that may be longer, with the reason."""


def test_a_file_stays_within_its_lines():
    for folder in ("minigrad", "nn", "tests", "demos"):
        for path in set((ROOT / folder).rglob("*.py")) - set((ROOT / "demos/scripts").iterdir()):
            lines = path.read_text(encoding="utf-8").count("\n")
            assert lines <= LINES_OF_A_FILE, f"{path} has {lines} lines: split it by idea"


def test_a_function_fits_one_screen():
    met = set()
    for path, tree in SOURCES.items():
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = node.end_lineno - node.lineno + 1
                if lines > LINES_OF_A_FUNCTION:
                    assert node.name in LONGER, f"{path}: {node.name} has {lines} lines"
                    met.add(node.name)
    assert met == LONGER.keys()


# Words ---------------------------------------------------------------------------------------------------

NOT_FIRST = frozenset((
    "What", "Whether", "As", "Of", "How", "Where", "Which", "When", "In", "For", "To", "With", "By", "From", "If",
    "On", "That", "Only", "Here",
))  # fmt: skip
"""Words that a docstring does not begin with: it begins with a formula, a noun or a verb."""


def test_a_docstring_begins_with_a_formula_a_noun_or_a_verb():
    wrong = [
        f"{path}:{getattr(node, 'lineno', 1)}: {text.splitlines()[0]}"
        for path, tree in SOURCES.items()
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and (text := ast.get_docstring(node))
        and text.split()[0].strip("`,:;.") in NOT_FIRST
    ]
    assert wrong == []
