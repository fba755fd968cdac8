"""Sequential, ModuleList, ModuleDict, Residual: their order, their names, what they refuse."""

import numpy as np
import pytest

import nn
from minigrad import Tensor


def normal(*shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def names(module):
    return [name for name, _ in module.named_parameters()]


def test_a_sequential_is_its_layers_in_order_by_number_and_in_loops():
    layers = [nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)]
    net = nn.Sequential(*layers)
    assert list(net) == layers
    assert (net[0], net[-1], len(net)) == (layers[0], layers[2], 3)
    x = Tensor(normal(3, 2))
    np.testing.assert_array_equal(net(x).numpy(), layers[2](layers[1](layers[0](x))).numpy())
    assert nn.Sequential()(x) is x


NAMED = {"hidden": nn.Linear(2, 3), "act": nn.Tanh(), "out": nn.Linear(3, 1)}


@pytest.mark.parametrize("given", [NAMED, list(NAMED.items()), tuple(NAMED.items())], ids=type)
def test_a_sequential_may_be_named_by_a_dict_or_pairs(given):
    net = nn.Sequential(given)
    assert names(net) == ["hidden.weight", "hidden.bias", "out.weight", "out.bias"]
    assert list(net) == list(NAMED.values())
    assert net.act is net[1]
    assert repr(net).splitlines()[1].startswith("  hidden: Linear(2, 3)")
    x = normal(4, 2)
    np.testing.assert_array_equal(
        net(x).detach().numpy(), net.out(net.act(net.hidden(x))).detach().numpy()
    )


def test_a_slice_shares_its_layers_and_keeps_their_names():
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    tail = net[1:]
    assert list(tail) == [net[1], net[2]]
    assert names(tail) == ["2.weight", "2.bias"]
    assert [name for name, _ in nn.Sequential(NAMED)[::-1].named_children()] == [
        "out",
        "act",
        "hidden",
    ]
    assert type(nn.MLP([2, 3, 1])[:2]) is nn.Sequential
    tail.append(nn.Tanh())
    assert [name for name, _ in tail.named_children()] == ["1", "2", "3"]
    assert len(net) == 3


@pytest.mark.parametrize("kind", [nn.Sequential, lambda *layers: nn.ModuleList(layers)])
def test_layers_are_appended_extended_and_replaced_by_number(kind):
    first, second, third = nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 1)
    layers = kind(first)
    assert layers.append(second) is layers
    assert layers.extend([third]) is layers
    assert list(layers) == [first, second, third]
    assert [name for name, _ in layers.named_children()] == ["0", "1", "2"]
    layers[-2] = tanh = nn.Tanh()
    assert list(layers) == [first, tanh, third]
    layers.extend(layers)
    assert len(layers) == 6


def test_a_sequential_of_itself_twice_lists_the_shared_parameters_once():
    layer = nn.Linear(2, 2)
    net = nn.Sequential(layer, nn.ReLU(), layer)
    assert names(net) == ["0.weight", "0.bias"]
    assert list(net) == [layer, net[1], layer]


def test_named_modules_gives_every_module_once_with_its_path():
    net = nn.Sequential({"body": nn.Sequential(nn.Linear(2, 2), nn.ReLU()), "head": nn.Tanh()})
    paths = [path for path, _ in net.named_modules()]
    assert paths == ["", "body", "body.0", "body.1", "head"]
    assert [module for _, module in net.named_modules()] == list(net.modules())


class Loops(nn.Module):
    def __init__(self):
        self.blocks = nn.ModuleList(nn.Linear(3, 3) for _ in range(2))
        self.heads = nn.ModuleDict({"value": nn.Linear(3, 1), "policy": nn.Linear(3, 4)})

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return {name: head(x) for name, head in self.heads.items()}


def test_modules_in_lists_and_dicts_are_found_and_named():
    net = Loops()
    kinds = ["blocks.0", "blocks.1", "heads.value", "heads.policy"]
    assert names(net) == [f"{kind}.{name}" for kind in kinds for name in ("weight", "bias")]
    net.eval()
    assert not any(module.training for module in net.modules())
    assert {name: y.shape for name, y in net(normal(2, 3)).items()} == {"value": (2, 1), "policy": (2, 4)}  # fmt: skip
    with pytest.raises(ValueError, match=r"^blocks\.0: linear"):
        net(normal(2, 5))
    with pytest.raises(NotImplementedError, match="ModuleList defines no forward"):
        net.blocks(normal(2, 3))


def test_a_state_dict_of_lists_and_dicts_moves_to_and_from_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")

    class Theirs(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = torch.nn.ModuleList(torch.nn.Linear(3, 3) for _ in range(2))
            heads = {"value": torch.nn.Linear(3, 1), "policy": torch.nn.Linear(3, 4)}
            self.heads = torch.nn.ModuleDict(heads)

    theirs, net = Theirs(), Loops()
    net.load_state_dict(theirs.state_dict())
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in net.state_dict().items()})
    sliced = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1))[1:]
    ours = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))[1:]
    ours.load_state_dict(sliced.state_dict())


