"""Activations as modules, to stand between layers; each is minigrad's function of the same name."""

from __future__ import annotations

from typing import Any

import numpy as np

import minigrad
from minigrad.devices import uniform

from ..checks import check_array, float_input, integer, not_in_place
from ..init import constant
from ..module import Module, Parameter
from ..optim import checks


class _Plain(Module):
    """An activation whose only option is PyTorch's `inplace`, which must be False."""

    def __init__(self, inplace: bool = False) -> None:
        not_in_place(self, inplace)


# Rectifiers ----------------------------------------------------------------------------------------------


class ReLU(_Plain):
    """max(x, 0), with gradient 0 at 0."""

    def forward(self, x: Any) -> Any:
        return minigrad.relu(x)


class ReLU6(_Plain):
    """min(max(x, 0), 6), with gradient 0 at 0 and at 6."""

    def forward(self, x: Any) -> Any:
        return minigrad.relu6(x)


class LeakyReLU(Module):
    """x for x > 0, negative_slope x below and at 0."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        not_in_place(self, inplace)
        self.negative_slope = negative_slope

    def forward(self, x: Any) -> Any:
        return minigrad.leaky_relu(x, self.negative_slope)

    def describe(self) -> str:
        return f"{self.negative_slope}"


class RReLU(Module):
    """x for x > 0, slope x below and at 0; slope from uniform(lower, upper) for each element in training.

    In evaluation slope is (lower + upper) / 2. It comes from `rng`, or the package's default generator. From Xu, Wang,
    Chen, Li 2015.
    """

    def __init__(
        self,
        lower: float = 1 / 8,
        upper: float = 1 / 3,
        inplace: bool = False,
        *,
        rng: np.random.Generator | None = None,
    ) -> None:
        not_in_place(self, inplace)
        if not lower <= upper:
            raise ValueError(f"RReLU: lower {lower} must be at most upper {upper}")
        self.lower = lower
        self.upper = upper
        self.rng = rng

    def forward(self, x: Any) -> Any:
        x = float_input(self, x, None)
        if not self.training:
            return minigrad.leaky_relu(x, (self.lower + self.upper) / 2)
        drawn = uniform(minigrad.generator(self.rng), tuple(x.shape), x)
        slope: Any = drawn.astype(x.dtype) * (self.upper - self.lower) + self.lower
        return minigrad.leaky_relu(x, slope)

    def describe(self) -> str:
        return f"{self.lower}, {self.upper}"


class Hardtanh(Module):
    """min(max(x, min_val), max_val), with gradient 0 at both bounds."""

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        not_in_place(self, inplace)
        if not min_val < max_val:
            raise ValueError(f"Hardtanh: min_val {min_val} must be less than max_val {max_val}")
        self.min_val = min_val
        self.max_val = max_val

    def forward(self, x: Any) -> Any:
        return minigrad.hardtanh(x, self.min_val, self.max_val)

    def describe(self) -> str:
        return f"{self.min_val}, {self.max_val}"


class Hardsigmoid(_Plain):
    """min(max(x + 3, 0), 6) / 6"""

    def forward(self, x: Any) -> Any:
        return minigrad.hardsigmoid(x)


class Hardswish(_Plain):
    """x min(max(x + 3, 0), 6) / 6"""

    def forward(self, x: Any) -> Any:
        return minigrad.hardswish(x)


# Thresholds and gates --------------------------------------------------------------------------------------


class Softshrink(Module):
    """x - lambd for x > lambd, x + lambd for x < -lambd, and 0 between, with gradient 0 at both."""

    def __init__(self, lambd: float = 0.5) -> None:
        self.lambd = checks.not_negative(lambd, "Softshrink: lambd")

    def forward(self, x: Any) -> Any:
        return minigrad.softshrink(x, self.lambd)

    def describe(self) -> str:
        return f"{self.lambd}"


class Hardshrink(Module):
    """x for x > lambd and x < -lambd, and 0 between, with gradient 0 at both."""

    def __init__(self, lambd: float = 0.5) -> None:
        self.lambd = checks.number(lambd, "Hardshrink: lambd")

    def forward(self, x: Any) -> Any:
        return minigrad.hardshrink(x, self.lambd)

    def describe(self) -> str:
        return f"{self.lambd}"


class Threshold(Module):
    """x for x > threshold, value below, with gradient 0 at the threshold."""

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        not_in_place(self, inplace)
        self.threshold = checks.number(threshold, "Threshold: threshold")
        self.value = checks.number(value, "Threshold: value")

    def forward(self, x: Any) -> Any:
        return minigrad.threshold(x, self.threshold, self.value)

    def describe(self) -> str:
        return f"{self.threshold}, {self.value}"


class PReLU(Module):
    """x for x > 0, weight x below and at 0. He, Zhang, Ren, Sun 2015.

    num_parameters  1, or the number of channels of x (N, C, ...): weight (num_parameters,), at first `init`
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, *, dtype: Any = None) -> None:
        n = integer(self, "num_parameters", num_parameters, 1)
        self.weight = Parameter(constant((n,), checks.number(init, "PReLU: init"), dtype))

    def forward(self, x: Any) -> Any:
        return minigrad.prelu(float_input(self, x, self.weight), self.weight)

    def describe(self) -> str:
        return f"{self.weight.size}"


