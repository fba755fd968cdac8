"""The operators and methods of Tensor that are ops: one line each, straight to their row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import memory
from .graph import OFF, TensorBase, mode
from .ops import conv, elementwise, indexing, linalg, losses, reductions, shapes
from .ops.inspection import inspect
from .words import says_our_words

if TYPE_CHECKING:
    from .tensor import Tensor

Axis = int | Sequence[int] | None
Pair = int | tuple[int, int]


class Methods(TensorBase):
    """What can be computed with a Tensor."""

    __slots__ = ()

    # Operators ---------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Tensor:
        return elementwise.add(self, other)

    def __radd__(self, other: Any) -> Tensor:
        return elementwise.add(other, self)

    def __sub__(self, other: Any) -> Tensor:
        return elementwise.subtract(self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return elementwise.subtract(other, self)

    def __mul__(self, other: Any) -> Tensor:
        return elementwise.multiply(self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return elementwise.multiply(other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return elementwise.divide(self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return elementwise.divide(other, self)

    def __pow__(self, other: Any) -> Tensor:
        return elementwise.power(self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return elementwise.power(other, self)

    def __matmul__(self, other: Any) -> Tensor:
        return linalg.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return linalg.matmul(other, self)

    def __neg__(self) -> Tensor:
        return elementwise.negative(self)

    def __pos__(self) -> Tensor:
        return self  # type: ignore[return-value]

    def __abs__(self) -> Tensor:
        return elementwise.absolute(self)

    def __invert__(self) -> Tensor:
        return inspect(np.invert, self)

    def __and__(self, other: Any) -> Tensor:
        return inspect(np.bitwise_and, self, other)

    def __or__(self, other: Any) -> Tensor:
        return inspect(np.bitwise_or, self, other)

    def __xor__(self, other: Any) -> Tensor:
        return inspect(np.bitwise_xor, self, other)

    def __rand__(self, other: Any) -> Tensor:
        return inspect(np.bitwise_and, other, self)

    def __ror__(self, other: Any) -> Tensor:
        return inspect(np.bitwise_or, other, self)

    def __rxor__(self, other: Any) -> Tensor:
        return inspect(np.bitwise_xor, other, self)

    def __eq__(self, other: object) -> Tensor:  # type: ignore[override]
        return inspect(np.equal, self, other)

    def __ne__(self, other: object) -> Tensor:  # type: ignore[override]
        return inspect(np.not_equal, self, other)

    def __lt__(self, other: Any) -> Tensor:
        return inspect(np.less, self, other)

    def __le__(self, other: Any) -> Tensor:
        return inspect(np.less_equal, self, other)

    def __gt__(self, other: Any) -> Tensor:
        return inspect(np.greater, self, other)

    def __ge__(self, other: Any) -> Tensor:
        return inspect(np.greater_equal, self, other)

    __hash__ = object.__hash__

    # In-place spellings ------------------------------------------------------------------------------

    def __iadd__(self, other: Any) -> Tensor:
        return self._in_place(elementwise.add, other, "+")

    def __isub__(self, other: Any) -> Tensor:
        return self._in_place(elementwise.subtract, other, "-")

    def __imul__(self, other: Any) -> Tensor:
        return self._in_place(elementwise.multiply, other, "*")

    def __itruediv__(self, other: Any) -> Tensor:
        return self._in_place(elementwise.divide, other, "/")

    def __ipow__(self, other: Any) -> Tensor:
        return self._in_place(elementwise.power, other, "**")

    def _in_place(self, row: Any, other: Any, sign: str) -> Tensor:
        """`w -= u`: a leaf that requires grad is written in place under no_grad(); any other name is rebound."""
        if self._node is not None or not self._requires_grad:
            return row(self, other)
        if mode.get() != OFF:
            raise RuntimeError(
                f"w {sign}= u would hide this leaf that requires grad behind a new Tensor; write "
                f"`with minigrad.no_grad(): w {sign}= u` to update it in place, or `v = w {sign} u`"
            )
        value = row.f(self._data, other._data if isinstance(other, TensorBase) else other)
        np.copyto(self._data, value, casting="same_kind")
        memory.mark_written(self._data)
        return self  # type: ignore[return-value]

    # Indexing ----------------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Tensor:
        return indexing.getitem(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "t[i] = v cannot be recorded; build the result with np.where(mask, v, t) or np.concatenate, or write "
            "a leaf with t.data[i] = v followed by minigrad.touch(t)"
        )

    def __len__(self) -> int:
        if not self._data.ndim:
            raise TypeError("len() of a 0-d Tensor")
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

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

    def tanh(self) -> Tensor:
        return elementwise.tanh(self)

    def sigmoid(self) -> Tensor:
        return elementwise.sigmoid(self)

    def relu(self) -> Tensor:
        return elementwise.relu(self)

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

    # Learning ----------------------------------------------------------------------------------------

    def conv2d(self, w: Any, b: Any = None, stride: Pair = 1, padding: Pair = 0) -> Tensor:
        return conv.conv2d(self, w, b, stride, padding)

    def max_pool2d(self, window: Pair, stride: Pair | None = None) -> Tensor:
        return conv.max_pool2d(self, window, stride)

    @says_our_words
    def log_softmax(self, axis: int = -1) -> Tensor:
        return losses.log_softmax(self, axis)

    @says_our_words
    def softmax(self, axis: int = -1) -> Tensor:
        return losses.softmax(self, axis)
