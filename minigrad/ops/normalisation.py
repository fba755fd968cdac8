"""Normalisation by mean and spread: over an example's last axes, over groups of channels, over a batch.

All are one law, over other axes. Fused: a few passes where the law takes ten.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.dtypes import narrowed, widened
from ..core.graph import TensorBase
from .axes import count
from .elementwise import multiply, square
from .fused import fused
from .inspection import plain
from .kernels import chosen
from .kernels import normalisation as kernels
from .powers import sqrt
from .reductions import mean


def _forward(
    x: Any, weight: Any, bias: Any, shape: Any, over: Any, affine: Any, eps: float, centred: bool, known: Any = None
) -> tuple[Any, Any, Any]:  # fmt: skip
    wide, w, b = _viewed(x, weight, bias, shape, affine)
    y, mean, scale = kernels.standardise(wide, w, b, over, eps, centred, known)
    return narrowed(y.reshape(x.shape), x), mean, scale


def _backward(
    g: Any, x: Any, weight: Any, bias: Any, shape: Any, over: Any, affine: Any, eps: float, centred: bool, known: Any,
    mean: Any, scale: Any, needed: Any,
) -> tuple[Any, ...]:  # fmt: skip
    wide, w, b = _viewed(x, weight, bias, shape, affine)
    g = widened(g).reshape(shape)
    found = kernels.standardise_back(g, wide, w, b, over, mean, scale, needed)
    return tuple(
        None if c is None else narrowed(c.reshape(of.shape), x)
        for c, of in zip(found, (x, weight, bias), strict=True)
    )


def _viewed(x: Any, weight: Any, bias: Any, shape: Any, affine: Any) -> list[Any]:
    """x as `shape`, weight and bias as `affine`, in floats that can be summed."""
    return [
        widened(x).reshape(shape),
        *[None if v is None else widened(v).reshape(affine) for v in (weight, bias)],
    ]


# forward and back in half the time of the composition, on 256 rows of 512
@fused(("x", "weight", "bias"), _forward, _backward, ("mean", "scale"))
def _standardise(
    x: Any, weight: Any, bias: Any, shape: Any, over: Any, affine: Any, eps: float, centred: bool, known: Any = None
) -> Any:  # fmt: skip
    """(x - mean) / sqrt(mean((x - mean)^2) + eps) * weight + bias, with x as `shape`, the means over the axes `over`"""
    wide, weight, bias = _viewed(x, weight, bias, shape, affine)
    if centred:
        wide = wide - mean(wide, over, keepdims=True)
    # inverting these few numbers saves dividing all elements
    y = wide * (1 / sqrt(mean(square(wide), over, keepdims=True) + eps))
    y = y if weight is None else y * weight
    y = y if bias is None else y + bias
    return narrowed(y.reshape(x.shape), x)


def _moments(x: Any, over: tuple[int, ...]) -> tuple[Any, Any]:
    """The mean and the biased variance over the axes, which stay as axes of size 1."""
    wide = widened(x)
    return chosen(kernels.moments, _moments_plain, wide)(wide, over)


def _moments_plain(wide: Any, over: tuple[int, ...]) -> tuple[Any, Any]:
    average = mean(wide, over, keepdims=True)
    return average, mean(square(wide - average), over, keepdims=True)


def layer_norm(
    x: Any,
    normalized_shape: int | Sequence[int],
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
) -> Any:
    """(x - mean) / sqrt(var + eps) * weight + bias, with mean and biased var over the last axes of each example.

    normalized_shape  the sizes of these axes, which are the shape of weight and bias, too. float16: in float32

    Ba, Kiros, Hinton: Layer Normalization (2016).
    """
    sizes = _last_axes("layer_norm", x, normalized_shape, weight, bias)
    shape, over = tuple(x.shape), _last(x, sizes)
    return _standardise(x, weight, bias, shape, over, sizes, eps, True)


def rms_norm(
    x: Any, normalized_shape: int | Sequence[int], weight: Any = None, eps: float | None = None
) -> Any:
    """x / sqrt(mean(x^2) + eps) * weight, with the mean over the last axes of each example.

    normalized_shape  the sizes of these axes, which are the shape of the weight, too
    eps               None: that of the dtype, for float16, which is computed in float32, that of float32

    Zhang, Sennrich: Root Mean Square Layer Normalization (2019).
    """
    sizes = _last_axes("rms_norm", x, normalized_shape, weight, None)
    wide = np.promote_types(x.dtype, np.float32)
    eps = float(np.finfo(wide).eps) if eps is None else eps
    return _standardise(x, weight, None, tuple(x.shape), _last(x, sizes), sizes, eps, False)


def group_norm(
    x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    """(x - mean) / sqrt(var + eps) * weight + bias, with mean and biased var over each group of channels.

    x             (N, C, ...), with its channels in num_groups groups of neighbours
    weight, bias  (C,), or None. Each group is normalised over its channels and all axes behind. float16: in float32

    Wu, He: Group Normalization (2018).
    """
    n, c, *rest = x.shape if len(x.shape) > 1 else (0, 0)
    if len(x.shape) < 2 or num_groups < 1 or c % num_groups:
        raise ValueError(
            f"group_norm: x has shape {tuple(x.shape)}; (N, C, ...) is needed, with C in {num_groups} equal groups"
        )
    _check_sizes("group_norm", (c,), weight, bias)
    shape = (n, num_groups, c // num_groups, math.prod(rest))
    return _standardise(x, weight, bias, shape, (2, 3), (*shape[1:3], 1), eps, True)


def batch_norm(
    x: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    moments: tuple[Any, Any, int] | None = None,
) -> Any:
    """(x - mean) / sqrt(var + eps) * weight + bias, with mean and biased var per channel of x (N, C, ...).

    training  True: mean and var are those of x, and running_mean and running_var, Tensors (C,) or None, move by
              `momentum` towards its mean and its unbiased variance. False: they are mean and var
    moments   (mean, var, n) in place of those of x in training: over n values per channel, of which x has a part

    Ioffe, Szegedy: Batch Normalization (2015).
    """
    if len(x.shape) < 2:
        raise ValueError(f"batch_norm: x has shape {tuple(x.shape)}; (N, C, ...) is needed")
    _check_sizes("batch_norm", (x.shape[1],), weight, bias, running_mean, running_var)
    per_channel = (-1, *[1] * (len(x.shape) - 2))
    over = (0, *range(2, len(x.shape)))
    if not training:
        return _by_running(x, running_mean, running_var, weight, bias, per_channel, eps)
    n = count(x.shape, over) if moments is None else moments[2]
    if running_mean is not None and n < 2:
        raise ValueError(
            f"batch_norm: x of shape {tuple(x.shape)} has {n} values per channel, which have no variance to learn "
            "from; train on larger batches, or normalise by the running statistics, training=False"
        )
    _check_running("batch_norm", running_mean, running_var)
    known: Any = None
    if moments is not None:
        known = None if running_mean is None else plain(moments[:2])
        y = _by_running(x, *moments[:2], weight, bias, per_channel, eps)
    else:
        known = None if running_mean is None else _moments(plain(x), over)
        y = _standardise(x, weight, bias, tuple(x.shape), over, per_channel, eps, True, known)
    if known is not None:
        _move(running_mean, known[0], momentum)
        _move(running_var, known[1] * (n / (n - 1)), momentum)
    return y


def instance_norm(
    x: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """(x - mean) / sqrt(var + eps) * weight + bias, with mean and biased var per example and channel of x (N, C, ...).

    use_input_stats  True: mean and var are those of x, and running_mean and running_var, Tensors (C,) or None, move by
                     `momentum` towards the averages over N of its means and its unbiased variances. False: they are
                     mean and var

    Ulyanov, Vedaldi, Lempitsky: Instance Normalization (2016).
    """
    if len(x.shape) < 3:
        raise ValueError(f"instance_norm: x has shape {tuple(x.shape)}; (N, C, L, ...) is needed")
    if not use_input_stats:
        return batch_norm(x, running_mean, running_var, weight, bias, eps=eps)
    _check_sizes("instance_norm", (x.shape[1],), weight, bias, running_mean, running_var)
    n = math.prod(x.shape[2:])
    if n == 1:
        raise ValueError(
            f"instance_norm: x of shape {tuple(x.shape)} has one value per example and channel, which is its own mean: "
            "y would be the bias alone; normalise larger images, or over the batch (batch_norm)"
        )
    _check_running("instance_norm", running_mean, running_var)
    if running_mean is not None and x.shape[0] and n:
        average, var = _moments(plain(x), tuple(range(2, len(x.shape))))
        _move(running_mean, average.mean(axis=0), momentum)
        _move(running_var, var.mean(axis=0) * (n / (n - 1)), momentum)
    return group_norm(x, x.shape[1], weight, bias, eps)


def _check_running(op: str, mean: Any, var: Any) -> None:
    if not (mean is var is None or all(isinstance(a, TensorBase) for a in (mean, var))):
        kinds = f"{type(mean).__name__} and {type(var).__name__}"
        raise TypeError(
            f"{op}: running_mean and running_var are {kinds}; two Tensors are needed, as they are moved, or None"
        )


def _move(running: Any, now: Any, momentum: float) -> None:
    moved = (1 - momentum) * running.data + momentum * now.reshape(-1)
    running.assign(moved.astype(running.dtype))


def _by_running(
    x: Any, mean: Any, var: Any, weight: Any, bias: Any, per_channel: tuple[int, ...], eps: float
) -> Any:
    if mean is None or var is None:
        raise ValueError("batch_norm: without training, running_mean and running_var are needed")
    # the values per channel are combined first, so that x is multiplied in one pass
    scale = 1 / sqrt(widened(var) + eps)
    scale = scale if weight is None else scale * widened(weight)
    y = multiply(widened(x) - widened(mean).reshape(per_channel), scale.reshape(per_channel))
    return narrowed(y if bias is None else y + widened(bias).reshape(per_channel), x)


def _last_axes(op: str, x: Any, normalized_shape: Any, weight: Any, bias: Any) -> tuple[int, ...]:
    sizes = tuple(normalized_shape) if hasattr(normalized_shape, "__len__") else (normalized_shape,)
    if not sizes or tuple(x.shape[-len(sizes) :]) != sizes:
        raise ValueError(
            f"{op}: x has shape {tuple(x.shape)}; its last axes must be the normalized_shape {sizes}"
        )
    _check_sizes(op, sizes, weight, bias)
    return sizes


def _last(x: Any, sizes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(range(len(x.shape) - len(sizes), len(x.shape)))


def _check_sizes(op: str, sizes: tuple[int, ...], *given: Any) -> None:
    for value in given:
        if value is not None and tuple(value.shape) != sizes:
            raise ValueError(
                f"{op}: a parameter or statistic has shape {tuple(value.shape)}; {sizes} is needed"
            )
