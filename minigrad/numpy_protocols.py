"""NumPy's functions on Tensors: each leads to a function of minigrad, acts on the data, or is refused by name."""

from __future__ import annotations

import functools
import inspect as signatures
from typing import Any

import numpy as np

from .core import writes
from .core.graph import TensorBase
from .core.rows import Primitive, served, serves
from .ops import cumulative, later, reductions
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

_REFUSED = ("out", "where", "casting", "order", "subok", "signature", "axes", "initial")
_BY_NAME = (signatures.Parameter.POSITIONAL_OR_KEYWORD, signatures.Parameter.KEYWORD_ONLY)


def call_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`np.exp(t)`, `array + t`, `np.add(t, u, out=array)`: Tensor's `__array_ufunc__`."""
    name = f"np.{ufunc.__name__}"
    if method != "__call__":
        return _along_axis(f"{name}.{method}", _ALONG_AXIS.get((ufunc, method)), inputs, kwargs)
    if "out" in kwargs:
        return _into(name, ufunc, inputs, kwargs)
    ours = _served(ufunc)
    if ours is None:
        if ufunc not in UFUNCS:
            raise TypeError(_no_row(name, ufunc))
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


_ALONG_AXIS = {
    (np.add, "reduce"): reductions.sum,
    (np.multiply, "reduce"): reductions.prod,
    (np.maximum, "reduce"): reductions.max,
    (np.minimum, "reduce"): reductions.min,
    (np.logaddexp, "reduce"): reductions.logsumexp,
    (np.add, "accumulate"): cumulative.cumsum,
    (np.multiply, "accumulate"): cumulative.cumprod,
}
"""(ufunc, method) -> the function that it is, along an axis."""


def _along_axis(name: str, ours: Any, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`np.add.reduce(t)`, the sum: like every method of a ufunc along axis 0, if none is given."""
    if ours is None:
        raise TypeError(f"{name} has no gradient rule; {_instead(name.rpartition('.')[2])}")
    given = {word: v for word, v in kwargs.items() if v is not None or word == "axis"}
    _check_words(name, ours, given)
    if name.endswith("accumulate") and given.get("axis", 0) is None:
        raise TypeError(f"{name}: axis=None is not supported; name one axis, or flatten first")
    return ours(*inputs, **{"axis": 0, **given})


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
                "pass t.detach() if none is wanted"
            )
        if function in MAKERS:
            kwargs = {**kwargs, "like": np.empty(0) if like is None else like}
    elif function not in FUNCTIONS:
        raise TypeError(_no_row(name, function))
    return inspect(function, *args, **kwargs)


def _served(function: Any) -> Any:
    """Ours for a function of NumPy, or None; the files of the table that are read later may have it."""
    if function not in served:
        later()
    return served.get(function)


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
    return {"at": "index with t[i] and add"}.get(
        method, "compute it on t.numpy() if no gradient is needed"
    )


_COMPLEX = (
    "its result may be complex; of symmetric matrices take np.linalg.eigh or np.linalg.eigvalsh, of others the "
    "singular values, np.linalg.svd"
)
_REMEDIES = {np.linalg.eig: _COMPLEX, np.linalg.eigvals: _COMPLEX}
"""What to use in place of a function without a rule, where more can be said than of any."""


def _no_row(name: str, function: Any) -> str:
    instead = _REMEDIES.get(function, "compose it of functions that have one")
    return (
        f"{name} has no gradient rule in minigrad: {instead}; write it as a minigrad.primitive, or compute on "
        "t.numpy() if no gradient is needed"
    )
