"""Recurrent layers on NumPy's own arrays, over a whole sequence: x (L, N, I), states (N, H), gates H rows in a weight.

What needs no state is one product for all steps, before the walk over time, and so is what can wait until after it.
Gates lie apart, (gates, L, N, H), so that NumPy runs through each without gaps. Kept for the way back are exp(-x) of a
sigmoid and -x of a tanh: from these the slopes are exact, also where y (1 - y) and 1 - y^2 are 0 because y came to 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from . import BITS

# elements of a state in the steps whose slopes are computed at once: few enough for all of them to stay in cache
BLOCK = 2**13


def _both(b_ih: Any, b_hh: Any) -> Any:
    """The sum of two biases, either of which may be None."""
    return b_ih if b_hh is None else b_hh if b_ih is None else b_ih + b_hh


def _by_gate(w: Any, gates: int) -> Any:
    """(gates H, n) as (gates, n, H), a view by which rows (N, n) are multiplied from the right."""
    return w.reshape(gates, -1, w.shape[1]).transpose(0, 2, 1)


def _times(rows: Any, w: Any, out: Any) -> None:
    """rows w for each gate, i f g o of an LSTM in the order i f o g, with the sigmoids side by side."""
    if len(w) < 4:
        np.matmul(rows, w, out=out)
    else:
        np.matmul(rows, w[:2], out=out[:2])
        np.matmul(rows, w[:1:-1], out=out[2:])


def _negative_inputs(x: Any, w: Any, b: Any, gates: int) -> Any:
    """-(W x_t + b) at all steps, (gates, L, N, H)."""
    length, n, width = x.shape
    a = np.empty((gates, length * n, len(w) // gates), x.dtype)
    _times(np.negative(x, order="C").reshape(-1, width), _by_gate(w, gates), a)
    if b is not None:
        b = b.reshape(gates, 1, -1)
        a -= b[[0, 1, 3, 2]] if gates == 4 else b
    return a.reshape(gates, length, n, -1)


def _states(first: Any, length: int, reverse: bool) -> Any:
    """Room for a state before and after each step, with `first` before the first.

    Step t leads from place t to t + 1; in reverse, from t + 1 to t.
    """
    states = np.empty((length + 1, *first.shape), first.dtype)
    states[length if reverse else 0] = first
    return states


def _steps(length: int, reverse: bool) -> Iterator[tuple[int, int, int]]:
    """(t, the places of the states before and after), in the order of the walk."""
    for t in range(length)[:: -1 if reverse else 1]:
        yield t, t + reverse, t + 1 - reverse


def _blocks_back(length: int, size: int, reverse: bool) -> Iterator[tuple[slice, Any]]:
    """Blocks of steps, the last of the walk first: the slice of each, and its pairs (t, place within)."""
    count, order = max(1, BLOCK // size), slice(None, None, 1 if reverse else -1)
    for start in range(0, length, count)[order]:
        stop = min(start + count, length)
        pairs = zip(range(start, stop)[order], range(stop - start)[order], strict=True)
        yield slice(start, stop), pairs


def _sech_squared(x: Any, out: Any = None) -> Any:
    """1 - tanh(x)^2 = 4 / (exp(x) + exp(-x))^2"""
    y = np.exp(x, out=out)
    y += np.reciprocal(y)
    y *= y
    return np.divide(4, y, out=y)


def _sigmoids(decay: Any) -> tuple[Any, Any, Any]:
    """s = 1 / (1 + decay), 1 - s and s (1 - s)."""
    s = 1 + decay
    np.reciprocal(s, out=s)
    rest = decay * s if np.isfinite(decay.max()) else _one_at_inf(decay, s)
    return s, rest, rest * s


def _one_at_inf(decay: Any, s: Any) -> Any:
    """decay s, and 1 where that is inf times 0."""
    return np.multiply(decay, s, out=np.ones_like(s), where=~np.isinf(decay))


def _by_rows(d: Any, gates: int) -> Any:
    """(L, N, gates H) as (L, gates, N, H), a view."""
    length, n, width = d.shape
    return d.reshape(length, n, gates, width // gates).swapaxes(1, 2)


def _of_weights(d: Any, x: Any, is_needed: bool) -> Any:
    """The gradient by W of W x_t at all steps, from that by the product."""
    if not is_needed:
        return None
    width = d.shape[2]
    return (x.reshape(-1, x.shape[2]).T @ d.reshape(-1, width)).T


def _of_bias(d: Any, is_needed: bool) -> Any:
    rows = d.reshape(-1, d.shape[2])
    return np.ones(len(rows), d.dtype) @ rows if is_needed else None


def _of_inputs(d: Any, w: Any, is_needed: bool) -> Any:
    if not is_needed:
        return None
    return (d.reshape(-1, d.shape[2]) @ w).reshape(*d.shape[:2], -1)


def _before(h: Any, reverse: bool) -> Any:
    """The states before all steps."""
    return h[1:] if reverse else h[:-1]


# LSTM ----------------------------------------------------------------------------------------------------


def lstm(
    x: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, h0: Any, c0: Any, reverse: bool
) -> tuple[Any, Any, Any]:
    """h and c before and after all steps; and what is kept of the gates, in the order i f o g."""
    a = _negative_inputs(x, w_ih, _both(b_ih, b_hh), 4)
    h, c = _states(h0, len(x), reverse), _states(c0, len(x), reverse)
    w, u, s = (
        _by_gate(w_hh, 4),
        np.empty((4, *h0.shape), x.dtype),
        np.empty((4, *h0.shape), x.dtype),
    )
    ifo, (i, f, o, m) = s[:3], s
    with np.errstate(over="ignore"):
        for t, before, after in _steps(len(x), reverse):
            _times(h[before], w, u)
            at, c_after = a[:, t], c[after]
            at -= u
            decay = at[:3]
            np.exp(decay, out=decay)
            np.add(decay, 1, out=ifo)
            np.reciprocal(ifo, out=ifo)
            np.tanh(at[3], out=m)  # -g
            m *= i
            np.multiply(f, c[before], out=c_after)
            c_after -= m
            np.tanh(c_after, out=m)
            np.multiply(o, m, out=h[after])
    return h, c, a


def lstm_back(
    gs: Any, x: Any, w_ih: Any, w_hh: Any, h: Any, c: Any, a: Any, reverse: bool, needed: Any
) -> tuple[Any, ...]:
    """The gradients by x, w_ih, w_hh, both biases, h0 and c0."""
    gy, dh, dc = gs[0], gs[1].copy(), gs[2].copy()
    length, n, hidden = gy.shape
    d = np.empty((length, n, 4 * hidden), gy.dtype)
    by_gate = _by_rows(d, 4)
    with np.errstate(over="ignore", divide="ignore"):
        for at, steps in _blocks_back(length, n * hidden, reverse):
            of_c, of_o, of_h, f = _lstm_slopes(a[:, at], c[at], c[1:][at], reverse)
            for t, k in steps:
                dh += gy[t]
                np.multiply(dh, of_o[k], out=by_gate[t, 3])
                dh *= of_h[k]
                dc += dh
                np.multiply(dc, of_c[:, k], out=by_gate[t, :3])
                dc *= f[k]
                np.matmul(d[t], w_hh, out=dh)
            del of_c, of_o, of_h, f  # before the next ones
    return (
        _of_inputs(d, w_ih, needed[0]),
        _of_weights(d, x, needed[1]),
        _of_weights(d, _before(h, reverse), needed[2]),
        *(_of_bias(d, needed[3] or needed[4]),) * 2,
        dh,
        dc,
    )


def _lstm_slopes(a: Any, c: Any, c_next: Any, reverse: bool) -> tuple[Any, Any, Any, Any]:
    """The slopes of c by what goes into i, f, g; of h by what goes into o, and by c; and f, that of c by the last."""
    before, after = (c_next, c) if reverse else (c, c_next)
    (i, f, o), _, slope = _sigmoids(a[:3])
    of_c = np.empty((3, *f.shape), f.dtype)
    shown = np.tanh(after)
    shown *= slope[2]
    of_h = _sech_squared(after)
    of_h *= o
    np.tanh(a[3], out=o)  # -g
    np.negative(o, out=o)
    np.multiply(slope[0], o, out=of_c[0])
    np.multiply(slope[1], before, out=of_c[1])
    np.multiply(_sech_squared(a[3]), i, out=of_c[2])
    return of_c, shown, of_h, f


# GRU -----------------------------------------------------------------------------------------------------


def gru(
    x: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, h0: Any, reverse: bool
) -> tuple[Any, Any, Any]:
    """h before and after all steps; what is kept of the gates r z n; and u = W_hn h + b_hn."""
    both, b_n = 2 * h0.shape[1], None  # r and z get the sum of both biases, at once
    if b_hh is not None:
        b_ih, b_n = np.zeros_like(b_hh) if b_ih is None else b_ih.copy(), b_hh[both:]
        b_ih[:both] += b_hh[:both]
    a = _negative_inputs(x, w_ih, b_ih, 3)
    h, us = _states(h0, len(x), reverse), np.empty((len(x), *h0.shape), x.dtype)
    w, v, s = (
        _by_gate(w_hh, 3),
        np.empty((2, *h0.shape), x.dtype),
        np.empty((3, *h0.shape), x.dtype),
    )
    rz, (r, z, m) = s[:2], s
    with np.errstate(over="ignore"):
        for t, before, after in _steps(len(x), reverse):
            h_before, h_after, decay, n, u = h[before], h[after], a[:2, t], a[2, t], us[t]
            np.matmul(h_before, w[:2], out=v)
            np.matmul(h_before, w[2], out=u)
            if b_n is not None:
                u += b_n
            decay -= v
            np.exp(decay, out=decay)
            np.add(decay, 1, out=rz)
            np.reciprocal(rz, out=rz)
            r *= u
            n -= r
            np.tanh(n, out=m)  # -n
            np.add(h_before, m, out=h_after)
            h_after *= z
            h_after -= m
    return h, a, us


def gru_back(
    gs: Any, x: Any, w_ih: Any, w_hh: Any, h: Any, a: Any, us: Any, reverse: bool, needed: Any
) -> tuple[Any, ...]:
    """The gradients by x, w_ih, w_hh, b_ih, b_hh and h0."""
    gy, dh = gs[0], gs[1].copy()
    length, n, hidden = gy.shape
    d, into_n = np.empty((length, n, 3 * hidden), gy.dtype), np.empty(gy.shape, gy.dtype)
    by_gate, product = _by_rows(d, 3), np.empty_like(dh)
    with np.errstate(over="ignore", divide="ignore"):
        for at, steps in _blocks_back(length, n * hidden, reverse):
            of_u, of_n, z = _gru_slopes(a[:, at], _before(h, reverse)[at], us[at])
            for t, k in steps:
                dh += gy[t]
                np.multiply(dh, of_n[k], out=into_n[t])
                np.multiply(dh, of_u[:, k], out=by_gate[t])
                dh *= z[k]
                np.matmul(d[t], w_hh, out=product)
                dh += product
            del of_u, of_n, z  # before the next ones
    by_w_hh, by_b_hh = _of_weights(d, _before(h, reverse), needed[2]), _of_bias(d, needed[4])
    d[..., 2 * hidden :] = (
        into_n  # so far d was by W_hh h + b_hh, from here on it is by W_ih x + b_ih
    )
    return (
        _of_inputs(d, w_ih, needed[0]),
        _of_weights(d, x, needed[1]),
        by_w_hh,
        _of_bias(d, needed[3]),
        by_b_hh,
        dh,
    )


def _gru_slopes(a: Any, before: Any, u: Any) -> tuple[Any, Any, Any]:
    """The slopes of h by what goes into r, into z, and by u; by what goes into n; and z, that by the h before."""
    (r, z), rest, slope = _sigmoids(a[:2])
    of_u = np.empty((3, *z.shape), z.dtype)
    of_n = _sech_squared(a[2])
    of_n *= rest[1]
    np.multiply(slope[0], u, out=of_u[0])
    of_u[0] *= of_n
    np.tanh(a[2], out=of_u[1])  # -n
    of_u[1] += before
    of_u[1] *= slope[1]
    np.multiply(of_n, r, out=of_u[2])
    return of_u, of_n, z


# RNN -----------------------------------------------------------------------------------------------------


def rnn(
    x: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, h0: Any, nonlinearity: str, reverse: bool
) -> tuple[Any, Any]:
    """h before and after all steps; and what is kept of the sums."""
    a = _negative_inputs(x, w_ih, _both(b_ih, b_hh), 1)[0]
    h, w, u = _states(h0, len(x), reverse), w_hh.T, np.empty_like(h0)
    zero = np.zeros_like(h0)
    for t, before, after in _steps(len(x), reverse):
        np.matmul(h[before], w, out=u)
        at = a[t]
        at -= u
        np.negative(at, out=u)
        if nonlinearity == "relu":
            np.maximum(u, zero, out=h[after])
        else:
            np.tanh(u, out=h[after])
    return h, a


def rnn_back(
    gs: Any,
    x: Any,
    w_ih: Any,
    w_hh: Any,
    h: Any,
    a: Any,
    nonlinearity: str,
    reverse: bool,
    needed: Any,
) -> tuple[Any, ...]:
    """The gradients by x, w_ih, w_hh, both biases and h0."""
    is_relu = nonlinearity == "relu"
    gy, dh = gs[0], gs[1].copy()
    length, n, hidden = gy.shape
    d, bits = np.empty((length, n, hidden), gy.dtype), BITS[gy.dtype.char]
    with np.errstate(over="ignore", divide="ignore"):
        for at, steps in _blocks_back(length, n * hidden, reverse):
            # the slopes of tanh stand where what they are multiplied by will
            slopes = a[at] < 0 if is_relu else _sech_squared(a[at], d[at])
            for t, k in steps:
                dh += gy[t]
                if is_relu:
                    np.multiply(dh.view(bits), slopes[k], out=d[t].view(bits))
                else:
                    np.multiply(dh, slopes[k], out=d[t])
                np.matmul(d[t], w_hh, out=dh)
    return (
        _of_inputs(d, w_ih, needed[0]),
        _of_weights(d, x, needed[1]),
        _of_weights(d, _before(h, reverse), needed[2]),
        *(_of_bias(d, needed[3] or needed[4]),) * 2,
        dh,
    )
