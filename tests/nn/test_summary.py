"""A model's summary: its table, its sums, and that the model does not notice."""

import copy

import numpy as np
import pytest
from cases.layers import AXES, LAYERS, same
from cases.modules import flat
from layers_in_pytorch import made

import minigrad
import nn


def net():
    return nn.Sequential(
        {
            "conv": nn.Conv2d(1, 4, 3, padding=1),
            "block": nn.Sequential(nn.BatchNorm2d(4), nn.ReLU()),
            "pool": nn.MaxPool2d(2),
            "flat": nn.Flatten(),
            "head": nn.Linear(64, 10),
        }
    )


def rows(model, *given):
    return {row.path: row for row in model.summary(*given).rows}


def test_the_table_has_a_line_per_layer_and_the_sums():
    assert str(net().summary((1, 8, 8))).splitlines() == [
        "Sequential on (N, 1, 8, 8); the last two columns are per example",
        "layer    type         output        parameters  multiply-adds  saved bytes",
        "conv     Conv2d       (N, 4, 8, 8)          40          2,304",
        "block    Sequential   (N, 4, 8, 8)",
        "block.0  BatchNorm2d  (N, 4, 8, 8)           8                       1,024",
        "block.1  ReLU         (N, 4, 8, 8)                                   1,024",
        "pool     MaxPool2d    (N, 4, 4, 4)                                     256",
        "flat     Flatten      (N, 64)",
        "head     Linear       (N, 10)              650            640",
        "total                                      698          2,944        2,304",
    ]


def test_the_sums_are_those_of_the_parameters_the_ops_and_saved_bytes():
    model = nn.CNN((3, 12, 12), channels=[4, 6], hidden=[10])
    found = model.summary((3, 12, 12))
    assert found.parameters == sum(p.size for p in model.parameters())
    x = np.frombuffer(
        bytes(4 * 5 * 432), np.float32
    )  # nobody can write them: not copied, and not counted
    x = x.reshape((5, 3, 12, 12))
    with minigrad.record():
        loss = model(x).sum()
    assert 5 * found.multiply_adds == sum(cost.multiply_adds for cost in minigrad.costs(loss))
    assert 5 * found.saved_bytes == minigrad.saved_bytes(loss)
    convs = 4 * 144 * 27 + 6 * 36 * 36
    assert found.multiply_adds == convs + 54 * 10 + 10 * 10


BATCHES = AXES | {
    ("BatchNorm1d", 4): 0
}  # its batch may not vary, as the statistics are those of it
ONE_INPUT = [
    pytest.param(name, case, BATCHES.get((name, i), 0), id=f"{name}-{i}")
    for name, cases in LAYERS.items()
    for i, case in enumerate(cases)
    if case.run is same and len(case.inputs) == 1
    for shape in case.inputs
    if isinstance(shape, tuple) and len(shape) > 1 and shape[0]
    if len(shape) >= len(cases[0].inputs[0])  # those without a batch have fewer axes than the first
]


@pytest.mark.parametrize(("name", "case", "batch"), ONE_INPUT)
def test_the_counts_of_a_layer_are_those_of_its_parameters_and_ops(name, case, batch):
    (shape,) = case.inputs
    size = 1 if batch is None else shape[0]
    layer = made(name, case, "float64")
    found = layer.summary(shape if batch is None else shape[1:])
    with minigrad.record():
        outputs = flat(layer(minigrad.Tensor(np.ones(shape), requires_grad=True)))
    counts = [cost.multiply_adds for cost in minigrad.costs(*outputs)]
    assert found.parameters == sum(p.size for p in layer.parameters())
    assert size * found.multiply_adds == sum(counts)


def test_a_cell_has_the_multiply_adds_of_its_gates():
    for cell, gates in ((nn.RNNCell, 1), (nn.GRUCell, 3), (nn.LSTMCell, 4)):
        assert cell(5, 3).summary((5,)).multiply_adds == gates * 3 * (5 + 3)


