"""Modules and layers: what they are promised to do, and beside PyTorch where it is installed."""

import copy
import math

import numpy as np
import pytest

import minigrad
import nn
from minigrad import Tensor


@pytest.fixture(autouse=True)
def _seeded():
    minigrad.seed(0)


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def normal(*shape, dtype=np.float32, seed=1):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


class Scope(nn.Module):
    """A Module with the given attributes, in that order."""

    def __init__(self, **attributes):
        for name, value in attributes.items():
            setattr(self, name, value)


def names(module):
    return [name for name, _ in module.named_parameters()]


# --- Module: the walk ---------------------------------------------------------------------------


def test_parameters_are_named_by_their_path_in_the_order_the_attributes_were_set():
    body = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1, bias=False))
    net = Scope(scale=nn.Parameter([1.0]), body=body, size=3, shift=nn.Parameter([0.0]))
    assert names(net) == ["scale", "body.0.weight", "body.0.bias", "body.2.weight", "shift"]
    assert [p.shape for p in net.parameters()] == [(1,), (3, 2), (3,), (1, 3), (1,)]
    assert [name for name, _ in net.children()] == ["body"]
    assert list(net.modules()) == [net, body, *body]


def test_a_replaced_or_deleted_attribute_is_no_longer_listed():
    net = Scope(a=nn.Parameter([1.0]), b=nn.Parameter([2.0]))
    net.a = nn.Parameter([3.0])
    assert [p.item() for p in net.parameters()] == [3, 2]
    del net.b
    assert names(net) == ["a"]


def test_a_shared_parameter_is_listed_once_but_stored_under_each_of_its_names():
    net = Scope(a=nn.Linear(2, 2), b=nn.Linear(2, 2))
    net.b.weight = net.a.weight
    assert names(net) == ["a.weight", "a.bias", "b.bias"]
    assert list(net.state_dict()) == ["a.weight", "a.bias", "b.weight", "b.bias"]
    assert "8 parameters" in repr(net)
    twice = Scope(a=net.a, b=net.a)
    assert names(twice) == ["a.weight", "a.bias"]
    assert list(twice.modules()) == [twice, net.a]


def test_frozen_parameters_are_listed_buffers_are_state_and_plain_tensors_are_neither():
    net = Scope(
        w=nn.Parameter([1.0]),
        frozen=nn.Parameter([2.0], requires_grad=False),
        mean=nn.Buffer([3.0]),
        constant=Tensor([4.0]),
    )
    assert names(net) == ["w", "frozen"]
    assert list(net.state_dict()) == ["w", "frozen", "mean"]


def test_a_parameter_is_a_leaf_of_float32_and_what_is_computed_from_it_a_tensor():
    w = nn.Parameter([1.0, 2.0])
    assert (w.dtype, w.requires_grad, w.is_leaf) == (np.float32, True, True)
    assert type(w * 2) is Tensor
    assert not nn.Buffer([1.0]).requires_grad
    with pytest.raises(TypeError, match="int64 cannot require grad"):
        nn.Parameter([1, 2])


HOLDERS = {
    "list": lambda item: [1, item],
    "tuple": lambda item: (item,),
    "dict": lambda item: {"first": item},
    "set": lambda item: {item},
    "nested": lambda item: [[item]],
    "dict of lists": lambda item: {"first": [item]},
}


@pytest.mark.parametrize("make", [nn.ReLU, lambda: nn.Parameter([1.0])], ids=["module", "param"])
@pytest.mark.parametrize("kind", HOLDERS)
def test_a_container_of_modules_or_parameters_raises_and_names_the_attribute(kind, make):
    net = Scope(inner=Scope(things=HOLDERS[kind](make())))
    walks = [net.state_dict, net.train, net.zero_grad, lambda: list(net.parameters())]
    for walk in [*walks, lambda: repr(net), lambda: net.load_state_dict({})]:
        with pytest.raises(TypeError, match=r"Scope\.things is a (list|tuple|dict|set) .* modules"):
            walk()


def test_a_container_of_anything_else_is_left_alone():
    net = Scope(sizes=[1, 2], named={"x": Tensor([1.0])}, empty=[], w=nn.Parameter([1.0]))
    assert names(net) == ["w"]


def test_a_module_that_points_back_to_its_parent_is_walked_once():
    parent = Scope(w=nn.Parameter([1.0, 2.0]))
    parent.child = Scope(v=nn.Parameter([3.0]), parent=parent)
    assert list(parent.train().modules()) == [parent, parent.child]
    assert names(parent) == ["w", "child.v"]
    assert list(parent.state_dict()) == ["w", "child.v"]
    assert "3 parameters" in repr(parent)
    assert copy.deepcopy(parent).child.parent is not parent


