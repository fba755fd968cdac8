"""Models: what MLP and CNN are made of, their state, that they learn, and every step beside PyTorch."""

import re

import numpy as np
import pytest
from cases.modules import as_function

import minigrad
import nn


def normal(*shape, dtype=np.float32, seed=1):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def train(net, loss_of, optimizer, steps):
    """The loss of each step."""
    losses = []
    for _ in range(steps):
        loss = loss_of(net)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def accuracy(net, x, labels):
    with minigrad.no_grad():
        return (net(x).numpy().argmax(axis=1) == labels).mean()


# --- What they are ------------------------------------------------------------------------------


def test_an_mlp_is_linear_layers_with_activations_between_them():
    net = nn.MLP([5, 4, 3, 2], nn.Tanh)
    kinds = [nn.Linear, nn.Tanh, nn.Linear, nn.Tanh, nn.Linear]
    assert [type(layer) for layer in net] == kinds
    assert net[1] is not net[3]
    assert sum(p.size for p in net.parameters()) == 5 * 4 + 4 + 4 * 3 + 3 + 3 * 2 + 2
    assert net(normal(7, 5)).shape == (7, 2)
    assert [type(layer) for layer in nn.MLP([5, 2])] == [nn.Linear]


def test_a_cnn_is_blocks_of_convolution_and_pool_then_linear_layers():
    net = nn.CNN((3, 9, 12), channels=[4, 6], hidden=[8], classes=5, kernel_size=5)
    block = [nn.Conv2d, nn.ReLU, nn.MaxPool2d]
    tail = [nn.Flatten, nn.Linear, nn.ReLU, nn.Linear]
    assert [type(layer) for layer in net] == [*block, *block, *tail]
    assert net[7].in_features == 6 * 2 * 3  # 9 -> 4 -> 2, 12 -> 6 -> 3
    counts = [3 * 4 * 25 + 4, 4 * 6 * 25 + 6, 36 * 8 + 8, 8 * 5 + 5]
    assert sum(p.size for p in net.parameters()) == sum(counts)
    assert net(normal(2, 3, 9, 12)).shape == (2, 5)
    assert net(np.zeros((0, 3, 9, 12), np.float32)).shape == (0, 5)
    flat = nn.CNN((2, 3, 4), channels=[], hidden=[])
    assert [type(layer) for layer in flat] == [nn.Flatten, nn.Linear]
    assert flat(normal(2, 2, 3, 4)).shape == (2, 10)


def test_batch_norm_goes_before_each_activation_and_dropout_behind():
    net = nn.MLP([5, 4, 3, 2], nn.Tanh, batch_norm=True, dropout=0.3)
    block = [nn.Linear, nn.BatchNorm1d, nn.Tanh, nn.Dropout]
    assert [type(layer) for layer in net] == [*block, *block, nn.Linear]
    assert (net[1].num_features, net[3].p) == (4, 0.3)
    net = nn.CNN((1, 8, 8), channels=[2], hidden=[3], batch_norm=True, dropout=0.3)
    block = [nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d]
    tail = [nn.Flatten, nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Dropout, nn.Linear]
    assert [type(layer) for layer in net] == [*block, *tail]
    assert {p.dtype for p in nn.MLP([2, 2, 2], batch_norm=True, dtype="float64").parameters()} == {
        np.dtype("float64")
    }


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda **options: nn.MLP([5, 4, 3, 2], **options), (6, 5)),
        (lambda **options: nn.CNN((1, 8, 8), channels=[2, 3], hidden=[3], **options), (6, 1, 8, 8)),
    ],
)
def test_only_layers_before_a_batch_norm_are_without_bias_and_its_mean_takes_over(make, shape):
    net = make(batch_norm=True)
    for layer, behind in zip(net, [*net, None][1:], strict=False):
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            is_before = isinstance(behind, (nn.BatchNorm1d, nn.BatchNorm2d))
            assert (layer.bias is None) == is_before
    assert all(layer.bias is not None for layer in make() if hasattr(layer, "bias"))
    biased = nn.Linear(5, 4) if len(shape) == 2 else nn.Conv2d(1, 2, 3, padding=1)
    old = nn.Sequential(biased, *list(net)[1:])
    old(normal(*shape))  # moves the running statistics
    state = {name: array.copy() for name, array in old.state_dict().items()}
    old.eval()
    expected = old(normal(*shape)).numpy()
    state["1.running_mean"] -= state.pop("0.bias")
    net.load_state_dict(state)
    net.eval()
    np.testing.assert_allclose(net(normal(*shape)).numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.MLP([3]), r"MLP: .*\[3\]"),
        (lambda: nn.MLP([]), r"MLP: .*\[\]"),
        (lambda: nn.MLP([3, 4, 2], nn.Tanh()), "MLP: activation .*Tanh"),
        (lambda: nn.MLP([3, 4, 2], "relu"), "MLP: activation is 'relu'; .* nn.ReLU"),
        (lambda: nn.MLP([3, 4, 2], dropout=1.5), r"Dropout: p .*1\.5"),
        (lambda: nn.CNN((1, 8, 8), activation=nn.ReLU()), "CNN: activation .*ReLU"),
        (lambda: nn.CNN((1, 8, 8), kernel_size=2), "CNN: an even kernel_size .*2"),
        (lambda: nn.CNN((1, 3, 28)), r"CNN: 2 pools .*\(3, 28\)"),
        (lambda: nn.CNN((28, 28)), r"CNN: input_shape .*\(28, 28\)"),
    ],
    ids=range(9),
)
def test_a_model_that_cannot_be_built_raises_and_names_what_was_given(make, words):
    with pytest.raises((TypeError, ValueError), match=words):
        make()


