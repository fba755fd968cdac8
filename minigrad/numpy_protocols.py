"""NumPy's functions on Tensors: each leads to a function of minigrad, acts on the data, or is refused by name."""

from __future__ import annotations

import functools
import inspect as signatures
import itertools
from typing import Any

import numpy as np

from .core import writes
from .core.graph import TensorBase
from .core.rows import Primitive, served, serves
from .ops import later
from .ops.axes import axes_of, joined, kept_shape, together, tuple_of
from .ops.elementwise import astype, where
from .ops.inspection import (
    FUNCTIONS,
    MAKERS,
    UFUNCS,
    VALUES,
    inspect,
    name_in,
    name_of,
    plain,
    tensors_in,
)
from .ops.joining import unstack
from .ops.refused import WHY
from .ops.shapes import reshape, stack

_REFUSED = ("out", "where", "casting", "order", "subok", "signature", "axes", "initial")
_BY_NAME = (signatures.Parameter.POSITIONAL_OR_KEYWORD, signatures.Parameter.KEYWORD_ONLY)


def call_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`np.exp(t)`, `array + t`, `np.add(t, u, out=array)`: Tensor's `__array_ufunc__`."""
    name = name_of(ufunc)
    if method != "__call__":
        return _method(ufunc, method, inputs, kwargs)
    if "out" in kwargs:
        return _into(name, ufunc, inputs, kwargs)
    ours = _served(ufunc)
    if ours is None:
        if ufunc not in UFUNCS:
            raise TypeError(_no_row(name))
        for word in _REFUSED:
            if word in kwargs:
                raise TypeError(_not_supported(name, word))
        return inspect(ufunc, *inputs, **kwargs)
    _check_words(name, ours, kwargs)
    try:
        return ours(*inputs, **kwargs)
    except Exception as error:
        name_in(error, ufunc)
        raise


