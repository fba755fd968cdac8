"""Backpropagation derived by hand in plain NumPy, as a textbook writes it: im2col, masks, one array per result."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import kinds
import numpy as np
from by_hand_recurrent import gru, lstm
from kinds import refuse_all_but
from numpy.lib.stride_tricks import sliding_window_view
from workloads import Workload

KNOWN = (
    kinds.Linear, kinds.Conv, kinds.LSTM, kinds.GRU, kinds.LayerNorm, kinds.Relu, kinds.Gelu, kinds.Pool,
    kinds.Flatten, kinds.Last,
)  # fmt: skip
Backward = Callable[[Any, bool], tuple[Any, list[Any]]]


def columns(x: Any, kernel: int, padding: int) -> Any:
    """im2col: x (N, C, H, W) -> one row for each place of the kernel, (N Ho Wo, C K K)."""
    frame = (padding, padding)
    windows = sliding_window_view(
        np.pad(x, ((0, 0), (0, 0), frame, frame)), (kernel, kernel), axis=(2, 3)
    )
    n, c, ho, wo, *_ = windows.shape
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(n * ho * wo, c * kernel * kernel)


def images(columns: Any, shape: tuple[int, ...], kernel: int, padding: int) -> Any:
    """col2im: each column's numbers added to the places of the (N, C, H, W) images they came from."""
    n, c, h, w = shape
    x = np.zeros((n, c, h + 2 * padding, w + 2 * padding), columns.dtype)
    ho, wo = x.shape[2] - kernel + 1, x.shape[3] - kernel + 1
    windows = columns.reshape(n, ho, wo, c, kernel, kernel).transpose(0, 3, 4, 5, 1, 2)
    for i in range(kernel):
        for j in range(kernel):
            x[:, :, i : i + ho, j : j + wo] += windows[:, :, i, j]
    return x[:, :, padding : padding + h, padding : padding + w]


# Each gives y = layer(x) and the function (g, whether x needs its gradient) -> (g of x, [g of w, g of b]), or more
# parameters than two in the order of their names


def linear(x: Any, w: Any, b: Any) -> tuple[Any, Backward]:
    """w (in, out)"""

    def backward(g: Any, further: bool) -> tuple[Any, list[Any]]:
        return g @ w.T if further else None, [x.T @ g, g.sum(axis=0)]

    return x @ w + b, backward


def conv(x: Any, w: Any, b: Any, padding: int) -> tuple[Any, Backward]:
    """w (O, C, K, K)"""
    (n, _, h, wd), (filters, _, kernel, _) = x.shape, w.shape
    ho, wo = h + 2 * padding - kernel + 1, wd + 2 * padding - kernel + 1
    cols, flat = columns(x, kernel, padding), w.reshape(filters, -1)

    def backward(g: Any, further: bool) -> tuple[Any, list[Any]]:
        g = g.transpose(0, 2, 3, 1).reshape(-1, filters)
        gx = images(g @ flat, x.shape, kernel, padding) if further else None
        return gx, [(g.T @ cols).reshape(w.shape), g.sum(axis=0)]

    return (cols @ flat.T + b).reshape(n, ho, wo, filters).transpose(0, 3, 1, 2), backward


def relu(x: Any) -> tuple[Any, Backward]:
    y = np.maximum(0, x)

    def backward(g: Any, further: bool) -> tuple[Any, list[Any]]:
        g[y <= 0] = 0
        return g, []

    return y, backward