def test_images_of_another_size_raise_and_name_the_sizes():
    net = nn.CNN((1, 8, 8))
    with pytest.raises(ValueError, match=r"linear: .*\(2, 288\).*128 input features"):
        net(normal(2, 1, 12, 12))
    with pytest.raises(ValueError, match=r"conv2d: .*\(2, 64\).*\(N, C, H, W\)"):
        net(normal(2, 64))


# --- Their state ---------------------------------------------------------------------------------


def test_a_state_dict_is_of_copies():
    net = nn.Linear(2, 2)
    state = net.state_dict()
    state["weight"][:] = 7
    assert not np.any(net.weight.numpy() == 7)
    net.weight.assign(np.full((2, 2), 8.0))
    assert np.all(state["weight"] == 7)


def test_loading_names_every_wrong_entry_at_once_and_loads_nothing():
    net = nn.MLP([2, 3, 4, 1])
    before = net.state_dict()
    state = {name: np.ones_like(array) for name, array in before.items()}
    state |= {"0.bias": np.ones(4), "2.bias": np.ones(4, complex), "9.weight": np.ones(3)}
    del state["4.weight"]
    with pytest.raises(ValueError, match="nothing was loaded") as caught:
        net.load_state_dict(state)
    for line in (
        "0.bias: shape (4,), needed (3,)",
        "2.bias: dtype complex128 cannot become float32",
        "4.weight: missing",
        "9.weight: not in this MLP",
    ):
        assert line in str(caught.value)
    assert not re.search(r"0\.weight|2\.weight|4\.bias", str(caught.value))
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


class Refusing:
    def __array__(self, *args, **kwargs):
        raise RuntimeError("as PyTorch does for a parameter")


@pytest.mark.parametrize("entry", [[[1.0, 2.0], [1.0]], Refusing()], ids=["ragged", "refusing"])
def test_an_entry_that_is_no_array_is_named(entry):
    state = nn.Linear(2, 2).state_dict() | {"weight": entry}
    with pytest.raises((TypeError, ValueError), match="weight: "):
        nn.Linear(2, 2).load_state_dict(state)


def test_a_value_too_large_for_the_dtype_loads_nothing():
    net = nn.MLP([1, 1, 1])
    before = net.state_dict()
    state = {name: np.ones(array.shape) for name, array in before.items()}
    state["2.weight"] *= 1e300
    with pytest.raises((ValueError, RuntimeWarning)):
        net.load_state_dict(state)
    assert net.state_dict() == before


def test_loading_without_strict_takes_what_fits_and_still_refuses_wrong_shapes():
    net = nn.Linear(2, 2)
    bias = net.state_dict()["bias"]
    net.load_state_dict({"weight": np.ones((2, 2)), "head.weight": np.ones(3)}, strict=False)
    np.testing.assert_array_equal(net.weight.numpy(), 1)
    np.testing.assert_array_equal(net.bias.numpy(), bias)
    with pytest.raises(ValueError, match="weight: shape"):
        net.load_state_dict({"weight": np.ones((3, 2))}, strict=False)


