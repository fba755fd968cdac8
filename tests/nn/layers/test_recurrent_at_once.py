"""RNN, LSTM and GRU, all steps in one op: they give what the steps give one by one, of whatever law and order."""

import numpy as np
import pytest
from beside_torch import normal
from cases.modules import flat

import minigrad as mg
import nn
from minigrad import Tensor, grad

KINDS = {
    "tanh": (nn.RNN, {}),
    "relu": (nn.RNN, {"nonlinearity": "relu"}),
    "LSTM": (nn.LSTM, {}),
    "GRU": (nn.GRU, {}),
}
STEPS = {"RNN": "rnn", "LSTM": "lstm", "GRU": "gru"}


def made(kind, *sizes, **options):
    cls, more = KINDS[kind]
    return cls(*sizes, **more, **options)


def ops_of(y):
    nodes, todo = set(), [y._node]
    while todo:
        node = todo.pop()
        if hasattr(node, "op") and node not in nodes:
            nodes.add(node)
            todo += node.parents
    return [node.op.name for node in nodes]


# --- The same as step by step -------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_all_steps_at_once_give_what_single_steps_give_to_order_2_with_the_same_dropout(kind):
    def derivatives():
        layer = made(
            kind, 3, 4, num_layers=2, bidirectional=True, dropout=0.3, dtype="float64",
            rng=np.random.default_rng(0),
        )  # fmt: skip
        shape = (4, 2, 4)
        h, c = (Tensor(normal(*shape, seed=s), requires_grad=True) for s in (3, 4))
        x = Tensor(normal(5, 2, 3), requires_grad=True)
        y, last = layer(x, (h, c) if kind == "LSTM" else h)
        loss = (y**2).sum() + sum(np.sin(s).sum() for s in flat(last))
        inputs = [x, h, *([c] if kind == "LSTM" else []), *layer.parameters()]
        first = grad(loss, inputs, create_graph=True)
        second = grad(sum((g**2).sum() for g in first), inputs)
        return ops_of(y), [
            y.data,
            *(s.data for s in flat(last)),
            *(g.data for g in (*first, *second)),
        ]

    ops, found = derivatives()
    with mg.unfused():
        unfused, expected = derivatives()
    assert ops.count(STEPS[KINDS[kind][0].__name__]) == 4
    assert not {"lstm", "gru", "rnn"} & set(unfused)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12 * max(1, np.abs(b).max()))


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("size", [-12, 12])
def test_slopes_are_exact_where_a_gate_is_saturated(name, size):
    rows = {"lstm": 4, "gru": 3, "rnn": 1}[name]

    def gradients(bias, dtype):
        b = Tensor(bias.astype(dtype), requires_grad=True)
        w, h = np.full((rows, 1), 0.125, dtype), np.full((1, 1), 0.75, dtype)
        first = [h, h] if name == "lstm" else [h]
        y, *_ = getattr(mg, name)(np.ones((1, 1, 1), dtype), w, w, b, None, *first)
        return grad(y.sum(), b).data

    for place in range(rows):
        bias = np.full(rows, 0.25)
        bias[place] = size
        found = gradients(bias, np.float32)
        with mg.unfused():
            expected = gradients(bias, np.float64)
        assert expected.all()
        np.testing.assert_allclose(found, expected, rtol=64 * np.finfo("f").eps)


@pytest.mark.parametrize("name", ["lstm", "gru"])
@pytest.mark.parametrize("large", [1e4, np.inf])
def test_a_gate_whose_exponential_overflows_has_the_slope_0_of_its_composition(name, large):
    rows = {"lstm": 4, "gru": 3}[name]
    w = np.linspace(-2, 2, 2 * rows, dtype="f").reshape(2 * rows, 1)

    def gradients():
        x = Tensor(np.full((2, 1, 1), large, "f"), requires_grad=True)
        weights = Tensor(w, requires_grad=True)
        h, *_ = getattr(mg, name)(x, weights, np.tile(w, 2))
        return [g.data for g in grad(h.sum(), [x, weights])]

    with np.errstate(invalid="ignore"):
        found = gradients()
        with mg.unfused():
            expected = gradients()
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_sums_beyond_what_an_exponential_can_hold_leave_numbers(kind):
    layer = made(kind, 1, 2)
    for x in (-1e4, 1e4):
        t = Tensor(np.full((3, 2, 1), x, "f"), requires_grad=True)
        with np.errstate(all="raise", under="ignore"):
            y, _ = layer(t)
            g = grad(y.sum(), [t, *layer.parameters()])
        assert all(np.isfinite(a.data).all() for a in (y, *g))


