"""Backpropagation derived by hand in plain NumPy, as a textbook writes it: im2col, masks, one array per result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from workloads import LEARNING_RATE, Conv, Flatten, Layer, Linear, Pool, Relu, Workload

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


# Each gives y = layer(x) and the function (g, whether x needs its gradient) -> (g of x, [g of w, g of b])


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


def apply(layer: Layer, x: Any, parameters: list[Any]) -> tuple[Any, Backward]:
    match layer:
        case Linear():
            return linear(x, *parameters)
        case Conv():
            return conv(x, *parameters, layer.padding)
        case Relu():
            return relu(x)
        case Pool(size):
            return pool(x, size)
        case Flatten():
            return flatten(x)


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
    x, y = workload.data()
    parameters: list[list[Any]] = [[] for _ in workload.layers]
    for name, array in workload.state().items():
        place = int(name.split(".")[0])
        turned = isinstance(workload.layers[place], Linear) and array.ndim == 2
        parameters[place].append(np.ascontiguousarray(array.T) if turned else array)

    def step() -> Any:
        h, backwards = x, []
        for layer, own in zip(workload.layers, parameters, strict=True):
            h, backward = apply(layer, h, own)
            backwards.append(backward)
        loss, g = cross_entropy(h, y)
        for place in reversed(range(len(backwards))):
            g, gradients = backwards[place](g, place > 0)
            for parameter, gradient in zip(parameters[place], gradients, strict=True):
                parameter -= LEARNING_RATE * gradient
        return loss

    def state() -> dict[str, Any]:
        named = {}
        for place, (layer, own) in enumerate(zip(workload.layers, parameters, strict=True)):
            for name, array in zip(("weight", "bias"), own, strict=False):
                turned = isinstance(layer, Linear) and array.ndim == 2
                named[f"{place}.{name}"] = array.T if turned else array
        return named

    return step, state
