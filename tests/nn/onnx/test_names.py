"""The names of nodes in an exported file: the path of the module that they ran in."""

import numpy as np
import pytest

import nn

onnx = pytest.importorskip("onnx")


class Twice(nn.Module):
    def __init__(self):
        self.first = self.second = nn.Sequential(nn.ReLU(), nn.Tanh())

    def forward(self, x):
        return self.second(self.first(x))


def test_the_nodes_of_a_shared_module_are_named_by_its_first_path(tmp_path):
    nn.export_onnx(Twice(), np.ones((2, 3), np.float32), tmp_path / "twice.onnx")
    names = [node.name for node in onnx.load(tmp_path / "twice.onnx").graph.node]
    paths = [name.split("/")[0] for name in names if "Identity" not in name]
    assert paths == ["first.0", "first.1"] * 2
