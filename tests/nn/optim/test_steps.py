"""Losses, and optimisers: what a step touches and what it leaves alone, and what is refused."""

import gc
import math
import tracemalloc

import numpy as np
import pytest
from optimisers import EVERY, law_id

import minigrad
import nn
from minigrad import Tensor
from nn.optim import (
    ASGD,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Lion,
    NAdam,
    Optimizer,
    RAdam,
    RMSprop,
    Rprop,
)


def parameter(*shape, dtype=np.float64, seed=0):
    return nn.Parameter(np.random.default_rng(seed).standard_normal(shape).astype(dtype))


# --- Losses -------------------------------------------------------------------------------------


def assert_equal_losses(torch, ours, theirs, a, target):
    """The losses and their gradients by `a`, in float64."""
    x, x_theirs = Tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True)
    y, y_theirs = ours(x, target), theirs(x_theirs, torch.tensor(target))
    (y**2).sum().backward()
    (y_theirs**2).sum().backward()
    np.testing.assert_allclose(y.detach().numpy(), y_theirs.detach(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(x.grad.numpy(), x_theirs.grad, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"reduction": "sum"},
        {"reduction": "none", "label_smoothing": 0.2},
        {"ignore_index": 2},
        {"weight": [1.0, 2.0, 0.5, 0.0], "label_smoothing": 0.1, "ignore_index": 1},
    ],
    ids=str,
)
def test_cross_entropy_as_a_module_agrees_with_pytorch(options):
    torch = pytest.importorskip("torch")
    labels = np.array([0, 1, 2, 3, 2, 1])
    ours = nn.CrossEntropyLoss(**options)
    if "weight" in options:
        options = options | {"weight": torch.tensor(options["weight"], dtype=torch.float64)}
        assert list(ours.state_dict()) == ["weight"]
    assert list(ours.parameters()) == []
    theirs = torch.nn.CrossEntropyLoss(**options)
    assert_equal_losses(torch, ours, theirs, 3 * parameter(6, 4).data, labels)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_mse_as_a_module_agrees_with_pytorch(reduction):
    torch = pytest.importorskip("torch")
    ours, theirs = nn.MSELoss(reduction), torch.nn.MSELoss(reduction=reduction)
    assert_equal_losses(torch, ours, theirs, parameter(3, 4).data, parameter(3, 4, seed=2).data)


def test_a_loss_does_not_broadcast():
    with pytest.raises(ValueError, match=r"mse_loss.*\(3, 1\).*\(3,\)"):
        nn.MSELoss()(Tensor(np.ones((3, 1))), np.ones(3))
    with pytest.raises(ValueError, match=r"cross_entropy.*\(3, 4\).*\(3, 1\)"):
        nn.CrossEntropyLoss()(Tensor(np.ones((3, 4))), np.zeros((3, 1), int))


# --- What a step touches ------------------------------------------------------------------------


@pytest.mark.parametrize(("law", "options"), EVERY, ids=law_id)
def test_a_step_writes_in_place_and_leaves_the_gradient_as_it_is(law, options):
    p = parameter(3, 2)
    p.grad = g = np.ones((3, 2))
    data, grad = p.data, p.grad
    optimizer = law([p], lr=0.1, **options)
    for _ in range(3):
        optimizer.step()
    assert p.data is data
    assert p.grad is grad
    np.testing.assert_array_equal(grad.numpy(), g)


@pytest.mark.parametrize(("law", "options"), EVERY, ids=law_id)
def test_what_happens_to_the_gradient_after_a_step_does_not_change_the_next_step(law, options):
    ends = []
    for spoil in (False, True):
        p = parameter(3)
        optimizer = law([p], lr=0.1, **options)
        p.grad = np.ones(3)
        optimizer.step()
        if spoil:
            p.grad.data[:] = 1e6
        p.grad = np.full(3, -2.0)
        optimizer.step()
        ends.append(p.tolist())
    assert ends[0] == ends[1]


@pytest.mark.parametrize(("law", "options"), EVERY, ids=law_id)
def test_a_parameter_whose_grad_is_none_is_left_exactly_as_it_is(law, options):
    still, moved = parameter(3), parameter(3)
    optimizer = law([still, moved], lr=0.1, **options)
    still.grad = moved.grad = np.ones(3)
    optimizer.step()  # from now on both have momentum
    before = still.tolist()
    loss = (Tensor(np.ones(3), requires_grad=True) * still).sum()
    still.grad, moved.grad = None, np.ones(3)
    optimizer.step()
    assert still.tolist() == before
    assert moved.tolist() != before
    loss.backward()  # it was not even marked as written


@pytest.mark.parametrize(("law", "options"), EVERY, ids=law_id)
def test_a_shared_parameter_is_updated_once(law, options):
    tied, listed, alone = (parameter(2, 2) for _ in range(3))
    net = nn.Sequential(nn.Linear(2, 2, dtype=np.float64), nn.Linear(2, 2, dtype=np.float64))
    net[0].weight = net[1].weight = tied
    for p, params in ((tied, net.parameters()), (listed, [listed] * 3), (alone, [alone])):
        p.grad = np.ones((2, 2))
        law(params, lr=0.1, **options).step()
    assert tied.tolist() == listed.tolist() == alone.tolist()


