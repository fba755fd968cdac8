"""Recurrent layers: a cell reads a sequence step by step and carries a state along.

A cell only says how the next state follows from the projections of input and state. `Recurrent` walks over layers and
directions, in the same way for all cells; `minigrad.recurrent` over time, or the op that computes all steps of an RNN,
LSTM or GRU at once.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

import minigrad

from .. import init
from ..checks import check_input, float_input, integer
from ..module import Module, Parameter
from .regularisation import Dropout

# h, and for the LSTM c; each (N, hidden_size), or (hidden_size,) without a batch
State = tuple[Any, ...]


class Gated(Module):
    """The weights of a step, in blocks of hidden_size rows, one for each gate; and the states that it carries along."""

    gates = 1  # blocks of hidden_size rows in a weight
    states = 1  # arrays carried from step to step
    proj_size = 0  # of h, where it is a product with weight_hr
    hidden_size: int
    bias: bool

    def step(self, x: Any, u: Any, state: State) -> State:
        """The cell's law: the next state from x = W_ih x_t + b_ih, u = W_hh h_{t-1} + b_hh and the state before."""
        raise NotImplementedError(f"{type(self).__name__} defines no step")

    def _draw(self, inputs: int, suffix: str, dtype: Any, rng: np.random.Generator | None) -> None:
        """Parameters from uniform(-k, k), k = 1 / sqrt(hidden_size)."""
        rows, bound = self.gates * self.hidden_size, 1 / math.sqrt(self.hidden_size)

        def weight(rows: int, width: int) -> Parameter:
            # (out, in) as in PyTorch, but laid out in memory as (in, out), which BLAS multiplies faster
            return Parameter(init.uniform((width, rows), bound, rng, dtype).T)

        for name, width in (("weight_ih", inputs), ("weight_hh", self.shown_size)):
            setattr(self, name + suffix, weight(rows, width))
        for name in ("bias_ih", "bias_hh") if self.bias else ():
            setattr(self, name + suffix, Parameter(init.uniform((rows,), bound, rng, dtype)))
        if self.proj_size:
            setattr(self, "weight_hr" + suffix, weight(self.proj_size, self.hidden_size))

    @property
    def shown_size(self) -> int:
        """The size of h."""
        return self.proj_size or self.hidden_size

    def _run(self, x: Any, state: State, suffix: str, **options: Any) -> tuple[Any, State]:
        """One layer in one direction: h at every step, and the state after the last one."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        w_ih, w_hh, b_ih, b_hh = (getattr(self, name + suffix, None) for name in names)
        whole = _WHOLE.get(getattr(self.step, "__func__", None))
        if self.proj_size:
            options["w_hr"] = getattr(self, "weight_hr" + suffix)
        if whole is None or "lengths" in options:
            return minigrad.recurrent(self.step, x, w_ih, w_hh, b_ih, b_hh, state, **options)
        y, *last = whole(self, x, w_ih, w_hh, b_ih, b_hh, *state, **options)
        return y, tuple(last)

    def _given_states(self, hx: Any, lead: tuple[int, ...], weight: Parameter) -> State:
        """The arrays of hx, each of that shape and its size."""
        given = (hx,) if self.states == 1 else hx
        if not isinstance(given, (tuple, list)) or len(given) != self.states:
            raise TypeError(
                f"{type(self).__name__}: hx must be a pair (h, c), not {type(hx).__name__}"
            )
        sizes = (self.shown_size, self.hidden_size)
        for name, size, array in zip("hc", sizes, given, strict=False):
            check_input(self, array, weight, f"{name} of hx")
            shape = (*lead, size)
            if tuple(array.shape) != shape:
                raise ValueError(
                    f"{type(self).__name__}: expected {name} of hx of shape {shape}, got {tuple(array.shape)}"
                )
        return tuple(given)


class Recurrent(Gated):
    """The walk of RNN, LSTM and GRU: `num_layers` layers, each run over time in one direction or in both.

    x              (L, N, input_size); (N, L, input_size) with batch_first; or (L, input_size), one sequence
    hx             the state before the first step, zeros by default: (D num_layers, N, hidden_size), with D = 2 if
                   bidirectional, else 1; layer by layer, forward before backward. The LSTM's is a pair (h, c)
    returns        the last layer's h of all steps, (L, N, D hidden_size) with axes in the order of x; and the last
                   state, in the form of hx

    Layer k reads the h of layer k - 1, with dropout between the two; both directions of one layer stand side by side
    along the last axis. `weight_ih_l{k}` (gates hidden_size, its inputs), `weight_hh_l{k}` (gates hidden_size,
    hidden_size) and the biases `bias_ih_l{k}`, `bias_hh_l{k}` hold the gates one below the other; the names of the
    backward direction end in `_reverse`. All are drawn from uniform(-k, k), k = 1 / sqrt(hidden_size).

    Pad sequences of unequal lengths at the end. No forward step sees what comes after it, so the state after the last
    real step is `y[lengths - 1, np.arange(N)]`; leave the padded steps out of the loss (by the `ignore_index` of a
    cross-entropy, or a product with a mask). The backward direction would read the padding first: tell it `lengths`
    (N,), from 1 to L. Then every row ends, or begins, at its own last step: the last state is that after it, and the h
    of padded steps is 0, as of PyTorch's packed sequences. The steps are then taken one by one, which is slow: LSTM and
    GRU take about 8 times as long, RNN 3 times.
    """

    weight_ih_l0: Parameter

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.input_size = integer(self, "input_size", input_size, 1)
        self.hidden_size = integer(self, "hidden_size", hidden_size, 1)
        self.num_layers = integer(self, "num_layers", num_layers, 1)
        self.bias, self.batch_first, self.bidirectional = bias, batch_first, bidirectional
        sides = ["", "_reverse"][: 1 + bidirectional]
        for layer in range(self.num_layers):
            width = len(sides) * self.shown_size if layer else self.input_size
            for side in sides:
                self._draw(width, f"_l{layer}{side}", dtype, rng)
        self.dropout = Dropout(dropout, rng=rng) if dropout else None
        if dropout and num_layers == 1:
            warnings.warn(
                f"{type(self).__name__}: dropout={dropout} acts between layers, and there is one",
                stacklevel=2,
            )

    def forward(self, x: Any, hx: Any = None, lengths: Any = None) -> tuple[Any, Any]:
        x = float_input(self, x, self.weight_ih_l0)
        self._check_shape(x)
        more = {} if lengths is None else {"lengths": self._checked_lengths(x, lengths)}
        first = self._first_states(x, hx)
        last: list[State] = []
        for layer in range(self.num_layers):
            x = self.dropout(x) if layer and self.dropout is not None else x
            sides = []
            for side in ["", "_reverse"][: 1 + self.bidirectional]:
                options = {"batch_first": self.batch_first, "reverse": side != "", **more}
                y, state = self._run(x, first[len(last)], f"_l{layer}{side}", **options)
                sides.append(y)
                last.append(state)
            x = minigrad.concatenate(sides, axis=-1) if self.bidirectional else sides[0]
        hx = tuple(minigrad.stack(members) for members in zip(*last, strict=True))
        return x, hx if self.states > 1 else hx[0]

    # What is given -----------------------------------------------------------------------------------

    def _check_shape(self, x: Any) -> None:
        shape = tuple(x.shape)
        axes = "(N, L, features)" if self.batch_first else "(L, N, features)"
        if len(shape) not in (2, 3) or shape[-1] != self.input_size:
            raise ValueError(
                f"{type(self).__name__}: expected {axes} or (L, features) with {self.input_size} features, got an "
                f"input of shape {shape}"
            )
        if shape[1 if self.batch_first and len(shape) == 3 else 0] == 0:
            raise ValueError(f"{type(self).__name__}: got an input of shape {shape}, of no steps")

    def _checked_lengths(self, x: Any, lengths: Any) -> Any:
        lengths = minigrad.on_host(lengths)
        steps, rows = x.shape[:2][:: -1 if self.batch_first else 1]
        fits = len(x.shape) == 3 and lengths.shape == (rows,) and lengths.dtype.kind in "iu"
        if not fits or ((lengths < 1) | (lengths > steps)).any():
            raise ValueError(
                f"{type(self).__name__}: lengths must be an integer from 1 to the number of steps for each row of a "
                f"batch; got {lengths} for an input of shape {tuple(x.shape)}"
            )
        return lengths

    def _first_states(self, x: Any, hx: Any) -> list[State]:
        """The state before the first step, for each layer and direction."""
        count = (1 + self.bidirectional) * self.num_layers
        batch = () if len(x.shape) == 2 else x.shape[:1] if self.batch_first else x.shape[1:2]
        if hx is None:
            sizes = (self.shown_size, self.hidden_size)[: self.states]
            like = self.weight_ih_l0.data
            return [tuple(np.zeros_like(like, shape=(*batch, n)) for n in sizes)] * count
        given = self._given_states(hx, (count, *batch), self.weight_ih_l0)
        return list(zip(*(minigrad.unstack(array) for array in given), strict=True))

    def describe(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        text += f", num_layers={self.num_layers}" if self.num_layers > 1 else ""
        text += f", proj_size={self.proj_size}" if self.proj_size else ""
        text += "" if self.bias else ", bias=False"
        text += ", batch_first=True" if self.batch_first else ""
        return text + (", bidirectional=True" if self.bidirectional else "")


class RNN(Recurrent):
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), or relu of the same with nonlinearity="relu".

    Elman: Finding Structure in Time (1990); one of the two biases would be enough. Shapes, parameters and padding as
    in `Recurrent`.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNN: nonlinearity must be 'tanh' or 'relu', not {nonlinearity!r}")
        self.nonlinearity = nonlinearity
        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            dtype=dtype,
            rng=rng,
        )

    def step(self, x: Any, u: Any, state: State) -> State:
        return minigrad.rnn_step(x, u, state, self.nonlinearity)

    def describe(self) -> str:
        return super().describe() + (", nonlinearity='relu'" if self.nonlinearity == "relu" else "")


class LSTM(Recurrent):
    """c_t = f c_{t-1} + i g,  h_t = o tanh(c_t), with

        i = sigmoid(W_ii x_t + b_ii + W_hi h_{t-1} + b_hi)    what enters     (f, g and o have weights of their
        f = sigmoid(...)                                      what is kept     own, used as for i; the rows of
        g = tanh(...)                                         what is new      all stand in the order i, f, g, o)
        o = sigmoid(...)                                      what is shown

    Hochreiter, Schmidhuber: Long Short-Term Memory (1997), with the forget gate f of Gers, Schmidhuber, Cummins
    (2000), without peepholes; one of the two biases would be enough. Shapes, parameters and padding as in `Recurrent`.

    proj_size  P > 0: h_t = W_hr (o tanh(c_t)) with `weight_hr_l{k}` (P, hidden_size), so that h has P numbers in place
               of hidden_size, and weight_hh as many columns; c stays as it is (Sak, Senior, Beaufays 2014). The steps
               are then taken one by one, which takes about 7 times as long
    """

    gates = 4
    states = 2

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        *,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.proj_size = integer(self, "proj_size", proj_size, 0)
        if proj_size and proj_size >= integer(self, "hidden_size", hidden_size, 1):
            raise ValueError(
                f"LSTM: proj_size {proj_size} must be smaller than hidden_size {hidden_size}"
            )
        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            dtype=dtype,
            rng=rng,
        )

    def step(self, x: Any, u: Any, state: State) -> State:
        return minigrad.lstm_step(x, u, state)


class GRU(Recurrent):
    """h_t = (1 - z) n + z h_{t-1}, with

        r = sigmoid(W_ir x_t + b_ir + W_hr h_{t-1} + b_hr)    how much of h_{t-1} is read
        z = sigmoid(W_iz x_t + b_iz + W_hz h_{t-1} + b_hz)    how much of it is kept
        n = tanh(W_in x_t + b_in + r (W_hn h_{t-1} + b_hn))   what is new

    The rows of the three stand in the order r, z, n. Cho et al.: Learning Phrase Representations using RNN
    Encoder-Decoder (2014). There r scales h_{t-1} before the product with W_hn; here, as in PyTorch, it scales the
    product, so that one product serves all three. Shapes, parameters and padding as in `Recurrent`.
    """

    gates = 3

    def step(self, x: Any, u: Any, state: State) -> State:
        return minigrad.gru_step(x, u, state)


# The op that computes all steps at once, for a step that is one of these; any other, of a subclass or of a layer, is
# taken step by step
_WHOLE: dict[Any, Any] = {
    RNN.step: lambda layer, x, w_ih, w_hh, b_ih, b_hh, h, **options: minigrad.rnn(
        x, w_ih, w_hh, b_ih, b_hh, h, layer.nonlinearity, **options
    ),
    LSTM.step: lambda layer, *given, **options: minigrad.lstm(*given, **options),
    GRU.step: lambda layer, *given, **options: minigrad.gru(*given, **options),
}
