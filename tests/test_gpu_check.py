"""The check for a GPU, rehearsed on an array with CuPy's manners."""

import importlib
import subprocess
import sys

import pytest
from places import ROOT

import nn

QUICKLY = ["--stand-in", "--rounds", "1", "--batch", "2"]


@pytest.fixture
def gpu_check(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tests")
    return importlib.import_module("gpu_check")


def test_the_check_passes_on_the_stand_in_and_prints_counts_and_times(gpu_check, capsys):
    assert gpu_check.main([*QUICKLY, "--every", "12"]) == 0
    printed = capsys.readouterr().out
    for part in ("table", "layers", "optimisers"):
        assert f"\n{part}: " in f"\n{printed}"
    assert printed.count("| MLP 784-1024x3-10 |") == printed.count("| CNN 3x32x32 |") == 1


def test_the_check_finds_a_wrong_step_and_a_failure(gpu_check, capsys, monkeypatch):
    update = nn.optim.SGD._update

    def wrong(self, w, g, state, group, room):
        update(self, w, g if type(g).__name__ == "ndarray" else 2 * g, state, group, room)

    def failing(self, w, g, state, group, room):
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(nn.optim.SGD, "_update", wrong)
    monkeypatch.setattr(nn.optim.Lion, "_update", failing)
    assert gpu_check.main([*QUICKLY, "--only", "optimisers"]) == 2
    printed = capsys.readouterr().out
    assert "optimisers SGD: differs by" in printed
    assert "optimisers Lion: RuntimeError: no such kernel" in printed


def test_without_cupy_the_check_is_skipped_with_the_reason(gpu_check, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(SystemExit, match="0"):
        gpu_check.main([])
    assert "skipped: CuPy does not work here (ModuleNotFoundError" in capsys.readouterr().out


def test_the_check_needs_neither_pytest_nor_torch():
    code = "import sys; sys.modules.update(pytest=None, torch=None); import gpu_check"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT / "tests", check=True)
