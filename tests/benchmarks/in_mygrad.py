"""MyGrad, with the layers of its `nnet`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mygrad
import numpy as np
from kinds import Conv, Flatten, Layer, Linear, Pool, Relu, refuse_all_but
from mygrad.nnet.activations import relu
from mygrad.nnet.layers import conv_nd, max_pool
from mygrad.nnet.losses import softmax_crossentropy
from workloads import Workload

KNOWN = (Linear, Conv, Relu, Pool, Flatten)


def apply(layer: Layer, x: Any, weight: Any, bias: Any) -> Any:
    match layer:
        case Linear():
            return mygrad.matmul(x, weight) + bias
        case Conv():
            y = conv_nd(x, weight, stride=1, padding=layer.padding)
            return y + bias.reshape(1, -1, 1, 1)
        case Relu():
            return relu(x)
        case Pool(size):
            return max_pool(x, (size, size), size)
        case Flatten():
            return x.reshape(len(x), -1)
    raise NotImplementedError(f"no {layer} is written here")


def start(workload: Workload) -> tuple[Callable[[], Any], Callable[[], dict[str, Any]]]:
    refuse_all_but(KNOWN, workload.layers, workload.optimizer)
    x, y = workload.data()
    turned = [f"{i}.weight" for i, layer in enumerate(workload.layers) if isinstance(layer, Linear)]
    parameters = {
        name: mygrad.tensor(np.ascontiguousarray(a.T) if name in turned else a)
        for name, a in workload.state().items()
    }

    def step() -> Any:
        h = x
        for place, layer in enumerate(workload.layers):
            h = apply(layer, h, parameters.get(f"{place}.weight"), parameters.get(f"{place}.bias"))
        loss = softmax_crossentropy(h, y)
        loss.backward()
        for parameter in parameters.values():
            parameter.data -= workload.optimizer.lr * parameter.grad
        return loss

    def state() -> dict[str, Any]:
        return {name: p.data.T if name in turned else p.data for name, p in parameters.items()}

    return step, state


def leaf(size: int) -> Any:
    return mygrad.tensor(np.ones(size, np.float32))
