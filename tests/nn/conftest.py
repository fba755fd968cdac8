"""The file of a run, for tests of nn that save one."""

import pytest


@pytest.fixture
def path(tmp_path):
    pytest.importorskip("safetensors")
    return tmp_path / "run.safetensors"