def test_a_module_without_forward_says_so_by_name():
    with pytest.raises(NotImplementedError, match="Scope defines no forward"):
        Scope()(1.0)


def test_train_and_eval_reach_every_module_and_return_the_module():
    net = nn.Sequential(nn.Dropout(), nn.Sequential(nn.Dropout()))
    assert [module.training for module in net.modules()] == [True] * 4
    assert net.eval() is net
    assert [module.training for module in net.modules()] == [False] * 4
    assert net.train() is net
    assert net[1][0].training
    assert nn.Dropout().training  # another one is not touched


def test_zero_grad_forgets_and_requires_grad_freezes_and_thaws():
    net = nn.MLP([2, 3, 1], rng=np.random.default_rng(0))
    x = normal(4, 2)
    assert net[0].requires_grad_(False) is net[0]
    net(x).sum().backward()
    assert [p.grad is None for p in net.parameters()] == [True, True, False, False]
    net.zero_grad()
    assert [p.grad for p in net.parameters()] == [None] * 4
    net.requires_grad_()
    net(x).sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_a_deep_copy_is_independent_and_keeps_tied_parameters_tied():
    net = Scope(a=nn.Linear(2, 2), b=nn.Linear(2, 2), mean=nn.Buffer([1.0]))
    net.b.weight = net.a.weight
    net.a(normal(1, 2)).sum().backward()
    before = net.state_dict()
    twin = copy.deepcopy(net)
    assert twin.b.weight is twin.a.weight
    assert type(twin.a.weight) is nn.Parameter
    for p in [*twin.parameters(), twin.mean, twin.a.weight.grad]:
        p.assign(np.full(p.shape, 7.0))
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    assert not np.any(net.a.weight.grad.numpy() == 7)


# --- Module: text -------------------------------------------------------------------------------


def test_the_repr_shows_each_layer_with_its_shapes_and_counts_and_their_sum():
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1),
        nn.Sequential(nn.Dropout(0.1), nn.MaxPool2d(2, 1)),
        nn.Linear(1000, 10, bias=False),
    )
    assert repr(net).splitlines() == [
        "Sequential()",
        "  0: Conv2d(1, 4, kernel_size=(3, 3), stride=2, padding=1)  weight (4, 1, 3, 3), bias (4,)  40",
        "  1: Sequential()",
        "    0: Dropout(p=0.1)",
        "    1: MaxPool2d(2, stride=1)",
        "  2: Linear(1000, 10, bias=False)                           weight (10, 1000)  10,000",
        "10,040 parameters",
    ]


def test_the_repr_of_a_single_layer_is_one_line_as_it_was_made():
    assert repr(nn.Linear(3, 4)).startswith("Linear(3, 4)")
    assert repr(nn.ReLU()) == "ReLU()"
    assert "\n" not in repr(nn.Conv2d(1, 2, (3, 5)))


def test_the_repr_of_a_module_with_parameters_of_its_own_shows_them():
    assert "w (2, 3)" in repr(Scope(w=nn.Parameter(np.ones((2, 3)))))


# --- Layers -------------------------------------------------------------------------------------


def agrees(torch, ours, theirs, a, rtol=1e-12):
    """Whether outputs and the input's gradients agree in float64."""
    x, x_theirs = Tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True)
    y, y_theirs = ours(x), theirs(x_theirs)
    (y**2).sum().backward()
    (y_theirs**2).sum().backward()
    np.testing.assert_allclose(y.detach().numpy(), y_theirs.detach(), rtol=rtol, atol=rtol)
    np.testing.assert_allclose(x.grad.numpy(), x_theirs.grad, rtol=rtol, atol=rtol)


@pytest.mark.parametrize(
    ("name", "options", "shape"),
    [
        ("ReLU", {}, (3, 4)),
        ("Tanh", {}, (3, 4)),
        ("Sigmoid", {}, (2, 3, 4)),
        ("Flatten", {}, (2, 3, 4, 5)),
        ("Flatten", {"start_dim": 0}, (2, 3, 4)),
        ("Flatten", {"start_dim": -2}, (2, 3, 4)),
        ("MaxPool2d", {"kernel_size": 2}, (2, 3, 4, 5)),
        ("MaxPool2d", {"kernel_size": 3, "stride": 2}, (2, 3, 7, 8)),
        ("MaxPool2d", {"kernel_size": (1, 3), "stride": (2, 1)}, (1, 2, 4, 5)),
    ],
)
def test_a_layer_without_parameters_agrees_with_pytorch(torch, name, options, shape):
    theirs = getattr(torch.nn, name)(**options)
    agrees(torch, getattr(nn, name)(**options), theirs, 3 * normal(*shape, dtype=np.float64))


