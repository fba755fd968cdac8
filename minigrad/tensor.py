"""Tensor: an array that remembers how it was made. It holds no derivative rules."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from . import numpy_protocols
from .core import writes
from .core.backward import backward
from .core.dtypes import MASKED, as_array, is_array
from .core.graph import ON, TensorBase, mode, onlooker, register_tensor_class, wrap
from .devices import check_in_place, copy_of, is_elsewhere, on_host, placed
from .methods import Methods
from .ops.inspection import asked_by_scipy
from .ops.pytorch_words import no_argument, no_attribute, says_our_words

_RECORDED = """\
  np.exp(t)                          not  math.exp(t)
  np.stack([t, u]) or np.block            np.array([t, u])
  np.sum(np.stack([t, u]))                np.sum([t, u])
  np.concatenate([t, u])                  np.r_[t, u]
  minigrad.full(shape, t)                 np.full(shape, t)
  minigrad.set_at(a, i, t) or np.where    a[i] = t
  np.dot(a, t) or a @ t                   a.dot(t)"""


class Tensor(Methods):
    """An n-d array of numbers that records what is done to it, so that gradients can flow back.

        >>> w = Tensor([1.0, 2.0], requires_grad=True)
        >>> (w * w).sum().backward()
        >>> w.grad
        Tensor([2., 4.])

    data           an array, a number, or nested lists of numbers (floats in lists become float32)
    requires_grad  record what is done to it, so that `backward()` fills `.grad`; floats only. The data is copied
                   then; otherwise the Tensor shares the memory of an array
    dtype          convert to this dtype
    """

    __slots__ = ()

    def __init__(
        self, data: Any, requires_grad: bool = False, dtype: Any = None, **others: NoReturn
    ) -> None:
        if others:  # `says_our_words` would cost a quarter of the time
            raise no_argument(type(self).__name__, others)
        given = data
        if isinstance(data, TensorBase):
            if data._requires_grad:
                raise TypeError(
                    "Tensor: data is a Tensor that requires grad, its history would be lost unseen; use it as it is, "
                    "or pass data.detach()"
                )
            given = data = data._data
        array = as_array(data, dtype)
        if requires_grad:
            _check_can_require_grad(array)
            if array is given or writes.owner(array) is not array:
                array = copy_of(array)
        self._data = array
        self._grad = None
        self._hooks = None
        self._node = None
        self._requires_grad = bool(requires_grad)

    # What it is --------------------------------------------------------------------------------------

    @property
    def data(self) -> Any:
        """The array itself; after writing into it by hand call `minigrad.touch(t)`.

        Assignment puts an array of the same shape in its place; a graph that saved the old one refuses to use it.
        """
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        self._check_leaf("t.data = value")
        array = self._array_of("t.data = value", value)
        if not np.can_cast(array.dtype, self._data.dtype, "same_kind"):
            raise TypeError(f"t.data = value: {array.dtype} cannot become {self._data.dtype}")
        array = array.astype(self._data.dtype, copy=False)
        writes.mark_written(self._data)
        self._data = array

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward left here: a Tensor of the same shape and dtype without history, or None."""
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is None:
            self._grad = None
            return
        array = placed(self._array_of("t.grad = value", value), self._data)
        self._grad = wrap(array.astype(self._data.dtype))

    @property
    def requires_grad(self) -> bool:
        """True if what is done to this Tensor is recorded."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if self._node is not None and not value:
            raise RuntimeError(
                "requires_grad of a Tensor with history cannot be switched off; use t.detach()"
            )
        if value:
            _check_can_require_grad(self._data)
        self._requires_grad = bool(value)

    def requires_grad_(self, value: bool = True) -> Tensor:
        """Set `requires_grad`; returns the Tensor."""
        self.requires_grad = value
        return self

    @property
    def is_leaf(self) -> bool:
        """True if no recorded op made it; backward fills `.grad` of the leaves that require grad."""
        return self._node is None

    @property
    def size(self) -> int:
        return self._data.size

    @property
    def nbytes(self) -> int:
        return self._data.nbytes

    def __repr__(self) -> str:
        text = np.array2string(
            self._readable(), separator=", ", prefix=f"{type(self).__name__}(", threshold=200
        )
        if self._data.size > 200 or (self._data.size == 0 and self._data.ndim > 1):
            text += f", shape={self.shape}"
        if self._data.dtype not in (np.float32, np.int64, np.bool_):
            text += f", dtype={self._data.dtype}"
        if self._node is not None:
            text += f", op={self._node.op.name}"
        elif self._requires_grad:
            text += ", requires_grad=True"
        return f"{type(self).__name__}({text})"

    def _repr_html_(self) -> str | None:
        """The HTML that a notebook shows: the repr, and the graph if there is one."""
        from .picture import html

        return html(self)

    # Gradients ---------------------------------------------------------------------------------------

    backward = says_our_words(backward)

    def detach(self) -> Tensor:
        """The same data without history; it shares the memory."""
        twin = wrap(self._data)
        if mode.get() > ON:
            onlooker().detached(self, twin)
        return twin

    def retain_grad(self) -> None:
        """Let backward fill `.grad` of this Tensor too, although it is not a leaf."""
        self._check_requires_grad("retain_grad")
        if self._node is not None:
            self._node.keeper = weakref.ref(self)

    def register_hook(self, hook: Callable[[Tensor], Any]) -> Hook:
        """Call `hook(gradient)` when this Tensor's gradient is complete; a result that is not None replaces it.

        Returns a handle; its `remove()` takes the hook away.
        """
        self._check_requires_grad("register_hook")
        if self._node is None:
            hooks = self._hooks = [] if self._hooks is None else self._hooks
        else:
            hooks = self._node.hooks = [] if self._node.hooks is None else self._node.hooks
        handle = Hook(self if self._node is None else self._node, hook)
        hooks.append(handle)
        return handle

    # Conversion to Python and NumPy ------------------------------------------------------------------

    def item(self) -> Any:
        """The value as a Python number; there must be one element."""
        if self._data.size != 1:
            raise ValueError(
                f"item: one element is needed, this Tensor of shape {self.shape} has {self.size}"
            )
        return self._readable().item()

    def numpy(self) -> Any:
        """The data as a read-only view; of another library's array a copy on the host."""
        if self._requires_grad and mode.get() > ON:
            onlooker().read(self)
        view = on_host(self._data) if is_elsewhere(self._data) else self._data.view()
        view.flags.writeable = False
        return view

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers."""
        return self._readable().tolist()

    def _readable(self) -> Any:
        return on_host(self._data) if is_elsewhere(self._data) else self._data

    def __bool__(self) -> bool:
        if self._data.size != 1:
            raise ValueError(
                f"the truth of a Tensor of shape {self.shape} is ambiguous; use .any() or .all()"
            )
        return bool(self._readable())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    def __float__(self) -> float:
        return float(self._leaving("float()").item())

    def __int__(self) -> int:
        return int(self._leaving("int()").item())

    def __index__(self) -> int:
        if self._data.dtype.kind not in "iu" or self._data.ndim:
            raise TypeError(
                f"only a 0-d integer Tensor can be an index, not {self.dtype} of shape {self.shape}"
            )
        return int(self._readable())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        theirs = asked_by_scipy() if self._requires_grad else None
        if theirs is not None:
            package, name = sys.modules[__package__], "_".join(theirs.split(".")[2:])
            named = (f"{o.__name__}.{name}" for o in (package, package.stats) if name in o.__all__)
            ours = next(named, "a function of minigrad's or NumPy's")
            raise TypeError(
                f"{theirs} makes an array of a Tensor that requires grad, whose history would be lost unseen; use "
                f"{ours}, or pass t.detach().numpy() if no gradient is needed"
            )
        return np.array(self._leaving("np.asarray").numpy(), dtype=dtype, copy=copy)

    def _leaving(self, how: str) -> Tensor:
        if self._requires_grad:
            raise TypeError(
                f"{how} of a Tensor that requires grad would lose its history unseen. Take t.item() for a number and "
                f"t.detach().numpy() for an array; or compute with what is recorded:\n{_RECORDED}"
            )
        return self

    # Writing -----------------------------------------------------------------------------------------

    def assign(self, value: Any) -> Tensor:
        """Write `value` into this Tensor's memory; a graph that saved the old data refuses to use it."""
        self._check_leaf("assign")
        if isinstance(value, TensorBase) and value._requires_grad and mode.get() & ON:
            raise TypeError(
                "assign: the value requires grad, its history would be lost unseen; pass value.detach()"
            )
        check_in_place("assign", self._data)
        array = placed(self._array_of("assign", value), self._data)
        np.copyto(self._data, array, casting="same_kind")
        writes.mark_written(self._data)
        return self

    def __copy__(self) -> Tensor:
        twin = type(self).__new__(type(self))
        for name in TensorBase.__slots__[1:]:
            setattr(twin, name, getattr(self, name))
        return twin

    def __getstate__(self) -> Any:
        self._check_leaf("pickle")
        state: Any = super().__getstate__()
        return state[0], {**state[1], "_hooks": None}

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        self._check_leaf("deepcopy")
        twin = type(self).__new__(type(self))
        memo[id(self)] = twin
        twin._data = copy_of(self._data)
        twin._grad = None if self._grad is None else wrap(self._grad._data.copy())
        twin._hooks = None
        twin._node = None
        twin._requires_grad = self._requires_grad
        return twin

    # Checks ------------------------------------------------------------------------------------------

    def _check_leaf(self, what: str) -> None:
        if self._node is not None:
            raise RuntimeError(
                f"{what}: this Tensor of shape {self.shape} was made by {self._node.op.name}, and only leaves can be "
                "written, copied or pickled; use t.detach() or compute a new one"
            )

    def _array_of(self, what: str, value: Any) -> Any:
        """A value for this Tensor as an array of its shape; Python floats keep all their digits."""
        array = value._data if isinstance(value, TensorBase) else as_array(value, where=what)
        if not is_array(value):
            array = np.asarray(value)
        if array.shape != self.shape:
            raise ValueError(f"{what}: the value has shape {array.shape}, the Tensor {self.shape}")
        if array.dtype.kind == "c" and self.dtype.kind != "c":
            raise TypeError(f"{what}: the value is {array.dtype}, the Tensor {self.dtype}")
        return array

    def _check_requires_grad(self, what: str) -> None:
        if not self._requires_grad:
            raise RuntimeError(f"{what}: this Tensor of shape {self.shape} does not require grad")

    def __getattr__(self, name: str) -> Any:
        if name == "_mask":  # np.ma asks both operands of `m * t`, and would go on without one
            raise TypeError(f"np.ma: {MASKED}")
        no_attribute(type(self).__name__, name)

    # NumPy's protocols -------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return numpy_protocols.call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return numpy_protocols.call_function(function, args, kwargs, self)


