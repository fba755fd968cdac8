"""The operators of Tensor: one line each, straight to their row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .core import writes
from .core.graph import ON, TensorBase, mode
from .ops import elementwise, indexing, joining, products
from .ops.inspection import inspect

if TYPE_CHECKING:
    from .tensor import Tensor


class Operators(TensorBase):
    """What the signs of arithmetic, comparison and indexing do with a Tensor."""

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

    def __floordiv__(self, other: Any) -> Tensor:
        return elementwise.floor_divide(self, other)

    def __rfloordiv__(self, other: Any) -> Tensor:
        return elementwise.floor_divide(other, self)

    def __mod__(self, other: Any) -> Tensor:
        return elementwise.remainder(self, other)

    def __rmod__(self, other: Any) -> Tensor:
        return elementwise.remainder(other, self)

    def __pow__(self, other: Any) -> Tensor:
        return elementwise.power(self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return elementwise.power(other, self)

    def __matmul__(self, other: Any) -> Tensor:
        return products.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return products.matmul(other, self)

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

    def __imod__(self, other: Any) -> Tensor:
        return self._in_place(elementwise.remainder, other, "%")

    def __ipow__(self, other: Any) -> Tensor:
        return self._in_place(elementwise.power, other, "**")

    def _in_place(self, row: Any, other: Any, sign: str) -> Tensor:
        """`w -= u`: a leaf that requires grad is written in place under no_grad(); any other name is rebound."""
        if self._node is not None or not self._requires_grad:
            return row(self, other)
        if mode.get() & ON:
            raise RuntimeError(
                f"w {sign}= u would hide this leaf that requires grad behind a new Tensor; write "
                f"`with minigrad.no_grad(): w {sign}= u` to update it in place, or `v = w {sign} u`"
            )
        value = row.f(self._data, other._data if isinstance(other, TensorBase) else other)
        np.copyto(self._data, value, casting="same_kind")
        writes.mark_written(self._data)
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
        if not self._data.ndim:
            raise TypeError("iteration over a 0-d Tensor")
        return iter(joining.unstack(self))
