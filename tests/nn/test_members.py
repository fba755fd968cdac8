"""A Module's members by name: set, found, listed, visited; and PyTorch's words that it has not."""

import copy
import inspect
import re

import numpy as np
import pytest

import nn
from minigrad import Tensor
from nn.pytorch_words import PyTorchWords, Word


def tree():
    """A net of which one part is shared and one buffer is behind a list."""
    net = nn.Module()
    net.a = nn.ModuleList([nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), nn.ReLU()])
    net.b = net.a[0]
    return net


# --- Set ----------------------------------------------------------------------------------------


def test_what_is_registered_is_an_attribute_and_in_the_state():
    net = nn.Module()
    w, table = nn.Parameter([1.0]), np.arange(3.0)
    net.register_parameter("w", w)
    net.register_parameter("bias", None)
    net.register_buffer("table", table)
    net.register_buffer("mean", None)
    net.add_module("inner", nn.Linear(1, 1))
    assert net.w is w
    assert (net.bias, net.mean) == (None, None)
    assert type(net.table) is nn.Buffer
    table[:] = 7
    np.testing.assert_array_equal(net.table.numpy(), np.arange(3))
    assert list(net.state_dict()) == ["w", "table", "inner.weight", "inner.bias"]
    net.register_parameter("bias", nn.Parameter([2.0]))
    net.register_buffer("table", Tensor([1.0]))
    assert net.state_dict().keys() >= {"bias", "table"}


@pytest.mark.parametrize(
    ("register", "words"),
    [
        (lambda net: net.register_parameter("w", np.ones(2)), "'w' is a ndarray; an nn.Parameter"),
        (lambda net: net.register_parameter("w", nn.ReLU()), "'w' is a ReLU; an nn.Parameter"),
        (lambda net: net.register_buffer("w", nn.Parameter([1.0])), "'w' is a Parameter; an nn.Bu"),
        (lambda net: net.add_module("w", [nn.ReLU()]), "'w' is a list; an nn.Module or None"),
        (lambda net: net.register_parameter("forward", nn.Parameter([1.0])), "has it already"),
        (lambda net: net.add_module("size", nn.ReLU()), "'size' cannot be set, as a Module has it"),
        (lambda net: net.register_buffer("w", [1.0], persistent=False), r"self\.w = array"),
    ],
    ids=range(7),
)
def test_what_cannot_be_registered_is_refused_with_its_name(register, words):
    net = nn.Module()
    net.size = 3
    with pytest.raises((TypeError, ValueError), match=words):
        register(net)
    assert net.state_dict() == {}


@pytest.mark.parametrize("name", ["__metadata__", "a.b", ""])
@pytest.mark.parametrize(
    "make", [nn.ReLU, lambda: nn.Parameter([1.0]), lambda: nn.Buffer([1.0])], ids="mpb"
)
def test_a_name_that_a_file_or_a_path_could_not_hold_is_refused_when_it_is_set(name, make):
    net = nn.Module()
    with pytest.raises(ValueError, match=f"Module: '{name}' cannot name a"):
        setattr(net, name, make())
    for register in (net.register_parameter, net.register_buffer, net.add_module):
        with pytest.raises((TypeError, ValueError), match=f"'{name}'"):
            register(name, make())
    assert list(net._below()) == [] == list(net.state_dict())
    setattr(net, name, 3)  # what is no member has any name


# --- Found and listed ---------------------------------------------------------------------------


def test_a_path_leads_to_the_module_the_parameter_and_the_buffer_of_that_name():
    net = tree()
    assert net.get_submodule("") is net
    assert net.get_submodule("a.0") is net.b is dict(net.named_modules())["a.0"]
    for name, parameter in net.named_parameters():
        assert net.get_parameter(name) is parameter
    for name, buffer in net.named_buffers():
        assert net.get_buffer(name) is buffer


@pytest.mark.parametrize(
    ("find", "words"),
    [
        (lambda net: net.get_submodule("a.2"), "module 'a.2': the ModuleList .* '2'; it has 0, 1"),
        (lambda net: net.get_submodule("a.1.x"), "module 'a.1.x': the ReLU .* 'x'; it has none"),
        (lambda net: net.get_parameter("b.0.w"), "parameter 'b.0.w': the Linear has weight, bias"),
        (lambda net: net.get_parameter("b.1.running_var"), "parameter .* BatchNorm1d has weight"),
        (lambda net: net.get_buffer("b.0.weight"), "buffer 'b.0.weight': the Linear has none"),
        (lambda net: net.get_buffer("training"), "no buffer 'training': the Module has none"),
    ],
    ids=range(6),
)
def test_a_path_that_leads_nowhere_says_how_far_it_went_and_what_is_there(find, words):
    with pytest.raises(AttributeError, match=words):
        find(tree())


