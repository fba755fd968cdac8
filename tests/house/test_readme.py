"""The README and every docstring say what is so: their code is run and their results are compared."""

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib

import pytest
from places import ROOT

import minigrad
import nn

README = (ROOT / "README.md").read_text(encoding="utf-8")


def modules() -> list[str]:
    """Every module of both packages by its full name."""
    names = ["minigrad", "nn"]
    for package in (minigrad, nn):
        names += [m.name for m in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
    return names


def test_the_code_of_the_readme_gives_the_results_it_prints(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the README writes a picture
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    examples = "\n".join(block for block in blocks if block.startswith(">>>"))
    test = doctest.DocTestParser().get_doctest(examples, {}, "README", "README.md", 0)
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test)
    assert result.attempted > 20
    assert result.failed == 0


def test_the_row_that_the_readme_shows_is_the_one_in_the_table():
    (row,) = re.findall(r"^divide = .*$", README, re.MULTILINE)
    table = (ROOT / "minigrad/ops/elementwise.py").read_text(encoding="utf-8")
    assert re.sub(r"\s", "", row) in re.sub(r"\s", "", table)


@pytest.mark.parametrize("name", modules())
def test_the_code_of_the_docstrings_gives_the_results_it_prints(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_every_module_says_what_it_is_in_its_first_line():
    for name in modules():
        assert importlib.import_module(name).__doc__, name


def test_files_and_pictures_that_the_readme_points_to_exist():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if "://" not in target:
            assert (ROOT / target).exists(), target


def test_importing_minigrad_and_nn_imports_numpy_alone():
    # what is listed beside NumPy is small, or NumPy imports it too; so the time of the import is NumPy's
    code = (
        "import numpy, __future__, copy, inspect, string, textwrap, threading, sys; before = set(sys.modules);"
        "import minigrad, nn;"
        "print(sorted(m for m in set(sys.modules) - before if m.split('.')[0] not in ('minigrad', 'nn')))"
    )
    output = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert output.strip() == "[]"


def test_the_public_names_exist_and_are_listed_once():
    for package in (minigrad, nn):
        assert len(package.__all__) == len(set(package.__all__))
        for name in package.__all__:
            assert getattr(package, name) is not None


def test_the_version_of_the_package_is_that_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert minigrad.__version__ == project["project"]["version"]
