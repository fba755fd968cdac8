"""Normalisation of each channel: over a batch, or over each example of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import minigrad

from .. import init
from ..checks import float_input, integer
from ..module import Buffer, Module, Parameter


class _ChannelNorm(Module):
    """The parameters and statistics of each channel; subclasses say what inputs they take, and average them."""

    inputs: dict[int, str]  # number of axes -> their names
    is_full: bool  # whether affine and track_running_stats are True by default

    def _set(
        self, num_features: int, eps: float, momentum: float | None, affine: bool, tracks: bool, bias: bool, dtype: Any
    ) -> None:  # fmt: skip
        self.num_features = n = integer(self, "num_features", num_features, 1)
        self.eps = float(eps)
        self.momentum = None if momentum is None else float(momentum)
        self.weight: Any = Parameter(init.ones((n,), dtype)) if affine else None
        self.bias: Any = Parameter(init.zeros((n,), dtype)) if affine and bias else None
        self.running_mean: Any = Buffer(init.zeros((n,), dtype)) if tracks else None
        self.running_var: Any = Buffer(init.ones((n,), dtype)) if tracks else None
        self.num_batches_tracked: Any = Buffer(np.array(0)) if tracks else None

    def _checked(self, x: Any, axis: int = 1) -> Any:
        """x, of floats, with the channels on that axis."""
        x = float_input(self, x, self.running_mean if self.weight is None else self.weight)
        name, shape = type(self).__name__, tuple(x.shape)
        if len(shape) not in self.inputs:
            raise ValueError(
                f"{name}: the input has shape {shape}; {' or '.join(self.inputs.values())} is needed"
            )
        if shape[axis] != self.num_features:
            raise ValueError(
                f"{name}: expected {self.num_features} channels, got {shape[axis]} in an input of shape {shape}"
            )
        return x

    def describe(self) -> str:
        text = str(self.num_features)
        text += f", eps={self.eps}" if self.eps != 1e-5 else ""
        text += f", momentum={self.momentum}" if self.momentum != 0.1 else ""
        is_affine, tracks = self.weight is not None, self.running_mean is not None
        text += f", affine={is_affine}" if is_affine is not self.is_full else ""
        text += f", track_running_stats={tracks}" if tracks is not self.is_full else ""
        return text + (", bias=False" if is_affine and self.bias is None else "")


class _BatchNorm(_ChannelNorm):
    """The layer behind BatchNorm1d, 2d and 3d, which only say what inputs they take."""

    is_full = True
    # those whose rows count together in training, and its number among such layers: of nn.parallel.DataParallel
    ranks: Any = None
    place = 0

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
        dtype: Any = None,
    ) -> None:
        self._set(num_features, eps, momentum, affine, track_running_stats, bias, dtype)

    def forward(self, x: Any) -> Any:
        x = self._checked(x)
        if self.training or self.running_mean is None:
            return self._by_batch(x)
        return minigrad.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
        )

    def _by_batch(self, x: Any) -> Any:
        """x by its own mean and variance, which go into the running ones; if momentum is None, these are averages."""
        n = math.prod(x.shape) // self.num_features
        together = self.ranks is not None and self.training
        if n == 1 and not together:
            raise ValueError(
                f"{type(self).__name__}: an input of shape {tuple(x.shape)} has one value per channel, which has no "
                "variance to learn from; train on larger batches, or call eval() to use the running statistics"
            )
        mean = var = None
        momentum: Any = self.momentum
        # not from an empty batch, nor from one that a checkpoint computes again
        if self.running_mean is not None and (n or together) and not minigrad.recomputing():
            mean, var = self.running_mean, self.running_var
            self.num_batches_tracked.assign(self.num_batches_tracked.data + 1)
            momentum = 1 / self.num_batches_tracked.data if momentum is None else momentum
        share = 0.0 if momentum is None else momentum
        if together:
            return self._over_ranks(x, mean, var, share)
        return minigrad.batch_norm(x, mean, var, self.weight, self.bias, True, share, self.eps)

    def _over_ranks(self, x: Any, mean: Any, var: Any, momentum: float) -> Any:
        from .over_ranks import batch_norm

        return batch_norm(
            x, self.ranks, self.place, mean, var, self.weight, self.bias, momentum, self.eps
        )


class BatchNorm1d(_BatchNorm):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, with mean and var per channel over all other axes.

    x (N, C) or (N, C, L), weight and bias (C,), at first 1 and 0. In training, mean and var are those of the
    batch, var without correction; running_mean and running_var move by `momentum` towards the mean and the unbiased
    variance of the batch, or average over all batches if momentum is None. In evaluation, mean and var are the running
    ones. In training, a batch with one value per channel raises ValueError.

    affine=False                no weight and bias; bias=False leaves out the bias alone
    track_running_stats=False   no running statistics: in evaluation, too, those of the batch are used

    Ioffe, Szegedy: Batch Normalization (2015).
    """

    inputs = {2: "(N, C)", 3: "(N, C, L)"}


class BatchNorm2d(_BatchNorm):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, with mean and var per channel over N, H and W.

    x (N, C, H, W); everything else is as in `BatchNorm1d`.
    """

    inputs = {4: "(N, C, H, W)"}


class BatchNorm3d(_BatchNorm):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, with mean and var per channel over N, D, H and W.

    x (N, C, D, H, W); everything else is as in `BatchNorm1d`.
    """

    inputs = {5: "(N, C, D, H, W)"}


class _InstanceNorm(_ChannelNorm):
    """The layer behind InstanceNorm1d, 2d and 3d, which only say what inputs they take."""

    is_full = False

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        bias: bool = True,
        dtype: Any = None,
    ) -> None:
        self._set(num_features, eps, momentum, affine, track_running_stats, bias, dtype)

    def forward(self, x: Any) -> Any:
        x = self._checked(x, -min(self.inputs))
        batch = x if len(x.shape) > min(self.inputs) else minigrad.expand_dims(x, 0)
        of_input = self.training or self.running_mean is None
        # statistics do not move in a checkpoint that computes a batch again
        moves = not of_input or not minigrad.recomputing()
        mean, var = (self.running_mean, self.running_var) if moves else (None, None)
        y = minigrad.instance_norm(
            batch, mean, var, self.weight, self.bias, of_input, self.momentum or 0.0, self.eps
        )
        return y if batch is x else minigrad.squeeze(y, 0)


class InstanceNorm1d(_InstanceNorm):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, with mean and var per example and channel over L.

    x (N, C, L) or (C, L), var without correction. As in PyTorch, there are no weight, bias and statistics unless asked
    for, and L = 1 raises ValueError.

    affine=True               weight and bias (C,), at first 1 and 0; bias=False leaves out the bias
    track_running_stats=True  in training, running_mean and running_var move by `momentum` towards the averages over the
                              batch of the means and the unbiased variances; in evaluation, these are mean and var

    Ulyanov, Vedaldi, Lempitsky: Instance Normalization (2016).
    """

    inputs = {3: "(N, C, L)", 2: "(C, L)"}


class InstanceNorm2d(_InstanceNorm):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, with mean and var per example and channel over H and W.

    x (N, C, H, W) or (C, H, W); everything else is as in `InstanceNorm1d`.
    """

    inputs = {4: "(N, C, H, W)", 3: "(C, H, W)"}


class InstanceNorm3d(_InstanceNorm):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, with mean and var per example and channel over D, H and W.

    x (N, C, D, H, W) or (C, D, H, W); everything else is as in `InstanceNorm1d`.
    """

    inputs = {5: "(N, C, D, H, W)", 4: "(C, D, H, W)"}
