"""A call of the function that a transform is given: what goes into it, its gradients, and what becomes of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from operator import index
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import numpy as np

from ..core import graph
from ..core.backward import grad
from ..core.dtypes import DEFAULT_FLOAT
from ..core.graph import Node, TensorBase
from ..modes import enable_grad
from ..ops.elementwise import astype
from ..ops.inspection import tensors_in
from ..structures import flattened, holds_tensor, mapped, matched, rebuilt
from ..tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])
Arguments = int | Sequence[int]


def in_kind(transform: F, to_tensors: bool = False) -> F:
    """A transform that answers plain arrays to plain arrays, and records also under `no_grad()`.

    to_tensors  answer with Tensors, whatever the arguments are

    Under `no_grad()` its results have no history.
    """

    @functools.wraps(transform)
    def call(*args: Any, **kwargs: Any) -> Any:
        if graph.mode.get() & graph.ON:
            result = transform(*args, **kwargs)
        else:
            with enable_grad():
                result = transform(*args, **kwargs)
            result = mapped(result, lambda t: t.detach())
        if to_tensors or holds_tensor(args) or holds_tensor(kwargs):
            return result
        try:
            return mapped(result, _plain)
        except _HasHistoryError:
            return result

    return call  # type: ignore[return-value]


class _HasHistoryError(Exception):
    """Raised by `_plain`, for all of a result stays Tensors if a part of it has history."""


def _plain(t: Any) -> Any:
    """The array of a Tensor without history; one of NumPy's of no axes as a scalar, as NumPy's own functions do."""
    if t._requires_grad:
        raise _HasHistoryError
    data = t._data
    return data[()] if data.__class__ is np.ndarray and not data.ndim else data


class Call:
    """One call of f, with Tensors of its own in the place of the arguments that are differentiated.

    own  the leaves among these: whatever else requires grad comes from outside of the transform
    aux  what f returns beside its result, if it `has_aux`
    """

    def __init__(
        self, name: str, f: Any, args: Any, kwargs: Any, argnums: Arguments, has_aux: bool = False
    ) -> None:
        self.name = name
        self.is_single = hasattr(argnums, "__index__")
        given = list(args)
        self.xs: list[Any] = []
        self.structures = []
        for place in _places(name, argnums, len(given)):
            found, structure = flattened(given[place], f"{name}: argument {place}", floats=True)
            self.structures.append((structure, len(found)))
            fresh = [_fresh(x) for x in found]
            given[place] = rebuilt(structure, fresh)
            self.xs += fresh
        self.own = {x for x in self.xs if x._node is None}
        self._reaches_out: bool | None = None
        self.result, self.aux = f(*given, **kwargs), None
        if has_aux:
            if not isinstance(self.result, tuple) or len(self.result) != 2:
                raise TypeError(
                    f"{name}: with has_aux=True f must return a tuple (result, aux), not {_met(self.result)}"
                )
            self.result, self.aux = self.result

    def outputs(self) -> tuple[list[Any], Any]:
        """The Tensors in the result of f, and its structure; a number or an array of no Tensor is a constant."""
        where = f"{self.name}: the result of f"
        if self.result is None:
            raise TypeError(
                f"{where} is a NoneType; a Tensor is needed, or lists, tuples and dicts of Tensors"
            )
        found, structure = flattened(self.result, where)
        outputs = [y if isinstance(y, TensorBase) else Tensor(y) for y in found]
        self._ends = outputs
        return outputs, structure

    def scalar(self) -> Any:
        """The result of f, which has one element."""
        y = self.result
        if isinstance(y, (int, float, np.generic, np.ndarray)):
            ((y,), _) = self.outputs()
        if not isinstance(y, TensorBase) or y._data.size != 1:
            raise ValueError(
                f"{self.name}: f must return a scalar Tensor, not {_met(y)}; reduce it (.sum(), .mean()), or use "
                "jacobian or elementwise_grad"
            )
        self._ends = [y]
        return y

    @property
    def reaches_out(self) -> bool:
        """True if derivatives of what f returned are to be recorded."""
        if self._reaches_out is None:
            beside = () if self.aux is None else tensors_in(self.aux)
            self._reaches_out = self.may_reach_out([*self._ends, *beside])
        return self._reaches_out

    def may_reach_out(self, outputs: Sequence[Any]) -> bool:
        """Return whether a derivative of the outputs may depend on what requires grad outside; a hook may see to it."""
        return any(_depends_beyond(self.own, y, hooks=True) for y in outputs)

    def gradients(
        self, outputs: list[Any], seeds: Sequence[Any], record: bool, last: bool = False
    ) -> list[Any]:
        """The gradients of sum_k <seed_k, output_k> by the arguments; zeros for an argument without influence.

        The seed of a scalar may be None.
        """
        totals: list[Any] = [None] * len(self.xs)
        to_go = len(outputs)
        for y, seed in zip(outputs, seeds, strict=True):
            to_go -= 1
            if not y._requires_grad:
                continue
            retain = record or not last or to_go > 0
            found = grad(y, self.xs, seed, create_graph=record, retain_graph=retain)
            totals = [
                t if g is None else g if t is None else t + g
                for t, g in zip(totals, found, strict=True)
            ]
        return [or_zeros(g, x) for g, x in zip(totals, self.xs, strict=True)]

    def kept(self, t: Any, recorded: bool) -> Any:
        """t with its history if that reaches beyond this transform; otherwise a copy without."""
        if recorded and _depends_beyond(self.own, t):
            _answered.update((id(x), x) for x in self.own)
            return t
        twin = t.detach()
        # a copy: the graph and other results may hold the same array, and who gets a plain one may write to it
        twin._data = np.array(t._data, order="K", like=t._data)
        return twin

    def kept_all(self, structure: Any, values: list[Any], recorded: bool) -> Any:
        return rebuilt(structure, [self.kept(t, recorded) for t in values])

    def kept_aux(self) -> Any:
        return mapped(self.aux, lambda t: self.kept(t, self.reaches_out))

    def structured(self, values: list[Any], recorded: bool) -> Any:
        """Gradients, one for each array in the arguments, in the structure of the arguments."""
        if recorded:
            values = [self.kept(t, recorded) for t in values]
        parts, at = [], 0
        for structure, count in self.structures:
            parts.append(rebuilt(structure, values[at : at + count]))
            at += count
        return parts[0] if self.is_single else tuple(parts)

    def along(self, tangents: Sequence[Any]) -> list[Any]:
        """The arrays in the tangents, which have the structures and shapes of the arguments."""
        if len(tangents) != len(self.structures):
            raise ValueError(
                f"{self.name}: there are {len(tangents)} tangents for {len(self.structures)} primals"
            )
        found = []
        for place, ((structure, _), t) in enumerate(zip(self.structures, tangents, strict=True)):
            found += matched(structure, t, f"{self.name}: tangent {place}")
        check_shapes(self.name, "tangents", found, "primals", self.xs)
        return found


class Transposed:
    """u -> u^T df/dx, recorded as a linear function of u, so that its own transpose gives df/dx t."""

    def __init__(self, call: Call, outputs: list[Any]) -> None:
        # what is no float does not move; its derivative is 0 in the default dtype
        self.outputs = [y if y.dtype.kind == "f" else y.astype(DEFAULT_FLOAT) for y in outputs]
        self.seeds = [Tensor(np.zeros_like(y.data), requires_grad=True) for y in self.outputs]
        self.gradients = call.gradients(outputs, self.seeds, record=True)
        call.own.update(self.seeds)

    def times(self, along: list[Any], record: bool) -> list[Any]:
        """df/dx t per output; zeros for one without influence."""
        total = inner(self.gradients, along)
        found: Sequence[Any] = [None] * len(self.seeds)
        if requires_grad(total):
            found = grad(total, self.seeds, create_graph=record, retain_graph=True)
        return [or_zeros(t, y) for t, y in zip(found, self.outputs, strict=True)]


def _places(name: str, argnums: Arguments, count: int) -> list[int]:
    """The places of the arguments to differentiate by."""
    several: Any = [argnums] if hasattr(argnums, "__index__") else argnums
    try:
        places = [index(place) for place in several]
    except TypeError:
        raise TypeError(
            f"{name}: argnums must be an integer or several, not {_met(argnums)}; the function that {name} gives takes "
            "the arguments"
        ) from None
    for place in places:
        if not -count <= place < count:
            raise ValueError(
                f"{name}: there is no positional argument {place}; {count} were given. Arguments by name are not "
                "differentiated"
            )
    return places


def check_shapes(name: str, what: str, given: list[Any], of: str, xs: list[Any]) -> None:
    shapes, met = [tuple(x.shape) for x in xs], [tuple(t.shape) for t in given]
    if met != shapes:
        raise ValueError(
            f"{name}: the {what} have shapes {met}, the {of} {shapes}; they must be equal"
        )


def _met(value: Any) -> str:
    if isinstance(value, (TensorBase, np.ndarray)):
        return f"shape {value.shape}"
    return f"a {type(value).__name__}"


_answered: WeakValueDictionary[int, Any] = WeakValueDictionary()
"""Leaves of transforms that have answered with history, by id: nobody can ask for a gradient by one any more."""


def _depends_beyond(own: set[Any], t: Any, hooks: bool = False) -> bool:
    """Return whether t depends on a leaf that is not among `own`, or with `hooks` whether a hook stands on the way."""
    if not t._requires_grad:
        return False
    start = t if t._node is None else t._node
    seen, stack = {start}, [start]
    while stack:
        at = stack.pop()
        is_node = isinstance(at, Node)
        if not is_node and at not in own and _answered.get(id(at)) is not at:
            return True
        if hooks and (at.hooks if is_node else at._hooks):
            return True
        for parent in at.parents if is_node else ():
            if parent is not None and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return False


def _fresh(x: Any) -> Any:
    """A Tensor equal to x that only this call uses, because f may also use x itself from outside."""
    if requires_grad(x):
        return astype(x, x.dtype)  # a copy with history
    return Tensor(x._data if isinstance(x, TensorBase) else x, requires_grad=True)


def requires_grad(value: Any) -> bool:
    return isinstance(value, TensorBase) and value._requires_grad


def or_zeros(g: Any, x: Any) -> Any:
    return Tensor(np.zeros_like(x.data)) if g is None else g


def inner(a: list[Any], b: list[Any]) -> Any:
    """sum_k <a_k, b_k>"""
    total: Any = 0
    for x, y in zip(a, b, strict=True):
        total = total + (x * y).sum()
    return total
