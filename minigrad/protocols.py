"""NumPy's functions on Tensors: which of ours serves which of NumPy's, and what is refused by name."""

from __future__ import annotations

from typing import Any

from . import memory
from .graph import TensorBase
from .ops.inspection import FUNCTIONS, UFUNCS, inspect, plain
from .rows import served

_REFUSED = ("out", "where", "casting", "order", "subok", "signature", "axes", "initial")


def call_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`np.exp(t)`, `array + t`, `np.add(t, u, out=array)`: Tensor's `__array_ufunc__`."""
    name = f"np.{ufunc.__name__}"
    if method != "__call__":
        raise TypeError(f"{name}.{method} has no gradient rule; {_instead(method)}")
    if "out" in kwargs:
        return _into(name, ufunc, inputs, kwargs)
    _refuse(name, kwargs)
    ours = served.get(ufunc)
    if ours is None:
        if ufunc in UFUNCS:
            return inspect(ufunc, *inputs, **kwargs)
        raise TypeError(_no_row(name))
    return ours(*inputs, **kwargs)


def call_function(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """`np.sum(t)`, `np.concatenate([a, t])`: Tensor's `__array_function__`."""
    ours = served.get(function)
    if ours is None:
        if function in FUNCTIONS:
            return inspect(function, *args, **kwargs)
        raise TypeError(_no_row(_name(function)))
    _refuse(_name(function), kwargs)
    return ours(*args, **kwargs)


def _into(name: str, ufunc: Any, inputs: Any, kwargs: Any) -> Any:
    """A ufunc that writes into `out`: plain computation, as long as no gradient would be lost."""
    if any(isinstance(target, TensorBase) for target in kwargs["out"]):
        raise TypeError(f"{name}: out= is a Tensor; use t.assign(value) to write into one")
    if any(isinstance(a, TensorBase) and a._requires_grad for a in inputs):
        raise TypeError(
            f"{name}: out= would lose the gradient of a Tensor that requires grad; leave it out, or .detach()"
        )
    result = ufunc(*plain(inputs), **kwargs)
    for target in kwargs["out"]:
        if target is not None:
            memory.mark_written(target)  # a graph may have captured it
    return result


def _refuse(name: str, kwargs: dict[str, Any]) -> None:
    for word in _REFUSED:
        if word in kwargs:
            raise TypeError(
                f"{name}: {word}= is not supported on Tensors; leave it out, or compute on t.numpy()"
            )


def _instead(method: str) -> str:
    return {"reduce": "use np.sum, np.max or np.min", "at": "index with t[i] and add"}.get(
        method, "compute it on t.numpy() if no gradient is needed"
    )


def _name(function: Any) -> str:
    module = function.__module__.replace("numpy", "np")
    return f"{module}.{function.__name__}"


def _no_row(name: str) -> str:
    return (
        f"{name} has no gradient rule in minigrad. Compose it of functions that have one, write it as a "
        "minigrad.primitive, or compute on t.numpy() if no gradient is needed"
    )
