"""Recurrent networks over a whole sequence. Fused: one op for all steps of a layer in one direction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.dtypes import FLOAT16, widened
from .activations import relu
from .elementwise import add, multiply, sigmoid, subtract, tanh, where
from .fused import fused
from .inspection import plain
from .joining import split, unstack
from .kernels import recurrent as kernels
from .products import linear
from .shapes import stack

State = tuple[Any, ...]

# The laws of one step ------------------------------------------------------------------------------------


def lstm_step(x: Any, u: Any, state: State) -> State:
    """c = f c + i g, h = o tanh(c), with i, f, o = sigmoid and g = tanh of x + u, whose last axis holds i, f, g, o.

    state  (h, c) of the step before; returns the next. Hochreiter, Schmidhuber 1997; Gers, Schmidhuber, Cummins 2000.
    """
    i, f, g, o = split(add(x, u), 4, axis=-1)
    c = multiply(sigmoid(f), state[1]) + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


def gru_step(x: Any, u: Any, state: State) -> State:
    """h = (1 - z) n + z h, with r, z = sigmoid(x + u) and n = tanh(x + r u); the last axes of x and u hold r, z, n.

    state  (h,) of the step before; returns the next. Cho et al. 2014.
    """
    (h,) = state
    at = (2 * h.shape[-1],)
    (x_rz, x_n), (u_rz, u_n) = split(x, at, axis=-1), split(u, at, axis=-1)
    r, z = split(sigmoid(x_rz + u_rz), 2, axis=-1)
    n = tanh(x_n + r * u_n)
    return (n + z * subtract(h, n),)


def rnn_step(x: Any, u: Any, state: State, nonlinearity: str = "tanh") -> State:
    """h = tanh(x + u), or relu of the same. Elman 1990."""
    return (tanh(add(x, u)) if nonlinearity == "tanh" else relu(add(x, u)),)


# The walk over time --------------------------------------------------------------------------------------


def recurrent(
    step: Callable[[Any, Any, State], State],
    x: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    state: State,
    batch_first: bool = False,
    reverse: bool = False,
    w_hr: Any = None,
    lengths: Any = None,
) -> tuple[Any, State]:
    """state = step(W_ih x_t + b_ih, W_hh h + b_hh, state) for each t, with h = state[0]: all h, and the last state.

    x        (L, N, I), (N, L, I) with batch_first, or (L, I); a bias may be None; the h of all steps in the order of x
    reverse  from the last t to the first
    w_hr     (P, H): h is W_hr times that of the step, so that w_hh is (..., P)
    lengths  (N,): of the steps of row n those from lengths[n] on are padding. They leave its state as it is, in reverse
             the first one, and their h in the result is 0
    """
    time = 1 if batch_first and len(x.shape) == 3 else 0
    projected = list(enumerate(unstack(linear(x, w_ih, b_ih), axis=time)))
    hs = []
    for t, x_t in reversed(projected) if reverse else projected:
        before, state = state, step(x_t, linear(state[0], w_hh, b_hh), state)
        if w_hr is not None:
            state = (linear(state[0], w_hr), *state[1:])
        if lengths is None:
            hs.append(state[0])
        else:
            goes = (t < lengths)[:, None]
            hs.append(where(goes, state[0], 0))
            state = tuple([where(goes, a, b) for a, b in zip(state, before, strict=True)])
    return stack(hs[::-1] if reverse else hs, axis=time), state


def _composed(step: Any, arrays: Any, batch_first: bool, reverse: bool, w_hr: Any = None) -> Any:
    """(h of all steps, each array of the last state), by the walk. float16: in float32, rounded once."""
    x, w_ih, w_hh, b_ih, b_hh, *state = map(widened, arrays)
    w_hr = widened(w_hr)
    y, last = recurrent(step, x, w_ih, w_hh, b_ih, b_hh, tuple(state), batch_first, reverse, w_hr)
    return _rounded((y, *last), arrays)


def _rounded(ys: Any, arrays: Any) -> Any:
    """The results, computed from widened arrays, in the arrays' dtype."""
    if any(v is not None and v.dtype != FLOAT16 for v in arrays):
        return ys
    return tuple([y.astype(FLOAT16) for y in ys])


