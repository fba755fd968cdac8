"""Activations: elementwise ops between the layers of a network, under PyTorch's names, arguments and defaults."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.dtypes import in_array, narrowed, widened
from ..core.rows import elementwise
from .axes import in_floats
from .elementwise import clip, expm1, multiply, sigmoid, tanh, where
from .fused import fused
from .kernels import activations as kernels
from .kernels import normal
from .kernels.blocks import in_blocks
from .special import erfc

# Rectifiers ----------------------------------------------------------------------------------------------


ROW = 2**12  # zeros to compare with, few enough to stay in a first-level cache
LONG = 2**16  # elements: in a shorter array, comparing row by row does not repay its extra calls


def _relu(x: Any) -> Any:
    """max(x, 0): nan stays nan, and -inf gives 0, where x * (x > 0) would give nan."""
    if type(x) is not np.ndarray:
        return np.maximum(x, 0)
    # NumPy compares two arrays several times as fast as an array and a number
    return _relu_by_rows(x) if x.size >= LONG else np.maximum(x, np.zeros_like(x))


def _relu_by_rows(x: Any) -> Any:
    y = np.empty_like(x)
    if y.strides != x.strides:  # x has gaps, so it cannot be cut into rows
        return np.maximum(x, 0)
    flat_x, flat_y, whole = x.ravel("K"), y.ravel("K"), x.size // ROW * ROW
    zeros = np.zeros(ROW, x.dtype)
    np.maximum(flat_x[:whole].reshape(-1, ROW), zeros, out=flat_y[:whole].reshape(-1, ROW))
    np.maximum(flat_x[whole:], 0, out=flat_y[whole:])
    return y


# relu at 0: 0, the subgradient of least norm
relu = elementwise(
    _relu,
    x=lambda g, y: where(y > 0, g, 0),
    doc="""max(x, 0)

    At the kink: 0 at 0.""",
)


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """x for x > 0, negative_slope x below.

    At the kink: negative_slope at 0.
    """
    is_positive = x > 0
    return where(is_positive, x, 0) + negative_slope * where(~is_positive, x, 0)


def relu6(x: Any) -> Any:
    """min(max(x, 0), 6)

    At the kink: 0 at 0 and at 6.
    """
    return clip(x, 0, 6)


def hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """min(max(x, min_val), max_val)

    At the kink: 0 at both bounds.
    """
    if not min_val < max_val:
        raise ValueError(f"hardtanh: min_val {min_val} must be less than max_val {max_val}")
    return clip(x, min_val, max_val)


def hardsigmoid(x: Any) -> Any:
    """min(max(x + 3, 0), 6) / 6

    At the kink: 0 at -3 and at 3.
    """
    return clip(x + 3.0, 0, 6) / 6  # integers become floats first, and do not wrap


def hardswish(x: Any) -> Any:
    """x min(max(x + 3, 0), 6) / 6

    At the kink: 0 at -3 and 1 at 3, of the slopes on the two sides the smaller in magnitude.
    """
    return multiply(x, hardsigmoid(x))


# Exponential units ---------------------------------------------------------------------------------------


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x for x > 0, alpha (exp(x) - 1) below. Clevert, Unterthiner, Hochreiter 2016.

    At the kink: min(alpha, 1) at 0, the smaller slope; for alpha = 1 there is no kink.
    """
    # each part is masked before the sum: exp of a large x would overflow even where it is not taken
    is_line = x >= 0 if alpha > 1 else x > 0
    return where(is_line, x, 0) + alpha * expm1(where(~is_line, x, 0))


def celu(x: Any, alpha: float = 1.0) -> Any:
    """x for x > 0, alpha (exp(x / alpha) - 1) below, smooth at 0 for every alpha. Barron 2017."""
    if not alpha:
        raise ValueError("celu: alpha must not be 0, as x is divided by it")
    is_line = x > 0
    return where(is_line, x, 0) + alpha * expm1(where(~is_line, x, 0) / alpha)


SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def selu(x: Any) -> Any:
    """scale elu(x, alpha), with the constants that keep mean 0 and variance 1. Klambauer et al. 2017.

    At the kink: scale at 0, the smaller slope.
    """
    return SELU_SCALE * elu(x, SELU_ALPHA)


# Smooth units --------------------------------------------------------------------------------------------


def _softplus(x: Any) -> Any:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


# a row for stability: log1p(exp(x)) would overflow
_softplus_row = elementwise(_softplus, x=lambda g, x: g * sigmoid(x), floats=True)


def softplus(x: Any, beta: float = 1.0) -> Any:
    """log(1 + exp(beta x)) / beta, without overflow."""
    return _softplus_row(x) if beta == 1 else _softplus_row(in_floats(in_array(x)) * beta) / beta


def logsigmoid(x: Any) -> Any:
    """log(1 / (1 + exp(-x))), exact in both tails."""
    return -_softplus_row(-in_floats(in_array(x)))


# The fused units keep x and the slope at it, which costs little beside y: an array less than the compositions keep, or
# as many. The slopes of silu, and of both GELUs, at x and -x add up to 1.


def _forward(kernel: Any) -> Any:
    def forward(x: Any) -> Any:
        return in_blocks(kernel, x, 2)

    return forward


def _times_slope(g: Any, x: Any, slope: Any, needed: Any) -> tuple[Any]:
    return (narrowed(widened(g) * slope, x),)


# forward and back in 0.65 of the composition's time, 256 rows of 512 in float32
@fused(("x",), _forward(kernels.silu), _times_slope, ("slope",), True)
def _silu(x: Any) -> Any:
    """x sigmoid(x)"""
    return multiply(x, sigmoid(x))  # x * would be the matrix product for an np.matrix


def silu(x: Any) -> Any:
    """x sigmoid(x), also known as swish."""
    return _silu(x)


def mish(x: Any) -> Any:
    """x tanh(log(1 + exp(x))). Misra 2019."""
    return multiply(x, tanh(softplus(x)))


def _gelu_block(x: Any, y: Any, slope: Any) -> None:
    if x.dtype == np.float32:
        return normal.gelu(x, y, slope)
    phi = 0.5 * erfc(x * -math.sqrt(0.5))
    z = np.clip(x, -40, 40)
    np.add(z * np.exp(-0.5 * z * z) * (2 * math.pi) ** -0.5, phi, out=slope)
    np.multiply(x, phi, out=y)


# forward and back in 0.17 of the composition's time, 256 rows of 512 in float32
@fused(("x",), _forward(_gelu_block), _times_slope, ("slope",), True)
def _gelu(x: Any) -> Any:
    """x Phi(x)"""
    # 1 + erf would cancel in the left tail
    return multiply(0.5 * x, erfc(x * -math.sqrt(0.5)))


# forward and back in 0.55 of the composition's time, 256 rows of 512 in float32
@fused(("x",), _forward(kernels.gelu_tanh), _times_slope, ("slope",), True)
def _gelu_tanh(x: Any) -> Any:
    """x sigmoid((8 / pi)^(1/2) (x + 0.044715 x^3))"""
    # (1 + tanh(u)) / 2 = sigmoid(2 u), which does not cancel; beyond |x| = 30 it is 0 or 1, but x^3 may overflow
    z = clip(x, -30, 30)
    return multiply(x, sigmoid(math.sqrt(8 / math.pi) * z * (1 + 0.044715 * z * z)))


def gelu(x: Any, approximate: str = "none") -> Any:
    """x Phi(x), Phi being the standard normal distribution function. Hendrycks, Gimpel 2016.

    approximate  "tanh" for x (1 + tanh((2 / pi)^(1/2) (x + 0.044715 x^3))) / 2, which is faster
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh', not {approximate!r}")
    return _gelu(x) if approximate == "none" else _gelu_tanh(x)