def _method(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A method of a ufunc: the function that it is, such as the sum for `np.add.reduce`, or the row, many times."""
    name, function = f"np.{ufunc.__name__}.{method}", getattr(ufunc, method)
    given = {word: v for word, v in kwargs.items() if v is not None or word == "axis"}
    ours = _served(function)
    if ours is not None:
        _check_words(name, ours, given)
        if method == "accumulate" and given.get("axis", 0) is None:
            raise TypeError(f"{name}: axis=None is not supported; name one axis, or flatten first")
        return ours(*inputs, **{"axis": 0, **given})  # along axis 0, if none is given
    if ufunc in UFUNCS and method != "at" and "out" not in kwargs:
        return inspect(function, *inputs, **kwargs)
    by_row = _BY_ROW.get(method) if ufunc.nin == 2 and ufunc.signature is None else None
    if by_row is None or _served(ufunc) is None:
        raise TypeError(f"{name} has no gradient rule; {_instead(method)}")
    _check_words(name, by_row, given)
    return by_row(ufunc, *inputs, **given)


def _outer(ufunc: Any, a: Any, b: Any) -> Any:
    a, b = together(a, b)
    return ufunc(reshape(a, tuple(a.shape) + (1,) * len(b.shape)), b)


def _reduce(ufunc: Any, x: Any, axis: Any = 0, keepdims: bool = False, initial: Any = None) -> Any:
    axes = axes_of(x, axis)
    if type(axes) is not int and ufunc.identity is None and len(tuple_of(axes, len(x.shape))) > 1:
        raise ValueError(
            f"np.{ufunc.__name__}.reduce: the order matters, so that one axis is needed, not {axis}"
        )
    rows = joined(x, axes)
    if initial is None and rows.shape[0] < 2:
        initial = ufunc.identity  # hypot of -3 alone is 3
    if not rows.shape[0] and initial is not None:
        shape = kept_shape(x.shape, axes) if keepdims else rows.shape[1:]
        return np.full_like(x, initial, shape=shape)
    rows = _slices(f"np.{ufunc.__name__}.reduce", rows, 0)
    y = functools.reduce(ufunc, rows if initial is None else [initial, *rows])
    return reshape(y, kept_shape(x.shape, axes)) if keepdims else y


def _accumulate(ufunc: Any, x: Any, axis: Any = 0) -> Any:
    rows = _slices(f"np.{ufunc.__name__}.accumulate", x, axis)
    return stack([*itertools.accumulate(rows, ufunc)], axis)


def _slices(name: str, x: Any, axis: int) -> Any:
    slices = unstack(x, axis)
    if not slices:
        raise ValueError(f"{name}: an axis of shape {tuple(x.shape)} is empty, and has no result")
    return slices


_BY_ROW: dict[str, Any] = {"outer": _outer, "reduce": _reduce, "accumulate": _accumulate}
"""Methods that any row of two arguments has."""


def call_function(function: Any, args: Any, kwargs: dict[str, Any], like: Any = None) -> Any:
    """`np.sum(t)`, `np.concatenate([a, t])`: Tensor's `__array_function__`; `like` is the Tensor that was asked."""
    name = name_of(function)
    if kwargs.get("out", name) is None:  # out=None is the same as no out
        kwargs = {word: value for word, value in kwargs.items() if word != "out"}
    ours = _served(function)
    if ours is not None:
        if not args:  # np.sum(a=t): minigrad may have another name for the first argument
            kwargs = dict(kwargs)
            args = (kwargs.pop(_first_word(function)),)
        _check_words(name, ours, kwargs)
        try:
            return ours(*args, **kwargs)
        except Exception as error:
            name_in(error, function)
            raise
    if "out" in kwargs:
        raise TypeError(_not_supported(name, "out"))
    if function in VALUES or function in MAKERS:
        if any(t._requires_grad for t in tensors_in([args, kwargs])):
            raise TypeError(
                f"{name}: a Tensor that requires grad would lose its history unseen, as there is no gradient rule; "
                f"{_KEEPS.get(name, '')}pass t.detach() if none is wanted"
            )
        if function in MAKERS:
            kwargs = {**kwargs, "like": np.empty(0) if like is None else like}
    elif function not in FUNCTIONS:
        raise TypeError(_no_row(name))
    return inspect(function, *args, **kwargs)


_KEEPS = {"np.full": "use minigrad.full, or "} | dict.fromkeys(
    (
        f"np.{made}"
        for made in ("array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray")
    ),
    "use np.stack or np.block, or ",
)
"""What keeps the history, beside functions that would lose it."""


def _served(function: Any) -> Any:
    """Ours for a function of NumPy or a ufunc of SciPy, or None; files of the table that are read later may have it."""
    if function not in served:
        later()
    return served.get(function) or served.get(name_of(function))


@serves(np.copy)
def _numpy_copy(a: Any) -> Any:
    return astype(a, a.dtype)  # a copy with history


@serves(np.where)
def _numpy_where(condition: Any, *branches: Any) -> Any:
    return where(condition, *branches) if branches else inspect(np.nonzero, condition)


def _into(name: str, ufunc: Any, inputs: Any, kwargs: Any) -> Any:
    """The result of a ufunc that writes into `out`, computed on plain arrays; raises if a gradient would be lost."""
    targets = kwargs["out"]
    if any(isinstance(target, TensorBase) for target in targets):
        raise TypeError(f"{name}: out= is a Tensor; use t.assign(value) to write into one")
    if any(t._requires_grad for t in tensors_in([inputs, kwargs])):
        raise TypeError(
            f"{name}: out= (as in a += t on an array) would lose the gradient of a Tensor that requires grad; compute "
            "a new value (b = a + t, np.where, np.stack), or pass t.detach()"
        )
    given = {word: plain(value, name) for word, value in kwargs.items()}
    # what `a += t` names stays of its class
    try:
        result = ufunc(*plain(inputs, name), **{**given, "out": targets})
    except Exception as error:
        name_in(error, ufunc)
        raise
    for target in targets:
        if target is not None:
            writes.mark_written(target)  # a graph may have saved it
    return result


def _check_words(name: str, ours: Any, kwargs: dict[str, Any]) -> None:
    """Raise for a keyword of NumPy's that minigrad's function does not have."""
    words, takes_any = _words(ours)
    for word in kwargs:
        if word not in words and (word in _REFUSED or not takes_any):
            raise TypeError(_not_supported(name, word))


@functools.cache
def _words(ours: Any) -> tuple[frozenset[str], bool]:
    """The keywords that a function of minigrad names, and whether it takes any other."""
    if isinstance(ours, Primitive):
        return frozenset(ours.names), False
    parameters = signatures.signature(ours).parameters.values()
    named = frozenset(p.name for p in parameters if p.kind in _BY_NAME)
    return named, any(p.kind is p.VAR_KEYWORD for p in parameters)


@functools.cache
def _first_word(function: Any) -> str:
    return next(iter(signatures.signature(function).parameters))


def _not_supported(name: str, word: str) -> str:
    instead = {"dtype": "use .astype(dtype)"}.get(word, "leave it out")
    return f"{name}: {word}= is not supported on Tensors; {instead}, or compute on t.numpy() if no gradient is needed"


def _instead(method: str) -> str:
    return {
        "at": "it writes into its argument; minigrad.scatter_add, scatter_max and scatter_min give a new array"
    }.get(method, "compute it on t.numpy() if no gradient is needed")


def _no_row(name: str) -> str:
    why = f": {WHY[name]}" if name in WHY else ""
    return (
        f"{name} has no gradient rule in minigrad{why}. Compose it of functions that have one, write it as a "
        "minigrad.primitive, or compute on t.numpy() if no gradient is needed"
    )
