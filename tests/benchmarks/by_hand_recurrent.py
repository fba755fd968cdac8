"""Backpropagation through time derived by hand in plain NumPy: the layers LSTM and GRU.

x (N, L, inputs), w_ih (inputs, gates H), w_hh (H, gates H), y (N, L, H); the state before the first step is 0. What is
needed for the way back is kept step by step, and the products with the weights' gradients are made for all steps at
once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Backward = Callable[[Any, bool], tuple[Any, list[Any]]]


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def rows(x: Any) -> Any:
    """(N, L, F) -> (N L, F)"""
    return x.reshape(-1, x.shape[-1])


def before(h: Any) -> Any:
    """h of the step before, for all steps."""
    return np.concatenate((np.zeros_like(h[:, :1]), h[:, :-1]), axis=1)


def lstm(x: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> tuple[Any, Backward]:
    (n, steps, _), hidden = x.shape, len(w_hh)
    projected = x @ w_ih + (b_ih + b_hh)
    y = np.empty((n, steps, hidden), x.dtype)
    h = c = np.zeros((n, hidden), x.dtype)
    kept = []
    for t in range(steps):
        i, f, g, o = np.split(projected[:, t] + h @ w_hh, 4, axis=1)
        i, f, g, o, c_before = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o), c
        c = f * c + i * g
        shown = np.tanh(c)
        y[:, t] = h = o * shown
        kept.append((i, f, g, o, c_before, shown))

    def backward(gy: Any, further: bool) -> tuple[Any, list[Any]]:
        ga = np.empty_like(projected)
        gh = gc = np.zeros((n, hidden), x.dtype)
        for t in reversed(range(steps)):
            i, f, g, o, c_before, shown = kept[t]
            gh = gh + gy[:, t]
            gc = gc + gh * o * (1 - shown**2)
            ga[:, t] = np.concatenate(
                (
                    gc * g * i * (1 - i), gc * c_before * f * (1 - f),
                    gc * i * (1 - g**2), gh * shown * o * (1 - o),
                ),
                axis=1,
            )  # fmt: skip
            gh, gc = ga[:, t] @ w_hh.T, gc * f
        gb = rows(ga).sum(axis=0)
        gradients = [rows(x).T @ rows(ga), rows(before(y)).T @ rows(ga), gb, gb]
        return ga @ w_ih.T if further else None, gradients

    return y, backward


def gru(x: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> tuple[Any, Backward]:
    (n, steps, _), hidden = x.shape, len(w_hh)
    projected = x @ w_ih + b_ih
    y = np.empty((n, steps, hidden), x.dtype)
    h = np.zeros((n, hidden), x.dtype)
    kept = []
    for t in range(steps):
        a, u = projected[:, t], h @ w_hh + b_hh
        r, z = np.split(sigmoid(a[:, : 2 * hidden] + u[:, : 2 * hidden]), 2, axis=1)
        u_n, h_before = u[:, 2 * hidden :], h
        new = np.tanh(a[:, 2 * hidden :] + r * u_n)
        y[:, t] = h = (1 - z) * new + z * h
        kept.append((r, z, new, u_n, h_before))

    def backward(gy: Any, further: bool) -> tuple[Any, list[Any]]:
        ga, gu = np.empty_like(projected), np.empty_like(projected)
        gh = np.zeros((n, hidden), x.dtype)
        for t in reversed(range(steps)):
            r, z, new, u_n, h_before = kept[t]
            gh = gh + gy[:, t]
            g_new = gh * (1 - z) * (1 - new**2)
            g_r, g_z = g_new * u_n * r * (1 - r), gh * (h_before - new) * z * (1 - z)
            ga[:, t] = np.concatenate((g_r, g_z, g_new), axis=1)
            gu[:, t] = np.concatenate((g_r, g_z, g_new * r), axis=1)
            gh = gh * z + gu[:, t] @ w_hh.T
        gradients = [rows(x).T @ rows(ga), rows(before(y)).T @ rows(gu)]
        gradients += [rows(ga).sum(axis=0), rows(gu).sum(axis=0)]
        return ga @ w_ih.T if further else None, gradients

    return y, backward
