"""The file of a run, for tests of nn that save one."""

import pytest


@pytest.fixture
def path(tmp_path):
    pytest.importorskip("safetensors")
    return tmp_path / "run.safetensors"


@pytest.fixture
def torch_in_float64(torch):
    """With float64 as its default: some laws keep numbers, such as the product of NAdam's momenta, in it."""
    torch.set_default_dtype(torch.float64)
    yield torch
    torch.set_default_dtype(torch.float32)