def test_loading_keeps_identity_dtype_and_frozenness_and_fills_buffers():
    net = nn.Module()
    net.w = w = nn.Parameter([0.0], requires_grad=False)
    net.count = nn.Buffer(np.zeros(1, np.int64))
    net.load_state_dict({"w": np.ones(1), "count": np.array([3])})
    assert net.w is w
    assert (w.item(), w.dtype, w.requires_grad) == (1, np.float32, False)
    assert (net.count.item(), net.count.dtype) == (3, np.int64)


@pytest.mark.parametrize("strict", [True, False])
def test_loading_between_forward_and_backward_makes_backward_raise(strict):
    net = nn.MLP([2, 3, 1])
    loss = net(normal(4, 2)).sum()
    net.load_state_dict(net.state_dict(), strict=strict)
    with pytest.raises(RuntimeError, match=r"linear .* written after the forward pass"):
        loss.backward()
    assert all(p.grad is None for p in net.parameters())


# --- That they learn ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "law", [lambda p: nn.optim.Adam(p, 0.05), lambda p: nn.optim.SGD(p, 0.3, momentum=0.9)]
)
def test_an_mlp_learns_xor(law):
    x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0.0], [1], [1], [0]], np.float32)
    net = nn.MLP([2, 8, 1], nn.Tanh)
    train(net, lambda net: nn.MSELoss()(net(x), y), law(net.parameters()), 300)
    assert np.abs(net(x).detach().numpy() - y).max() < 0.1


def test_an_mlp_learns_a_spiral_that_no_line_can_part():
    rng = np.random.default_rng(0)
    radius, arm = np.tile(np.linspace(0.05, 1, 60), 3), np.repeat(np.arange(3), 60)
    angle = 4 * (arm + radius) + 0.1 * rng.standard_normal(180)
    x = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1).astype(np.float32)
    linear, net = nn.MLP([2, 3]), nn.MLP([2, 64, 3])
    for model in (linear, net):
        adam = nn.optim.Adam(model.parameters(), 0.03)
        losses = train(model, lambda model: minigrad.cross_entropy(model(x), arm), adam, 400)
        assert losses[-1] < losses[0]
    assert accuracy(linear, x, arm) < 0.7
    assert accuracy(net, x, arm) > 0.98


def test_a_cnn_learns_twenty_random_images_by_heart():
    x, labels = normal(20, 1, 8, 8), np.arange(20) % 10
    net = nn.CNN((1, 8, 8), channels=[8, 8], hidden=[32])
    adam = nn.optim.Adam(net.parameters(), 0.01)
    train(net, lambda net: nn.CrossEntropyLoss()(net(x), labels), adam, 80)
    assert accuracy(net, x, labels) == 1


def test_frozen_layers_stay_while_the_others_learn():
    x, y = normal(20, 2), normal(20, 1, seed=2)
    net = nn.MLP([2, 8, 1])
    net[0].requires_grad_(False)
    before = net.state_dict()
    optimizer = nn.optim.SGD(net.parameters(), 0.1, momentum=0.9, weight_decay=0.1)
    train(net, lambda net: nn.MSELoss()(net(x), y), optimizer, 5)
    moved = {name for name, a in net.state_dict().items() if not np.array_equal(a, before[name])}
    assert moved == {"2.weight", "2.bias"}


def test_the_same_seed_gives_the_same_run_to_the_last_bit():
    x, labels = normal(20, 1, 8, 8), np.arange(20) % 10

    def run():
        minigrad.seed(3)
        net = nn.Sequential(nn.CNN((1, 8, 8), channels=[4], hidden=[8]), nn.Dropout(0.2))
        adam = nn.optim.Adam(net.parameters(), 0.01)
        return train(net, lambda net: minigrad.cross_entropy(net(x), labels), adam, 5)

    assert run() == run()


# --- Gradients ----------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", [nn.Tanh, nn.Sigmoid, nn.ReLU])
def test_the_loss_of_an_mlp_has_right_first_and_second_derivatives(activation):
    x, labels = normal(5, 3, dtype=np.float64), np.arange(5) % 3
    net = nn.MLP([3, 4, 4, 3], activation)
    f, arrays = as_function(
        net, lambda net: nn.CrossEntropyLoss(label_smoothing=0.1)(net(x), labels)
    )
    assert len(arrays) == 6
    minigrad.check_grads(f, arrays, order=2, rng=np.random.default_rng(0))


