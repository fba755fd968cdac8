"""What export_onnx writes is valid ONNX, and onnxruntime computes with it what the model does, at any batch size."""

import math
import sys

import numpy as np
import pytest
from cases.layers import AXES
from cases.losses import LOSSES
from layers_in_pytorch import CASES
from onnx_files import Called, assert_runs_alike, check, normal

import minigrad
import nn

LAYERS = {name: cases for name, cases in CASES.items() if name not in LOSSES}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


# Layers and models ---------------------------------------------------------------------------------------

# beside the maxima these give where they stand, which no op computes
INDICES = [("MaxPool1d", 1), ("MaxPool2d", 3), ("MaxPool3d", 2),
           *((f"AdaptiveMaxPool{n}d", i) for n, i in ((1, 3), (2, 3), (3, 2)))]  # fmt: skip
# where bags begin is read when the graph is made
BAGS = [("EmbeddingBag", i) for i in (1, 2, 4, 5)]
EVERY = [(name, i) for name, cases in LAYERS.items() for i in range(len(cases))]


# of labels, which become places to read at, or of targets that are checked
REFUSED = {
    "CrossEntropyLoss", "NLLLoss", "HingeLoss", "MultiMarginLoss", "MultiLabelMarginLoss", "CTCLoss",
    "CosineEmbeddingLoss", "HingeEmbeddingLoss",
}  # fmt: skip


def case_of(name, i):
    case, rng = CASES[name][i], np.random.default_rng(0)
    arrays = [np.asarray(m(rng) if callable(m) else rng.standard_normal(m)) for m in case.inputs]
    inputs = [x.astype(np.float32) if x.dtype.kind == "f" else x for x in arrays]
    return Called(case.run, getattr(nn, name)(*case.args, **case.options)), inputs


@pytest.mark.parametrize(("name", "i"), [case for case in EVERY if case not in INDICES + BAGS])
def test_every_layer_runs_in_onnxruntime_as_here(path, name, i):
    model, inputs = case_of(name, i)
    check(path, model, *inputs, batch_axis=AXES.get((name, i), 0))


@pytest.mark.parametrize("i", [1, 2, 5])
def test_bags_by_offsets_are_refused(path, i):
    model, inputs = case_of("EmbeddingBag", i)
    with pytest.raises(NotImplementedError, match=r"scatter.* there is no translation of this op"):
        nn.export_onnx(model, tuple(inputs), path, batch_axis=None)


@pytest.mark.parametrize(("name", "i"), INDICES)
def test_places_of_maxima_are_refused(path, name, i):
    model, inputs = case_of(name, i)
    with pytest.raises(
        ValueError, match=r"was not computed by ops on it|was not made by minigrad's ops"
    ):
        nn.export_onnx(model, tuple(inputs), path)
    assert not path.exists()


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_runs_in_onnxruntime_as_here_or_is_refused(path, name):
    model, inputs = case_of(name, 0)
    if name not in REFUSED:
        check(path, model, *inputs)
        return
    with pytest.raises((NotImplementedError, ValueError), match="export_onnx"):
        nn.export_onnx(model, tuple(inputs), path, 1 if name == "CTCLoss" else 0)
    assert not path.exists()


def sizes_of(value):
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]


def test_models_run_in_onnxruntime_as_here(path):
    mlp = nn.MLP([4, 8, 3])
    file = check(path, mlp, normal(6, 4))
    assert {w.name for w in file.graph.initializer} == set(mlp.state_dict())
    nodes = ["0/Gemm_0", "1/Relu_1", "2/Gemm_2", "/Identity_3"]
    assert [node.name for node in file.graph.node] == nodes
    assert sizes_of(file.graph.input[0]) == ["batch", 4]
    assert sizes_of(file.graph.output[0]) == ["batch", 3]
    check(path, nn.CNN((1, 8, 8), channels=(4, 6)), normal(3, 1, 8, 8))


def test_sizes_that_grow_otherwise_than_the_batch_say_how(path):
    file = check(path, Called(lambda x: (x.reshape(-1), np.concatenate([x, x[:1]]))), normal(6, 4))
    assert [sizes_of(y) for y in file.graph.output] == [["4 * batch"], ["batch + 1", 4]]


class Block(nn.Module):
    """What no layer of nn is: two inputs, a tied weight, attention by hand, and a dict as the result."""

    def __init__(self):
        self.embedding = nn.Parameter(normal(7, 6))
        self.norm = nn.LayerNorm(6)
        self.readout = nn.Linear(6, 7)
        self.readout.weight = self.embedding
        self.dropout = nn.Dropout(0.5)

    def forward(self, tokens, mask):
        h = self.dropout(self.norm(minigrad.embedding(self.embedding, tokens)))
        scores = np.einsum("nld,nsd->nls", h, h) / math.sqrt(6)
        causal = np.tri(tokens.shape[1], dtype=bool)
        h = h + minigrad.softmax(minigrad.where(causal, scores, -1e9), -1) @ h
        y = minigrad.where(minigrad.reshape(mask, (-1, 1, 1)) > 0, self.readout(h), 0)
        return {"y": y, "mean": y.mean(), "longest": y[:, -1].max(axis=0)}


