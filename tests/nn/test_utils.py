"""nn.utils: weights computed from others, beside PyTorch; parameters as one vector."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from beside_torch import assert_is_pytorchs, normal

import minigrad
import nn
from nn.utils.parametrizations import spectral_norm, weight_norm
from nn.utils.parametrize import remove_parametrizations

LAYERS = {  # the layer, the shape of its input
    "Linear": (lambda p, **o: p.Linear(3, 4, **o), (5, 3)),
    "Conv1d": (lambda p, **o: p.Conv1d(2, 4, 3, **o), (2, 2, 6)),
    "Conv2d": (lambda p, **o: p.Conv2d(4, 2, 3, groups=2, bias=False, **o), (2, 4, 5, 5)),
    "ConvTranspose2d": (lambda p, **o: p.ConvTranspose2d(2, 3, 2, **o), (2, 2, 4, 4)),
    "LSTM": (lambda p, **o: p.LSTM(3, 4, **o), (5, 2, 3)),
    "LayerNorm": (lambda p, **o: p.LayerNorm(3, **o), (5, 3)),
}
NORMS = {
    "weight_norm": ("weight_norm", {}),
    "of one length": ("weight_norm", {"dim": None}),
    "of columns": ("weight_norm", {"dim": 1}),
    "spectral_norm": ("spectral_norm", {}),
    "by three iterations": ("spectral_norm", {"n_power_iterations": 3, "dim": 1}),
}


def pair(torch, layer, norm, dtype="float64"):
    """Our layer and PyTorch's, both with that norm of their weight."""
    make, shape = LAYERS[layer]
    which, options = NORMS[norm]
    if options.get("dim") == 1 and layer == "LayerNorm":
        pytest.skip("its weight has one axis")
    name = "weight_hh_l0" if layer == "LSTM" else "weight"
    ours = getattr(nn.utils.parametrizations, which)(make(nn, dtype=dtype), name, **options)
    theirs = make(torch.nn, dtype=getattr(torch, dtype))
    with torch.no_grad():
        for p in theirs.parameters():  # those of LayerNorm are ones
            p.add_(torch.rand(p.shape, dtype=p.dtype))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an LSTM's weights, which are no longer in one block
        theirs = getattr(torch.nn.utils.parametrizations, which)(theirs, name, **options)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs, shape


@pytest.mark.filterwarnings("ignore:RNN module weights")
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("layer", LAYERS)
def test_outputs_gradients_and_state_are_pytorchs(torch, layer, norm, dtype, training):
    ours, theirs, shape = pair(torch, layer, norm, dtype)
    assert repr(ours.train(training)).startswith(layer)
    assert_is_pytorchs(torch, ours, theirs.train(training), dtype, normal(*shape, dtype=dtype))
    for name, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[name], value.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("norm", NORMS)
def test_ten_steps_of_an_optimiser_are_pytorchs(torch, norm):
    ours, theirs, shape = pair(torch, "Linear", norm)
    optimizer = nn.optim.Adam(ours.parameters(), lr=0.1)
    other = torch.optim.Adam(theirs.parameters(), lr=0.1)
    for step in range(10):
        x = normal(*shape, seed=step)
        for net, law, given in ((ours, optimizer, x), (theirs, other, torch.tensor(x))):
            law.zero_grad()
            (net(given) ** 2).sum().backward()
            law.step()
    for name, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[name], value.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("norm", NORMS)
def test_the_derivatives_to_order_two_are_those_of_differences(norm):
    which, options = NORMS[norm]
    make = getattr(nn.utils.parametrizations, which)
    net = make(nn.Linear(3, 4, dtype="float64"), **options).eval()
    by = net.parametrizations["weight"]
    names = [name for name, _ in by.named_parameters()]
    constants = []
    if which == "spectral_norm":  # its gradient takes u and v as constants
        constants = [by.vectors._u.numpy().copy(), by.vectors._v.numpy().copy()]

    def f(*values):
        if constants:
            u, v = constants
            w = np.moveaxis(values[0], by.dim, 0)
            return values[0] / (u * (w @ v)).sum()
        twin = copy.copy(by)
        vars(twin).update(zip(names, values, strict=True))
        return twin()

    arrays = [p.data.copy() for p in by.parameters()]
    minigrad.check_grads(f, arrays, rng=np.random.default_rng(0))
    leaves = [minigrad.Tensor(a, requires_grad=True) for a in arrays]
    seed = normal(4, 3)
    wanted = minigrad.grad((f(*leaves) * seed).sum(), leaves)
    found = minigrad.grad((net.weight * seed).sum(), list(by.parameters()))
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12, atol=1e-14)