def test_the_loss_of_a_cnn_has_right_first_and_second_derivatives():
    x, target = normal(2, 1, 6, 6, dtype=np.float64), normal(2, 3, dtype=np.float64, seed=2)
    net = nn.CNN((1, 6, 6), channels=[2], hidden=[4], classes=3, activation=nn.Tanh)
    f, arrays = as_function(net, lambda net: nn.MSELoss()(net(x), target))
    assert len(arrays) == 6
    minigrad.check_grads(f, arrays, order=2, rng=np.random.default_rng(0))


# --- Beside PyTorch -----------------------------------------------------------------------------


def in_pytorch(torch, net):
    """The same model in PyTorch with the same weights, in their dtype."""
    twins = []
    for layer in net:
        if isinstance(layer, nn.Linear):
            has_bias = layer.bias is not None
            twins.append(torch.nn.Linear(layer.in_features, layer.out_features, has_bias))
        elif isinstance(layer, nn.Conv2d):
            sizes = (layer.in_channels, layer.out_channels, layer.kernel_size)
            has_bias = layer.bias is not None
            twins.append(torch.nn.Conv2d(*sizes, padding=layer.padding, bias=has_bias))
        elif isinstance(layer, nn.MaxPool2d):
            twins.append(torch.nn.MaxPool2d(layer.kernel_size, layer.stride))
        elif isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            twins.append(getattr(torch.nn, type(layer).__name__)(layer.num_features))
        else:
            twins.append(getattr(torch.nn, type(layer).__name__)())
    state = {name: torch.from_numpy(array) for name, array in net.state_dict().items()}
    twin = torch.nn.Sequential(*twins).to(next(iter(state.values())).dtype)
    twin.load_state_dict(state)
    return twin


def model_and_inputs(model, dtype):
    if model.startswith("mlp"):
        build, sizes, shape = nn.MLP, ([4, 16, 16, 3],), (4,)
    else:
        build, sizes, shape = nn.CNN, ((1, 8, 8), [3, 4], [8], 3), (1, 8, 8)
    # of twelve seeds one lets a relu or pool choose otherwise after rounding in float32; this is none
    options = {"dtype": dtype, "rng": np.random.default_rng(1)}
    net = build(*sizes, batch_norm=model.endswith("normalised"), **options)
    return net, normal(3, 10, *shape, dtype=dtype)


@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-10), ("float32", 1e-3)])
@pytest.mark.parametrize(
    ("law", "options"),
    [
        ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-2}),
        ("Adam", {"lr": 3e-3, "weight_decay": 1e-2}),
    ],
)
@pytest.mark.parametrize("model", ["mlp", "mlp normalised", "cnn", "cnn normalised"])
def test_the_loss_of_every_step_is_pytorchs(torch, model, law, options, dtype, rtol):
    net, x = model_and_inputs(model, dtype)
    labels = np.random.default_rng(2).integers(0, 3, (3, 10))
    twin = in_pytorch(torch, net)
    ours = getattr(nn.optim, law)(net.parameters(), **options)
    theirs = getattr(torch.optim, law)(twin.parameters(), **options)
    for step in range(20):
        batch = step % 3
        loss = minigrad.cross_entropy(net(x[batch]), labels[batch])
        ours.zero_grad()
        loss.backward()
        ours.step()
        y = twin(torch.from_numpy(x[batch]))
        other = torch.nn.functional.cross_entropy(y, torch.from_numpy(labels[batch]))
        theirs.zero_grad()
        other.backward()
        theirs.step()
        assert loss.dtype == dtype
        assert loss.item() == pytest.approx(other.item(), rel=rtol), f"step {step}"
    if dtype == "float64":
        state = twin.state_dict()
        for name, array in net.state_dict().items():
            np.testing.assert_allclose(array, state[name], rtol=1e-8, atol=1e-10, err_msg=name)
    y, other = net.eval()(x[0]), twin.eval()(torch.from_numpy(x[0])).detach()
    np.testing.assert_allclose(y.detach().numpy(), other, rtol=rtol, atol=rtol)
