"""Recurrent cells: one step of RNN, LSTM and GRU, for loops of one's own."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checks import float_input, integer
from ..module import Parameter
from .recurrent import GRU, LSTM, RNN, Gated


class Cell(Gated):
    """The step of RNNCell, LSTMCell and GRUCell.

    x        (N, input_size), or (input_size,) without a batch
    hx       the state before, zeros by default: (N, hidden_size), or (hidden_size,); the LSTM's is a pair (h, c)
    returns  the next state, in the form of hx

    weight_ih (gates hidden_size, input_size), weight_hh (gates hidden_size, hidden_size), bias_ih and bias_hh are drawn
    from uniform(-k, k), k = 1 / sqrt(hidden_size).
    """

    weight_ih: Parameter

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.input_size = integer(self, "input_size", input_size, 1)
        self.hidden_size = integer(self, "hidden_size", hidden_size, 1)
        self.bias = bias
        self._draw(self.input_size, "", dtype, rng)

    def forward(self, x: Any, hx: Any = None) -> Any:
        x = float_input(self, x, self.weight_ih)
        size = tuple(x.shape)
        if len(size) not in (1, 2) or size[-1] != self.input_size:
            raise ValueError(
                f"{type(self).__name__}: expected (N, features) or (features,) with {self.input_size} features, got "
                f"an input of shape {size}"
            )
        if hx is None:
            shape = (*size[:-1], self.hidden_size)
            state = (np.zeros_like(self.weight_ih.data, shape=shape),) * self.states
        else:
            state = self._given_states(hx, size[:-1], self.weight_ih)
        _, state = self._run(x[None], state, "")  # a sequence of one step
        return state if self.states > 1 else state[0]

    def describe(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RNNCell(Cell):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu of the same with nonlinearity="relu"; see `RNN` and `Cell`."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"RNNCell: nonlinearity must be 'tanh' or 'relu', not {nonlinearity!r}"
            )
        self.nonlinearity = nonlinearity
        super().__init__(input_size, hidden_size, bias, dtype=dtype, rng=rng)

    step = RNN.step

    def describe(self) -> str:
        return super().describe() + (", nonlinearity='relu'" if self.nonlinearity == "relu" else "")


class LSTMCell(Cell):
    """c' = f c + i g,  h' = o tanh(c'), with the gates i, f, g, o of x and h; see `LSTM` and `Cell`."""

    gates, states = LSTM.gates, LSTM.states
    step = LSTM.step


class GRUCell(Cell):
    """h' = (1 - z) n + z h, with the gates r, z and the new n of x and h; see `GRU` and `Cell`."""

    gates = GRU.gates
    step = GRU.step