class Hook:
    """The handle of a registered hook; `remove()` takes it away."""

    def __init__(self, owner: Any, hook: Any) -> None:
        # weak, because the owner's list holds this Hook, and only the garbage collector frees a cycle
        self._owner = weakref.ref(owner)
        self.function = hook

    def remove(self) -> None:
        owner = self._owner()
        hooks = (
            None if owner is None else owner._hooks if isinstance(owner, Tensor) else owner.hooks
        )
        if hooks:
            hooks[:] = [hook for hook in hooks if hook is not self]


def touch(*tensors: Any) -> None:
    """Announce that `t.data`, or an array, was written by hand: a graph that saved it, under any name, refuses it.

    Arrays of up to 64 kB that need no gradient were copied by the ops that save them, and may be written freely.
    """
    arrays = []
    for t in tensors:
        if isinstance(t, Tensor):
            if t._node is not None:
                t._check_leaf("touch")
            arrays.append(t._data)
        elif is_array(t):
            arrays.append(t)
        else:
            raise TypeError(f"touch: a {type(t).__name__} is no Tensor and no array")
    writes.mark_written(*arrays)


def _check_can_require_grad(array: Any) -> None:
    if array.dtype.kind != "f":
        raise TypeError(
            f"a Tensor of dtype {array.dtype} cannot require grad; make it of floats: dtype='float32'"
        )


register_tensor_class(Tensor)