def test_two_optimisers_share_parameters_but_neither_state_nor_options():
    a, b = parameter(3), parameter(3)
    first, second = SGD([a], 0.1, momentum=0.9), SGD([a, b], 0.2, momentum=0.5)
    start = a.detach().numpy().copy()
    a.grad = b.grad = np.ones(3)
    first.step()
    second.step()
    np.testing.assert_allclose(a.detach().numpy(), start - 0.3, rtol=1e-12)
    np.testing.assert_allclose(b.detach().numpy(), start - 0.2, rtol=1e-12)
    first.step()  # v = 0.9 * 1 + 1, whatever the second did
    np.testing.assert_allclose(a.detach().numpy(), start - 0.3 - 0.19, rtol=1e-12)


def test_zero_grad_forgets_the_gradients_of_its_own_parameters_only():
    a, b = parameter(2), parameter(2)
    a.grad = b.grad = np.ones(2)
    SGD([a]).zero_grad()
    assert a.grad is None
    assert b.grad.tolist() == [1, 1]


def test_a_law_of_ones_own_is_one_method():
    class SignDescent(Optimizer):
        def _update(self, w, g, state, group, room):
            state["steps"] = state.get("steps", 0) + 1
            w -= group["lr"] * np.sign(g) / state["steps"]

    p = nn.Parameter([1.0, 2.0])
    optimizer = SignDescent([p], lr=0.5)
    for _ in range(2):
        p.grad = [-3.0, 0.1]
        optimizer.step()
    assert p.tolist() == [1.75, 1.25]


# --- No silent wrong gradient -------------------------------------------------------------------

X = np.ones((3, 2))
FORWARDS = {
    "x @ w.T": lambda x, w: x @ w.T,
    "x @ transpose(w)": lambda x, w: x @ minigrad.transpose(w),
    "x @ w[:2]": lambda x, w: x @ w[:2],
    "x @ w.reshape": lambda x, w: x @ w.reshape(2, 2),
    "linear": minigrad.linear,
    "w * w": lambda x, w: w * w,
}


@pytest.mark.parametrize(("law", "options"), EVERY, ids=law_id)
@pytest.mark.parametrize("forward", FORWARDS)
def test_a_step_between_forward_and_backward_makes_backward_raise(forward, law, options):
    x, w = Tensor(X, requires_grad=True), parameter(2, 2)
    optimizer = law([w], lr=0.0, **options)
    w.grad = np.zeros((2, 2))
    loss = FORWARDS[forward](x, w).sum()
    optimizer.step()
    with pytest.raises(RuntimeError, match=r"\(2, 2\).* written after the forward pass"):
        loss.backward()
    assert x.grad is None
    FORWARDS[forward](x, w).sum().backward()  # forward again, and all is well


def test_a_step_after_the_use_of_a_detached_weight_leaves_the_gradient_right_or_makes_backward_raise():
    small, large = parameter(2, 2), Tensor(np.ones((2, 5000)), requires_grad=True)
    optimizer = SGD([small, large], lr=1.0)
    for w in (small, large):
        w.grad = np.ones(w.shape)
    x, expected = Tensor(X, requires_grad=True), small.data.sum(1)
    losses = [(x @ w.detach()).sum() for w in (small, large)]
    optimizer.step()
    losses[0].backward()  # a small one was copied
    assert np.array_equal(x.grad, np.broadcast_to(expected, (3, 2)))
    with pytest.raises(RuntimeError, match=r"\(2, 5000\).* written after the forward pass"):
        losses[1].backward()


def test_a_step_of_one_model_leaves_the_graph_of_another_usable():
    nets = [nn.MLP([2, 3, 1]), nn.MLP([2, 3, 1])]
    x = X.astype(np.float32)
    losses = [net(x).sum() for net in nets]
    optimizers = [SGD(net.parameters(), lr=0.1) for net in nets]
    losses[0].backward()
    optimizers[0].step()
    losses[1].backward()
    both = nets[0](x).sum() + nets[1](x).sum()
    optimizers[1].step()
    with pytest.raises(RuntimeError, match="written after the forward pass"):
        both.backward()