@pytest.mark.parametrize(
    ("layer", "shape"), [(nn.Linear(3, 2), (4, 3)), (nn.Conv2d(3, 2, 1), (1, 3, 2, 2))]
)
def test_an_input_of_another_float_dtype_raises_and_an_integer_one_is_promoted(layer, shape):
    name = type(layer).__name__
    for dtype in (np.float64, np.float16):
        message = f"{name}: the input is {np.dtype(dtype)}, the parameters are float32"
        with pytest.raises(TypeError, match=message):
            layer(np.ones(shape, dtype))
    whole = np.arange(math.prod(shape)).reshape(shape)
    expected = layer(whole.astype(np.float32)).detach().numpy()
    for a in (whole, whole.astype(np.uint8), Tensor(whole)):
        y = layer(a)
        assert y.dtype == np.float32
        np.testing.assert_array_equal(y.detach().numpy(), expected)
    assert layer(np.ones(shape, bool)).dtype == np.float32


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (nn.Linear(3, 4), (2, 5), ["linear", "(2, 5)", "(4, 3)", "3 input features"]),
        (nn.Linear(3, 4), (), ["linear", "()", "(4, 3)"]),
        (nn.Conv2d(3, 4, 3), (3, 8, 8), ["conv2d", "(3, 8, 8)", "(N, C, H, W)"]),
        (nn.Conv2d(3, 4, 3), (1, 2, 8, 8), ["conv2d", "(1, 2, 8, 8)", "2 channels", "takes 3"]),
        (nn.Conv2d(3, 4, 5, padding=1), (1, 3, 2, 8), ["conv2d", "(5, 5)", "(2, 8)", "(4, 10)"]),
        (nn.MaxPool2d(2), (3, 8, 8), ["max_pool2d", "(3, 8, 8)", "(N, C, H, W)"]),
        (nn.MaxPool2d(9), (1, 3, 8, 8), ["max_pool2d", "(9, 9)", "(8, 8)"]),
    ],
)
def test_an_input_of_a_wrong_shape_raises_and_names_the_op_and_the_sizes(layer, shape, words):
    with pytest.raises(ValueError, match=words[0]) as caught:
        layer(np.ones(shape, np.float32))
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize("layer", [nn.Linear(2, 2), nn.Conv2d(1, 1, 1), nn.Dropout()], ids=repr)
def test_a_list_as_input_is_refused_by_name(layer):
    with pytest.raises(TypeError, match=f"{type(layer).__name__}.* list"):
        layer([[[[1.0, 2.0]]]])


IMAGES = np.ones((2, 3, 8, 8), np.float32)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.Linear(-1, 4), "in_features.*-1"),
        (lambda: nn.Linear(2.5, 4), r"in_features.*2\.5"),
        (lambda: nn.Conv2d(3, 4, 0), "kernel_size.*0"),
        (lambda: nn.Conv2d(3, 4, (3, 3, 3)), "kernel_size.*3, 3, 3"),
        (lambda: nn.Conv2d(3, 4, 3, stride=0), "stride.*0"),
        (lambda: nn.Conv2d(3, 4, 3, padding=-1), "padding.*-1"),
        (lambda: nn.MaxPool2d(0), "(kernel_size|window).*0"),
        (lambda: nn.Dropout(1.5), r"Dropout: p .*1\.5"),
        (lambda: nn.Dropout(math.nan), "Dropout: p .*nan"),
        (lambda: nn.Sequential(nn.ReLU(), np.tanh), "Sequential: layer 1.*ufunc"),
    ],
    ids=range(10),
)
def test_a_layer_that_cannot_work_is_refused_by_the_name_of_the_argument(make, words):
    with pytest.raises((TypeError, ValueError), match=words):
        make()(IMAGES)


def test_the_sizes_of_a_layer_may_be_numpys_integers():
    assert nn.Linear(*np.array([2, 3])).weight.shape == (3, 2)
    assert nn.Conv2d(*np.array([1, 2, 3])).weight.shape == (2, 1, 3, 3)


