"""The array that traces: it notes each call made on it, and computes it as well.

It is sent through the engine as the data of Tensors. The table's rules are NumPy words that run on any array, so the
notes hold forward and backward pass alike; a kernel is noted as one call of a helper, see `ops.kernels.noting`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ..core.graph import TensorBase
from ..sight.recording import user_line
from .recorded import Attribute, Method, getitem, leaves, mapped, setitem

if TYPE_CHECKING:
    from .trace import Trace

# fmt: off
ABOUT_SHAPES = frozenset((
    np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.iscomplexobj, np.isrealobj, np.common_type,
    np.min_scalar_type, np.may_share_memory, np.shares_memory,
))
LOOKS = frozenset((
    np.nonzero, np.flatnonzero, np.argwhere, np.extract, np.compress, np.unique, np.unique_all, np.unique_counts,
    np.unique_inverse, np.unique_values, np.intersect1d, np.union1d, np.setdiff1d, np.setxor1d, np.bincount,
    np.histogram, np.array_equal, np.array_equiv, np.allclose, np.trim_zeros, np.array2string, np.array_repr,
    np.array_str,
))
LOOKING_METHODS = frozenset(("item", "tolist", "nonzero", "compress", "tobytes", "dump", "dumps", "tofile"))
WRITING_METHODS = frozenset(("fill", "sort", "partition", "put"))
CHANGING_METHODS = frozenset(("byteswap", "resize", "setfield", "setflags"))
ATTRIBUTES = frozenset(("shape", "dtype", "ndim", "size", "nbytes", "itemsize", "strides", "flags"))
VIEWS = frozenset(("T", "mT", "real", "imag"))
# fmt: on


class Traced(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that notes each call made on it."""

    def __init__(self, trace: Trace, at: int) -> None:
        self.trace = trace
        self.at = at

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in ("trace", "at"):
            self.trace.refuse_write(f"setting .{name}")
        super().__setattr__(name, value)

    @property
    def value(self) -> Any:
        """The array that it stands for in this run."""
        return self.trace.arrays[self.at]

    @property
    def is_constant(self) -> bool:
        """Return whether it is the same at each run."""
        return self.trace.program.values[self.at].is_constant

    @property
    def base(self) -> Any:
        """The array that it is a view of."""
        root = self.trace.program.values[self.at].root
        return None if root == self.at else self.trace.traced(root)

    def later(self, function: Callable[[], Any], gradients: Any = ()) -> Later:
        """Let the function be called behind the program, as it is: an optimiser's step, or a clip of gradients."""
        return self.trace.later(function, gradients)

    def refuse(self, what: str, remedy: str) -> NoReturn:
        """Raise: the function looks into values."""
        self.trace.refuse(what, remedy)

    def noting(self, kernel: Callable[..., Any]) -> Callable[..., Any]:
        """The function that notes a call of `kernel`; see `ops.kernels.noting`."""
        return lambda *args, **options: self.trace.note(kernel, args, options)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if any(isinstance(a, TensorBase) for a in inputs):
            return NotImplemented
        note = self.trace.note
        if method == "at":
            return note(ufunc.at, inputs, options, inputs[0])
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        targets = options.pop("out", ())
        if not targets:
            return note(function, inputs, options)
        return self._into(function, inputs, options, targets)

    def _into(self, function: Any, inputs: Any, options: Any, targets: Any) -> Any:
        if len(targets) > 1:
            self.trace.refuse_write(f"{name_of(function)} with several outputs")
        (target,) = targets
        self.trace.check_target(function, target)
        trace, old = self.trace, target.value
        if isinstance(old, np.generic):  # += makes a new number
            return trace.note(function, inputs, options)
        if trace.is_alone(target.at) and not options:
            y = function(*mapped(inputs, plain))
            if (y.shape, y.dtype, y.strides) == (old.shape, old.dtype, old.strides):
                trace.replaced(target, trace.note(function, inputs, options))  # a new value
                return target
        trace.note(function, inputs, {**options, "out": target}, target)
        return target

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        if any(issubclass(t, TensorBase) for t in types):
            return NotImplemented
        if function in ABOUT_SHAPES:
            given, named = mapped((args, options), plain)
            return function(*given, **named)
        is_where = function is np.where and len(args) == 1
        if (function in LOOKS or is_where) and not self._is_known(args, options):
            self.trace.refuse(name_of(function))
        if function is np.copyto or "out" in options:
            target = options["out"] if "out" in options else args[0]
            self.trace.check_target(function, target)
            self.trace.note(function, args, options, target)
            return target
        return self.trace.note(function, args, options, may_write=True)

    def _is_known(self, *given: Any) -> bool:
        return all(t.is_constant for t in leaves(given) if isinstance(t, Traced))

    def __getattr__(self, name: str) -> Any:
        if name in ATTRIBUTES:
            return getattr(self.value, name)
        if name in VIEWS:
            return self.trace.note(Attribute(name), (self,), {})
        if name.startswith("_") or not callable(getattr(np.ndarray, name, None)):
            if name.startswith("_") or not hasattr(np.ndarray, name):
                raise AttributeError(f"'numpy.ndarray' object has no attribute {name!r}")
            self.trace.stop(  # with a TypeError: hasattr() would take an AttributeError for an answer
                f"{self.trace.caller}: .{name} at {user_line()} shows the memory of an array, and a program has other "
                "memory; take functions of NumPy, x.reshape(-1) for x.flat"
            )
        if name in LOOKING_METHODS and not self.is_constant:
            self.trace.refuse(_asked_by(name))
        if name in CHANGING_METHODS:
            self.trace.refuse_write(f"{name}()")
        return lambda *args, **options: self.trace.note(
            Method(name),
            (self, *args),
            options,
            self if name in WRITING_METHODS else None,
            may_write=True,
        )

    def __getitem__(self, index: Any) -> Any:
        traced = [part for part in leaves([index]) if isinstance(part, Traced) and part.ndim]
        if any(part.dtype == bool and not part.is_constant for part in traced):
            self.trace.refuse("a boolean mask as an index")
        return self.trace.note(getitem, (self, index), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        self.trace.note(setitem, (self, index, value), {}, self)

    def __pow__(self, other: Any) -> Any:
        if isinstance(other, TensorBase):
            return NotImplemented
        return self.trace.note(pow, (self, other), {})

    def __rpow__(self, other: Any) -> Any:
        return self.trace.note(pow, (other, self), {})

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Any:
        return iter([self[i] for i in range(len(self))])

    def __bool__(self) -> bool:
        return self.trace.truth(self)

    def _number(self, kind: Any) -> Any:
        return kind(self.value) if self.is_constant else self.trace.refuse(f"{kind.__name__}()")

    def __float__(self) -> float:
        return self._number(float)

    def __int__(self) -> int:
        return self._number(int)

    def __index__(self) -> int:
        return self._number(int)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if self.is_constant:
            return np.array(self.value, dtype)
        return self.trace.refuse(
            "np.asarray (or a plain array a, as in a[x], a[...] = x and np.array([x, ...]))",
            "Let a be a Tensor around the function, or an argument, or made by np.zeros_like(x) or np.stack([x, ...])",
        )

    def __copy__(self, _: Any = None) -> Any:
        return self.copy("K")

    __deepcopy__ = __copy__

    def __contains__(self, value: Any) -> bool:
        return bool((self == value).any())

    def __str__(self) -> str:
        return self.trace.refuse("str()")

    def __format__(self, form: str) -> str:
        return self.trace.refuse("str()")

    def __repr__(self) -> str:
        return f"<traced {self.shape} {self.dtype}>"


class Later(np.lib.mixins.NDArrayOperatorsMixin):
    """The answer of a function that is called behind the program: it may be returned, and is not known before."""

    def __init__(self, trace: Trace, place: int, name: str) -> None:
        self._trace = trace
        self.place = place
        self._name = name

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        self._trace.stop(
            f"compile: {user_line()} uses what {self._name} returns, which a program calls at its end; return it, and "
            "use it after the call"
        )

    __array_ufunc__ = __array_function__ = __array__ = __getitem__ = __len__ = __iter__ = _refuse
    __float__ = __int__ = __index__ = __bool__ = __round__ = __str__ = __format__ = _refuse

    def __getattr__(self, name: str) -> Any:
        self._refuse()


def name_of(function: Any) -> str:
    """A function as its user wrote it."""
    if isinstance(function, (Method, Attribute)):
        return f"{function.name}()"
    module = str(getattr(function, "__module__", None) or "np").replace("numpy", "np")
    return f"{module}.{function.__name__}" if module.startswith("np") else function.__name__


def _asked_by(name: str) -> str:
    """The method of a Tensor, or else of the array, that asks for values."""
    frame: Any = sys._getframe(2)
    while frame.f_globals.get("__name__") == "minigrad.tensor":
        name, frame = frame.f_code.co_name, frame.f_back
    return f"{name.strip('_')}()"


def plain(leaf: Any) -> Any:
    return leaf.value if isinstance(leaf, Traced) else leaf
