"""Fused ops: a composition of rows that NumPy's own arrays go through in one pass, forward and back.

The composition stays the definition. It computes for the arrays of every other library, inside `unfused()`, and
whatever lies beyond the first derivative; a fused op only has the same values and gradients sooner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import Any

from ..core.backward import grad
from ..core.dtypes import plain_array, unify
from ..core.graph import ON, TensorBase, mode, wrap
from ..core.op import Primitive
from ..signatures import Signature, taking
from .elementwise import astype
from .kernels import is_numpy, noted, noting
from .shapes import concatenate

_unfused: ContextVar[bool] = ContextVar("minigrad_unfused", default=False)


@contextmanager
def unfused() -> Iterator[None]:
    """Record fused ops as what they are composed of: `with unfused(): draw(layer(x))` shows what is inside.

    A layer norm, an activation or an LSTM then makes all nodes of its definition, and gives the same to rounding.
    """
    before = _unfused.get()
    try:
        _unfused.set(True)
        yield
    finally:
        _unfused.set(before)


class Fused(Primitive):
    """A row whose plain composition gives its name, its formula, and all derivatives beyond the first."""

    def __init__(
        self,
        composition: Callable[..., Any],
        by: Sequence[str],
        forward: Callable[..., Any],
        backward: Callable[..., Any],
        keeps: Sequence[str],
        sums_back: bool,
        values: Callable[..., Any] | None,
    ) -> None:
        found = Signature(composition)
        self._by, self._ways = by, (forward, backward, values)
        self.composition, self.__module__ = composition, composition.__module__
        rule = _rule(composition, backward, found.names, by, keeps)
        also = {name: lambda: None for name in keeps}
        forward.__name__ = composition.__name__
        if backward.__name__.strip("_") == "backward":
            backward.__name__ = f"{composition.__name__}_back"
        super().__init__(
            forward, found.names, found.defaults, {}, (by, rule), also, sums_back, True, composition.__doc__
        )  # fmt: skip
        self._values: Primitive = self
        if values is not None:
            values.__name__, rule = (
                composition.__name__,
                _rule(composition, backward, found.names, by, ()),
            )
            self._values = Primitive(
                values, found.names, found.defaults, {}, (by, rule), {}, sums_back, True, composition.__doc__
            )  # fmt: skip

    def __call__(self, *args: Any, **options: Any) -> Any:
        values = list(self._bind(args, options))
        for i in self._slots:
            values[i] = plain_array(values[i], self.name)
        given = [_array(values[i]) for i in self._slots if values[i] is not None]
        known = not _unfused.get() and all(map(_has_kernels, given))
        fast = self if is_numpy(*given) else self._noted if noting(self._computes, *given) else None
        if fast is None or not known:
            return self.composition(*self._in_one_dtype(values))
        op = fast if self._may_record(values) else fast._values
        return op._apply(values, self._slots, self._option_slots)

    @cached_property
    def _noted(self) -> Fused:
        """The same op for tracing arrays, which note each way as one call."""
        forward, backward, values = [None if f is None else noted(f) for f in self._ways]
        keeps = tuple(self._also)
        return Fused(self.composition, self._by, forward, backward, keeps, self.sums_back, values)  # type: ignore[arg-type]

    def _may_record(self, values: list[Any]) -> bool:
        seen = mode.get()
        return seen > ON or (
            seen == ON and any(getattr(values[i], "_requires_grad", False) for i in self._slots)
        )

    def _plain(self, values: list[Any], slots: Sequence[int], is_uniform: bool) -> Any:
        return super()._plain(values if is_uniform else self._in_one_dtype(values), slots, True)

    def _in_one_dtype(self, values: list[Any]) -> list[Any]:
        """The arguments with the arrays in the dtype in which `_apply` computes, which a composition may not find."""
        slots = [i for i in self._slots if values[i] is not None]
        if len(slots) < 2:
            return values
        given, values = [_array(values[i]) for i in slots], list(values)
        is_tensor = [isinstance(values[i], TensorBase) for i in slots]
        unified = unify(self.name, given, is_tensor, self.sums_back)
        for i, v, u in zip(slots, given, unified, strict=True):
            if getattr(v, "dtype", None) != u.dtype:
                values[i] = astype(values[i], u.dtype)
        return values


def fused(
    by: Sequence[str],
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    keeps: Sequence[str] = (),
    sums_back: bool = False,
    values: Callable[..., Any] | None = None,
) -> Callable[[Callable[..., Any]], Fused]:
    """Above a composition of rows: the op that computes it in one pass.

    by        the differentiable arguments
    forward   f(arguments) -> y, or (y, values) with what `keeps` names, for `backward`
    backward  f(g, arguments, values, needed) -> a gradient for each argument in `by`, None where `needed` is False
    sums_back whether the op broadcasts, as elementwise rows do
    values    f(arguments) -> y, to the bit, for calls that are not recorded, if it takes less time than `forward`
    """
    return lambda composition: Fused(composition, by, forward, backward, keeps, sums_back, values)


def _has_kernels(a: Any) -> bool:
    """Tell whether an array is not empty, and has no complex numbers, nor floats longer than float64."""
    return a.size > 0 and a.itemsize <= 8 and a.dtype.kind != "c"


def _rule(
    composition: Any, backward: Any, names: Sequence[str], by: Sequence[str], keeps: Sequence[str]
) -> Callable[..., Any]:
    """The joint rule: the values of `backward`; where they are to be differentiated again, with the composition's
    history."""
    count, places = len(names), [names.index(name) for name in by]

    def rule(g: Any, *values: Any) -> tuple[Any, ...]:
        needed = values[-1]
        found = backward(_array(g), *map(_array, values))
        gs = g if isinstance(g, tuple) else (g,)
        if not any(isinstance(v, TensorBase) for v in (*gs, *values)):
            return found
        history = _differentiated(composition, gs, values[:count], places, needed)
        return tuple(
            None if h is None else wrap(value, h._node)
            for value, h in zip(found, history, strict=True)
        )

    return taking(("g", *names, *keeps, "needed"), rule)


def _differentiated(composition: Any, gs: Any, args: Any, places: Any, needed: Any) -> list[Any]:
    """The recorded gradients of <g, composition(args)> by the arguments that need one."""
    args = list(args)
    for place, is_needed in zip(places, needed, strict=True):
        if is_needed:  # a copy, because one argument may depend on another
            args[place] = astype(args[place], args[place].dtype)
    y = composition(*args)
    ys = y if isinstance(y, tuple) else (y,)
    if len(ys) > 1:  # in one row; the sum of their products with gs could overflow
        ys, gs = [(concatenate([v.reshape(-1) for v in vs]),) for vs in (ys, gs)]
    xs = [args[place] for place, is_needed in zip(places, needed, strict=True) if is_needed]
    found = iter(grad(ys[0], xs, gs[0], create_graph=True))
    return [next(found) if is_needed else None for is_needed in needed]


def _array(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple([_array(v) for v in value])
    return value._data if isinstance(value, TensorBase) else value
