"""Modules: the walk over what they own, their modes, their text."""

import copy
import subprocess
import sys
from collections import OrderedDict, UserDict, UserList, deque

import numpy as np
import pytest

import minigrad
import nn
from minigrad import Tensor


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
    assert [name for name, _ in net.named_children()] == ["body"]
    assert list(net.modules()) == [net, body, *body]


def test_a_replaced_or_deleted_attribute_is_no_longer_listed():
    net = Scope(a=nn.Parameter([1.0]), b=nn.Parameter([2.0]))
    net.a = nn.Parameter([3.0])
    assert [p.item() for p in net.parameters()] == [3, 2]
    del net.b
    assert names(net) == ["a"]


@pytest.mark.parametrize("value", [np.ones(1, np.float32), Tensor([1.0]), 1.0])
def test_what_is_no_parameter_does_not_take_the_place_of_one_unseen(value):
    net = Scope(w=nn.Parameter([2.0]), mean=nn.Buffer([3.0]))
    for name, kind in (("w", "Parameter"), ("mean", "Buffer")):
        for given in (value, getattr(net, name) * 2):
            message = rf"Scope\.{name} is a {kind}, and with a .* write with \.{name}\.assign"
            with pytest.raises(TypeError, match=message):
                setattr(net, name, given)
    assert list(net.state_dict()) == ["w", "mean"]
    assert net.state_dict() == {"w": 2, "mean": 3}
    with minigrad.no_grad():
        net.w *= 2.0
    net.mean = nn.Buffer([4.0])
    assert net.state_dict() == {"w": 4, "mean": 4}
    del net.w
    net.w, net.mean = value, None
    assert net.state_dict() == {}


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


def objects(item):
    array = np.empty((1, 2), object)
    array[0, 1] = item
    return array


HOLDERS = {
    "list": lambda item: [1, item],
    "tuple": lambda item: (item,),
    "dict": lambda item: {"first": item},
    "set": lambda item: {item},
    "nested": lambda item: [[item]],
    "dict of lists": lambda item: {"first": [item]},
    "deque": lambda item: deque([item]),
    "frozenset": lambda item: frozenset([item]),
    "ordered dict": lambda item: OrderedDict(first=item),
    "key of a dict": lambda item: {item: "first"},
    "user dict": lambda item: UserDict(first=item),
    "user list": lambda item: UserList([item]),
    "array": objects,
}


@pytest.mark.parametrize("make", [nn.ReLU, lambda: nn.Parameter([1.0])], ids=["module", "param"])
@pytest.mark.parametrize("kind", HOLDERS)
def test_a_container_of_modules_or_parameters_raises_and_names_the_attribute(kind, make):
    net = Scope(inner=Scope(things=HOLDERS[kind](make())))
    walks = [net.state_dict, net.train, net.zero_grad, lambda: list(net.parameters())]
    for walk in [*walks, lambda: repr(net), lambda: net.load_state_dict({})]:
        with pytest.raises(TypeError, match=r"Scope\.things is a \w+ that holds .* modules"):
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
    net.zero_grad(set_to_none=True)
    for owner in (net, nn.optim.SGD(net.parameters(), 0.1)):
        owner.zero_grad(set_to_none=True)
        with pytest.raises(
            ValueError, match=rf"{type(owner).__name__}\.zero_grad: set_to_none=Fal"
        ):
            owner.zero_grad(set_to_none=False)
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


@pytest.mark.parametrize("room", ["minigrad.picture", "nn.data", "nn.functional", "nn.utils"])
def test_a_room_that_is_not_yet_imported_is_imported_where_it_is_used(room):
    package = room.split(".")[0]
    code = (
        f"import sys, {package}; assert '{room}' not in sys.modules; "
        f"assert {room} is sys.modules['{room}']; assert not hasattr({package}, 'nonsense')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("relu", "minigrad.relu"),
        ("Tensor", "minigrad.Tensor"),
        ("Adam", "nn.optim.Adam"),
        ("StepLR", "nn.schedule.StepLR"),
        ("DataLoader", "nn.data.DataLoader"),
    ],
)
def test_what_nn_has_not_is_answered_with_where_it_is(name, place):
    with pytest.raises(AttributeError, match=rf"nn has no attribute '{name}'; .*{place}"):
        getattr(nn, name)


def test_a_name_that_is_nowhere_raises_plainly():
    with pytest.raises(AttributeError, match=r"nn has no attribute 'nonsense'$"):
        nn.nonsense  # noqa: B018
