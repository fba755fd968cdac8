"""The page of all ops is the table's own: up to date, complete, and true of PyTorch's names."""

import re

import ops_page
import pytest
from cases import CASES, COMPOSITES

import minigrad as mg
from minigrad.core.rows import served

NO_OPS = {
    "Tensor", "certify", "check_grads", "checkpoint", "compile", "costs", "debug", "elementwise", "enable_grad",
    "elementwise_grad", "explain", "generator", "grad", "hessian", "hvp", "is_recording", "jacobian", "jvp",
    "linearize", "no_grad", "on_host", "placed", "primitive", "ravel_tree",
    "recomputing", "record", "saved_bytes", "scope", "script", "seed", "touch", "value_and_grad", "vjp",
}  # fmt: skip


def test_every_public_op_is_on_the_page_and_nothing_else():
    listed = [name for found in ops_page.ops().values() for name in found]
    assert sorted(listed) == sorted(set(mg.__all__) - NO_OPS)


def test_the_page_is_up_to_date():
    pytest.importorskip("torch", reason="PyTorch is not installed: its names are on the page")
    page = ops_page.PAGE.read_text()
    if f"function of NumPy {ops_page.numpy_version()} does" not in page:
        pytest.skip("the page lists the functions of another version of NumPy")
    assert page == ops_page.page(), "run `python tests/helpers/ops_page.py`"


def test_what_is_said_to_have_no_gradient_has_none():
    said = {row[0].strip("`"): row for row in map(ops_page.numpy_row, ops_page.ALL & served.keys())}
    cases = CASES | COMPOSITES
    has_some = {name for name, row in said.items() if row[1].strip("`") in cases}
    assert [name for name in has_some if said[name][2] == "none"] == []
    assert [name for name, row in said.items() if not row[1] and hasattr(mg, name[3:])] == []


def test_pytorchs_names_exist():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    for name in re.findall(r"`torch\.([\w.]+)`", ops_page.PAGE.read_text()):
        found = torch
        for part in name.split("."):
            found = getattr(found, part)