def test_the_spectral_norm_becomes_one_and_the_length_that_of_g():
    net = spectral_norm(nn.Linear(6, 5, dtype="float64"), n_power_iterations=50)
    net(normal(2, 6))
    assert np.linalg.svd(net.eval().weight.detach().numpy())[1][0] == pytest.approx(1)
    net = weight_norm(nn.Linear(6, 5, dtype="float64"))
    before = net.weight.detach().numpy()
    net.parametrizations.weight.original0.assign(np.full((5, 1), 3.0))
    np.testing.assert_allclose(np.linalg.norm(net.weight.detach().numpy(), axis=1), 3)
    remove_parametrizations(net, "weight")
    assert type(net) is nn.Linear
    assert sorted(net.state_dict()) == ["bias", "weight"]
    np.testing.assert_allclose(np.abs(net.weight.numpy() / before).std(axis=1), 0, atol=1e-12)


def test_the_weight_at_first_is_the_one_before_and_an_optimiser_sees_what_it_is_made_of():
    net = nn.Linear(3, 4)
    before = net.weight.numpy().copy()
    assert weight_norm(net) is net
    np.testing.assert_allclose(net.weight.detach().numpy(), before, rtol=1e-6)
    names = [name.rpartition(".")[2] for name, _ in net.named_parameters()]
    assert names == ["bias", "original0", "original1"]
    assert isinstance(net, nn.Linear)


class _Wrapper(nn.Linear):
    def __getattr__(self, name):
        if name == "wrapped":
            return 5
        raise AttributeError(f"no {name}")


def test_a_class_that_answers_for_attributes_itself_goes_on_doing_so():
    net = weight_norm(_Wrapper(3, 4))
    assert (net.wrapped, net.weight.shape) == (5, (4, 3))
    with pytest.raises(AttributeError, match="no other"):
        net.other  # noqa: B018
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert (twin.wrapped, twin.weight.shape) == (5, (4, 3))


def test_the_weight_is_computed_once_in_a_forward_and_left_nowhere():
    net = spectral_norm(nn.Linear(3, 3))
    u = net.parametrizations.weight.vectors._u
    before = u.numpy().copy()
    net.eval()(normal(2, 3, dtype=np.float32))
    np.testing.assert_array_equal(u.numpy(), before)
    calls = []
    net.parametrizations.weight.register_forward_hook(lambda *given: calls.append(given))
    net.train()(normal(2, 3, dtype=np.float32))
    assert len(calls) == 1
    with pytest.raises(ValueError, match="shape"):
        net(normal(2, 4, dtype=np.float32))
    assert "weight" not in vars(net)


def test_two_forwards_before_one_backward_keep_their_own_weights(torch):
    ours, theirs, shape = pair(torch, "Linear", "spectral_norm")
    for net, make in ((ours, minigrad.Tensor), (theirs, torch.tensor)):
        x = make(normal(*shape))
        (net(x).sum() + (net(x) ** 2).sum()).backward()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("norm", [weight_norm, spectral_norm])
def test_copies_pickles_files_summaries_and_dtypes_go_through(norm, tmp_path):
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    net = nn.Sequential(norm(nn.Linear(3, 4)), nn.ReLU(), norm(nn.Linear(4, 2))).eval()
    x = normal(5, 3, dtype=np.float32)
    y = net(x).tolist()
    assert copy.deepcopy(net)(x).tolist() == y
    assert pickle.loads(pickle.dumps(net))(x).tolist() == y
    nn.save(tmp_path / "net.safetensors", net)
    other = nn.Sequential(norm(nn.Linear(3, 4)), nn.ReLU(), norm(nn.Linear(4, 2))).eval()
    nn.load(tmp_path / "net.safetensors", other)
    assert other(x).tolist() == y
    assert net.summary((3,)).parameters == sum(p.size for p in net.parameters())
    wide = copy.deepcopy(net).astype(np.float64)(x.astype(np.float64))
    assert wide.dtype == np.float64
    np.testing.assert_allclose(wide.detach().numpy(), y, rtol=1e-5)