# Between the kernels' layout and the caller's ------------------------------------------------------------


def _in_kernel(arrays: Any, states: int, batch_first: bool) -> list[Any]:
    """x as (L, N, I), the weights and biases as they are, the states (N, H); all in one dtype, float32 for float16."""
    x, *parameters = map(widened, arrays)
    dtype = np.result_type(*[v for v in (x, *parameters) if v is not None])
    x, *parameters = [
        v if v is None or v.dtype == dtype else v.astype(dtype) for v in (x, *parameters)
    ]
    if x.ndim == 2:
        return [x[:, None], *parameters[:-states], *[s[None] for s in parameters[-states:]]]
    return [x.swapaxes(0, 1) if batch_first else x, *parameters]


def _results(h: Any, last: Any, arrays: Any, batch_first: bool, reverse: bool) -> Any:
    """(h of all steps, the last h, ...), from the h before and after the steps, as the caller has x and states."""
    y = h[:-1] if reverse else h[1:]
    ends = [(s[0] if reverse else s[-1]).copy() for s in (h, *last)]  # views would keep all steps
    if arrays[0].ndim == 2:
        y, ends = y[:, 0], [s[0] for s in ends]
    elif batch_first:
        y = y.swapaxes(0, 1)
    return _rounded((y, *ends), arrays)


def _seeds(gs: Any, x: Any, batch_first: bool) -> list[Any]:
    """The gradients by the results, in the kernels' layout."""
    gy, *ends = map(widened, gs)
    if x.ndim == 2:
        return [gy[:, None], *[g[None] for g in ends]]
    return [gy.swapaxes(0, 1) if batch_first else gy, *ends]


def _gradients(found: Any, arrays: Any, states: int, batch_first: bool, needed: Any) -> Any:
    """The kernels' gradients of those arrays that need one, in the caller's layout and dtype."""
    dx, *others = found
    if arrays[0].ndim == 2:
        dx = None if dx is None else dx[:, 0]
        others = [*others[:-states], *[g[0] for g in others[-states:]]]
    elif batch_first and dx is not None:
        dx = dx.swapaxes(0, 1)
    found = [g if is_needed else None for g, is_needed in zip((dx, *others), needed, strict=True)]
    return tuple(
        [
            g if g is None or g.dtype == v.dtype else g.astype(v.dtype)
            for g, v in zip(found, arrays, strict=True)
        ]
    )


def _forward(kernel: Any, states: int) -> Any:
    """The op's function: the results, and what the kernel keeps for the way back."""

    def forward(*args: Any) -> tuple[Any, ...]:
        arrays, (*options, batch_first, reverse) = args[: 5 + states], args[5 + states :]
        h, *kept = kernel(*_in_kernel(arrays, states, batch_first), *options, reverse)
        return _results(h, kept[: states - 1], arrays, batch_first, reverse), h, *kept

    return forward


def _backward(kernel: Any, states: int, options: int = 2) -> Any:
    """The gradients by arrays and states, from the arguments of the call, what was kept, and which are needed."""
    ends = 5 + states, 5 + states + options

    def backward(g: Any, *values: Any) -> tuple[Any, ...]:
        arrays, (*given, batch_first, reverse) = values[: ends[0]], values[ends[0] : ends[1]]
        *kept, needed = values[ends[1] :]
        wide = _in_kernel(arrays, states, batch_first)[:3]
        found = kernel(_seeds(g, arrays[0], batch_first), *wide, *kept, *given, reverse, needed)
        return _gradients(found, arrays, states, batch_first, needed)

    return backward


