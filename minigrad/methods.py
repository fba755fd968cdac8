"""The operators of Tensor, and the ops that are its methods: each calls its row directly.

A function in a class body is a method, so an op of the table can become one as it is: `Tensor.sum` has the docstring
and the options of `minigrad.sum`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import update_wrapper
from types import FunctionType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import numpy as np

from .core import writes
from .core.graph import ON, TensorBase, mode
from .ops import (
    activations,
    conv,
    cumulative,
    elementwise,
    indexing,
    joining,
    norms,
    pooling,
    powers,
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

P = ParamSpec("P")


def method(
    op: Callable[Concatenate[Any, P], Any], name: str = ""
) -> Callable[Concatenate[Any, P], Tensor]:
    """An op as a method: the Tensor before the dot is its first argument. `name` is the method's, if not the op's."""
    if isinstance(op, FunctionType):
        return op

    def call(*args: Any, **options: Any) -> Any:
        return op(*args, **options)

    return _named(update_wrapper(call, op, updated=()), name or call.__name__)


def question(function: Any, formula: str) -> Callable[..., Tensor]:
    """A method that calls a NumPy function without gradient on the data, along an axis."""

    def call(self: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return inspect(function, self, axis=axis, keepdims=keepdims)

    return _asked(call, function, formula)


def question_of_some(function: Any, formula: str) -> Callable[..., Tensor]:
    """A `question` that takes a mask of the elements it is about, too."""

    def call(self: Any, axis: Any = None, keepdims: bool = False, *, where: Any = True) -> Any:
        return inspect(function, self, axis=axis, keepdims=keepdims, where=where)

    return _asked(call, function, formula)


def _asked(call: Any, function: Any, formula: str) -> Any:
    call.__doc__ = formula
    return says_our_words(_named(call, function.__name__))


def _named(call: Any, name: str) -> Any:
    """A function by the name under which errors and pickle find it among the methods."""
    call.__name__, call.__qualname__, call.__module__ = name, f"Methods.{name}", __name__
    return call


class Methods(TensorBase):
    """The operators and methods of a Tensor."""

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

    # Elementwise -------------------------------------------------------------------------------------

    abs = method(elementwise.absolute, name="abs")
    astype = method(elementwise.astype)
    clip = method(elementwise.clip)
    cos = method(elementwise.cos)
    exp = method(elementwise.exp)
    log = method(elementwise.log)
    maximum = method(elementwise.maximum)
    minimum = method(elementwise.minimum)
    relu = method(activations.relu)
    sigmoid = method(elementwise.sigmoid)
    sin = method(elementwise.sin)
    sqrt = method(powers.sqrt)
    square = method(elementwise.square)
    tanh = method(elementwise.tanh)

    # Along axes --------------------------------------------------------------------------------------

    all = question_of_some(np.all, "y = whether all elements are true, over axes")
    any = question_of_some(np.any, "y = whether any element is true, over axes")
    argmax = question(np.argmax, "y = the place of the maximum along an axis, the first of several")
    argmin = question(np.argmin, "y = the place of the minimum along an axis, the first of several")
    argsort = method(sorting.argsort)
    cumprod = method(cumulative.cumprod)
    cumsum = method(cumulative.cumsum)
    log_softmax = method(softmax.log_softmax)
    logsumexp = method(reductions.logsumexp)
    max = method(reductions.max)
    mean = method(reductions.mean)
    min = method(reductions.min)
    norm = method(norms.norm)
    prod = method(reductions.prod)
    softmax = method(softmax.softmax)
    sort = method(sorting.sort)
    std = method(statistics.std)
    sum = method(reductions.sum)
    take = method(indexing.take)
    topk = sorting.topk  # returns two
    trace = method(reductions.trace)
    var = method(statistics.var)

    # Shapes ------------------------------------------------------------------------------------------

    broadcast_to = method(shapes.broadcast_to)
    diagonal = method(rearrange.diagonal)
    expand_dims = method(shapes.expand_dims)
    flatten = method(shapes.flatten)
    flip = method(rearrange.flip)
    moveaxis = method(shapes.moveaxis)
    ravel = method(shapes.ravel)
    repeat = method(rearrange.repeat)
    roll = method(rearrange.roll)
    squeeze = method(shapes.squeeze)
    swapaxes = method(shapes.swapaxes)
    tile = method(rearrange.tile)
    tril = method(rearrange.tril)
    triu = method(rearrange.triu)

    def reshape(self, *shape: Any, order: str = "C") -> Tensor:
        """y = x in another shape, given as numbers or as a tuple; one of them may be -1 and follows from the others."""
        return shapes.reshape(self, shape[0] if len(shape) == 1 else shape, order)

    def transpose(self, *axes: Any) -> Tensor:
        """y = x with its axes in the order given as numbers or as a tuple, by default reversed."""
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

    # Products, windows -------------------------------------------------------------------------------

    conv2d = method(conv.conv2d)
    dot = method(products.dot)
    max_pool2d = pooling.max_pool2d  # may return two
