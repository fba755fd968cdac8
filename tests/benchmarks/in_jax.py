"""JAX: the whole step, update included, compiled by jit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from workloads import LEARNING_RATE, Conv, Flatten, Layer, Linear, Pool, Relu, Workload


def apply(layer: Layer, x: Any, weight: Any, bias: Any) -> Any:
    match layer:
        case Linear():
            return x @ weight.T + bias
        case Conv():
            return lax.conv(x, weight, (1, 1), "SAME") + bias[:, None, None]
        case Relu():
            return jax.nn.relu(x)
        case Pool(size):
            window = (1, 1, size, size)
            return lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID")
        case Flatten():
            return x.reshape(len(x), -1)


def start(workload: Workload) -> tuple[Callable[[], Any], Callable[[], dict[str, Any]]]:
    def loss_of(parameters: Any, x: Any, y: Any) -> Any:
        h = x
        for place, layer in enumerate(workload.layers):
            h = apply(layer, h, parameters.get(f"{place}.weight"), parameters.get(f"{place}.bias"))
        return -jnp.take_along_axis(jax.nn.log_softmax(h), y[:, None], axis=1).mean()

    @jax.jit
    def update(parameters: Any, x: Any, y: Any) -> Any:
        loss, gradients = jax.value_and_grad(loss_of)(parameters, x, y)
        return loss, jax.tree.map(lambda p, g: p - LEARNING_RATE * g, parameters, gradients)

    x, y = map(jnp.asarray, workload.data())
    now = {"parameters": jax.tree.map(jnp.asarray, workload.state())}

    def step() -> Any:
        loss, now["parameters"] = jax.block_until_ready(update(now["parameters"], x, y))
        return loss

    return step, lambda: {name: np.asarray(value) for name, value in now["parameters"].items()}
