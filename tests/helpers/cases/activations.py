"""Cases of minigrad.ops.activations, and of its composites, which have no row."""

import minigrad as mg

from .calls import not_zero, unary

try:
    import torch.nn.functional as F
except ImportError:  # the comparisons with PyTorch are skipped then
    F = None


def between_the_kinks(rng, shape):
    """Where no activation below has a kink: not at -3, -1, 0, 1, 3 and 6."""
    return rng.choice([-4, -2, -0.5, 0.5, 2, 4, 7], shape) + rng.uniform(-0.3, 0.3, shape)


def activation(ours, theirs):
    return unary(ours, theirs, between_the_kinks)


def fused(ours, theirs):
    """Of nonempty arrays, as empty ones go through the composition."""
    calls = unary(ours, theirs, between_the_kinks)
    return [call for call in calls if 0 not in call.shapes[0]]


CASES = {
    "relu": unary(mg.relu, lambda x: x.relu(), not_zero),
    "softplus": [
        *unary(mg.softplus, lambda x: F.softplus(x)),
        *unary(lambda x: mg.softplus(x, 2), lambda x: F.softplus(x, 2)),
    ],
    "softsign": unary(mg.softsign, lambda x: F.softsign(x), not_zero),
    "silu": fused(mg.silu, lambda x: F.silu(x)),
    "exponential_unit": [
        *fused(mg.elu, lambda x: F.elu(x)),
        *fused(lambda x: mg.elu(x, 0.7), lambda x: F.elu(x, 0.7)),
        *fused(lambda x: mg.elu(x, 1.5), lambda x: F.elu(x, 1.5)),
        *fused(lambda x: mg.celu(x, 1.5), lambda x: F.celu(x, 1.5)),
    ],
    "mish": fused(mg.mish, lambda x: F.mish(x)),
    "gelu": fused(mg.gelu, lambda x: F.gelu(x)),
    "gelu_tanh": fused(lambda x: mg.gelu(x, "tanh"), lambda x: F.gelu(x, approximate="tanh")),
}

COMPOSITES = {
    "leaky_relu": [
        *activation(mg.leaky_relu, lambda x: F.leaky_relu(x)),
        *activation(lambda x: mg.leaky_relu(x, 0.3), lambda x: F.leaky_relu(x, 0.3)),
    ],
    "relu6": activation(mg.relu6, lambda x: F.relu6(x)),
    "hardtanh": [
        *activation(mg.hardtanh, lambda x: F.hardtanh(x)),
        *activation(lambda x: mg.hardtanh(x, -3, 6), lambda x: F.hardtanh(x, -3, 6)),
    ],
    "hardsigmoid": activation(mg.hardsigmoid, lambda x: F.relu6(x + 3) / 6),
    "hardswish": activation(mg.hardswish, lambda x: F.hardswish(x)),
    "elu": [
        *activation(mg.elu, lambda x: F.elu(x)),
        *activation(lambda x: mg.elu(x, 0.7), lambda x: F.elu(x, 0.7)),
        *activation(lambda x: mg.elu(x, 1.5), lambda x: F.elu(x, 1.5)),
    ],
    "celu": [
        *activation(mg.celu, lambda x: F.celu(x)),
        *activation(lambda x: mg.celu(x, 1.5), lambda x: F.celu(x, 1.5)),
    ],
    "selu": activation(mg.selu, lambda x: F.selu(x)),
    "softshrink": activation(lambda x: mg.softshrink(x, 1), lambda x: F.softshrink(x, 1.0)),
    "hardshrink": activation(lambda x: mg.hardshrink(x, 1), lambda x: F.hardshrink(x, 1.0)),
    "threshold": [
        *activation(lambda x: mg.threshold(x, 1, -2), lambda x: F.threshold(x, 1, -2)),
        *activation(lambda x: mg.threshold(x, -3, 0.5), lambda x: F.threshold(x, -3, 0.5)),
    ],
    "logsigmoid": activation(mg.logsigmoid, lambda x: F.logsigmoid(x)),
}