def _checked(
    op: str,
    gates: int,
    x: Any,
    w_ih: Any,
    w_hh: Any,
    biases: Any,
    states: Any,
    batch_first: bool,
    w_hr: Any = None,
) -> list[Any]:
    """The states, zeros for those not given; raises if the shapes do not fit."""
    shape, shown = tuple(x.shape), w_hh.shape[-1]
    hidden = shown if w_hr is None else w_hr.shape[-1]
    if len(shape) not in (2, 3) or shape[1 if batch_first and len(shape) == 3 else 0] == 0:
        axes = "(N, L, features)" if batch_first else "(L, N, features)"
        raise ValueError(f"{op}: x has shape {shape}; {axes} or (L, features), L > 0, is needed")
    batch = () if len(shape) == 2 else shape[:1] if batch_first else shape[1:2]
    rows = gates * hidden
    for name, value, size in (
        ("w_ih", w_ih, (rows, shape[-1])), ("w_hh", w_hh, (rows, shown)), ("b_ih", biases[0], (rows,)),
        ("b_hh", biases[1], (rows,)), ("w_hr", w_hr, (shown, hidden)),
        *[(f"{s}0", v, (*batch, n)) for s, n, v in zip("hc", (shown, hidden), states, strict=False)],
    ):  # fmt: skip
        if value is not None and tuple(value.shape) != size:
            raise ValueError(
                f"{op}: {name} has shape {tuple(value.shape)}; with x of shape {shape} and {hidden} units {size} is "
                "needed"
            )
    sizes = (shown, hidden)[: len(states)]
    return [
        _zeros(w_hh, (*batch, n)) if s is None else s for s, n in zip(states, sizes, strict=True)
    ]


def _zeros(like: Any, shape: Any) -> Any:
    return np.zeros_like(plain(like, "recurrent"), shape=shape)


_ARRAYS = ("x", "w_ih", "w_hh", "b_ih", "b_hh")

# LSTM ----------------------------------------------------------------------------------------------------


# forward and back in 0.42 of the composition's time, 20 steps of 32 rows with 64 units
@fused(
    (*_ARRAYS, "h0", "c0"),
    _forward(kernels.lstm, 2),
    _backward(kernels.lstm_back, 2),
    ("h", "c", "gates"),
)
def _lstm(
    x: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, h0: Any, c0: Any, batch_first: bool, reverse: bool
) -> tuple[Any, Any, Any]:  # fmt: skip
    """c_t = f c_{t-1} + i g, h_t = o tanh(c_t), with i, f, o = sigmoid and g = tanh of W_ih x_t + W_hh h_{t-1} + b"""
    return _composed(lstm_step, (x, w_ih, w_hh, b_ih, b_hh, h0, c0), batch_first, reverse)


def lstm(
    x: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any = None,
    b_hh: Any = None,
    h0: Any = None,
    c0: Any = None,
    batch_first: bool = False,
    reverse: bool = False,
    w_hr: Any = None,
) -> tuple[Any, Any, Any]:
    """c_t = f c_{t-1} + i g, h_t = o tanh(c_t) for every step t of x: h of all steps, and the last h and c.

    i, f, o = sigmoid and g = tanh of W_ih x_t + b_ih + W_hh h_{t-1} + b_hh, in the order i, f, g, o.

    x        (L, N, I), or (N, L, I) with batch_first, or (L, I) without a batch
    w_ih     (4 H, I), w_hh (4 H, H); b_ih and b_hh (4 H,) or None
    h0, c0   (N, H), or (H,) without a batch: the state before the first step; zeros by default
    reverse  from the last step to the first
    w_hr     (P, H): h_t = W_hr (o tanh(c_t)), so that w_hh is (4 H, P) and h0 (N, P). Sak, Senior, Beaufays 2014. It is
             computed step by step, which takes about 7 times as long
    """
    h0, c0 = _checked("lstm", 4, x, w_ih, w_hh, (b_ih, b_hh), (h0, c0), batch_first, w_hr)
    if w_hr is not None:
        arrays = (x, w_ih, w_hh, b_ih, b_hh, h0, c0)
        projected: tuple[Any, Any, Any] = _composed(lstm_step, arrays, batch_first, reverse, w_hr)
        return projected
    y, h, c = _lstm(x, w_ih, w_hh, b_ih, b_hh, h0, c0, batch_first, reverse)
    return y, h, c


