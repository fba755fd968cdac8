"""Pools that fewer models use: power means of windows, and a norm over neighbouring channels."""

from __future__ import annotations

import math
from typing import Any

from ..core.dtypes import narrowed, widened
from .elementwise import absolute, divide, square, where
from .padding import pad
from .pooling import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    images_of,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from .shapes import reshape
from .windows import Steps, numbers, over_axes

MAXIMA = {1: max_pool1d, 2: max_pool2d, 3: max_pool3d}
MEANS = {1: avg_pool1d, 2: avg_pool2d, 3: avg_pool3d}

# Power means ---------------------------------------------------------------------------------------------


def _lp_pool(
    axes: int,
    x: Any,
    norm_type: float,
    kernel_size: Steps,
    stride: Steps | None = None,
    ceil_mode: bool = False,
) -> Any:
    op, p = f"lp_pool{axes}d", float(norm_type)
    images_of(op, axes, x)
    kernel = numbers(f"{op}: kernel_size", kernel_size, axes, 1)
    if p == 0 or math.isnan(p):
        raise ValueError(f"{op}: norm_type must be a number other than 0, not {p:g}")
    if math.isinf(p):
        side = math.copysign(1, p)
        return side * MAXIMA[axes](side * absolute(x), kernel, stride, 0, 1, ceil_mode)
    total = MEANS[axes](widened(x) ** p, kernel, stride, 0, ceil_mode) * math.prod(kernel)
    # 1 in place of 0, whose root has an infinite derivative
    root = where(total != 0, total, 1) ** (1 / p)
    return narrowed(where(total != 0, root, 0), x)


@over_axes(2, _lp_pool)
def lp_pool2d() -> Any:
    """y[n, c, i, j] = (sum_{u, v} x[n, c, i s + u, j s + v]^p)^(1/p), with p the norm_type

    x (N, C, H, W) or (C, H, W), kernel_size kh or (kh, kw), stride the kernel_size by default; y as in `avg_pool2d`.
    With norm_type inf the largest, with -inf the smallest of the absolute values.

    ceil_mode  rounds Ho up; as in PyTorch, what is left of a window counts as if it were as large as the others

    At the edge: where the sum is 0, y is 0, and its gradient if p >= 1; the root of a negative sum (odd p) is nan.
    """


@over_axes(1, _lp_pool)
def lp_pool1d() -> Any:
    """y[n, c, i] = (sum_u x[n, c, i s + u]^p)^(1/p), with p the norm_type

    x (N, C, L) or (C, L): `lp_pool2d` along one axis, with its options.
    """


@over_axes(3, _lp_pool)
def lp_pool3d() -> Any:
    """y[n, c, i, j, k] = (sum_{t, u, v} x[n, c, i s + t, j s + u, k s + v]^p)^(1/p), with p the norm_type

    x (N, C, D, H, W) or (C, D, H, W): `lp_pool2d` over volumes, with its options.
    """


# Neighbouring channels -----------------------------------------------------------------------------------


def local_response_norm(
    x: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Any:
    """x / (k + alpha mean(x^2))^beta, with the mean over `size` neighbouring channels; those beyond the edge are 0.

    x (N, C, L, ...). The mean at channel c is over c - size // 2 to c + (size - 1) // 2. Krizhevsky, Sutskever, Hinton:
    ImageNet classification with deep convolutional neural networks (2012).
    """
    if len(x.shape) < 3:
        raise ValueError(
            f"local_response_norm: x has shape {tuple(x.shape)}; (N, C, L, ...) is needed"
        )
    (size,) = numbers("local_response_norm: size", size, 1, 1)
    (n, c, *inner), wide = x.shape, widened(x)
    squares = reshape(square(wide), (n, 1, c, math.prod(inner)))
    framed = pad(squares, ((0, 0), (0, 0), (size // 2, (size - 1) // 2), (0, 0)))
    near = reshape(avg_pool2d(framed, (size, 1), 1), tuple(x.shape))
    return narrowed(divide(wide, (k + alpha * near) ** beta), x)
