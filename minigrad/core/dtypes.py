"""Dtypes: the one that data gets in a Tensor, the one in which an op computes, and the one in which it adds up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

DEFAULT_FLOAT = np.dtype(np.float32)
FLOAT16 = np.dtype(np.float16)
PYTHON_NUMBERS = frozenset((bool, int, float))
_NUMPYS = (ndarray.__array_ufunc__, ndarray.__array_function__)
_KIND_RANK = {"b": 0, "u": 1, "i": 1, "f": 2}


def is_array(value: Any) -> bool:
    """Return whether `value` is an array, NumPy's or another library's, as opposed to a number or a nested list."""
    return isinstance(value, ndarray) or hasattr(value, "__array_function__")


MASKED = (
    "a MaskedArray hides elements, and a gradient would not know which; pass m.filled(value) or m.compressed(), or "
    "choose with np.where; for masked arithmetic without gradient take t.detach().numpy()"
)


def plain_array(value: Any, where: str) -> Any:
    """value, with an `ndarray` on the same memory in place of a subclass that means no more: np.matrix, np.memmap.

    Raises TypeError, which begins with `where`, for one that means more: masked, or with arithmetic of its own.
    """
    kind = value.__class__
    if kind is ndarray or not isinstance(value, ndarray):
        return value
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{where}: {MASKED}")
    if (kind.__array_ufunc__, kind.__array_function__) != _NUMPYS:
        raise TypeError(
            f"{where}: a {kind.__name__} means more than its numbers (units?), which a gradient would lose unseen; "
            "pass the numbers, a.view(np.ndarray)"
        )
    return value.view(ndarray)


def as_array(data: Any, dtype: Any = None, where: str = "Tensor") -> Any:
    """An array of `data`: Python floats, also in lists, make float32, ints int64, bools bool; an array keeps its own.

    Raises TypeError if the result is not numeric (strings, objects, ragged lists), or as `plain_array` does.
    """
    if is_array(data):
        data = plain_array(data, where)
        array = data if dtype is None else data.astype(dtype, copy=False)
    else:
        within = [plain_array(v, where) for v in _arrays_within(data)]
        try:
            array = np.asarray(data, dtype)
        except (ValueError, RuntimeError) as error:  # PyTorch's for a tensor that requires grad
            raise TypeError(
                f"{where}: cannot make an array of {type(data).__name__}: {error}"
            ) from None
        if dtype is None and array.dtype == np.float64:
            floats = {d for v in within if (d := np.asarray(v).dtype).kind == "f"}
            array = array.astype(np.result_type(*floats or {DEFAULT_FLOAT}), copy=False)
    if array.dtype.kind not in "biufc":
        raise TypeError(
            f"{where}: data of type {type(data).__name__} makes an array of dtype {array.dtype}; "
            "numbers or bools are needed"
        )
    return array


def in_array(value: Any) -> Any:
    """A Tensor or an array as it is, anything else as an array."""
    is_ours = value.__class__ is ndarray or not isinstance(value, ndarray)
    return value if is_ours and is_array(value) else as_array(value)


def _arrays_within(data: Any) -> list[Any]:
    """Arrays of any library and NumPy's numbers in nested lists."""
    if isinstance(data, (list, tuple)):
        items = [v for v in data if v.__class__ not in PYTHON_NUMBERS]
        return [array for v in items for array in _arrays_within(v)]
    return [data] if hasattr(data, "__array__") else []


def unify(op: str, operands: list[Any], is_tensor: list[bool], keeps_numbers: bool) -> list[Any]:
    """The operands of one op, converted to one dtype.

    - Operands with axes decide; 0-d ones yield to them. Among 0-d ones, Tensors beat plain scalars.
    - Float beats int and bool without widening: an int array that meets float32 gives float32.
    - A plain float that meets only ints and bools makes float32, as a Python list of floats does.
    - Python numbers stay as they are in elementwise ops (`keeps_numbers`), where NumPy takes them at the dtype of
      the other operand.

    NumPy 2's own rules would turn float32 into float64 at the first `np.float64` scalar.
    """
    operands = [
        v if type(v) in PYTHON_NUMBERS or isinstance(v, np.generic) else as_array(v, where=op)
        for v in operands
    ]
    ranks = [2 if np.ndim(v) else int(t) for v, t in zip(operands, is_tensor, strict=True)]
    dtypes = [_dtype_of(v) for v in operands]
    if any(dtype.kind == "c" for dtype in dtypes):
        raise TypeError(
            f"{op}: complex operands are not supported; use the real and imaginary parts"
        )
    target = None
    for rank in (2, 1, 0):
        group = [d for d, r in zip(dtypes, ranks, strict=True) if r == rank]
        if not group:
            continue
        kind = max(_KIND_RANK[d.kind] for d in group)
        candidate = np.result_type(*[d for d in group if _KIND_RANK[d.kind] == kind])
        if rank == 0 and candidate.kind == "f":
            candidate = DEFAULT_FLOAT
        if target is None or kind > _KIND_RANK[target.kind]:
            target = candidate
    if not keeps_numbers or all(type(v) in PYTHON_NUMBERS for v in operands):
        operands = [np.asarray(v, target) if type(v) in PYTHON_NUMBERS else v for v in operands]
    return [_convert(op, v, target) for v in operands]


def _dtype_of(value: Any) -> np.dtype[Any]:
    return value.dtype if hasattr(value, "dtype") else np.result_type(type(value))


def _convert(op: str, value: Any, dtype: Any) -> Any:
    if type(value) in PYTHON_NUMBERS or value.dtype == dtype:
        return value
    converted = value.astype(dtype)
    if dtype.kind in "iu" and value.ndim == 0 and converted != value:
        raise OverflowError(f"{op}: the integer {value} does not fit the other operand's {dtype}")
    return converted


# float16 counts only to 2048 and ends at 65504, so that nothing may be summed in it ------------------------


def widened(x: Any) -> Any:
    """float16 as float32; anything else as it is."""
    return x.astype(DEFAULT_FLOAT) if getattr(x, "dtype", None) == FLOAT16 else x


def narrowed(y: Any, x: Any) -> Any:
    """y, computed from `widened(x)`, in the dtype of x: here it is rounded, once."""
    return y.astype(FLOAT16) if x.dtype == FLOAT16 else y


def in_float32(f: Callable[..., Any], *args: Any) -> Any:
    """f(*args), with float16 computed in float32 and rounded once, unless an argument has wider floats."""
    dtypes = (getattr(a, "dtype", FLOAT16) for a in args)
    if args[0].dtype != FLOAT16 or any(d.kind == "f" and d != FLOAT16 for d in dtypes):
        return f(*args)
    return f(*map(widened, args)).astype(FLOAT16)