# GRU -----------------------------------------------------------------------------------------------------


# forward and back in 0.33 of the composition's time, 20 steps of 32 rows with 64 units
@fused(
    (*_ARRAYS, "h0"), _forward(kernels.gru, 1), _backward(kernels.gru_back, 1), ("h", "gates", "u")
)
def _gru(
    x: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, h0: Any, batch_first: bool, reverse: bool
) -> tuple[Any, Any]:
    """h_t = (1 - z) n + z h_{t-1}, with r, z = sigmoid(W_ih x_t + W_hh h_{t-1} + b), n = tanh(W_ih x_t + b + r u)"""
    return _composed(gru_step, (x, w_ih, w_hh, b_ih, b_hh, h0), batch_first, reverse)


def gru(
    x: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any = None,
    b_hh: Any = None,
    h0: Any = None,
    batch_first: bool = False,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """h_t = (1 - z) n + z h_{t-1} for every step t of x: h of all steps, and the last h.

    r, z = sigmoid(a + u) and n = tanh(a + r u) with a = W_ih x_t + b_ih, u = W_hh h_{t-1} + b_hh, in the order r, z, n.

    x        (L, N, I), or (N, L, I) with batch_first, or (L, I) without a batch
    w_ih     (3 H, I), w_hh (3 H, H); b_ih and b_hh (3 H,) or None
    h0       (N, H), or (H,) without a batch: the state before the first step; zeros by default
    reverse  from the last step to the first
    """
    (h0,) = _checked("gru", 3, x, w_ih, w_hh, (b_ih, b_hh), (h0,), batch_first)
    y, h = _gru(x, w_ih, w_hh, b_ih, b_hh, h0, batch_first, reverse)
    return y, h


# RNN -----------------------------------------------------------------------------------------------------


# forward and back in 0.46 of the composition's time, 20 steps of 32 rows with 64 units
@fused((*_ARRAYS, "h0"), _forward(kernels.rnn, 1), _backward(kernels.rnn_back, 1, 3), ("h", "sums"))
def _rnn(
    x: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, h0: Any, nonlinearity: str, batch_first: bool, reverse: bool
) -> tuple[Any, Any]:  # fmt: skip
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), or relu of the same"""

    def step(x: Any, u: Any, state: State) -> State:
        return rnn_step(x, u, state, nonlinearity)

    return _composed(step, (x, w_ih, w_hh, b_ih, b_hh, h0), batch_first, reverse)


def rnn(
    x: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any = None,
    b_hh: Any = None,
    h0: Any = None,
    nonlinearity: str = "tanh",
    batch_first: bool = False,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh) for every step t of x: h of all steps, and the last h.

    nonlinearity  "tanh", or "relu" for relu of the same
    x             (L, N, I), or (N, L, I) with batch_first, or (L, I) without a batch
    w_ih          (H, I), w_hh (H, H); b_ih and b_hh (H,) or None
    h0            (N, H), or (H,) without a batch: the state before the first step; zeros by default
    reverse       from the last step to the first
    """
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"rnn: nonlinearity must be 'tanh' or 'relu', not {nonlinearity!r}")
    (h0,) = _checked("rnn", 1, x, w_ih, w_hh, (b_ih, b_hh), (h0,), batch_first)
    y, h = _rnn(x, w_ih, w_hh, b_ih, b_hh, h0, nonlinearity, batch_first, reverse)
    return y, h
