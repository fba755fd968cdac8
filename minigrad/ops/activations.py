"""Activations: elementwise ops between the layers of a network, under PyTorch's names, arguments and defaults."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..core.dtypes import in_array, narrowed, widened
from ..core.rows import elementwise
from .axes import in_floats
from .elementwise import clip, expm1, maximum, sigmoid, tanh, where
from .fused import Fused, fused
from .joining import split
from .kernels import activations as kernels
from .kernels import normal
from .kernels.blocks import in_blocks
from .pytorch_words import says_our_words
from .special import erfc

# Rectifiers ----------------------------------------------------------------------------------------------


ROW = 2**13  # zeros to compare with, few enough to stay in a first-level cache
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
    return maximum(x, -3.0) * hardsigmoid(x)  # -inf times 0 would be nan


# Thresholds and gates --------------------------------------------------------------------------------------


def softshrink(x: Any, lambd: float = 0.5) -> Any:
    """x - lambd for x > lambd, x + lambd for x < -lambd, and 0 between.

    At the kink: 0 at -lambd and at lambd.
    """
    if not lambd >= 0:
        raise ValueError(f"softshrink: lambd must be >= 0, not {lambd}")
    x = in_floats(in_array(x))
    return relu(x - lambd) - relu(-x - lambd)


def hardshrink(x: Any, lambd: float = 0.5) -> Any:
    """x for x > lambd and x < -lambd, and 0 between.

    At the kink: 0 at -lambd and at lambd, where it jumps.
    """
    x = in_floats(in_array(x))
    return where((x >= -lambd) & (x <= lambd), 0, x)


def threshold(x: Any, threshold: float, value: float) -> Any:
    """x for x > threshold, value below.

    At the kink: 0 at the threshold, where it may jump.
    """
    x = in_floats(in_array(x))
    return where(x <= threshold, value, x)


def prelu(x: Any, weight: Any) -> Any:
    """x for x > 0, weight x below: leaky_relu with a slope that is learnt. He, Zhang, Ren, Sun 2015.

    weight  one for all, (1,), or one per channel, (C,), for x (N, C, ...)

    At the kink: weight at 0.
    """
    x, weight = in_floats(in_array(x)), in_array(weight)
    (channels,) = x.shape[1:2] or (1,)
    if tuple(weight.shape) not in ((1,), (channels,)):
        raise ValueError(
            f"prelu: weight has shape {tuple(weight.shape)} and x {tuple(x.shape)}; (1,), or one per channel, "
            f"({channels},), is needed"
        )
    if tuple(weight.shape) != (1,):
        weight = weight.reshape((-1, *(1,) * (len(x.shape) - 2)))
    elif not x.shape:  # (1,) would add an axis
        weight = weight.reshape(())
    return leaky_relu(x, weight)


@says_our_words
def glu(x: Any, axis: int = -1) -> Any:
    """a sigmoid(b), with a and b the halves of x along an axis. Dauphin, Fan, Auli, Grangier 2017."""
    x = in_floats(in_array(x))
    size = x.shape[normalize_axis_index(axis, len(x.shape), "glu")]
    if size % 2:
        raise ValueError(
            f"glu: axis {axis} of x with shape {tuple(x.shape)} has {size} elements, which have no halves"
        )
    a, b = split(x, 2, axis)
    return a * sigmoid(b)


# Fused units -------------------------------------------------------------------------------------------

# The fused units keep x and the slope at it, which costs little beside y: an array less than the compositions keep, or
# as many. The slopes of silu, and of both GELUs, at x and -x add up to 1.


def _times_slope(g: Any, x: Any, *rest: Any) -> tuple[Any]:
    slope = rest[-2]
    return (narrowed(widened(g) * slope, x),)


def _unit(kernel: Any) -> Callable[[Callable[..., Any]], Fused]:
    """Above a composition: the fused op of its kernel, without slopes where nothing is recorded.

    kernel  of a block; for an op with options a function that gives one for them
    """

    def forward(x: Any, *options: Any) -> Any:
        return in_blocks(kernel(*options) if options else kernel, x, 2)

    def values(x: Any, *options: Any) -> Any:
        return in_blocks(kernel(*options) if options else kernel, x)[0]

    return fused(("x",), forward, _times_slope, ("slope",), True, values)


# Exponential units ---------------------------------------------------------------------------------------


# forward and back in 0.63 of the composition's time, 2^18 elements in float32; 0.9 if alpha is not the width
@_unit(kernels.exponential_unit)
def _exponential_unit(x: Any, alpha: float, width: float) -> Any:
    """x for x > 0, alpha (exp(x / width) - 1) below"""
    # each part is masked before the sum: exp of a large x would overflow even where it is not taken
    is_line = x >= 0 if alpha > width else x > 0
    return where(is_line, x, 0) + alpha * expm1(where(~is_line, x, 0) / width)


def _with_number(alpha: Any) -> Any:
    """The fused op, or its composition, which has a gradient by an alpha that is learnt."""
    is_number = isinstance(alpha, (int, float))
    return _exponential_unit if is_number else _exponential_unit.composition


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x for x > 0, alpha (exp(x) - 1) below. Clevert, Unterthiner, Hochreiter 2016.

    At the kink: min(alpha, 1) at 0, the smaller slope; for alpha = 1 there is no kink.
    """
    return _with_number(alpha)(x, alpha, 1.0)