def test_children_and_buffers_are_listed_as_in_pytorch_each_once(torch):
    ours = tree()
    theirs = torch.nn.Module()
    theirs.a = torch.nn.ModuleList(
        [torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2)), torch.nn.ReLU()]
    )
    theirs.b = theirs.a[0]
    ours.c, theirs.c = ours.b, theirs.b
    for list_names in (
        lambda net: [name for name, _ in net.named_children()],
        lambda net: [type(module).__name__ for module in net.children()],
        lambda net: [name for name, _ in net.named_modules()],
        lambda net: [name for name, _ in net.named_parameters()],
        lambda net: [name for name, _ in net.named_buffers()],
        lambda net: [tuple(buffer.shape) for buffer in net.buffers()],
    ):
        assert list_names(ours) == list_names(theirs)


def test_apply_visits_as_pytorch_does_but_a_shared_module_once(torch):
    def visited(package, shared):
        nn = package
        net = nn.Sequential(nn.Sequential(nn.Linear(1, 2), nn.ReLU()), nn.Tanh())
        if shared:
            net.append(net[0])
        order = []
        assert net.apply(lambda module: order.append(type(module).__name__)) is net
        return order

    assert visited(nn, False) == visited(torch.nn, False)
    assert visited(nn, True) == visited(nn, False)


def test_apply_visits_a_module_that_points_back_once():
    net = nn.Module()
    net.child = nn.ReLU()
    net.child.above = net
    order = []
    net.apply(order.append)
    assert order == [net.child, net]


# --- Loading ------------------------------------------------------------------------------------


def test_loading_returns_the_names_without_a_partner_as_pytorch_does(torch):
    state = {"weight": np.ones((2, 2)), "head": np.ones(3)}
    net, theirs = nn.Linear(2, 2), torch.nn.Linear(2, 2)
    met = net.load_state_dict(state, strict=False)
    his = theirs.load_state_dict({k: torch.tensor(v) for k, v in state.items()}, strict=False)
    assert (met.missing_keys, met.unexpected_keys) == (["bias"], ["head"]) == tuple(his)
    assert net.load_state_dict(state_dict=net.state_dict()) == ([], [])


# --- astype -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_astype_converts_the_floats_of_a_model_in_place_and_nothing_else(dtype):
    net = tree()
    net.b(np.ones((4, 2), np.float32)).sum().backward()
    before, members = net.state_dict(), dict(net._walk())
    assert net.astype(dtype) is net
    for name, value in net._walk():
        assert value is members[name]
        counts = name.endswith("num_batches_tracked")
        assert value.dtype == (np.int64 if counts else dtype)
        np.testing.assert_array_equal(value.numpy(), before[name].astype(value.dtype))
        assert value.grad is None
    x = np.ones((4, 2), dtype)
    y = net.b(x)
    assert y.dtype == dtype
    y.sum().backward()
    assert {p.grad.dtype for p in net.parameters()} == {np.dtype(dtype)}
    with pytest.raises(TypeError, match="the input is float32, the parameters are"):
        net.b(x.astype(np.float32))


@pytest.mark.parametrize("dtype", [int, bool, complex])
def test_astype_to_what_a_model_cannot_be_of_is_refused(dtype):
    with pytest.raises(TypeError, match=r"a model is of floats, .* not of"):
        nn.Linear(1, 1).astype(dtype)


def test_a_graph_that_saved_the_data_before_astype_refuses_to_go_on():
    net = nn.MLP([2, 3, 1])
    loss = net(np.ones((1, 2), np.float32)).sum()
    net.astype(np.float64)
    with pytest.raises(RuntimeError, match="written after the forward pass"):
        loss.backward()


def test_astype_keeps_a_hook_a_frozen_parameter_and_the_layout_in_memory():
    net = nn.Linear(2, 3)
    net.bias.requires_grad_(False)
    met = []
    net.weight.register_hook(met.append)
    order = net.weight.data.flags.f_contiguous
    net.astype(np.float64)
    net(np.ones((1, 2))).sum().backward()
    assert len(met) == 1
    assert not net.bias.requires_grad
    assert net.weight.data.flags.f_contiguous == order


LAWS = ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "NAdam", "Lion", "Rprop", "ASGD")


