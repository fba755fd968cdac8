"""Transforms of functions: gradients, Jacobians, Hessians and products with them, as functions.

A transform takes a function of arrays, or of lists, tuples and dicts of arrays, and returns gradients in the same
structure. It leaves `.grad` alone, and the gradient by an argument that has no influence is 0.

Transforms nest: a result keeps its history exactly where it depends on something that requires grad beyond the
transform's own leaves, be it an argument, a parameter or a Tensor that f takes from outside. `no_grad()` around a
transform leaves its derivative alone, and its results without history; inside f it makes constant what it covers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from operator import index
from typing import Any, Literal, TypeVar

import numpy as np

from .core import graph
from .core.backward import grad
from .core.dtypes import DEFAULT_FLOAT
from .core.graph import Node, TensorBase
from .modes import enable_grad
from .ops.elementwise import astype
from .ops.shapes import reshape, stack
from .structures import flattened, mapped, rebuilt
from .tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])
Arguments = int | Sequence[int]
FORWARD_COST = (
    3  # a forward pass over the recorded gradients takes as long as so many backward passes
)


def _records_for_itself(transform: F) -> F:
    """Let a transform record also under `no_grad()`, where its results then have no history."""

    @functools.wraps(transform)
    def call(*args: Any, **kwargs: Any) -> Any:
        if graph.mode.get() & graph.ON:
            return transform(*args, **kwargs)
        with enable_grad():
            result = transform(*args, **kwargs)
        return mapped(result, lambda value: value.detach())

    return call  # type: ignore[return-value]


def value_and_grad(f: Callable[..., Any], argnums: Arguments = 0) -> Callable[..., Any]:
    """x -> (f(x), df/dx), for f that gives a scalar.

    argnums  which positional argument to differentiate by; several give a tuple of gradients

    Each gradient has the structure, shapes and dtypes of its argument. Raises TypeError for an argument that is not
    made of floats, ValueError for a result that is no scalar.
    """

    @_records_for_itself
    def transformed(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        call = _Call("value_and_grad", f, args, kwargs, argnums)
        y = call.scalar()
        reaches_out = call.reaches_out([y])
        found = call.gradients([y], [None], reaches_out, last=True)
        (value,) = call.values([y], reaches_out)
        return value, call.structured(found)

    return transformed


@_records_for_itself
def vjp(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[[Any], Any]]:
    """(f(x), u -> u^T df/dx): the value, and the function that multiplies a seed u of its structure with df/dx.

    The function gives a tuple, one member for each primal, and may be called again.
    """
    call = _Call("vjp", f, primals, {}, range(len(primals)))
    outputs, structure = flattened(call.result, "vjp: the result of f")
    reaches_out = call.reaches_out(outputs)

    @_records_for_itself
    def pull(seed: Any) -> Any:
        seeds, _ = flattened(seed, "vjp: the seed")
        if len(seeds) != len(outputs):
            raise ValueError(
                f"vjp: the seed has {len(seeds)} arrays, the result of f has {len(outputs)}"
            )
        record = reaches_out or _any_requires_grad(seeds)
        return call.structured(call.gradients(outputs, seeds, record))

    return rebuilt(structure, call.values(outputs, reaches_out)), pull


@_records_for_itself
def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """(f(x), df/dx t): the value, and its derivative along the tangents t.

    By the transpose of a transpose: u -> u^T df/dx is linear in u, and its own vjp with seed t is df/dx t.
    """
    call = _Call("jvp", f, primals, {}, range(len(primals)))
    along = [t for tangent in tangents for t in flattened(tangent, "jvp: a tangent")[0]]
    call.check_alike("tangents", along)
    outputs, structure = flattened(call.result, "jvp: the result of f")
    transposed = _Transposed(call, outputs)
    moved = transposed.times(along, transposed.reaches_out or _any_requires_grad(along))
    return (
        rebuilt(structure, call.values(outputs, transposed.reaches_out)),
        rebuilt(structure, [call.kept(t) for t in moved]),
    )


def jacobian(
    f: Callable[..., Any],
    argnums: Arguments = 0,
    mode: Literal["auto", "forward", "reverse"] = "auto",
) -> Callable[..., Any]:
    """x -> J, with J[i, j] = df_i / dx_j of shape f(x).shape + x.shape.

    mode  "reverse" takes a backward pass for each element of the result, "forward" a product J t for each element of
          the arguments, which takes about three times as long; "auto" takes the cheaper way

    In the structure of f's result, and within it that of the argument.
    """
    if mode not in ("auto", "forward", "reverse"):
        raise ValueError(f"jacobian: mode must be 'auto', 'forward' or 'reverse', not {mode!r}")

    @_records_for_itself
    def transformed(*args: Any, **kwargs: Any) -> Any:
        call = _Call("jacobian", f, args, kwargs, argnums)
        outputs, structure = flattened(call.result, "jacobian: the result of f")
        rows, columns = [sum(t.size for t in ts) for ts in (outputs, call.xs)]
        has_floats = all(t.dtype.kind == "f" for t in outputs)
        is_cheaper = has_floats and FORWARD_COST * columns < rows
        forward = mode == "forward" or (mode == "auto" and is_cheaper)
        found = (_by_columns if forward else _by_rows)(call, outputs)
        return rebuilt(structure, [call.structured(each) for each in found])

    return transformed


def _by_rows(call: _Call, outputs: list[Any]) -> list[list[Any]]:
    """Per output and argument dy/dx of shape y.shape + x.shape, by a backward pass for each element of y."""
    record = call.reaches_out(outputs)
    found = []
    for y in outputs:
        rows = [call.gradients([y], [Tensor(e)], record) for e in _unit_arrays(y)]
        found.append(_stacked(rows, [y.shape + x.shape for x in call.xs], call.xs, 0))
    return found


def _by_columns(call: _Call, outputs: list[Any]) -> list[list[Any]]:
    """The same, by a product J t for each element of the arguments."""
    transposed = _Transposed(call, outputs)
    found: list[list[Any]] = [[] for _ in outputs]
    for place, x in enumerate(call.xs):
        columns = []
        for e in _unit_arrays(x):
            along: list[Any] = [np.zeros_like(other.data) for other in call.xs]
            along[place] = e
            columns.append(transposed.times(along, transposed.reaches_out))
        shapes = [y.shape + x.shape for y in outputs]
        for rows, J in zip(found, _stacked(columns, shapes, outputs, -1), strict=True):
            rows.append(J if J.dtype == x.dtype else astype(J, x.dtype))  # as a gradient by x
    return found


def _unit_arrays(x: Any) -> Any:
    """Arrays like x of zeros with a 1 at each element in turn, in row-major order."""
    for place in range(x.size):
        e = np.zeros_like(x.data, order="C")  # of another order, reshape would be a copy
        e.reshape(-1)[place] = 1
        yield e


def _stacked(lists: list[list[Any]], shapes: list[Any], like: list[Any], axis: int) -> list[Any]:
    """The members of the lists at each place as one Tensor of the given shape; zeros of it if there are no lists."""
    if not lists:
        return [
            Tensor(np.zeros_like(x.data, shape=shape))
            for x, shape in zip(like, shapes, strict=True)
        ]
    columns = zip(*lists, strict=True)
    return [reshape(stack(c, axis), shape) for c, shape in zip(columns, shapes, strict=True)]


def hessian(f: Callable[..., Any], argnums: Arguments = 0) -> Callable[..., Any]:
    """x -> H, with H[i, j] = d^2 f / dx_i dx_j of shape x.shape + x.shape, for f that gives a scalar."""

    def gradient(*args: Any, **kwargs: Any) -> Any:
        return value_and_grad(f, argnums)(*args, **kwargs)[1]

    return jacobian(gradient, argnums)


@_records_for_itself
def hvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """H t, the Hessian of a scalar f times the tangents, without the Hessian: d<df/dx, t>/dx.

    From Pearlmutter 1994; two backwards, whatever the size. A tuple, one member for each primal.
    """
    call = _Call("hvp", f, primals, {}, range(len(primals)))
    along = [t for tangent in tangents for t in flattened(tangent, "hvp: a tangent")[0]]
    call.check_alike("tangents", along)
    y = call.scalar()
    total = _inner(call.gradients([y], [None], record=True), along)
    found: Sequence[Any] = [None] * len(call.xs)
    if isinstance(total, TensorBase) and total._requires_grad:
        found = grad(total, call.xs, create_graph=call.reaches_out([total]))
    return call.structured([_or_zeros(g, x) for g, x in zip(found, call.xs, strict=True)])


class _Call:
    """One call of f, with Tensors of its own in the place of the arguments that are differentiated.

    own  the leaves among these: whatever else requires grad comes from outside of the transform
    """

    def __init__(self, name: str, f: Any, args: Any, kwargs: Any, argnums: Arguments) -> None:
        self.name = name
        self.is_single = hasattr(argnums, "__index__")
        several: Any = [argnums] if self.is_single else argnums
        places = [index(place) for place in several]
        for place in places:
            if not -len(args) <= place < len(args):
                raise ValueError(
                    f"{name}: there is no positional argument {place}; {len(args)} were given"
                )
        given = list(args)
        self.xs: list[Any] = []
        self.structures = []
        for place in places:
            found, structure = flattened(given[place], f"{name}: argument {place}", floats=True)
            self.structures.append((structure, len(found)))
            fresh = [_fresh(x) for x in found]
            given[place] = rebuilt(structure, fresh)
            self.xs += fresh
        self.own = {x for x in self.xs if x._node is None}
        self.result = f(*given, **kwargs)

    def scalar(self) -> Any:
        y = self.result
        if not isinstance(y, TensorBase) or y._data.size != 1:
            met = f"shape {y.shape}" if isinstance(y, TensorBase) else f"a {type(y).__name__}"
            raise ValueError(
                f"{self.name}: f must return a scalar Tensor, not {met}; reduce it (.sum(), .mean()), or use jacobian"
            )
        return y

    def gradients(
        self, outputs: list[Any], seeds: list[Any], record: bool, last: bool = False
    ) -> list[Any]:
        """The gradients of sum_k <seed_k, output_k> by the arguments; zeros for an argument without influence.

        The seed of a scalar may be None.
        """
        totals: list[Any] = [None] * len(self.xs)
        for y, seed in zip(outputs, seeds, strict=True):
            if not y._requires_grad:
                continue
            found = grad(y, self.xs, seed, create_graph=record, retain_graph=record or not last)
            totals = [
                t if g is None else g if t is None else t + g
                for t, g in zip(totals, found, strict=True)
            ]
        return [_or_zeros(g, x) for g, x in zip(totals, self.xs, strict=True)]

    def reaches_out(self, outputs: Sequence[Any]) -> bool:
        """Return whether a derivative of the outputs may depend on what requires grad outside; a hook may see to it."""
        return any(_depends_beyond(self.own, y, hooks=True) for y in outputs)

    def values(self, outputs: Sequence[Any], reaches_out: bool) -> list[Any]:
        """The outputs; there is no need to look at each again if none of them reaches out."""
        return [self.kept(y) if reaches_out else y.detach() for y in outputs]

    def kept(self, t: Any) -> Any:
        """t with its history if that reaches beyond this transform, otherwise without."""
        return t if _depends_beyond(self.own, t) else t.detach()

    def structured(self, values: list[Any]) -> Any:
        """Values, one for each array in the arguments, in the structure of the arguments."""
        values = [self.kept(t) for t in values]
        parts, at = [], 0
        for structure, count in self.structures:
            parts.append(rebuilt(structure, values[at : at + count]))
            at += count
        return parts[0] if self.is_single else tuple(parts)

    def check_alike(self, what: str, values: list[Any]) -> None:
        shapes = [tuple(x.shape) for x in self.xs]
        met = [tuple(np.shape(v)) for v in values]
        if met != shapes:
            raise ValueError(
                f"{self.name}: the {what} have shapes {met}, the primals {shapes}; they must be equal"
            )


class _Transposed:
    """u -> u^T df/dx, recorded as a linear function of u, so that its own transpose gives df/dx t."""

    def __init__(self, call: _Call, outputs: list[Any]) -> None:
        # what is no float does not move; its derivative is 0 in the default dtype
        self.outputs = [y if y.dtype.kind == "f" else y.astype(DEFAULT_FLOAT) for y in outputs]
        self.reaches_out = call.reaches_out(outputs)
        self.seeds = [Tensor(np.zeros_like(y.data), requires_grad=True) for y in self.outputs]
        self.gradients = call.gradients(outputs, self.seeds, record=True)
        call.own.update(self.seeds)

    def times(self, along: list[Any], record: bool) -> list[Any]:
        """df/dx t per output; zeros for one without influence."""
        total = _inner(self.gradients, along)
        found: Sequence[Any] = [None] * len(self.seeds)
        if isinstance(total, TensorBase) and total._requires_grad:
            found = grad(total, self.seeds, create_graph=record, retain_graph=True)
        return [_or_zeros(t, y) for t, y in zip(found, self.outputs, strict=True)]


def _depends_beyond(own: set[Any], t: Any, hooks: bool = False) -> bool:
    """Return whether t depends on a leaf that is not among `own`, or with `hooks` whether a hook stands on the way."""
    if not t._requires_grad:
        return False
    start = t if t._node is None else t._node
    seen, stack = {start}, [start]
    while stack:
        at = stack.pop()
        is_node = isinstance(at, Node)
        if not is_node and at not in own:
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
    if isinstance(x, TensorBase) and x._requires_grad:
        return astype(x, x.dtype)  # a copy with history
    return Tensor(x._data if isinstance(x, TensorBase) else x, requires_grad=True)


def _any_requires_grad(values: list[Any]) -> bool:
    return any(isinstance(v, TensorBase) and v._requires_grad for v in values)


def _or_zeros(g: Any, x: Any) -> Any:
    return Tensor(np.zeros_like(x.data)) if g is None else g


def _inner(a: list[Any], b: list[Any]) -> Any:
    total: Any = 0
    for x, y in zip(a, b, strict=True):
        total = total + (x * y).sum()
    return total
