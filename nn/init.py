"""The laws from which parameters are drawn. Each returns a new array, by `rng` or the package's default generator.

Shapes are those of weights, (out, in, ...): fan_in = in times the sizes after it, fan_out = out times these sizes.
Set a parameter by `layer.weight.assign(nn.init.kaiming_normal(layer.weight.shape))`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

import minigrad

Shape = tuple[int, ...]
if TYPE_CHECKING:  # importing numpy.random takes time
    Rng = np.random.Generator | None

# Plain laws ----------------------------------------------------------------------------------------------


def uniform(shape: Shape, bound: float, rng: Rng = None, dtype: Any = None) -> Any:
    """uniform(-bound, bound)"""
    return _as(minigrad.generator(rng).uniform(-bound, bound, shape), dtype)


def normal(shape: Shape, std: float, rng: Rng = None, dtype: Any = None) -> Any:
    """normal(0, std^2)"""
    return _as(minigrad.generator(rng).normal(0.0, std, shape), dtype)


def truncated_normal(
    shape: Shape, std: float, bound: float = 2.0, rng: Rng = None, dtype: Any = None
) -> Any:
    """normal(0, std^2) within (-bound std, bound std): values outside are drawn again.

    The standard deviation of the result is smaller: 0.88 std for a bound of 2.
    """
    if not bound >= 0.1:  # below, it is nearly uniform, and nearly all is drawn again and again
        raise ValueError(f"truncated_normal: bound must be at least 0.1, not {bound}; use uniform")
    rng = minigrad.generator(rng)
    values = rng.normal(size=shape)
    while (outside := np.abs(values) > bound).any():
        values[outside] = rng.normal(size=np.count_nonzero(outside))
    return _as(values * std, dtype)


def zeros(shape: Shape, dtype: Any = None) -> Any:
    """0 everywhere."""
    return constant(shape, 0.0, dtype)


def ones(shape: Shape, dtype: Any = None) -> Any:
    """1 everywhere."""
    return constant(shape, 1.0, dtype)


def constant(shape: Shape, value: float, dtype: Any = None) -> Any:
    """The value everywhere."""
    return _as(np.full(shape, value, np.float64), dtype)


# Laws that keep the variance of values and gradients -----------------------------------------------------


def fan_in_uniform(shape: Shape, fan_in: int, rng: Rng = None, dtype: Any = None) -> Any:
    """uniform(-k, k), k = 1 / sqrt(fan_in): PyTorch's law for the weights and biases of Linear and Conv2d."""
    return uniform(shape, 1 / math.sqrt(fan_in) if fan_in else 0.0, rng, dtype)


def xavier_uniform(shape: Shape, gain: float = 1.0, rng: Rng = None, dtype: Any = None) -> Any:
    """uniform(-k, k), k = gain sqrt(6 / (fan_in + fan_out)).

    It keeps the variance of values and of gradients, for units such as tanh near 0. Glorot, Bengio: Understanding the
    difficulty of training deep feedforward neural networks (2010).
    """
    return uniform(shape, gain * math.sqrt(6 / _positive(sum(fans(shape)))), rng, dtype)


def xavier_normal(shape: Shape, gain: float = 1.0, rng: Rng = None, dtype: Any = None) -> Any:
    """normal(0, std^2), std = gain sqrt(2 / (fan_in + fan_out)); as `xavier_uniform`."""
    return normal(shape, gain * math.sqrt(2 / _positive(sum(fans(shape)))), rng, dtype)


def kaiming_uniform(
    shape: Shape,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    rng: Rng = None,
    dtype: Any = None,
) -> Any:
    """uniform(-k, k), k = gain sqrt(3 / fan), gain = sqrt(2 / (1 + a^2)) for leaky_relu with the slope a; relu is a=0.

    mode          "fan_in" keeps the variance of the values, "fan_out" that of the gradients
    nonlinearity  what follows the layer, one of the names of `calculate_gain`

    He et al.: Delving Deep into Rectifiers (2015).
    """
    return uniform(shape, math.sqrt(3) * _kaiming_std(shape, a, mode, nonlinearity), rng, dtype)


def kaiming_normal(
    shape: Shape,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    rng: Rng = None,
    dtype: Any = None,
) -> Any:
    """normal(0, std^2), std = gain / sqrt(fan); as `kaiming_uniform`."""
    return normal(shape, _kaiming_std(shape, a, mode, nonlinearity), rng, dtype)


def _kaiming_std(shape: Shape, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"kaiming: mode must be 'fan_in' or 'fan_out', not {mode!r}")
    fan = fans(shape)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(_positive(fan))


