"""A function traced on an example: its program."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.graph import TensorBase
from .around import Around
from .recorded import Program, Ref, leaves, mapped
from .trace import Trace
from .traced import Traced

ARRAYS = (TensorBase, np.ndarray, np.generic)


def traced(f: Callable[..., Any], example: tuple[Any, ...]) -> tuple[Program, dict[int, str]]:
    """The program of f(*example), and the paths of the modules in it; parameters and the like are left as they were.

    f runs twice. Raises TypeError if it looks into values, or does something else the second time.
    """
    around = Around(f)
    first, second = _once(f, example, around), _once(f, example, around)
    compared(first, second)
    return first, around.paths


def _once(f: Callable[..., Any], example: tuple[Any, ...], around: Around) -> Program:
    trace = Trace(getattr(f, "__name__", type(f).__name__))
    trace.paths = around.paths
    given: list[tuple[str, Any]] = []  # the Tensors among the arguments
    arguments = [
        _argument(trace, name, a, given)
        for name, a in zip(_names_of(f, len(example)), example, strict=True)
    ]
    with around.traced(trace):
        result = f(*arguments)
        trace.check_end()
        outputs = _outputs(trace, result)
        for name, tensor in (*given, *around.holders):
            if isinstance(tensor, TensorBase) and tensor._grad is not None:
                outputs.append((f"d{name}", trace.number_of(tensor._grad._data)))
    trace.program.outputs = outputs
    return trace.program


def _names_of(f: Callable[..., Any], count: int) -> list[str]:
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [*names, *[f"x{i}" for i in range(len(names), count)]][:count]


def _argument(trace: Trace, name: str, value: Any, given: list[tuple[str, Any]]) -> Any:
    """An argument with traced arrays in place of its own."""
    arrays = [v for v in leaves([value]) if isinstance(v, ARRAYS)]
    count = iter(range(len(arrays)))

    def follow(leaf: Any) -> Any:
        if not isinstance(leaf, ARRAYS):
            return leaf
        own = name if len(arrays) == 1 else f"{name}{next(count)}"
        twin = trace.argument(own, leaf)
        if isinstance(twin, TensorBase):
            given.append((own, twin))
        return twin

    return mapped(value, follow)


def _outputs(trace: Trace, result: Any) -> list[tuple[str, int]]:
    found = [v for v in leaves([result]) if isinstance(v, (TensorBase, Traced, np.ndarray))]
    data = [v._data if isinstance(v, TensorBase) else v for v in found]
    names = ["loss" if v.ndim == 0 else "y" for v in data]
    if len(data) > 1:
        names = [name if names.count(name) == 1 else f"{name}{i}" for i, name in enumerate(names)]
    return [(name, trace.number_of(v)) for name, v in zip(names, data, strict=True)]


def compared(first: Program, second: Program, caller: str = "script") -> None:
    """Raise where two runs of the same function differ: what differs must be an input."""
    for a, b in zip(first.calls, second.calls, strict=False):
        same = (
            a.function == b.function
            or repr(a.function).split(" at ")[0] == repr(b.function).split(" at ")[0]
        )
        if not same or not _equal(first, second, (a.args, a.options), (b.args, b.options)):
            _differs(first, a.line, caller)
    if len(first.calls) != len(second.calls) or len(first.outputs) != len(second.outputs):
        longer = first if len(first.calls) > len(second.calls) else second
        _differs(first, longer.calls[-1].line, caller)


def _equal(first: Program, second: Program, a: Any, b: Any) -> bool:
    ours, theirs = leaves(a), leaves(b)
    if len(ours) != len(theirs):
        return False
    for x, y in zip(ours, theirs, strict=True):
        if isinstance(x, Ref) and isinstance(y, Ref):
            v, w = first.values[x.at], second.values[y.at]
            is_same = (v.shape, v.dtype) == (w.shape, w.dtype)
            if x.at != y.at or not is_same or (v.data is None) != (w.data is None):
                return False
            if v.data is not None and v.data.tobytes() != w.data.tobytes():
                return False
        elif callable(x) and callable(y):
            continue
        elif x is not y and (type(x) is not type(y) or repr(x) != repr(y)):
            return False
    return True


def _differs(program: Program, line: str, caller: str) -> None:
    raise TypeError(
        f"{caller}: {program.name} did something else when it ran again, at {line}: a number, an array or a step "
        "differs. Make what changes from call to call an argument"
    )