def celu(x: Any, alpha: float = 1.0) -> Any:
    """x for x > 0, alpha (exp(x / alpha) - 1) below, smooth at 0 for every alpha. Barron 2017."""
    if not alpha:
        raise ValueError("celu: alpha must not be 0, as x is divided by it")
    return _with_number(alpha)(x, alpha, alpha)


SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def selu(x: Any) -> Any:
    """scale elu(x, alpha), with the constants that keep mean 0 and variance 1. Klambauer et al. 2017.

    At the kink: scale at 0, the smaller slope.
    """
    return SELU_SCALE * elu(x, SELU_ALPHA)


# Smooth units --------------------------------------------------------------------------------------------


def _softsign(x: Any) -> Any:
    far = np.finfo(x.dtype).max
    x = np.clip(x, -far, far)  # inf / inf would be nan
    return x / (1 + np.abs(x))


# a row because the quotient's rule cancels far from 0
softsign = elementwise(
    _softsign,
    x=lambda g, x: g * (1 / (1 + np.abs(x))) ** 2,
    floats=True,
    doc="x / (1 + |x|)",
)


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


def _gated(x: Any, end: float, gate: Any) -> Any:
    """x gate(x), and its limits 0 and x from -end and end on, where the gate is 0 or 1: inf times 0 would be nan."""
    x = x if hasattr(x, "dtype") else np.asarray(x)
    wide = widened(x)
    is_line = wide >= end
    inner = where(is_line | (wide <= -end), 0, wide)
    return narrowed(where(is_line, wide, inner * gate(inner)), x)


# forward and back in 0.65 of the composition's time, 256 rows of 512 in float32
@_unit(kernels.silu)
def _silu(x: Any) -> Any:
    """x sigmoid(x)"""
    return _gated(x, kernels.END, sigmoid)


def silu(x: Any) -> Any:
    """x sigmoid(x), also known as swish."""
    return _silu(x)


# forward and back in 0.33 of the composition's time, 2^18 elements in float32
@_unit(kernels.mish)
def _mish(x: Any) -> Any:
    """x tanh(log(1 + exp(x)))"""
    return _gated(x, kernels.END, lambda x: tanh(softplus(x)))


def mish(x: Any) -> Any:
    """x tanh(log(1 + exp(x))). Misra 2019."""
    return _mish(x)


def _gelu_block(x: Any, y: Any, slope: Any = None) -> None:
    if x.dtype == np.float32:
        return normal.gelu(x, y, slope)
    phi = 0.5 * erfc(x * -math.sqrt(0.5))
    z = np.clip(x, -40, 40)
    if slope is not None:
        np.add(z * np.exp(-0.5 * z * z) * (2 * math.pi) ** -0.5, phi, out=slope)
    np.multiply(np.maximum(x, z), phi, out=y)  # -inf times 0 would be nan


# forward and back in 0.17 of the composition's time, 256 rows of 512 in float32
@_unit(_gelu_block)
def _gelu(x: Any) -> Any:
    """x Phi(x)"""
    # 1 + erf would cancel in the left tail
    return _gated(x, 40, lambda x: 0.5 * erfc(x * -math.sqrt(0.5)))


# forward and back in 0.55 of the composition's time, 256 rows of 512 in float32
@_unit(kernels.gelu_tanh)
def _gelu_tanh(x: Any) -> Any:
    """x sigmoid((8 / pi)^(1/2) (x + 0.044715 x^3))"""
    # (1 + tanh(u)) / 2 = sigmoid(2 u), which does not cancel; beyond |x| = 30 it is 0 or 1, but x^3 may overflow
    return _gated(x, 30, lambda x: sigmoid(math.sqrt(8 / math.pi) * x * (1 + 0.044715 * x * x)))


def gelu(x: Any, approximate: str = "none") -> Any:
    """x Phi(x), Phi being the standard normal distribution function. Hendrycks, Gimpel 2016.

    approximate  "tanh" for x (1 + tanh((2 / pi)^(1/2) (x + 0.044715 x^3))) / 2, which is faster
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh', not {approximate!r}")
    return _gelu(x) if approximate == "none" else _gelu_tanh(x)
