"""step: written by minigrad; it needs NumPy alone."""

from __future__ import annotations

import numpy as np
import textwrap
import math


lstm_states = 2


def _times(rows, w, out):
    """rows w for each gate, i f g o of an LSTM in the order i f o g, with the sigmoids side by side."""
    if len(w) < 4:
        np.matmul(rows, w, out=out)
    else:
        np.matmul(rows, w[:2], out=out[:2])
        np.matmul(rows, w[:1:-1], out=out[2:])


def _by_gate(w, gates):
    """(gates H, n) as (gates, n, H), a view by which rows (N, n) are multiplied from the right."""
    return w.reshape(gates, -1, w.shape[1]).transpose(0, 2, 1)


def _negative_inputs(x, w, b, gates):
    """-(W x_t + b) at all steps, (gates, L, N, H)."""
    length, n, width = x.shape
    a = np.empty((gates, length * n, len(w) // gates), x.dtype)
    _times(np.negative(x, order="C").reshape(-1, width), _by_gate(w, gates), a)
    if b is not None:
        b = b.reshape(gates, 1, -1)
        a -= b[[0, 1, 3, 2]] if gates == 4 else b
    return a.reshape(gates, length, n, -1)


def _both(b_ih, b_hh):
    """The sum of two biases, either of which may be None."""
    return b_ih if b_hh is None else b_hh if b_ih is None else b_ih + b_hh


def _states(first, length, reverse):
    """Room for a state before and after each step, with `first` before the first.

    Step t leads from place t to t + 1; in reverse, from t + 1 to t.
    """
    states = np.empty((length + 1, *first.shape), first.dtype)
    states[length if reverse else 0] = first
    return states


def _steps(length, reverse):
    """(t, the places of the states before and after), in the order of the walk."""
    for t in range(length)[:: -1 if reverse else 1]:
        yield t, t + reverse, t + 1 - reverse


def lstm_2(
    x, w_ih, w_hh, b_ih, b_hh, h0, c0, reverse
):
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


DEFAULT_FLOAT = np.dtype(np.float32)


FLOAT16 = np.dtype(np.float16)


def widened(x):
    """float16 as float32; anything else as it is."""
    return x.astype(DEFAULT_FLOAT) if getattr(x, "dtype", None) == FLOAT16 else x


def _in_kernel(arrays, states, batch_first):
    """x as (L, N, I), the weights and biases as they are, the states (N, H); all in one dtype, float32 for float16."""
    x, *parameters = map(widened, arrays)
    dtype = np.result_type(*[v for v in (x, *parameters) if v is not None])
    x, *parameters = [
        v if v is None or v.dtype == dtype else v.astype(dtype) for v in (x, *parameters)
    ]
    if x.ndim == 2:
        return [x[:, None], *parameters[:-states], *[s[None] for s in parameters[-states:]]]
    return [x.swapaxes(0, 1) if batch_first else x, *parameters]


def _rounded(ys, arrays):
    """The results, computed from widened arrays, in the arrays' dtype."""
    if any(v is not None and v.dtype != FLOAT16 for v in arrays):
        return ys
    return tuple([y.astype(FLOAT16) for y in ys])


def _results(h, last, arrays, batch_first, reverse):
    """(h of all steps, the last h, ...), from the h before and after the steps, as the caller has x and states."""
    y = h[:-1] if reverse else h[1:]
    ends = [(s[0] if reverse else s[-1]).copy() for s in (h, *last)]  # views would keep all steps
    if arrays[0].ndim == 2:
        y, ends = y[:, 0], [s[0] for s in ends]
    elif batch_first:
        y = y.swapaxes(0, 1)
    return _rounded((y, *ends), arrays)


def lstm(*args):
    arrays, (*options, batch_first, reverse) = args[: 5 + lstm_states], args[5 + lstm_states :]
    h, *kept = lstm_2(*_in_kernel(arrays, lstm_states, batch_first), *options, reverse)
    return _results(h, kept[: lstm_states - 1], arrays, batch_first, reverse), h, *kept


def is_basic(part):
    """Tell whether this part of an index is a slice, an integer, None or Ellipsis, which choose no element twice."""
    if part is None or part is Ellipsis or type(part) is int or isinstance(part, slice):
        return True
    return getattr(part, "ndim", 1) == 0 and part.dtype.kind in "iu"


def _as_index(part):
    """A part of an index; bools and sequences (lists, tuples within a tuple, ranges) become arrays, as in NumPy."""
    if hasattr(part, "dtype") or is_basic(part):
        return part
    array = np.asarray(part)
    return array if array.size else array.astype(np.intp)


def parts_of(index):
    return index if isinstance(index, tuple) else (index,)


def check_fits(g, chosen, shape):
    if tuple(chosen) != tuple(g.shape):
        raise ValueError(
            f"scatter: g has shape {g.shape}, its index chooses {chosen} of an array {shape}"
        )


def choose(op, x, index, shape):
    """x[index]; IndexError for one that does not fit, with the name of `op`, the `shape` and the index."""
    try:
        return x[index]
    except IndexError as error:
        said = textwrap.shorten(repr(index), 120, placeholder=" ...")
        raise IndexError(
            f"{op}: {error}; the array has shape {tuple(shape)}, the index is {said}"
        ) from None


def axes_of_part(part):
    """The number of axes that a part of an index takes."""
    if part is None or part is Ellipsis:
        return 0
    kind = getattr(getattr(part, "dtype", None), "kind", "i")
    return part.ndim if kind == "b" else 1


def _places(parts, shape):
    """The row-major places in x of the elements of x[parts], in its shape; negative ones count from the end."""
    if parts[-1] is Ellipsis:
        parts = parts[:-1]
    used = len(shape)
    if not any(part is Ellipsis for part in parts):
        while isinstance(parts[-1], slice) and parts[-1] == slice(None):
            parts = parts[:-1]
        used = sum(axes_of_part(part) for part in parts)
    lead, rest = shape[:used], shape[used:]  # nothing is chosen along the rest
    if len(lead) == len(parts) == 1 and parts[0].dtype.kind in "iu":
        rows = parts[0].astype(np.intp, copy=False)
    else:
        rows = choose("scatter", np.arange(math.prod(lead)).reshape(lead), parts, shape)
    if not rest:
        return rows
    width = math.prod(rest)
    return (rows[..., None] * width + np.arange(width)).reshape(rows.shape + rest)


def outside(op, indices, low, high):
    """The error that names the first index outside [low, high)."""
    wrong = (indices < low) | (indices >= high)
    place = tuple(map(int, np.unravel_index(wrong.argmax(), wrong.shape)))
    at = f" at {list(place)} of the indices" if place else ""
    return IndexError(f"{op}: index {indices[place]}{at} is outside [{low}, {high})")


def check_indices(op, indices, low, high):
    """IndexError for the first index outside [low, high)."""
    if indices.size and (indices.min() < low or indices.max() >= high):
        raise outside(op, indices, low, high)


def scatter(g, index, shape):
    """zeros(shape) with y[index] += g.

    All axes are made into one, for which np.add.at has a loop of its own, two to four times as fast.
    """
    parts = tuple(_as_index(part) for part in parts_of(index))
    arrays = [part for part in parts if not is_basic(part)]
    y = np.zeros(shape, g.dtype)
    if not arrays or (len(arrays) == 1 and arrays[0].dtype.kind == "b" and arrays[0].ndim):
        check_fits(g, choose("scatter", y, index, shape).shape, shape)
        y[index] = g  # each element at most once
        return y
    places = _places(parts, shape)
    check_fits(g, places.shape, shape)
    # float16 accumulates in float32, as it counts only to 2048
    total = np.zeros(y.size, np.float32) if g.dtype == np.float16 else y.reshape(-1)
    try:
        np.add.at(total, places.reshape(-1), g.reshape(-1).astype(total.dtype, copy=False))
    except IndexError:  # np.add.at names the flat place only, not the row
        check_indices("scatter", parts[0], -shape[0], shape[0])
        raise
    return total.astype(g.dtype, copy=False).reshape(shape)


lstm_back_ends = (7, 9)


lstm_back_states = 2


def _by_rows(d, gates):
    """(L, N, gates H) as (L, gates, N, H), a view."""
    length, n, width = d.shape
    return d.reshape(length, n, gates, width // gates).swapaxes(1, 2)


BLOCK = 2**13


def _blocks_back(length, size, reverse):
    """Blocks of steps, the last of the walk first: the slice of each, and its pairs (t, place within)."""
    count, order = max(1, BLOCK // size), slice(None, None, 1 if reverse else -1)
    for start in range(0, length, count)[order]:
        stop = min(start + count, length)
        pairs = zip(range(start, stop)[order], range(stop - start)[order], strict=True)
        yield slice(start, stop), pairs


def _one_at_inf(decay, s):
    """decay s, and 1 where that is inf times 0."""
    return np.multiply(decay, s, out=np.ones_like(s), where=~np.isinf(decay))


def _sigmoids(decay):
    """s = 1 / (1 + decay), 1 - s and s (1 - s)."""
    s = 1 + decay
    np.reciprocal(s, out=s)
    rest = decay * s if np.isfinite(decay.max()) else _one_at_inf(decay, s)
    return s, rest, rest * s


def _sech_squared(x, out = None):
    """1 - tanh(x)^2 = 4 / (exp(x) + exp(-x))^2"""
    y = np.exp(x, out=out)
    y += np.reciprocal(y)
    y *= y
    return np.divide(4, y, out=y)


def _lstm_slopes(a, c, c_next, reverse):
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


def _of_inputs(d, w, is_needed):
    if not is_needed:
        return None
    return (d.reshape(-1, d.shape[2]) @ w).reshape(*d.shape[:2], -1)


def _of_weights(d, x, is_needed):
    """The gradient by W of W x_t at all steps, from that by the product."""
    if not is_needed:
        return None
    width = d.shape[2]
    return (x.reshape(-1, x.shape[2]).T @ d.reshape(-1, width)).T


def _before(h, reverse):
    """The states before all steps."""
    return h[1:] if reverse else h[:-1]


def _of_bias(d, is_needed):
    rows = d.reshape(-1, d.shape[2])
    return np.ones(len(rows), d.dtype) @ rows if is_needed else None


def lstm_back_2(
    gs, x, w_ih, w_hh, h, c, a, reverse, needed
):
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


def _seeds(gs, x, batch_first):
    """The gradients by the results, in the kernels' layout."""
    gy, *ends = map(widened, gs)
    if x.ndim == 2:
        return [gy[:, None], *[g[None] for g in ends]]
    return [gy.swapaxes(0, 1) if batch_first else gy, *ends]


def _gradients(found, arrays, states, batch_first, needed):
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


def lstm_back(g, *values):
    arrays, (*given, batch_first, reverse) = values[: lstm_back_ends[0]], values[lstm_back_ends[0] : lstm_back_ends[1]]
    *kept, needed = values[lstm_back_ends[1] :]
    wide = _in_kernel(arrays, lstm_back_states, batch_first)[:3]
    found = lstm_back_2(_seeds(g, arrays[0], batch_first), *wide, *kept, *given, reverse, needed)
    return _gradients(found, arrays, lstm_back_states, batch_first, needed)


def step(x, y, W_ih_l0, W_hh_l0, b_ih_l0, b_hh_l0, W_head, b_head):
    """x (12, 32, 8) float32, y (32,) int64; W_ih_l0 (64, 8), W_hh_l0 (64, 16), b_ih_l0 (64,),
    b_hh_l0 (64,), W_head (10, 16), b_head (10,)"""
    # forward of lstm
    a = np.zeros_like(W_ih_l0, shape=(32, 16))                      # (32, 16)
    (a_2, _, _), a_3, a_4, a_5 = lstm(x, W_ih_l0, W_hh_l0, b_ih_l0, b_hh_l0, a, a, False, False)  # (12, 32, 16)
    # forward
    a_6 = a_2[-1]                                                   # (32, 16)
    assert y.min() >= 0 and y.max() < 10, "cross_entropy: a label is outside [0, 10)"
    a_7 = (a_6 @ W_head.T + b_head).copy(order='F')                 # (32, 10)
    a_8 = a_7 - a_7.max(axis=1, keepdims=True)                      # (32, 10)
    e = np.exp(a_8)                                                 # (32, 10)
    s = e.sum(axis=1, keepdims=True)                                # (32, 1)
    loss = ((1 / 32) * (np.log(s[:, 0]) - a_8[np.arange(32), y])).sum()  # ()
    # backward
    g = e / s * (1 / 32)                                            # (32, 10)
    g[np.arange(32), y] -= (1 / 32)                                 # (32, 10)
    # backward of head
    dW_head = (a_6.T @ g).T                                         # (10, 16)
    db_head = g.sum(axis=0)                                         # (10,)
    # backward
    g_2 = scatter(g @ W_head, -1, (12, 32, 16))                     # (12, 32, 16)
    g_3 = np.zeros_like(g_2, shape=(32, 16), dtype=np.float32)      # (32, 16)
    # backward of lstm
    _, dW_ih_l0, dW_hh_l0, db_ih_l0, _, _, _ = lstm_back((g_2, g_3, g_3), x, W_ih_l0, W_hh_l0,
        b_ih_l0, b_hh_l0, a, a, False, False, a_3, a_4, a_5, (False, True, True, True, True, False,
        False))                                                     # (64, 8)
    db_hh_l0 = db_ih_l0.copy(order='A')                             # (64,)
    return loss, dW_ih_l0, dW_hh_l0, db_ih_l0, db_hh_l0, dW_head, db_head


def checked(step, **expected):
    """The step, which refuses arrays of other shapes and dtypes."""

    def call(*arrays):
        assert len(arrays) == len(expected), f"{len(arrays)} arrays given, {len(expected)} needed"
        for (name, kind), a in zip(expected.items(), arrays, strict=True):
            met = f"{a.shape} {a.dtype}" if hasattr(a, "dtype") else type(a).__name__
            assert met == kind, f"{name} is {met}; the script was written for {kind}"
        return step(*arrays)

    call.__doc__ = step.__doc__
    return call


step = checked(
    step,
    x="(12, 32, 8) float32",
    y="(32,) int64",
    W_ih_l0="(64, 8) float32",
    W_hh_l0="(64, 16) float32",
    b_ih_l0="(64,) float32",
    b_hh_l0="(64,) float32",
    W_head="(10, 16) float32",
    b_head="(10,) float32",
)
