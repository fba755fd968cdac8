"""JAX: the whole step, update included, compiled by jit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import kinds
import numpy as np
from jax import lax
from workloads import Workload

MOMENTUM = 0.1  # of a batch norm's running statistics, as in PyTorch


def forward(layers: tuple[kinds.Layer, ...], x: Any, values: dict[str, Any], within: str) -> Any:
    """The output of layers whose parameters are named `within`; their buffers in `values` are replaced."""
    for place, layer in enumerate(layers):
        x = apply(layer, x, values, f"{within}{place}.")
    return x


def apply(layer: kinds.Layer, x: Any, values: dict[str, Any], name: str) -> Any:
    def own(part: str) -> Any:
        return values[name + part]

    match layer:
        case kinds.Linear():
            return x @ own("weight").T + own("bias")
        case kinds.Conv():
            y = lax.conv(x, own("weight"), (1, 1), "SAME")
            return y + own("bias")[:, None, None] if layer.bias else y
        case kinds.Embedding():
            return own("weight")[x]
        case kinds.Places():
            return x + own("weight")
        case kinds.LSTM():
            return recurrent(lstm, x, jnp.zeros((2, len(x), layer.hidden)), own)
        case kinds.GRU():
            return recurrent(gru, x, jnp.zeros((1, len(x), layer.hidden)), own)
        case kinds.Attention(_, heads):
            return attention(x, heads, own)
        case kinds.LayerNorm():
            return standardised(x, -1)[0] * own("weight") + own("bias")
        case kinds.BatchNorm():
            y, *new = standardised(x, (0, 2, 3))
            count = x.size // x.shape[1]
            for part, value in zip(("mean", "var"), new, strict=True):
                unbiased = value.ravel() * (count / (count - 1) if part == "var" else 1)
                running = (1 - MOMENTUM) * own(f"running_{part}") + MOMENTUM * unbiased
                values[f"{name}running_{part}"] = running
            values[f"{name}num_batches_tracked"] = own("num_batches_tracked") + 1
            return y * own("weight")[:, None, None] + own("bias")[:, None, None]
        case kinds.Relu():
            return jax.nn.relu(x)
        case kinds.Gelu():
            return jax.nn.gelu(x, approximate=False)
        case kinds.Dropout(p):
            values["key"], key = jax.random.split(values["key"])
            return jnp.where(jax.random.bernoulli(key, 1 - p, x.shape), x / (1 - p), 0)
        case kinds.Pool(size):
            window = (1, 1, size, size)
            return lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID")
        case kinds.Average():
            return x.mean((2, 3))
        case kinds.Flatten():
            return x.reshape(len(x), -1)
        case kinds.Last():
            return x[:, -1]
        case kinds.Rows():
            return x.reshape(-1, x.shape[-1])
        case kinds.Residual(layers):
            return x + forward(layers, x, values, f"{name}layer.")


def standardised(x: Any, axes: Any) -> tuple[Any, Any, Any]:
    """(x - mean) / sqrt(var + 1e-5), mean and var"""
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return (x - mean) * lax.rsqrt(var + 1e-5), mean, var


def recurrent(cell: Callable[..., Any], x: Any, state: Any, own: Callable[[str], Any]) -> Any:
    """h of all steps: one product projects all of x, and a scan walks over the time."""
    w = own("weight_hh_l0").T

    def step(state: Any, projected: Any) -> tuple[Any, Any]:
        state = cell(projected, state[0] @ w + own("bias_hh_l0"), state)
        return state, state[0]

    projected = x @ own("weight_ih_l0").T + own("bias_ih_l0")
    return lax.scan(step, state, projected.swapaxes(0, 1))[1].swapaxes(0, 1)


def lstm(x: Any, u: Any, state: Any) -> Any:
    i, f, g, o = jnp.split(x + u, 4, axis=-1)
    c = jax.nn.sigmoid(f) * state[1] + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jnp.stack((jax.nn.sigmoid(o) * jnp.tanh(c), c))


def gru(x: Any, u: Any, state: Any) -> Any:
    (x_r, x_z, x_n), (u_r, u_z, u_n) = jnp.split(x, 3, axis=-1), jnp.split(u, 3, axis=-1)
    z = jax.nn.sigmoid(x_z + u_z)
    n = jnp.tanh(x_n + jax.nn.sigmoid(x_r + u_r) * u_n)
    return (1 - z) * n + z * state


def attention(x: Any, heads: int, own: Callable[[str], Any]) -> Any:
    projected = x @ own("in_proj_weight").T + own("in_proj_bias")
    q, k, v = (part.reshape(*x.shape[:2], heads, -1) for part in jnp.split(projected, 3, axis=-1))
    y = jax.nn.dot_product_attention(q, k, v, is_causal=True).reshape(x.shape)
    return y @ own("out_proj.weight").T + own("out_proj.bias")


def updated(optimizer: kinds.Optimizer, p: Any, g: Any, kept: Any) -> tuple[Any, Any]:
    """The new parameters, and what the optimiser keeps: nothing, or AdamW's t, m and v."""
    of_all = jax.tree.map
    match optimizer:
        case kinds.SGD(lr, clip):
            if clip is not None:
                norm = jnp.sqrt(sum((part**2).sum() for part in jax.tree.leaves(g)))
                lr *= jnp.minimum(1, clip / (norm + 1e-6))
            return of_all(lambda p, g: p - lr * g, p, g), kept
        case kinds.AdamW(lr, (beta1, beta2), eps, decay):
            t, m, v = kept
            t, m = t + 1, of_all(lambda m, g: beta1 * m + (1 - beta1) * g, m, g)
            v = of_all(lambda v, g: beta2 * v + (1 - beta2) * g**2, v, g)
            of_m, of_v = 1 - beta1**t, 1 - beta2**t

            def moved(p: Any, m: Any, v: Any) -> Any:
                return p * (1 - lr * decay) - lr * (m / of_m) / (jnp.sqrt(v / of_v) + eps)

            return of_all(moved, p, m, v), (t, m, v)


def start(workload: Workload) -> tuple[Callable[[], Any], Callable[[], dict[str, Any]]]:
    def loss_of(parameters: Any, buffers: Any, x: Any, y: Any) -> Any:
        values = parameters | buffers
        logits = forward(workload.layers, x, values, "")
        loss = -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=1).mean()
        return loss, {name: values[name] for name in buffers}

    @jax.jit
    def update(parameters: Any, buffers: Any, kept: Any, x: Any, y: Any) -> Any:
        gradients_of = jax.value_and_grad(loss_of, has_aux=True)
        (loss, buffers), gradients = gradients_of(parameters, buffers, x, y)
        return loss, buffers, *updated(workload.optimizer, parameters, gradients, kept)

    x, y = map(jnp.asarray, workload.data())
    state = {name: jnp.asarray(value) for name, value in workload.state().items()}
    buffers = {name: value for name, value in state.items() if "running" in name or "num" in name}
    parameters = {name: value for name, value in state.items() if name not in buffers}
    zeros = jax.tree.map(jnp.zeros_like, parameters)
    kept = (0, zeros, zeros) if isinstance(workload.optimizer, kinds.AdamW) else ()
    now = [buffers | {"key": jax.random.key(0)}, parameters, kept]

    def step() -> Any:
        buffers, parameters, kept = now
        loss, *now[:] = jax.block_until_ready(update(parameters, buffers, kept, x, y))
        return loss

    def state_now() -> dict[str, Any]:
        buffers, parameters, _ = now
        return {name: np.asarray((parameters | buffers)[name]) for name in state}

    return step, state_now