def test_a_step_that_backward_does_not_need_the_old_values_of_is_allowed():
    w = parameter(3)
    y = np.exp(w).sum()  # its rule names the output, not w
    w.grad = np.ones(3)
    expected = np.exp(w.detach().numpy())
    SGD([w], lr=0.1).step()
    w.grad = None
    y.backward()
    np.testing.assert_allclose(w.grad.numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize(("law", "options"), EVERY, ids=law_id)
def test_a_thousand_steps_leave_no_garbage(law, options):
    net = nn.Linear(2, 8)
    optimizer = law(net.parameters(), lr=1e-3, **options)
    x = X.astype(np.float32)

    def train(steps):
        for _ in range(steps):
            optimizer.zero_grad()
            net(x).sum().backward()
            optimizer.step()

    gc.collect()
    gc.disable()
    try:
        # by then Python's own free lists of tuples, up to 2000 of each length, are full
        train(2500)
        tracemalloc.start()
        train(10)
        before = tracemalloc.get_traced_memory()[0]
        train(1000)
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
        gc.enable()
    assert after - before < 8000


# --- What is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("law", "options", "words"),
    [
        (SGD, {"lr": -0.1}, r"SGD: lr .*-0\.1"),
        (SGD, {"lr": math.nan}, "SGD: lr .*nan"),
        (SGD, {"momentum": -0.5}, r"SGD: momentum .*-0\.5"),
        (SGD, {"weight_decay": -0.5}, r"SGD: weight_decay .*-0\.5"),
        (SGD, {"momentum": 0.9, "dampening": math.nan}, "SGD: dampening .*nan"),
        (SGD, {"nesterov": True}, "SGD: nesterov needs momentum"),
        (SGD, {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "SGD: nesterov .* dampening"),
        (Adam, {"lr": -1}, "Adam: lr .*-1"),
        (Adam, {"betas": (0.9, 1.0)}, r"Adam: betas\[1\] .*1\.0"),
        (Adam, {"betas": (-0.1, 0.9)}, r"Adam: betas\[0\] .*-0\.1"),
        (Adam, {"betas": (0.9,)}, r"Adam: betas .*\(0\.9,\)"),
        (Adam, {"betas": 0.9}, r"Adam: betas .*0\.9"),
        (Adam, {"eps": -1e-8}, "Adam: eps .*-1e-08"),
        (Adam, {"weight_decay": -1}, "Adam: weight_decay .*-1"),
        (Adam, {"amsgrad": 1}, "Adam: amsgrad must be True or False, not 1"),
        (AdamW, {"eps": "small"}, "AdamW: eps .*'small'"),
        (RMSprop, {"alpha": 1.0}, r"RMSprop: alpha .*1\.0"),
        (RMSprop, {"centered": None}, "RMSprop: centered .*None"),
        (RMSprop, {"momentum": math.nan}, "RMSprop: momentum .*nan"),
        (Adagrad, {"lr_decay": -1}, "Adagrad: lr_decay .*-1"),
        (Adagrad, {"initial_accumulator_value": -1}, "Adagrad: initial_accumulator_value .*-1"),
        (Adadelta, {"rho": 2}, "Adadelta: rho .*2"),
        (NAdam, {"momentum_decay": -1}, "NAdam: momentum_decay .*-1"),
        (NAdam, {"decoupled_weight_decay": 0.1}, "NAdam: decoupled_weight_decay .*0.1"),
        (Lion, {"betas": (0.9, 1)}, r"Lion: betas\[1\] .*1"),
        (SGD, {"maximize": "yes"}, "SGD: maximize must be True or False, not 'yes'"),
        (Adamax, {"eps": -1}, "Adamax: eps .*-1"),
        (RAdam, {"betas": (0.9, 1)}, r"RAdam: betas\[1\] .*1"),
        (Rprop, {"etas": (0.5,)}, r"Rprop: etas must be 2 numbers, not \(0\.5,\)"),
        (Rprop, {"etas": (0.5, 0.9)}, r"Rprop: etas must be in \(0, 1\) and above 1, .*0\.9"),
        (Rprop, {"step_sizes": (0.1, math.nan)}, r"Rprop: step_sizes must be 2 numbers, .*nan"),
        (Rprop, {"step_sizes": (1, 0.5)}, r"Rprop: step_sizes must be 0 <= .*\(1\.0, 0\.5\)"),
        (ASGD, {"lambd": -1}, "ASGD: lambd .*-1"),
        (ASGD, {"t0": None}, "ASGD: t0 .*None"),
    ],
    ids=str,
)
def test_a_bad_option_raises_and_names_the_optimiser_and_the_value(law, options, words):
    with pytest.raises((TypeError, ValueError), match=words):
        law([parameter(2)], **options)


@pytest.mark.parametrize(
    "make",
    [
        lambda net: net,
        lambda net: net.weight,
        lambda net: [net],
        lambda net: net.named_parameters(),
        lambda net: net.parameters,
        lambda net: net.state_dict(),
        lambda net: [net.weight, {"params": [net.bias]}],
        lambda net: [{"params": net.weight}],
        lambda net: None,
    ],
    ids=[
        "module",
        "tensor",
        "modules",
        "named",
        "not called",
        "state",
        "mixed",
        "tensor in a group",
        "none",
    ],
)
def test_anything_but_parameters_raises_and_says_what_to_pass(make):
    with pytest.raises(TypeError, match=r"SGD: .*model\.parameters\(\)"):
        SGD(make(nn.Linear(2, 2)))


def test_a_tensor_that_was_computed_raises():
    with pytest.raises(TypeError, match=r"SGD: params\[1\] is not a leaf"):
        SGD([parameter(2), parameter(2) * 2])


def test_no_parameters_at_all_raise():
    for nothing in ([], nn.ReLU().parameters()):
        with pytest.raises(ValueError, match="Adam: there are no parameters"):
            Adam(nothing)
