"""RNN, LSTM and GRU: beside PyTorch in every combination of options, their derivatives, and what they refuse."""

import itertools
import math
import re

import numpy as np
import pytest
from beside_torch import assert_is_pytorchs, doubled, normal
from cases.modules import as_function, flat

import minigrad
import nn
from minigrad import Tensor

KINDS = {
    "tanh": (nn.RNN, {}),
    "relu": (nn.RNN, {"nonlinearity": "relu"}),
    "LSTM": (nn.LSTM, {}),
    "GRU": (nn.GRU, {}),
}
OPTIONS = [
    dict(zip(("num_layers", "bias", "batch_first", "bidirectional"), values, strict=True))
    for values in itertools.product((1, 2), (True, False), (False, True), (False, True))
]


def made(kind, inputs=3, hidden=4, **options):
    cls, more = KINDS[kind]
    return cls(inputs, hidden, **more, **options)


def first_state(layer, *batch, dtype=np.float64):
    """A state to begin with, as the layer wants it."""
    shape = ((1 + layer.bidirectional) * layer.num_layers, *batch, layer.hidden_size)
    h, c = normal(*shape, seed=3, dtype=dtype), normal(*shape, seed=4, dtype=dtype)
    return (h, c) if isinstance(layer, nn.LSTM) else h


# --- Beside PyTorch -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_states_and_gradients_are_pytorchs_for_every_combination_of_options(
    torch, kind, dtype
):
    cls, more = KINDS[kind]
    for options in OPTIONS:
        for is_batch, has_state in itertools.product((True, False), (True, False)):
            ours = cls(3, 4, **more, **options, dtype=dtype)
            theirs = getattr(torch.nn, cls.__name__)(3, 4, **more, **options).to(
                getattr(torch, dtype)
            )
            shape = (5, 3) if not is_batch else (2, 5, 3) if options["batch_first"] else (5, 2, 3)
            inputs = [normal(*shape, dtype=dtype)]
            if has_state:
                inputs.append(first_state(ours, *[2] * is_batch, dtype=dtype))
            for training in (True, False):
                ours.train(training).zero_grad()
                theirs.train(training).zero_grad()
                assert_is_pytorchs(torch, ours, theirs, dtype, *inputs)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_ten_steps_of_a_classifier_are_pytorchs(torch, kind):
    ours, theirs = (
        module.Sequential(
            (nn.Embedding if module is nn else torch.nn.Embedding)(11, 6, padding_idx=0),
            getattr(module, kind)(6, 8, num_layers=2, batch_first=True, bidirectional=True),
            module.Linear(16, 3),
        )
        for module in (nn, torch.nn)
    )
    theirs.double()
    doubled(ours).load_state_dict(theirs.state_dict())
    words = np.random.default_rng(0).integers(0, 11, (10, 4, 7))
    labels = np.random.default_rng(1).integers(0, 3, (10, 4))
    adam, their_adam = (
        nn.optim.Adam(ours.parameters(), 0.01),
        torch.optim.Adam(theirs.parameters(), 0.01),
    )
    for step in range(10):
        loss = minigrad.cross_entropy(
            ours[2](ours[1](ours[0](words[step]))[0][:, -1]), labels[step]
        )
        adam.zero_grad()
        loss.backward()
        adam.step()
        y = theirs[2](theirs[1](theirs[0](torch.tensor(words[step])))[0][:, -1])
        other = torch.nn.functional.cross_entropy(y, torch.tensor(labels[step]))
        their_adam.zero_grad()
        other.backward()
        their_adam.step()
        assert loss.item() == pytest.approx(other.item(), rel=1e-11), f"step {step}"
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.numpy(), q.detach(), rtol=1e-10, atol=1e-10)


# --- Derivatives and values ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["tanh", "LSTM", "GRU"])
def test_the_derivatives_of_both_orders_are_right_by_weights_input_and_state(kind):
    layer = made(kind, 2, 2, num_layers=2, bidirectional=True, dtype="float64")
    first = first_state(layer, 2)
    states = first if isinstance(first, tuple) else (first,)

    def loss(layer, x, *states):
        y, last = layer(x, states if len(states) > 1 else states[0])
        return (y**2).sum() + sum((np.sin(s)).sum() for s in (last if len(states) > 1 else (last,)))

    f, arrays = as_function(layer, loss)
    assert len(arrays) == 16
    minigrad.check_grads(f, [*arrays, normal(3, 2, 2), *states], rng=np.random.default_rng(0))


