"""Files that export_onnx writes, checked by ONNX and run by onnxruntime beside the model."""

import numpy as np
import pytest
from cases.modules import flat

import minigrad
import nn
from minigrad import Tensor

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")


class Called(nn.Module):
    """A function of arrays and a module as a module."""

    def __init__(self, run, layer=None):
        self.run = run
        self.layer = layer

    def forward(self, *inputs):
        return self.run(*(inputs if self.layer is None else (self.layer, *inputs)))


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def exported(path, model, *example, **options):
    """What the file holds, checked with its shapes."""
    nn.export_onnx(model, example, path, **options)
    file = onnx.load(path)
    onnx.checker.check_model(file, full_check=True)
    return file


def assert_runs_alike(path, model, *inputs):
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    outputs = session.run(None, dict(zip(names, inputs, strict=True)))
    modes = [m.training for m in model.modules()]
    with minigrad.no_grad():
        expected = model.eval()(*map(Tensor, inputs))
    expected = flat(tuple(expected.values()) if isinstance(expected, dict) else expected)
    for module, mode in zip(model.modules(), modes, strict=True):
        module.training = mode
    assert len(outputs) == len(expected)
    for ours, theirs in zip(expected, outputs, strict=True):
        assert ours.shape == theirs.shape
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(theirs, ours.numpy(), rtol=1e-5, atol=1e-5)


def check(path, model, *example, batch_axis=0):
    """The export runs as the model does, on the example and on other batches."""
    file = exported(path, model, *example, batch_axis=batch_axis)
    assert_runs_alike(path, model, *example)
    axes = batch_axis if isinstance(batch_axis, tuple) else (batch_axis,) * len(example)
    for size in (1, 5) if axes[0] is not None else ():
        pairs = zip(example, axes, strict=True)
        assert_runs_alike(
            path, model, *[np.take(x, np.arange(size) % x.shape[a], a) for x, a in pairs]
        )
    return file