def orthogonal(shape: Shape, gain: float = 1.0, rng: Rng = None, dtype: Any = None) -> Any:
    """gain Q, with Q of shape (out, in ...) uniform among those whose rows, or columns if fewer, are orthonormal.

    Q of the QR decomposition of a normal matrix, with the signs that make R's diagonal positive. Saxe, McClelland,
    Ganguli: Exact solutions to the nonlinear dynamics of learning in deep linear networks (2014).
    """
    fans(shape)
    rows, columns = shape[0], math.prod(shape[1:])
    tall = minigrad.generator(rng).normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q = q * np.where(np.diagonal(r) < 0, -1, 1)
    return _as(gain * (q if rows >= columns else q.T).reshape(shape), dtype)


def eye(shape: Shape, dtype: Any = None) -> Any:
    """1 where both indices are equal, else 0."""
    rows, columns = _two("eye", shape)
    return _as(np.eye(rows, columns), dtype)


def dirac(shape: Shape, groups: int = 1, dtype: Any = None) -> Any:
    """1 in the middle of the kernel from channel i to channel i, else 0: a convolution that gives back its input."""
    if len(shape) < 3 or shape[0] % groups:
        raise ValueError(
            f"dirac: (out, in, sizes of the kernel) is needed, out in {groups} groups, not {shape}"
        )
    values, each = np.zeros(shape), shape[0] // groups
    middle = tuple(n // 2 for n in shape[2:])
    for out in range(shape[0]):
        if out % each < shape[1]:
            values[(out, out % each, *middle)] = 1
    return _as(values, dtype)


def sparse(
    shape: Shape, sparsity: float, std: float = 0.01, rng: Rng = None, dtype: Any = None
) -> Any:
    """normal(0, std^2), but 0 in a share `sparsity` of each column. Martens: Deep learning via Hessian-free (2010)."""
    rows, _ = _two("sparse", shape)
    if not 0 <= sparsity <= 1:
        raise ValueError(f"sparse: sparsity is a share in [0, 1], not {sparsity!r}")
    rng = minigrad.generator(rng)
    values = rng.normal(0.0, std, shape)
    values[rng.random(shape).argsort(axis=0) < math.ceil(sparsity * rows)] = 0
    return _as(values, dtype)


def _two(law: str, shape: Shape) -> Shape:
    if len(shape) != 2:
        raise ValueError(f"{law}: a matrix has two axes, not the shape {shape}")
    return shape


# PyTorch's words -----------------------------------------------------------------------------------------

IN_PLACE = {
    "uniform_": "minigrad.generator().uniform(a, b, w.shape)",
    "normal_": "mean + nn.init.normal(w.shape, std)",
    "trunc_normal_": "mean + nn.init.truncated_normal(w.shape, std), which cuts at 2 std; PyTorch's a, b are absolute",
    "constant_": "np.full(w.shape, val)",
    "sparse_": "nn.init.sparse(w.shape, sparsity)",
}
"""Laws of PyTorch, which write in place, whose line is not that of the law of that name."""


if not TYPE_CHECKING:  # which tell of a missing name themselves

    def __getattr__(name: str) -> Any:
        hint, ours = "", name.removesuffix("_")
        if name in IN_PLACE:
            line, _, note = IN_PLACE[name].partition(", which")
            hint = f"; write w.assign({line})" + (f", which{note}" if note else "")
        elif name != ours and not name.startswith("_") and ours in globals():
            hint = f"; write w.assign(nn.init.{ours}(w.shape))"
        raise AttributeError(f"nn.init has no attribute {name!r}{hint}")


# Gains and fans ------------------------------------------------------------------------------------------


def calculate_gain(nonlinearity: str, a: float = 0.01) -> float:
    """The factor by which weights compensate for the activation that follows; `a` is the slope of leaky_relu."""
    gains = {
        "linear": 1.0,
        "sigmoid": 1.0,
        "tanh": 5 / 3,
        "relu": math.sqrt(2),
        "leaky_relu": math.sqrt(2 / (1 + a * a)),
        "selu": 3 / 4,
    }
    if nonlinearity not in gains:
        raise ValueError(
            f"calculate_gain: {nonlinearity!r} is not known; {', '.join(map(repr, gains))} are"
        )
    return gains[nonlinearity]


def fans(shape: Shape) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight: the number of inputs of each output, and of outputs for each input."""
    if len(shape) < 2:
        raise ValueError(f"a weight of shape {shape} has no fans; two axes or more are needed")
    behind = math.prod(shape[2:])
    return shape[1] * behind, shape[0] * behind


def _positive(fan: int) -> int:
    """A fan of at least 1, to divide by: that of an empty weight is 0."""
    return max(fan, 1)


def _as(values: Any, dtype: Any) -> Any:
    return values.astype(np.float32 if dtype is None else dtype)
