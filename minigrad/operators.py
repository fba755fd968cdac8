"""The operators of Tensor: each calls its row directly."""

from __future__ import annotations

from collections.abc import Iterator
from types import EllipsisType
from typing import TYPE_CHECKING, Any

import numpy as np

from .core import writes
from .core.graph import ON, TensorBase, mode
from .devices import check_in_place
from .ops import elementwise, indexing, joining, powers, products
from .ops.inspection import inspect

if TYPE_CHECKING:
    from .tensor import Tensor


class Operators(TensorBase):
    """The operators of a Tensor."""

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

    def __divmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return elementwise.floor_divide(self, other), elementwise.remainder(self, other)

    def __rdivmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return elementwise.floor_divide(other, self), elementwise.remainder(other, self)

    def __pow__(self, other: Any) -> Tensor:
        return powers.power(self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return powers.power(other, self)

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

    def __lshift__(self, other: Any) -> Tensor:
        return inspect(np.left_shift, self, other)

    def __rlshift__(self, other: Any) -> Tensor:
        return inspect(np.left_shift, other, self)

    def __rshift__(self, other: Any) -> Tensor:
        return inspect(np.right_shift, self, other)

    def __rrshift__(self, other: Any) -> Tensor:
        return inspect(np.right_shift, other, self)

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

    # In-place operators ------------------------------------------------------------------------------

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
        return self._in_place(powers.power, other, "**")

    def _in_place(self, row: Any, other: Any, sign: str) -> Tensor:
        """`w -= u`: a leaf that requires grad is written in place under no_grad(); any other name is rebound."""
        if self._node is not None or not self._requires_grad:
            return row(self, other)
        if mode.get() & ON:
            raise RuntimeError(
                f"w {sign}= u would hide this leaf that requires grad behind a new Tensor; write "
                f"`with minigrad.no_grad(): w {sign}= u` to update it in place, or `v = w {sign} u`"
            )
        check_in_place(f"w {sign}= u", self._data)
        value = row.f(self._data, other._data if isinstance(other, TensorBase) else other)
        np.copyto(self._data, value, casting="same_kind")
        writes.mark_written(self._data)
        return self  # type: ignore[return-value]

    # Indexing ----------------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Tensor:
        return indexing.getitem(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        met = _as_written(index)
        place = (
            f"np.s_[{met}]"
            if isinstance(index, (tuple, slice, EllipsisType)) and index != ()
            else met
        )
        v = repr(value) if type(value) in (bool, int, float) else "v"
        leaf = (
            ""
            if self._node
            else f"; or write a leaf with t.data[{met}] = {v} followed by minigrad.touch(t)"
        )
        raise TypeError(
            f"t[{met}] = {v} cannot be recorded; write t = minigrad.set_at(t, {place}, {v}), a new Tensor{leaf}"
        )

    def __len__(self) -> int:
        if not self._data.ndim:
            raise TypeError("len() of a 0-d Tensor")
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        if not self._data.ndim:
            raise TypeError("iteration over a 0-d Tensor")
        return iter(joining.unstack(self))


def _as_written(index: Any) -> str:
    """An index as its line may have it: arrays by a name, and so what is long."""
    if isinstance(index, tuple):
        return ", ".join(map(_as_written, index)) + "," * (len(index) == 1) if index else "()"
    if isinstance(index, slice):
        start, stop, step = (
            "" if n is None else _as_written(n) for n in (index.start, index.stop, index.step)
        )
        return f"{start}:{stop}:{step}" if step else f"{start}:{stop}"
    if index is Ellipsis:
        return "..."
    kind = index.dtype.kind if hasattr(index, "dtype") else ""
    if kind and kind in "iu" and np.ndim(index) == 0:
        return str(int(index))
    text = repr(index)
    return "mask" if kind == "b" else "index" if kind or len(text) > 20 else text