def test_a_module_dict_is_a_dict():
    relu, tanh = nn.ReLU(), nn.Tanh()
    layers = nn.ModuleDict([("relu", relu)])
    layers["tanh"] = tanh
    assert (list(layers), len(layers), "relu" in layers) == (["relu", "tanh"], 2, True)
    assert list(layers.values()) == [relu, tanh]
    assert list(layers.items()) == [("relu", relu), ("tanh", tanh)]
    assert layers["tanh"] is tanh
    layers["relu"] = other = nn.ReLU()
    assert list(layers.keys()) == ["relu", "tanh"]
    assert layers["relu"] is other
    del layers["relu"]
    assert list(layers) == ["tanh"]
    for name in ("relu", "training"):
        with pytest.raises(KeyError, match=name):
            del layers[name]
        with pytest.raises(KeyError, match=name):
            layers[name]


LAYER = nn.ReLU()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.Sequential(nn.ReLU(), np.tanh), "Sequential: layer 1 is a ufunc"),
        (lambda: nn.Sequential(nn.ReLU), "Sequential: layer 0 is the class ReLU"),
        (lambda: nn.Sequential([nn.ReLU()]), "Sequential: layer 0 is a list"),
        (lambda: nn.Sequential({"act": np.tanh}), "Sequential: layer act is a ufunc"),
        (lambda: nn.Sequential({"forward": LAYER}), "Sequential: 'forward' cannot name a layer"),
        (lambda: nn.Sequential({"training": LAYER}), "Sequential: 'training' cannot"),
        (lambda: nn.Sequential({"a.b": LAYER}), r"Sequential: 'a\.b' cannot"),
        (lambda: nn.Sequential({"": LAYER}), "Sequential: '' cannot"),
        (lambda: nn.Sequential({0: LAYER}), "Sequential: 0 cannot"),
        (
            lambda: nn.Sequential([("a", LAYER), ("a", LAYER)]),
            "Sequential: two layers have one name",
        ),
        (lambda: nn.Sequential(LAYER)[1], "Sequential: there is no layer 1; it has 1"),
        (lambda: nn.ModuleList([nn.Parameter([1.0])]), "ModuleList: layer 0 is a Parameter"),
        (lambda: nn.ModuleList([LAYER]).__setitem__(1, LAYER), "ModuleList: there is no layer 1"),
        (lambda: nn.ModuleDict({"keys": LAYER}), "ModuleDict: 'keys' cannot"),
        (lambda: nn.ModuleDict({"a": [LAYER]}), "ModuleDict: layer a is a list"),
        (lambda: nn.Residual(nn.ReLU), "Residual: .* type"),
    ],
    ids=range(16),
)
def test_what_cannot_be_contained_is_refused_by_name(make, words):
    with pytest.raises((TypeError, ValueError, IndexError), match=words):
        make()


def test_a_residual_adds_its_input_and_insists_on_one_shape():
    layer = nn.Linear(3, 3)
    x = Tensor(normal(2, 3), requires_grad=True)
    y = nn.Residual(layer)(x)
    np.testing.assert_array_equal(y.detach().numpy(), (x + layer(x)).detach().numpy())
    y.sum().backward()
    np.testing.assert_allclose(
        x.grad.numpy(), 1 + layer.weight.numpy().sum(axis=0) + 0 * x.numpy(), rtol=1e-6
    )
    assert names(nn.Residual(layer)) == ["layer.weight", "layer.bias"]
    with pytest.raises(ValueError, match=r"Residual: the layer makes \(2, 1\) of \(2, 3\)"):
        nn.Residual(nn.Linear(3, 1))(x)


def test_parameters_in_lists_and_dicts_are_found_and_move_to_and_from_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")

    def made(package, parameter):
        net = package.Module()
        net.rows = package.ParameterList([parameter(normal(2, seed=i)) for i in range(2)])
        net.rows.append(parameter(normal(3)))
        net.by_name = package.ParameterDict(
            {"a": parameter(normal(2, 2)), "b": parameter(normal(1))}
        )
        net.by_name["c"] = parameter(normal(4))
        return net

    ours = made(nn, nn.Parameter)
    theirs = made(torch.nn, lambda a: torch.nn.Parameter(torch.tensor(a) + 1))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_array_equal(mine.detach().numpy(), other.detach().numpy())
    assert [len(ours.rows), len(ours.by_name), list(ours.by_name)] == [3, 3, ["a", "b", "c"]]
    assert list(ours.rows[1:]) == [ours.rows[1], ours.rows[-1]]
    assert type(ours.rows[1:]) is nn.ParameterList
    assert ours.by_name["a"] is next(iter(ours.by_name.values()))
    del ours.by_name["a"]
    assert names(ours)[3:] == ["by_name.b", "by_name.c"]


@pytest.mark.parametrize(
    "kind", [lambda p: nn.ParameterList([p]), lambda p: nn.ParameterDict({"x": p})]
)
@pytest.mark.parametrize("wrong", [np.ones(2), Tensor([1.0], requires_grad=True), nn.ReLU()])
def test_a_list_or_dict_of_parameters_takes_nothing_else(kind, wrong):
    with pytest.raises(
        TypeError, match=r"^Parameter\w+: .* a Parameter is needed, such as nn\.Param"
    ):
        kind(wrong)