def test_modules_of_ones_own_are_exported_and_left_as_they_were(path):
    model = Block()
    model.norm.eval()
    before = model.state_dict()
    tokens = np.random.default_rng(0).integers(0, 7, (3, 5))
    file = check(path, model, tokens, normal(3))
    assert [i.name for i in file.graph.input] == ["input_0", "input_1"]
    assert [o.name for o in file.graph.output] == ["output_0", "output_1", "output_2"]
    assert [m.training for m in model.modules()] == [True, False, True, True]
    assert all((before[name] == array).all() for name, array in model.state_dict().items())


def test_a_model_in_float64_stays_in_float64(path):
    model = nn.Sequential(nn.Linear(3, 4, dtype=np.float64), nn.Tanh())
    nn.export_onnx(model, np.ones((2, 3)), path)
    assert_runs_alike(path, model, np.ones((2, 3)))


# Refused -------------------------------------------------------------------------------------------------


class Eigen(nn.Module):
    def forward(self, x):
        return np.linalg.eigh(x)[0]


def test_an_op_without_translation_is_named_with_its_module_and_line(path):
    model = nn.Sequential(nn.Linear(3, 3), nn.Sequential(Eigen()))
    where = rf"eigh \(in 1\.0, .*test_export\.py:{Eigen.forward.__code__.co_firstlineno + 1}\)"
    with pytest.raises(NotImplementedError, match=f"{where}: there is no translation of this op"):
        nn.export_onnx(model, normal(2, 3, 3), path)
    assert not path.exists()
    assert model.training


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (lambda x: x + np.log(x.numpy()), "add .*: its argument `b` changes with the input"),
        (lambda x: x + x.numpy().max(), "add .*: its argument `b` changes with the input"),
        (lambda x: sum(x[i] for i in range(x.shape[0])), "from here on the ops, 6 and 8 and 12 in all, are not"),
        (lambda x: minigrad.Tensor(x.numpy() * 2), "output, of shape .*, was not made by minigrad's ops"),
        (lambda x: minigrad.exp(minigrad.Tensor([1.0])) * 2, "no op used input"),
        (lambda x: x[np.arange(x.shape[0])[::-1].copy()], "its argument `index` changes with the input"),
        (lambda x: minigrad.roll(x, 1, 0), "axis 0, along which it rolls, grows with the batch"),
        (lambda x: x[: x.shape[0] - 1], "its index changes with the input"),
        (lambda x: (x[:-2] * 2).squeeze(), r"how many axes .*: \(4,\) and \(2, 4\) and \(4, 4\)"),
    ],
)  # fmt: skip
def test_what_would_be_a_silent_constant_is_refused(path, function, problem):
    x = np.abs(normal(3, 4)) + 1
    with pytest.raises(ValueError, match=problem):
        nn.export_onnx(Called(function), x, path)


@pytest.mark.parametrize(
    "x",
    [normal(3, 4), np.array([[2, 1], [3, 0]]), np.zeros((2, 3), np.float32), np.zeros((2, 3), int), np.ones(3, bool)],
    ids=["floats", "integers", "zeros", "integer zeros", "bools"],
)  # fmt: skip
@pytest.mark.parametrize("batch_axis", [0, None])
def test_values_of_the_input_are_found_out(path, x, batch_axis):
    function = Called(lambda x: x.astype("float32") + np.exp(x.numpy().max() * np.float32(1)))
    with pytest.raises(ValueError, match="its argument `b` changes with the input"):
        nn.export_onnx(function, x, path, batch_axis=batch_axis)


def test_a_condition_that_is_made_outside_of_the_ops_is_refused(path):
    with pytest.raises(ValueError, match=r"where .*: its argument `condition` changes with the"):
        nn.export_onnx(Called(lambda x: np.where(x.numpy() > 0, x, -x)), normal(2, 3), path)


def test_an_example_of_zeros_will_do_where_a_model_takes_nothing_else(path):
    check(path, nn.Embedding(1, 3), np.zeros((2, 4), int))


def test_the_batch_axis_may_be_counted_from_the_end(path):
    check(path, Called(lambda x: x - x.mean(axis=1, keepdims=True)), normal(4, 3), batch_axis=-1)


def test_an_example_without_a_batch_is_refused(path):
    with pytest.raises(
        ValueError, match=r"of shape \(2, 3\), \(4, 3\), has no batch, or not one, along axis 0, 0"
    ):
        nn.export_onnx(Called(lambda a, b: a), (normal(2, 3), normal(4, 3)), path)
    with pytest.raises(ValueError, match="not with 4 in place of 3 along batch_axis"):
        nn.export_onnx(nn.Linear(3, 2), normal(3), path)
    with pytest.raises(ValueError, match="2 axes in batch_axis, 1 inputs in the example"):
        nn.export_onnx(nn.Linear(3, 2), normal(3), path, batch_axis=(0, 1))
    with pytest.raises(TypeError, match="the model is a function"):
        nn.export_onnx(normal, normal(3), path)
    with pytest.raises(TypeError, match="the model gives a float"):
        nn.export_onnx(Called(lambda x: 1.0), normal(3), path)


def test_without_the_library_the_error_says_what_to_install(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r'pip install "minigrad\[onnx\]"'):
        nn.export_onnx(nn.MLP([2, 2]), normal(3, 2), path)