class Restless(nn.Module):
    """Draws, counts and keeps, as models do."""

    def __init__(self):
        rng = np.random.default_rng(3)
        self.layers = nn.Sequential(
            nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(rng=rng), nn.Dropout()
        )
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        self.last = self.layers(x)
        return self.last


@pytest.mark.parametrize("training", [True, False])
def test_the_model_its_mode_statistics_and_generators_are_as_they_were(training):
    minigrad.seed(0)
    model = Restless().train(training)
    model.layers[0](np.ones((2, 4), np.float32)).sum().backward()
    state, grad = model.state_dict(), model.layers[0].weight.grad
    twin, default = copy.deepcopy(model), minigrad.generator().bit_generator.state
    pending = (model.layers[0](np.ones((2, 4), np.float32)) ** 2).sum()
    model.summary((4,))
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, state[name])
    assert (model.calls, hasattr(model, "last"), model.training) == (0, False, training)
    assert all(module.training is training for module in model.modules())
    assert minigrad.generator().bit_generator.state == default
    assert model.layers[2].rng.bit_generator.state == twin.layers[2].rng.bit_generator.state
    assert model.layers[0].weight.grad is grad
    pending.backward()  # nothing that it saved was written


def test_the_mode_that_the_model_is_in_is_the_one_that_is_looked_at():
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(), nn.Linear(4, 4))
    assert rows(model, (4,))["1"].saved_bytes == 4  # which are kept
    assert rows(model.eval(), (4,))["1"].saved_bytes == 0
    with minigrad.no_grad():
        assert rows(model, (4,))["2"].saved_bytes == 16


def test_a_frozen_model_has_multiply_adds_and_saves_nothing():
    found = nn.MLP([4, 5, 3]).requires_grad_(False).summary((4,))
    assert (found.multiply_adds, found.saved_bytes, found.parameters) == (35, 0, 43)


def test_shared_parameters_count_once_and_every_call_of_a_layer_costs():
    layer = nn.Linear(3, 3)
    twin = nn.Linear(3, 3)
    twin.weight = layer.weight
    found = nn.Sequential(layer, layer, twin).summary((3,))
    assert [(row.path, row.parameters, row.multiply_adds) for row in found.rows] == [
        ("", 0, 0),
        ("0", 12, 18),
        ("2", 3, 9),
    ]
    assert found.parameters == 15


class Odd(nn.Module):
    def __init__(self):
        self.weight = nn.Parameter(np.ones((3, 3)))
        self.parts = nn.ModuleList([nn.ReLU(), nn.Tanh()])

    def forward(self, x):
        n = x.shape[0]
        pairs = minigrad.reshape(minigrad.matmul(x, self.weight), (n * 3, 1))
        return {"pairs": self.parts[0](pairs), "more": [minigrad.pad(x, ((1, 0), (0, 0)))]}


def test_a_model_of_any_kind_is_told_as_it_ran():
    found = {row.path: row for row in Odd().summary((3,)).rows}
    assert found[""] == ("", "Odd", (("3 N", 1), ("N + 1", 3)), 9, 9, 0)
    assert found["parts.0"].outputs == (("3 N", 1),)
    assert found["parts.1"].outputs == ()
    text = str(Odd().summary((3,)))
    assert "the model  Odd" in text
    assert "not called" in text


def test_labels_go_in_as_integers_and_a_double_model_runs_in_double():
    class Bag(nn.Module):
        def __init__(self):
            self.table = nn.Parameter(np.ones((5, 2), np.float32))

        def forward(self, labels):
            return minigrad.embedding(self.table, labels)

    assert rows(Bag(), (7,), np.int64)[""].outputs == (("N", 7, 2),)
    assert nn.MLP([3, 2], dtype="float64").summary((3,)).multiply_adds == 6


def test_an_input_that_does_not_fit_names_the_layer():
    with pytest.raises(ValueError, match=r"^head: linear: .*\(2, 100\)"):
        net().summary((1, 10, 10))
    with pytest.raises(TypeError, match="input_shape is 784"):
        nn.MLP([784, 10]).summary(784)