@pytest.mark.parametrize("norm", [weight_norm, spectral_norm])
def test_a_compiled_step_of_training_does_the_same(norm):
    net = nn.Sequential(norm(nn.Linear(3, 4, dtype="float64")), nn.Tanh(), nn.Linear(4, 2))
    net.astype(np.float64)
    twin = copy.deepcopy(net)

    def step_of(net):
        optimizer = nn.optim.SGD(net.parameters(), 0.1)

        def step(x):
            optimizer.zero_grad()
            loss = (net(x) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss.detach()

        return step

    plain, compiled = step_of(net), minigrad.compile(step_of(twin))
    for i in range(4):
        x = normal(5, 3, seed=i)
        np.testing.assert_allclose(compiled(x), plain(x).numpy(), rtol=1e-12)
    for name, value in net.state_dict().items():
        np.testing.assert_allclose(twin.state_dict()[name], value, rtol=1e-12)


@pytest.mark.parametrize("norm", [weight_norm, spectral_norm])
def test_an_exported_model_computes_the_same(norm, tmp_path):
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    net = nn.Sequential(norm(nn.Conv2d(2, 3, 2)), nn.Flatten(), norm(nn.Linear(12, 2)))
    x = normal(4, 2, 3, 3, dtype=np.float32)
    nn.export_onnx(net, x, tmp_path / "net.onnx")
    session = runtime.InferenceSession(tmp_path / "net.onnx")
    (y,) = session.run(None, {"input": x})
    np.testing.assert_allclose(y, net.eval()(x).detach().numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: weight_norm(nn.ReLU()), "'weight' is no parameter of the ReLU; it has none"),
        (lambda: spectral_norm(nn.Linear(1, 1), "w"), "'w' is no .* it has weight, bias"),
        (lambda: weight_norm(weight_norm(nn.Linear(1, 1))), "'weight' is no parameter"),
        (lambda: weight_norm(np.ones(3)), "the module is a ndarray; a Module is needed"),
        (lambda: weight_norm(nn.Linear(1, 1), dim=2), r"dim 2 is no axis .* \(1, 1\)"),
        (lambda: spectral_norm(nn.Linear(1, 1), n_power_iterations=0), "n_power_iterations must"),
        (lambda: setattr(weight_norm(nn.Linear(1, 1)), "weight", None), "weight is computed from"),
        (lambda: remove_parametrizations(nn.Linear(1, 1), "weight"), "'weight' of the Linear is"),
        (lambda: nn.utils.vector_to_parameters(np.ones(3), nn.Linear(1, 1).parameters()), r"\(3,"),
    ],
    ids=range(9),
)
def test_what_cannot_be_is_refused(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()


@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm"])
def test_the_names_of_before_are_answered_with_those_of_now(name):
    with pytest.raises(AttributeError, match=rf"it is nn\.utils\.parametrizations\.{name}"):
        getattr(nn.utils, name)


def test_parameters_go_into_one_vector_and_back_as_in_pytorch(torch):
    net = nn.MLP([2, 3, 1])
    vector = nn.utils.parameters_to_vector(net.parameters())
    theirs = torch.nn.utils.parameters_to_vector(
        torch.tensor(p.data.copy("C")) for p in net.parameters()
    )
    np.testing.assert_array_equal(vector.detach().numpy(), theirs.numpy())
    (vector**2).sum().backward()
    for p in net.parameters():
        np.testing.assert_allclose(p.grad.numpy(), 2 * p.numpy())
    other = nn.MLP([2, 3, 1])
    nn.utils.vector_to_parameters(vector, other.parameters())
    for p, q in zip(net.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())


def test_packed_sequences_are_answered_with_lengths():
    with pytest.raises(AttributeError, match=r"'rnn'; .* recurrent layers take lengths=$"):
        nn.utils.rnn.pack_padded_sequence  # noqa: B018
