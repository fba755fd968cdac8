"""Transforms of functions: gradients, Jacobians, Hessians and products with them, as functions.

A transform takes a function of arrays, or of lists, tuples and dicts of arrays, and returns gradients in the same
structure. It leaves `.grad` alone. If an argument requires grad, the result can be differentiated again, so transforms
nest. The gradient by an argument that has no influence is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .core.backward import grad
from .core.dtypes import as_array, is_array
from .core.graph import TensorBase
from .ops.elementwise import astype
from .ops.reductions import sum
from .ops.shapes import reshape, stack
from .tensor import Tensor

Arguments = int | Sequence[int]


def value_and_grad(f: Callable[..., Any], argnums: Arguments = 0) -> Callable[..., Any]:
    """x -> (f(x), df/dx), for f that gives a scalar.

    argnums  which positional argument to differentiate by; several give a tuple of gradients

    Each gradient has the structure, shapes and dtypes of its argument. Raises TypeError for an argument that is not
    made of floats, ValueError for a result that is no scalar.
    """

    def transformed(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        call = _Call("value_and_grad", f, args, kwargs, argnums)
        y = call.scalar()
        found = call.gradients([y], [None], call.nested, last=True)
        return call.answer(y), call.structured(found)

    return transformed


def vjp(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[[Any], Any]]:
    """(f(x), u -> u^T df/dx): the value, and the function that multiplies a seed u of its structure with df/dx.

    The function gives a tuple, one member for each primal, and may be called again.
    """
    call = _Call("vjp", f, primals, {}, range(len(primals)))
    outputs, structure = _flattened(call.result, "vjp: the result of f")

    def pull(seed: Any) -> Any:
        seeds, _ = _flattened(seed, "vjp: the seed")
        if len(seeds) != len(outputs):
            raise ValueError(
                f"vjp: the seed has {len(seeds)} arrays, the result of f has {len(outputs)}"
            )
        record = call.nested or _any_requires_grad(seeds)
        return call.structured(call.gradients(outputs, seeds, record))

    return _rebuilt(structure, [call.answer(y) for y in outputs]), pull


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """(f(x), df/dx t): the value, and its derivative along the tangents t.

    It is the transpose of a transpose: u -> u^T df/dx is linear in u, and its own vjp with seed t is df/dx t.
    """
    call = _Call("jvp", f, primals, {}, range(len(primals)))
    along = [t for tangent in tangents for t in _flattened(tangent, "jvp: a tangent")[0]]
    call.check_alike("tangents", along)
    outputs, structure = _flattened(call.result, "jvp: the result of f")
    seeds = [Tensor(np.zeros_like(y.data), requires_grad=True) for y in outputs]
    gradients = call.gradients(outputs, seeds, record=True)
    total = _inner(gradients, along)
    record = call.nested or _any_requires_grad(along)
    found: Sequence[Any] = [None] * len(seeds)
    if isinstance(total, TensorBase) and total._requires_grad:
        found = grad(total, seeds, create_graph=record)
    moved = [_or_zeros(t, y) for t, y in zip(found, outputs, strict=True)]
    return (
        _rebuilt(structure, [call.answer(y) for y in outputs]),
        _rebuilt(structure, moved),
    )


def jacobian(f: Callable[..., Any], argnums: Arguments = 0) -> Callable[..., Any]:
    """x -> J, with J[i, j] = df_i / dx_j of shape f(x).shape + x.shape.

    J has the structure of f's result, and within it that of the argument. Each element of the result takes one backward
    pass.
    """

    def transformed(*args: Any, **kwargs: Any) -> Any:
        call = _Call("jacobian", f, args, kwargs, argnums)
        outputs, structure = _flattened(call.result, "jacobian: the result of f")
        return _rebuilt(structure, [call.structured(_rows_of(call, y)) for y in outputs])

    return transformed


def _rows_of(call: _Call, y: Any) -> list[Any]:
    """dy/dx of shape y.shape + x.shape for each argument x; one backward pass for each element of y."""
    rows = []
    for place in range(y.size):
        seed = np.zeros_like(y.data)
        seed.reshape(-1)[place] = 1
        rows.append(call.gradients([y], [Tensor(seed)], call.nested))
    if not rows:
        return [Tensor(np.zeros_like(x.data, shape=y.shape + x.shape)) for x in call.xs]
    columns = zip(*rows, strict=True)
    return [
        reshape(stack(column), y.shape + x.shape)
        for column, x in zip(columns, call.xs, strict=True)
    ]


def hessian(f: Callable[..., Any], argnums: Arguments = 0) -> Callable[..., Any]:
    """x -> H, with H[i, j] = d^2 f / dx_i dx_j of shape x.shape + x.shape, for f that gives a scalar."""

    def gradient(*args: Any, **kwargs: Any) -> Any:
        return value_and_grad(f, argnums)(*args, **kwargs)[1]

    return jacobian(gradient, argnums)


def hvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """H t, the Hessian of a scalar f times the tangents, without making the Hessian: d<df/dx, t>/dx.

    A tuple, one member for each primal. It takes two backward passes, whatever the size. From Pearlmutter 1994.
    """
    call = _Call("hvp", f, primals, {}, range(len(primals)))
    along = [t for tangent in tangents for t in _flattened(tangent, "hvp: a tangent")[0]]
    call.check_alike("tangents", along)
    y = call.scalar()
    gradients = call.gradients([y], [None], record=True)
    total = _inner(gradients, along)
    if not (isinstance(total, TensorBase) and total._requires_grad):
        return call.structured([_or_zeros(None, x) for x in call.xs])
    found = grad(total, call.xs, create_graph=call.nested or _any_requires_grad(along))
    return call.structured([_or_zeros(g, x) for g, x in zip(found, call.xs, strict=True)])


class _Call:
    """One call of f, with Tensors of its own in the place of the arguments that are differentiated."""

    def __init__(self, name: str, f: Any, args: Any, kwargs: Any, argnums: Arguments) -> None:
        self.name = name
        self.is_single = isinstance(argnums, int)
        places = [argnums] if isinstance(argnums, int) else list(argnums)
        for place in places:
            if not -len(args) <= place < len(args):
                raise ValueError(
                    f"{name}: there is no positional argument {place}; {len(args)} were given"
                )
        given = list(args)
        self.xs: list[Any] = []
        self.structures = []
        leaves: list[Any] = []
        for place in places:
            found, structure = _flattened(given[place], f"{name}: argument {place}", floats=True)
            self.structures.append((structure, len(found)))
            fresh = [_fresh(x) for x in found]
            given[place] = _rebuilt(structure, fresh)
            leaves += found
            self.xs += fresh
        self.nested = _any_requires_grad(leaves)
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

    def answer(self, y: Any) -> Any:
        """The result of f, without history unless an argument had one."""
        return y if self.nested else y.detach()

    def structured(self, values: list[Any]) -> Any:
        """Values, one for each array in the arguments, in the structure of the arguments."""
        parts, at = [], 0
        for structure, count in self.structures:
            parts.append(_rebuilt(structure, values[at : at + count]))
            at += count
        return parts[0] if self.is_single else tuple(parts)

    def check_alike(self, what: str, values: list[Any]) -> None:
        shapes = [tuple(x.shape) for x in self.xs]
        met = [tuple(np.shape(v)) for v in values]
        if met != shapes:
            raise ValueError(
                f"{self.name}: the {what} have shapes {met}, the primals {shapes}; they must be equal"
            )


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
        total = total + sum(x * y)
    return total


# What functions return -----------------------------------------------------------------------------------

_LEAF = object()


def as_outputs(result: Any) -> tuple[Any, ...]:
    """The result of a function of one or of several outputs, as a tuple."""
    return result if isinstance(result, tuple) else (result,)


def _flattened(value: Any, where: str, floats: bool = False) -> tuple[list[Any], Any]:
    """The arrays in nested lists, tuples and dicts, and the structure without them."""
    if isinstance(value, dict):
        keys = list(value)
        parts = [_flattened(value[k], f"{where}[{k!r}]", floats) for k in keys]
        return [x for found, _ in parts for x in found], (dict, keys, [s for _, s in parts])
    if isinstance(value, (list, tuple)):
        parts = [_flattened(v, f"{where}[{i}]", floats) for i, v in enumerate(value)]
        return [x for found, _ in parts for x in found], (type(value), None, [s for _, s in parts])
    if not floats and not isinstance(value, TensorBase) and not is_array(value):
        raise TypeError(
            f"{where} is a {type(value).__name__}; a Tensor is needed, or lists, tuples and dicts of Tensors"
        )
    array = value if isinstance(value, TensorBase) else as_array(value)
    if floats and array.dtype.kind != "f":
        raise TypeError(
            f"{where} is of dtype {array.dtype}, and only floats have a gradient; pass it as an argument that is not "
            "differentiated, or convert it"
        )
    return [array], _LEAF


def _rebuilt(structure: Any, values: list[Any]) -> Any:
    remaining = iter(values)

    def build(part: Any) -> Any:
        if part is _LEAF:
            return next(remaining)
        kind, keys, members = part
        built = [build(member) for member in members]
        if kind is dict:
            return dict(zip(keys, built, strict=True))
        return kind(*built) if hasattr(kind, "_fields") else kind(built)

    return build(structure)