class GLU(Module):
    """a sigmoid(b), with a and b the halves of x along the axis `dim`. Dauphin, Fan, Auli, Grangier 2017."""

    def __init__(self, dim: int = -1) -> None:
        self.dim = checks.integer(dim, "GLU: dim")

    def forward(self, x: Any) -> Any:
        check_array(self, x)
        return minigrad.glu(x, self.dim)

    def describe(self) -> str:
        return f"dim={self.dim}"


# Exponential units ---------------------------------------------------------------------------------------


class ELU(Module):
    """x for x > 0, alpha (exp(x) - 1) below. Clevert, Unterthiner, Hochreiter 2016."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        not_in_place(self, inplace)
        self.alpha = alpha

    def forward(self, x: Any) -> Any:
        return minigrad.elu(x, self.alpha)

    def describe(self) -> str:
        return f"{self.alpha}"


class CELU(Module):
    """x for x > 0, alpha (exp(x / alpha) - 1) below, smooth at 0 for every alpha. Barron 2017."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        not_in_place(self, inplace)
        if not alpha:
            raise ValueError("CELU: alpha must not be 0, as x is divided by it")
        self.alpha = alpha

    def forward(self, x: Any) -> Any:
        return minigrad.celu(x, self.alpha)

    def describe(self) -> str:
        return f"{self.alpha}"


class SELU(_Plain):
    """scale elu(x, alpha), with the constants that keep mean 0 and variance 1. Klambauer et al. 2017."""

    def forward(self, x: Any) -> Any:
        return minigrad.selu(x)


# Smooth units --------------------------------------------------------------------------------------------


class Sigmoid(Module):
    """1 / (1 + exp(-x))"""

    def forward(self, x: Any) -> Any:
        return minigrad.sigmoid(x)


class LogSigmoid(Module):
    """log(1 / (1 + exp(-x))), exact in both tails."""

    def forward(self, x: Any) -> Any:
        return minigrad.logsigmoid(x)


class Tanh(Module):
    """tanh(x)"""

    def forward(self, x: Any) -> Any:
        return minigrad.tanh(x)


class Tanhshrink(Module):
    """x - tanh(x)"""

    def forward(self, x: Any) -> Any:
        check_array(self, x)
        return x - minigrad.tanh(x)


class Softsign(Module):
    """x / (1 + |x|)"""

    def forward(self, x: Any) -> Any:
        return minigrad.softsign(x)


class Softplus(Module):
    """log(1 + exp(beta x)) / beta, exact also for large x, where PyTorch returns x from its `threshold` on."""

    def __init__(self, beta: float = 1.0) -> None:
        self.beta = beta

    def forward(self, x: Any) -> Any:
        return minigrad.softplus(x, self.beta)

    def describe(self) -> str:
        return f"{self.beta}"


class SiLU(_Plain):
    """x sigmoid(x), also known as swish."""

    def forward(self, x: Any) -> Any:
        return minigrad.silu(x)


class Mish(_Plain):
    """x tanh(log(1 + exp(x))). Misra 2019."""

    def forward(self, x: Any) -> Any:
        return minigrad.mish(x)


class GELU(Module):
    """x Phi(x), Phi being the standard normal distribution function. Hendrycks, Gimpel 2016.

    approximate  "tanh" for x (1 + tanh((2 / pi)^(1/2) (x + 0.044715 x^3))) / 2, which is faster
    """

    def __init__(self, approximate: str = "none") -> None:
        if approximate not in ("none", "tanh"):
            raise ValueError(f"GELU: approximate must be 'none' or 'tanh', not {approximate!r}")
        self.approximate = approximate

    def forward(self, x: Any) -> Any:
        return minigrad.gelu(x, self.approximate)

    def describe(self) -> str:
        return "" if self.approximate == "none" else f"approximate={self.approximate!r}"


# Distributions over an axis ------------------------------------------------------------------------------


class Softmax(Module):
    """exp(x) / sum(exp(x)) over the axis `dim`, without overflow."""

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Any:
        check_array(self, x)
        return minigrad.softmax(x, self.dim)

    def describe(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """x - log(sum(exp(x))) over the axis `dim`, without overflow."""

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Any:
        check_array(self, x)
        return minigrad.log_softmax(x, self.dim)

    def describe(self) -> str:
        return f"dim={self.dim}"


class Softmin(Module):
    """exp(-x) / sum(exp(-x)) over the axis `dim`, without overflow."""

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Any:
        return minigrad.softmax(-float_input(self, x, None), self.dim)

    def describe(self) -> str:
        return f"dim={self.dim}"


class Softmax2d(Module):
    """exp(x) / sum(exp(x)) over the channels C of x (N, C, H, W) or (C, H, W), at each of its places."""

    def forward(self, x: Any) -> Any:
        check_array(self, x)
        if len(x.shape) not in (3, 4):
            raise ValueError(
                f"Softmax2d: the input has shape {tuple(x.shape)}; (N, C, H, W) or (C, H, W) is needed"
            )
        return minigrad.softmax(x, -3)