@pytest.mark.parametrize("law", [*LAWS, "LBFGS"])
@pytest.mark.parametrize("sizes", [[3, 4, 2], [3, 300, 300, 2]], ids=["gathered", "cut"])
def test_an_optimiser_goes_on_in_the_new_dtype_after_astype(law, sizes):
    """In float64 from a state of float32: the same steps as a new optimiser that is given that state in float64."""
    net = nn.MLP(sizes, rng=np.random.default_rng(0))
    options = {"SGD": {"momentum": 0.9}}.get(law, {})

    def optimiser(net):
        return getattr(nn.optim, law)(net.parameters(), lr=1e-2, **options)

    def step(net, optimizer):
        dtype = next(net.parameters()).dtype

        def closure():
            optimizer.zero_grad()
            x = np.random.default_rng(1).standard_normal((5, 3)).astype(dtype)
            loss = (net(x) ** 2).mean()
            loss.backward()
            return loss

        if law == "LBFGS":
            optimizer.step(closure)
        else:
            closure()
            optimizer.step()

    def widened(value):
        if isinstance(value, dict):
            return {name: widened(v) for name, v in value.items()}
        is_float = isinstance(value, np.ndarray) and value.dtype == np.float32
        return value.astype(np.float64) if is_float else value

    optimizer = optimiser(net)
    for _ in range(3):
        step(net, optimizer)
    twin = copy.deepcopy(net).astype(np.float64)
    other = optimiser(twin)
    state = widened(optimizer.state_dict())
    other.load_state_dict(state | {"parameters": other.state_dict()["parameters"]})
    net.astype(np.float64)
    for _ in range(3):
        step(net, optimizer)
        step(twin, other)
    for p, q in zip(net.parameters(), twin.parameters(), strict=True):
        assert p.dtype == np.float64
        np.testing.assert_allclose(p.numpy(), q.numpy(), rtol=1e-13, atol=1e-13)


# --- PyTorch's words ----------------------------------------------------------------------------

WORDS = [name for name, value in vars(PyTorchWords).items() if isinstance(value, Word)]


@pytest.mark.parametrize("name", WORDS)
def test_the_hint_for_a_word_of_pytorch_names_what_there_is(name):
    net = nn.Linear(1, 1)
    assert not hasattr(net, name)
    with pytest.raises(AttributeError, match=f"^Linear has no attribute '{name}'; ") as caught:
        getattr(net, name)
    text = str(caught.value)
    for named in re.findall(r"(?<= )\.(\w+)\(", text):
        assert callable(getattr(net, named))
    for line in re.findall(r"\.astype\(.*?\)", text):
        eval(f"net{line}", {"net": net, "np": np})
    assert "delete the call" in text or re.search(r"\.\w+\(|there is one", text)


def test_a_word_may_be_a_method_or_an_attribute_of_a_users_own():
    class Own(nn.Module):
        def to(self, place):
            return place

    net = Own()
    net.device = "here"
    assert (net.to("there"), net.device) == ("there", "here")


def test_an_error_in_a_property_is_the_one_that_is_shown():
    class Own(nn.Module):
        @property
        def half(self):
            return self.nonsense

    with pytest.raises(AttributeError, match="'Own' object has no attribute 'nonsense'"):
        Own().half  # noqa: B018


IN_PLACE = ["ReLU", "ReLU6", "LeakyReLU", "Hardtanh", "Hardsigmoid", "Hardswish", "ELU", "CELU", "SELU", "SiLU",
            "Mish", "Threshold", "Dropout", "Dropout2d"]  # fmt: skip


def test_the_layers_that_take_inplace_are_pytorchs_in_its_place_among_the_arguments(torch):
    def places(package):
        found = {}
        for name in nn.__all__:
            kind, theirs = getattr(nn, name), getattr(torch.nn, name, None)
            if isinstance(kind, type) and issubclass(kind, nn.Module) and theirs is not None:
                names = list(inspect.signature(getattr(package, name)).parameters)
                if "inplace" in names:
                    found[name] = names.index("inplace")
        return found

    assert places(nn) == places(torch.nn)
    assert {*places(nn)} >= {*IN_PLACE}


@pytest.mark.parametrize("name", IN_PLACE)
def test_inplace_false_is_the_layer_and_true_is_refused_by_name(name):
    kind = getattr(nn, name)
    before = (0.0, 0.0) if name == "Threshold" else ()
    assert repr(kind(*before, inplace=False)) == repr(kind(*before))
    count = list(inspect.signature(kind).parameters).index("inplace")
    positional = [*before, *[0.5, 1.0][len(before) : count]]
    for make in (lambda: kind(*before, inplace=True), lambda: kind(*positional, True)):
        with pytest.raises(ValueError, match=f"{name}: inplace=True is not offered"):
            make()
