"""The methods of Tensor that are ops: one line each, straight to their row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .operators import Operators
from .ops import (
    activations,
    conv,
    cumulative,
    elementwise,
    indexing,
    norms,
    pooling,
    products,
    rearrange,
    reductions,
    shapes,
    softmax,
    sorting,
    statistics,
)
from .ops.inspection import inspect
from .ops.pytorch_words import says_our_words

if TYPE_CHECKING:
    from .tensor import Tensor

Axis = int | Sequence[int] | None
Pair = int | tuple[int, int]


class Methods(Operators):
    """What can be computed with a Tensor."""

    __slots__ = ()

    # Indexing ---------------------------------------------------------------------------------------

    @says_our_words
    def take(self, indices: Any, axis: int | None = None) -> Tensor:
        return indexing.take(self, indices, axis)

    @says_our_words
    def sort(self, axis: int | None = -1) -> Tensor:
        return sorting.sort(self, axis)

    @says_our_words
    def argsort(self, axis: int | None = -1) -> Tensor:
        return sorting.argsort(self, axis)

    @says_our_words
    def topk(self, k: int, axis: int = -1, largest: bool = True) -> tuple[Tensor, Tensor]:
        return sorting.topk(self, k, axis, largest)

    # Elementwise -------------------------------------------------------------------------------------

    def exp(self) -> Tensor:
        return elementwise.exp(self)

    def log(self) -> Tensor:
        return elementwise.log(self)

    def sqrt(self) -> Tensor:
        return elementwise.sqrt(self)

    def square(self) -> Tensor:
        return elementwise.square(self)

    def abs(self) -> Tensor:
        return elementwise.absolute(self)

    def sin(self) -> Tensor:
        return elementwise.sin(self)

    def cos(self) -> Tensor:
        return elementwise.cos(self)

    def tanh(self) -> Tensor:
        return elementwise.tanh(self)

    def sigmoid(self) -> Tensor:
        return elementwise.sigmoid(self)

    def relu(self) -> Tensor:
        return activations.relu(self)

    def maximum(self, other: Any) -> Tensor:
        return elementwise.maximum(self, other)

    def minimum(self, other: Any) -> Tensor:
        return elementwise.minimum(self, other)

    def clip(self, low: Any = None, high: Any = None) -> Tensor:
        return elementwise.clip(self, low, high)

    def astype(self, dtype: Any) -> Tensor:
        return elementwise.astype(self, dtype)

    # Reductions --------------------------------------------------------------------------------------

    @says_our_words
    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return reductions.sum(self, axis, keepdims)

    @says_our_words
    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return reductions.mean(self, axis, keepdims)

    @says_our_words
    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return reductions.max(self, axis, keepdims)

    @says_our_words
    def min(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return reductions.min(self, axis, keepdims)

    @says_our_words
    def prod(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return reductions.prod(self, axis, keepdims)

    @says_our_words
    def var(self, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
        return statistics.var(self, axis, ddof, keepdims)

    @says_our_words
    def std(self, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
        return statistics.std(self, axis, ddof, keepdims)

    @says_our_words
    def norm(
        self, ord: float | str | None = None, axis: Axis = None, keepdims: bool = False
    ) -> Tensor:
        return norms.norm(self, ord, axis, keepdims)

    @says_our_words
    def logsumexp(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return reductions.logsumexp(self, axis, keepdims)

    @says_our_words
    def cumsum(self, axis: int | None = None) -> Tensor:
        return cumulative.cumsum(self, axis)

    @says_our_words
    def cumprod(self, axis: int | None = None) -> Tensor:
        return cumulative.cumprod(self, axis)

    @says_our_words
    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        return reductions.trace(self, offset, axis1, axis2)

    @says_our_words
    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        return inspect(np.argmax, self, axis=axis, keepdims=keepdims)

    @says_our_words
    def argmin(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        return inspect(np.argmin, self, axis=axis, keepdims=keepdims)

    @says_our_words
    def any(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return inspect(np.any, self, axis=axis, keepdims=keepdims)

    @says_our_words
    def all(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return inspect(np.all, self, axis=axis, keepdims=keepdims)

    # Shapes ------------------------------------------------------------------------------------------

    def reshape(self, *shape: Any) -> Tensor:
        return shapes.reshape(self, shape[0] if len(shape) == 1 else shape)

    def ravel(self) -> Tensor:
        return shapes.ravel(self)

    def flatten(self, start_axis: int = 0) -> Tensor:
        return shapes.flatten(self, start_axis)

    def transpose(self, *axes: Any) -> Tensor:
        if len(axes) == 1 and not isinstance(axes[0], int):
            axes = axes[0]
        return shapes.transpose(self, axes or None)

    @property
    def T(self) -> Tensor:
        """All axes reversed."""
        return shapes.transpose(self)

    @property
    def mT(self) -> Tensor:
        """The last two axes exchanged."""
        return shapes.matrix_transpose(self)

    @says_our_words
    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        return shapes.swapaxes(self, axis1, axis2)

    @says_our_words
    def squeeze(self, axis: Axis = None) -> Tensor:
        return shapes.squeeze(self, axis)

    @says_our_words
    def expand_dims(self, axis: int | Sequence[int]) -> Tensor:
        return shapes.expand_dims(self, axis)

    def broadcast_to(self, shape: int | Sequence[int]) -> Tensor:
        return shapes.broadcast_to(self, shape)

    @says_our_words
    def moveaxis(self, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
        return shapes.moveaxis(self, source, destination)

    @says_our_words
    def flip(self, axis: Axis = None) -> Tensor:
        return rearrange.flip(self, axis)

    @says_our_words
    def roll(self, shift: int | Sequence[int], axis: Axis = None) -> Tensor:
        return rearrange.roll(self, shift, axis)

    @says_our_words
    def repeat(self, repeats: int | Sequence[int], axis: int | None = None) -> Tensor:
        return rearrange.repeat(self, repeats, axis)

    def tile(self, reps: int | Sequence[int]) -> Tensor:
        return rearrange.tile(self, reps)

    @says_our_words
    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        return rearrange.diagonal(self, offset, axis1, axis2)

    def tril(self, k: int = 0) -> Tensor:
        return rearrange.tril(self, k)

    def triu(self, k: int = 0) -> Tensor:
        return rearrange.triu(self, k)

    # Products ----------------------------------------------------------------------------------------

    def dot(self, b: Any) -> Tensor:
        return products.dot(self, b)

    # Learning ----------------------------------------------------------------------------------------

    def conv2d(
        self,
        w: Any,
        b: Any = None,
        stride: Pair = 1,
        padding: Any = 0,
        dilation: Pair = 1,
        groups: int = 1,
    ) -> Tensor:
        return conv.conv2d(self, w, b, stride, padding, dilation, groups)

    def max_pool2d(
        self,
        kernel_size: Pair,
        stride: Pair | None = None,
        padding: Pair = 0,
        dilation: Pair = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        options = stride, padding, dilation, ceil_mode, return_indices
        return pooling.max_pool2d(self, kernel_size, *options)

    @says_our_words
    def log_softmax(self, axis: int = -1) -> Tensor:
        return softmax.log_softmax(self, axis)

    @says_our_words
    def softmax(self, axis: int = -1) -> Tensor:
        return softmax.softmax(self, axis)