def test_a_sequential_is_its_layers_in_order_by_number_and_in_loops():
    layers = [nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)]
    net = nn.Sequential(*layers)
    assert list(net) == layers
    assert (net[0], net[-1], len(net)) == (layers[0], layers[2], 3)
    x = Tensor(normal(3, 2))
    np.testing.assert_array_equal(net(x).numpy(), layers[2](layers[1](layers[0](x))).numpy())
    assert nn.Sequential()(x) is x


# --- Initial values -----------------------------------------------------------------------------


def assert_uniform(values, bound):
    """Kolmogorov and Smirnov's test of uniform(-bound, bound), at the level 0.001."""
    u = (np.sort(np.ravel(values)) / bound + 1) / 2
    assert u[0] >= 0
    assert u[-1] <= 1
    distance = np.abs(u - (np.arange(len(u)) + 0.5) / len(u)).max() + 0.5 / len(u)
    assert distance * math.sqrt(len(u)) < 1.95


@pytest.mark.parametrize(
    ("make", "fan_in"),
    [
        (lambda rng: nn.Linear(50, 400, rng=rng), 50),
        (lambda rng: nn.Conv2d(8, 400, (3, 5), rng=rng), 120),
        (lambda rng: nn.MLP([50, 400, 1], rng=rng)[0], 50),
        (lambda rng: nn.CNN((8, 8, 8), channels=[400], rng=rng)[0], 72),
    ],
    ids=["Linear", "Conv2d", "MLP", "CNN"],
)
def test_weights_and_biases_are_uniform_within_one_over_the_root_of_the_fan_in(make, fan_in):
    layer = make(np.random.default_rng(0))
    for p in (layer.weight, layer.bias):
        assert p.dtype == np.float32
        assert_uniform(p.numpy().astype(np.float64), 1 / math.sqrt(fan_in))
    minigrad.seed(5)
    again = make(np.random.default_rng(0))  # rng= decides, not the default generator
    np.testing.assert_array_equal(again.weight.numpy(), layer.weight.numpy())
    first = [make(None).weight.numpy() for _ in range(2)]
    minigrad.seed(5)
    second = [make(None).weight.numpy() for _ in range(2)]
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(*first)


def test_the_laws_give_arrays_of_the_asked_dtype_spread_and_shape():
    values = nn.init.normal((100, 300), 0.5, np.random.default_rng(0), np.float64)
    assert (values.shape, values.dtype) == ((100, 300), np.float64)
    assert abs(values.mean()) < 5 * 0.5 / math.sqrt(values.size)
    assert abs(values.std() - 0.5) < 5 * 0.5 / math.sqrt(2 * values.size)
    assert_uniform(nn.init.uniform((100, 300), 3.0, np.random.default_rng(0)), 3.0)
    assert nn.Linear(2, 3, dtype="float64").bias.dtype == np.float64


# --- Dropout ------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_drops_with_probability_p_and_scales_what_it_keeps_and_its_gradient(p):
    x = Tensor(np.full(40_000, 3.0), requires_grad=True)
    y = nn.Dropout(p)(x)
    kept = y.detach().numpy() != 0
    assert abs(kept.mean() - (1 - p)) < 5 * math.sqrt(p * (1 - p) / x.size)
    np.testing.assert_allclose(y.detach().numpy(), np.where(kept, 3 / (1 - p), 0), rtol=1e-12)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.where(kept, 1 / (1 - p), 0), rtol=1e-12)


def test_dropout_keeps_everything_at_0_and_in_evaluation_and_nothing_at_1():
    x = Tensor([1.0, np.inf, np.nan], requires_grad=True)
    for layer in (nn.Dropout(0), nn.Dropout(0.9).eval(), nn.Dropout(1.0).eval()):
        np.testing.assert_array_equal(layer(x).detach().numpy(), x.detach().numpy())
    y = nn.Dropout(1)(x)
    y.sum().backward()
    assert y.tolist() == [0, 0, 0]
    assert x.grad.tolist() == [0, 0, 0]
    assert nn.Dropout()(x).dtype == np.float32


def test_dropout_repeats_with_the_seed_or_its_rng_and_differs_from_call_to_call():
    x = np.ones(100, np.float32)
    layer = nn.Dropout()
    first, second = layer(x), layer(x)
    assert not np.array_equal(first, second)
    minigrad.seed(0)
    np.testing.assert_array_equal(layer(x), first)
    own = nn.Dropout(rng=np.random.default_rng(3))(x)
    np.testing.assert_array_equal(nn.Dropout(rng=np.random.default_rng(3))(x), own)
    np.testing.assert_array_equal(layer(x), second)  # an rng of its own leaves the default alone