def pool(x: Any, size: int) -> tuple[Any, Backward]:
    n, c, h, w = x.shape
    windows = x.reshape(n, c, h // size, size, w // size, size)
    y = windows.max(axis=(3, 5))

    def backward(g: Any, further: bool) -> tuple[Any, list[Any]]:
        # all the maxima of a tie get the gradient: behind a relu they are zeros, where it goes no further
        mask = windows == y[:, :, :, None, :, None]
        return (mask * g[:, :, :, None, :, None]).reshape(x.shape), []

    return y, backward


def flatten(x: Any) -> tuple[Any, Backward]:
    return x.reshape(len(x), -1), lambda g, further: (g.reshape(x.shape), [])


def last(x: Any) -> tuple[Any, Backward]:
    def backward(g: Any, further: bool) -> tuple[Any, list[Any]]:
        whole = np.zeros_like(x)
        whole[:, -1] = g
        return whole, []

    return x[:, -1], backward


def layer_norm(x: Any, w: Any, b: Any) -> tuple[Any, Backward]:
    centred = x - x.mean(axis=-1, keepdims=True)
    scale = 1 / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)
    normal = centred * scale

    def backward(g: Any, further: bool) -> tuple[Any, list[Any]]:
        gw, gb, g = (g * normal).sum(axis=0), g.sum(axis=0), g * w
        along = (g * normal).mean(axis=-1, keepdims=True)
        return scale * (g - g.mean(axis=-1, keepdims=True) - normal * along), [gw, gb]

    return normal * w + b, backward


def gelu(x: Any) -> tuple[Any, Backward]:
    """x Phi(x); NumPy has no erf, so Phi is that of Abramowitz and Stegun, 7.1.26, which errs by 1e-7."""
    bell = np.exp(x * x * -0.5)
    t = 1 / (1 + 0.3275911 / math.sqrt(2) * np.abs(x))
    series = 0.0
    for coefficient in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = (series + coefficient) * t
    tail = 0.5 * bell * series
    phi = np.where(x < 0, tail, 1 - tail)

    def backward(g: Any, further: bool) -> tuple[Any, list[Any]]:
        return g * (phi + x * bell / math.sqrt(2 * math.pi)), []

    return x * phi, backward


def apply(layer: kinds.Layer, x: Any, parameters: Iterable[Any]) -> tuple[Any, Backward]:
    match layer:
        case kinds.Linear():
            return linear(x, *parameters)
        case kinds.Conv():
            return conv(x, *parameters, layer.padding)
        case kinds.LSTM():
            return lstm(x, *parameters)
        case kinds.GRU():
            return gru(x, *parameters)
        case kinds.LayerNorm():
            return layer_norm(x, *parameters)
        case kinds.Relu():
            return relu(x)
        case kinds.Gelu():
            return gelu(x)
        case kinds.Pool(size):
            return pool(x, size)
        case kinds.Flatten():
            return flatten(x)
        case kinds.Last():
            return last(x)
    raise NotImplementedError(f"no {layer} is written here")


def cross_entropy(scores: Any, y: Any) -> tuple[Any, Any]:
    """The mean of -log softmax(scores)[y], and its gradient."""
    exps = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities = exps / exps.sum(axis=1, keepdims=True)
    loss = -np.log(probabilities[range(len(y)), y]).mean()
    g = probabilities
    g[range(len(y)), y] -= 1
    g /= len(y)
    return loss, g


def start(workload: Workload) -> tuple[Callable[[], Any], Callable[[], dict[str, Any]]]:
    refuse_all_but(KNOWN, workload.layers, workload.optimizer)
    x, y = workload.data()
    parameters: list[dict[str, Any]] = [{} for _ in workload.layers]
    for whole, array in workload.state().items():
        place, _, name = whole.partition(".")
        parameters[int(place)][name] = np.ascontiguousarray(array.T) if array.ndim == 2 else array

    def step() -> Any:
        h, backwards = x, []
        for layer, own in zip(workload.layers, parameters, strict=True):
            h, backward = apply(layer, h, own.values())
            backwards.append(backward)
        loss, g = cross_entropy(h, y)
        for place in reversed(range(len(backwards))):
            g, gradients = backwards[place](g, place > 0)
            for parameter, gradient in zip(parameters[place].values(), gradients, strict=True):
                parameter -= workload.optimizer.lr * gradient
        return loss

    def state() -> dict[str, Any]:
        return {
            f"{place}.{name}": array.T if array.ndim == 2 else array
            for place, own in enumerate(parameters)
            for name, array in own.items()
        }

    return step, state