def test_a_unit_that_relu_has_closed_passes_no_gradient_back_however_large():
    x = Tensor(np.array([[[1.0]], [[-1.0]]]), requires_grad=True)
    one = np.ones((1, 1))
    y, _ = mg.rnn(x, one, -2 * one, nonlinearity="relu")
    g = grad(y, x, seed=np.array([[[1.0]], [[np.inf]]])).data
    np.testing.assert_array_equal(g.ravel(), [1, 0])


# --- A step of one's own ------------------------------------------------------------------------


def assert_doubled(result, plain):
    np.testing.assert_allclose(result[0].data, 2 * plain, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_of_a_subclass_of_a_layer_and_of_a_patch_is_taken(kind):
    cls, _ = KINDS[kind]

    def doubled(self, x, u, state):
        return tuple(2 * s for s in cls.step(self, x, u, state))

    x = normal(1, 2, 3, dtype=np.float32)
    layer = made(kind, 3, 4, rng=np.random.default_rng(0))
    plain = layer(x)[0].data

    other = made(kind, 3, 4, rng=np.random.default_rng(0))
    other.__class__ = type("Doubled", (cls,), {"step": doubled})
    assert_doubled(other(x), plain)

    layer.step = doubled.__get__(layer)
    assert_doubled(layer(x), plain)

    again = made(kind, 3, 4, rng=np.random.default_rng(0))
    step = cls.step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cls, "step", lambda self, *given: tuple(2 * s for s in step(self, *given)))
        assert_doubled(again(x), plain)
    np.testing.assert_array_equal(again(x)[0].data, plain)


def test_a_cell_of_ones_own_walks_through_layers_directions_and_time():
    class Sum(nn.layers.recurrent.Recurrent):
        def step(self, x, u, state):
            return (state[0] + x,)

    layer = Sum(1, 1, bidirectional=True, bias=False)
    for p in layer.parameters():
        p.data[...] = 1
    y, last = layer(np.ones((3, 2, 1), "f"))
    np.testing.assert_array_equal(y.data[:, 0], [[1, 3], [2, 2], [3, 1]])
    np.testing.assert_array_equal(last.data, np.full((2, 2, 1), 3))


# --- The functions ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x, w: mg.rnn(x[0, 0], w, w), r"rnn: x has shape \(2,\); \(L, N, features\)"),
        (lambda x, w: mg.gru(x[:0], w, w), r"gru: x has shape \(0, 1, 2\); .* L > 0"),
        (lambda x, w: mg.lstm(x, w, w), r"lstm: w_ih has shape \(2, 2\); .* 2 units \(8, 2\)"),
        (lambda x, w: mg.rnn(x, w, w, np.ones(3)), r"rnn: b_ih has shape \(3,\); .* \(2,\)"),
        (lambda x, w: mg.rnn(x, w, w, h0=np.ones(2)), r"rnn: h0 has shape \(2,\); .* \(1, 2\)"),
        (
            lambda x, w: mg.lstm(x, np.ones((12, 2)), np.ones((12, 2)), w_hr=np.ones((3, 3))),
            r"lstm: w_hr has shape \(3, 3\); with .* 3 units \(2, 3\)",
        ),
        (lambda x, w: mg.rnn(x, w, w, nonlinearity="sine"), "rnn: nonlinearity .* 'sine'"),
    ],
    ids=range(7),
)
def test_what_does_not_fit_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call(np.ones((3, 1, 2)), np.ones((2, 2)))
