"""Recurrent cells: a loop over one is the layer, in float16 too and when compiled; and what is refused."""

import numpy as np
import pytest

import minigrad
import nn
from minigrad import Tensor

X = np.random.default_rng(0).standard_normal((5, 3, 4))
PAIRS = [(nn.RNNCell, nn.RNN), (nn.LSTMCell, nn.LSTM), (nn.GRUCell, nn.GRU)]
every_cell = pytest.mark.parametrize(("cell", "layer"), PAIRS, ids=lambda c: c.__name__)


def twins(cell, layer, dtype="float64", **options):
    """A cell and a layer with its parameters."""
    one, many = cell(4, 2, dtype=dtype, **options), layer(4, 2, dtype=dtype, **options)
    many.load_state_dict({f"{name}_l0": a for name, a in one.state_dict().items()})
    return one, many


def hidden(state):
    return state[0] if isinstance(state, tuple) else state


def walked(cell, x):
    state, hs = None, []
    for step in x:
        state = cell(step, state)
        hs.append(hidden(state))
    return minigrad.stack(hs), state


@every_cell
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("dtype", "rtol"), [("float64", 1e-13), ("float32", 1e-5), ("float16", 1e-2)]
)
def test_a_loop_over_a_cell_is_the_layer(cell, layer, bias, dtype, rtol):
    one, many = twins(cell, layer, dtype, bias=bias)
    x = Tensor(X.astype(dtype), requires_grad=True)
    y, last = many(x)
    hs, state = walked(one, x)
    assert hs.dtype == dtype
    np.testing.assert_allclose(hs.data, y.data, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(hidden(state).data, hidden(last).data[0], rtol=rtol, atol=rtol)
    found = minigrad.grad((hs * hs).sum(), [x, *one.parameters()])
    expected = minigrad.grad((y * y).sum(), [x, *many.parameters()])
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=10 * rtol, atol=10 * rtol)


@every_cell
def test_a_compiled_loop_leaves_the_same_bits(cell, layer):
    def run(make):
        minigrad.seed(0)
        one = cell(4, 2)
        optimizer = nn.optim.SGD(one.parameters(), lr=0.1)

        def step(x):
            optimizer.zero_grad()
            loss = (walked(one, x)[0] ** 2).sum()
            loss.backward()
            optimizer.step()
            return loss

        made = make(step)
        losses = [made(X.astype("float32") * (k + 1)).item() for k in range(4)]
        return losses, one.state_dict()

    np.testing.assert_equal(run(minigrad.compile), run(lambda f: f))


@every_cell
def test_what_does_not_fit_is_refused_by_the_name_of_the_cell(cell, layer):
    one, name = cell(4, 2), cell.__name__
    x = X[0].astype("float32")
    for wrong in (x[:, :3], X.astype("float32"), np.float32(1.0)):
        with pytest.raises(
            ValueError, match=rf"{name}: expected \(N, features\).* 4 features, got"
        ):
            one(wrong)
    with pytest.raises(
        TypeError, match=f"{name}: the input is float64, the parameters are float32"
    ):
        one(X[0])
    h = np.zeros((2, 2), np.float32)
    with pytest.raises(
        ValueError, match=rf"{name}: expected h of hx of shape \(3, 2\), got \(2, 2\)"
    ):
        one(x, (h, h) if cell is nn.LSTMCell else h)
    if cell is nn.LSTMCell:
        with pytest.raises(TypeError, match=r"LSTMCell: hx must be a pair \(h, c\), not ndarray"):
            one(x, h)
    with pytest.raises(ValueError, match=f"{name}: hidden_size must be an integer >= 1, not 0"):
        cell(4, 0)


def test_an_unknown_nonlinearity_is_refused():
    with pytest.raises(
        ValueError, match="RNNCell: nonlinearity must be 'tanh' or 'relu', not 'gelu'"
    ):
        nn.RNNCell(4, 2, nonlinearity="gelu")


def test_a_cell_shows_its_sizes():
    assert repr(nn.RNNCell(4, 2, False, "relu")).startswith(
        "RNNCell(4, 2, bias=False, nonlinearity='relu')"
    )


def test_a_cell_of_ones_own_is_one_method():
    class Leaky(nn.layers.cells.Cell):
        def step(self, x, u, state):
            return (0.5 * state[0] + 0.5 * np.tanh(x + u),)

    one = Leaky(4, 2)
    x, h = X[0].astype("float32"), np.ones((3, 2), np.float32)
    w, v, b, c = (p.data for p in one.parameters())
    np.testing.assert_allclose(
        one(x, h).data, 0.5 * h + 0.5 * np.tanh(x @ w.T + b + h @ v.T + c), rtol=1e-5
    )