def test_the_laws_are_those_of_their_docstrings():
    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    x, h, c = normal(1, 1, 3), normal(1, 1, 2, seed=2), normal(1, 1, 2, seed=3)
    for kind in KINDS:
        layer = made(kind, 3, 2, dtype="float64")
        w_i, w_h, b_i, b_h = (p.numpy() for p in layer.parameters())
        a, u = x[0, 0] @ w_i.T + b_i, h[0, 0] @ w_h.T + b_h
        if kind == "LSTM":
            i, f, g, o = np.split(a + u, 4)
            after = sigmoid(f) * c[0, 0] + sigmoid(i) * np.tanh(g)
            expected = sigmoid(o) * np.tanh(after)
        elif kind == "GRU":
            (r, z, n), (v_r, v_z, v_n) = np.split(a, 3), np.split(u, 3)
            z, n = sigmoid(z + v_z), np.tanh(n + sigmoid(r + v_r) * v_n)
            expected = (1 - z) * n + z * h[0, 0]
        else:
            expected = np.tanh(a + u) if kind == "tanh" else np.maximum(a + u, 0)
        y, last = layer(x, (h, c) if kind == "LSTM" else h)
        np.testing.assert_allclose(y[0, 0].detach().numpy(), expected, rtol=1e-12)
        if kind == "LSTM":
            np.testing.assert_allclose(last[1][0, 0].detach().numpy(), after, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_in_two_parts_with_the_state_carried_over_gives_what_it_gives_whole(kind):
    layer = made(kind, num_layers=2)
    x = normal(6, 2, 3, dtype=np.float32)
    whole, last = layer(x)
    first, state = layer(x[:4])
    second, end = layer(x[4:], state)
    np.testing.assert_array_equal(np.concatenate([first, second]).detach(), whole.detach())
    for a, b in zip(flat(last), flat(end), strict=True):
        np.testing.assert_array_equal(a.detach(), b.detach())


@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_behind_a_step_does_not_change_it_so_that_padding_may_stand_there(kind):
    layer = made(kind, batch_first=True)
    x, lengths = normal(3, 5, 3, dtype=np.float32), np.array([5, 2, 3])
    padded = x.copy()
    for row, length in zip(padded, lengths, strict=True):
        row[length:] = 7
    ends = [layer(x)[0][np.arange(3), lengths - 1], layer(padded)[0][np.arange(3), lengths - 1]]
    np.testing.assert_array_equal(ends[0].detach(), ends[1].detach())


# --- Lengths ------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("kind", [*KINDS, "projected"])
def test_with_lengths_all_results_and_gradients_are_those_of_pytorchs_packed_sequences(
    torch, kind, batch_first
):
    pack = torch.nn.utils.rnn
    options = {"num_layers": 2, "bidirectional": True, "batch_first": batch_first}
    options |= {"proj_size": 2} if kind == "projected" else {}
    kind = "LSTM" if kind == "projected" else kind
    ours, lengths = made(kind, **options, dtype="float64"), np.array([2, 5, 1, 5])
    theirs = getattr(torch.nn, KINDS[kind][0].__name__)(3, 4, **KINDS[kind][1], **options).double()
    theirs.load_state_dict({k: torch.from_numpy(a) for k, a in ours.state_dict().items()})
    array = normal(*(4, 5, 3) if batch_first else (5, 4, 3))
    x, t = Tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)
    y, last = ours(x, lengths=lengths)
    packed = pack.pack_padded_sequence(t, torch.tensor(lengths), batch_first, False)
    packed, their_last = theirs(packed)
    z, _ = pack.pad_packed_sequence(packed, batch_first)
    pairs = list(zip(flat((y, last)), flat((z, their_last)), strict=True))
    loss, other = (
        sum((a**3).sum() for a in each) for each in ([a for a, _ in pairs], [b for _, b in pairs])
    )
    loss.backward()
    other.backward()
    parameters = zip(ours.parameters(), theirs.parameters(), strict=True)
    pairs += [(x.grad, t.grad), *((p.grad, q.grad) for p, q in parameters)]
    for a, b in pairs:
        np.testing.assert_allclose(a.data, b.detach(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_lengths_of_whole_rows_change_nothing(kind):
    layer = made(kind, bidirectional=True, dtype="float64")
    x = normal(5, 2, 3)
    for a, b in zip(flat(layer(x)), flat(layer(x, lengths=[5, 5])), strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-12)


def test_a_projected_lstm_is_counted_by_its_products():
    layer, (length, n, i, h, p) = nn.LSTM(3, 4, proj_size=2), (5, 2, 3, 4, 2)
    with minigrad.record():
        y, _ = layer(normal(length, n, i, dtype=np.float32))
    count = sum(cost.multiply_adds for cost in minigrad.costs(y))
    assert count == length * n * (4 * h * (i + p) + p * h)


# --- Initial values, dropout, text --------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_all_parameters_are_uniform_within_one_over_the_root_of_the_hidden_size(kind):
    layer = made(kind, 40, 100, num_layers=2, rng=np.random.default_rng(0))
    for name, p in layer.named_parameters():
        assert p.dtype == np.float32
        u = (np.sort(p.numpy().ravel()) * math.sqrt(100) + 1) / 2
        assert 0 <= u[0] <= u[-1] <= 1
        distance = np.abs(u - (np.arange(u.size) + 0.5) / u.size).max()
        # Kolmogorov and Smirnov, at the level 0.001
        assert distance * math.sqrt(u.size) < 1.95, name
    again = made(kind, 40, 100, num_layers=2, rng=np.random.default_rng(0))
    for a, b in zip(layer.parameters(), again.parameters(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_dropout_acts_between_the_layers_in_training_and_nowhere_else():
    layer = nn.LSTM(3, 400, num_layers=2, dropout=0.25)
    x = normal(1, 50, 3, dtype=np.float32)
    seen = []
    lstm = minigrad.lstm

    def spy(a, *rest, **options):
        seen.append(a)
        return lstm(a, *rest, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(minigrad, "lstm", spy)
        layer(x)
    between = seen[1].detach().numpy()  # what layer 1 reads
    share = (between == 0).mean()
    assert abs(share - 0.25) < 5 * math.sqrt(0.25 * 0.75 / between.size)
    assert np.all(layer(x)[0].detach().numpy() != 0)
    layer.eval()
    np.testing.assert_array_equal(layer(x)[0].detach(), layer(x)[0].detach())
    assert not np.array_equal(*[layer.train()(x)[0].detach() for _ in range(2)])


def test_dropout_without_a_second_layer_warns():
    with pytest.warns(
        UserWarning, match=r"GRU: dropout=0\.5 acts between layers, and there is one"
    ):
        nn.GRU(2, 3, dropout=0.5)


def test_the_repr_says_what_differs_from_the_defaults():
    layer = nn.RNN(3, 4, 2, "relu", batch_first=True, bidirectional=True, bias=False)
    first = "RNN(3, 4, num_layers=2, bias=False, batch_first=True, bidirectional=True, nonlinearity='relu')"
    assert repr(layer).splitlines()[0].startswith(first)
    assert repr(nn.LSTM(3, 4)).startswith("LSTM(3, 4)  weight_ih_l0 (16, 3)")


# --- What is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: nn.RNN(0, 4), ValueError, "RNN: input_size must be an integer >= 1, not 0"),
        (lambda: nn.LSTM(3, 4, 0), ValueError, "LSTM: num_layers .* 0"),
        (lambda: nn.GRU(3, 2.5), ValueError, r"GRU: hidden_size .* 2\.5"),
        (lambda: nn.RNN(3, 4, nonlinearity="sine"), ValueError, "RNN: nonlinearity .* 'sine'"),
        (lambda: nn.GRU(3, 4, 2, dropout=2), ValueError, "p is a probability"),
        (lambda: nn.LSTM(3, 4, proj_size=4), ValueError, "LSTM: proj_size 4 must be smaller than hidden_size 4"),
        (lambda: nn.LSTM(3, 4, proj_size=-1), ValueError, "LSTM: proj_size must be an integer >= 0, not -1"),
        (
            lambda: nn.LSTM(3, 4, proj_size=2)(np.ones((5, 2, 3), "f"), (np.ones((1, 2, 4), "f"),) * 2),
            ValueError, r"LSTM: expected h of hx of shape \(1, 2, 2\), got \(1, 2, 4\)",
        ),
        *[
            (
                lambda x=x, n=lengths: nn.GRU(3, 4)(np.ones(x, "f"), lengths=n), ValueError,
                r"GRU: lengths must be an integer from 1 to the number of steps for each row of a batch; got",
            )
            for x, lengths in (((5, 2, 3), [5, 6]), ((5, 2, 3), [0, 1]), ((5, 2, 3), [5]), ((5, 3), [5, 5, 5]))
        ],
        (lambda: nn.LSTM(3, 4)([[1.0] * 3]), TypeError, "LSTM: the input is a list"),
        (lambda: nn.LSTM(3, 4)(np.ones((5, 2, 3))), TypeError, "LSTM: the input is float64"),
        (
            lambda: nn.LSTM(3, 4)(np.ones((5, 2, 6), "f")),
            ValueError,
            r"LSTM: expected \(L, N, features\) .* with 3 features, got an input of shape \(5, 2, 6\)",
        ),
        (
            lambda: nn.GRU(3, 4, batch_first=True)(np.ones((5, 2, 3, 3), "f")),
            ValueError,
            r"GRU: expected \(N, L, features\) .*\(5, 2, 3, 3\)",
        ),
        (lambda: nn.GRU(3, 4)(np.ones((0, 2, 3), "f")), ValueError, r"GRU: .*\(0, 2, 3\), of no steps"),
        (
            lambda: nn.GRU(3, 4)(np.ones((5, 2, 3), "f"), np.ones((1, 3, 4), "f")),
            ValueError,
            r"GRU: expected h of hx of shape \(1, 2, 4\), got \(1, 3, 4\)",
        ),
        (
            lambda: nn.LSTM(3, 4)(np.ones((5, 2, 3), "f"), np.ones((1, 2, 4), "f")),
            TypeError,
            r"LSTM: hx must be a pair \(h, c\), not ndarray",
        ),
        (
            lambda: nn.LSTM(3, 4)(np.ones((5, 2, 3), "f"), (np.ones((1, 2, 4), "f"), np.ones((2, 4), "f"))),
            ValueError,
            r"LSTM: expected c of hx of shape \(1, 2, 4\), got \(2, 4\)",
        ),
        (
            lambda: nn.LSTM(3, 4)(np.ones((5, 2, 3), "f"), (np.ones((1, 2, 4), "f"), np.ones((1, 2, 4)))),
            TypeError, r"LSTM: c of hx is float64, .* convert c of hx with x\.astype\('float32'\)",
        ),
        (
            lambda: nn.GRUCell(3, 4)(np.ones((2, 3), "f"), (np.ones((2, 4), "f"),) * 2),
            TypeError, "GRUCell: h of hx is a tuple",
        ),
    ],
    ids=range(22),
)  # fmt: skip
def test_what_does_not_fit_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_an_error_in_a_model_begins_with_the_path_of_the_layer():
    net = nn.Sequential(nn.Embedding(5, 3), nn.GRU(4, 2))
    with pytest.raises(ValueError, match=re.escape("1: GRU: expected (L, N, features)")):
        net(np.zeros((2, 2), int))


def test_integers_are_taken_as_floats_and_an_empty_batch_goes_through():
    for kind in KINDS:
        layer = made(kind)
        whole = np.arange(30).reshape(5, 2, 3)
        assert layer(whole)[0].dtype == np.float32
        y, last = layer(Tensor(np.zeros((5, 0, 3), "f")))
        assert y.shape == (5, 0, 4)
        assert flat(last)[0].shape[-2:] == (0, 4)
