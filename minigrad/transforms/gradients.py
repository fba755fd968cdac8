"""Gradients of functions, and products of vectors with Jacobians and Hessians."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

import numpy as np

from ..core import backward
from ..core.graph import Node, TensorBase
from ..structures import holds_tensor, matched
from ..tensor import Tensor
from .call import (
    Arguments,
    Call,
    Transposed,
    check_shapes,
    in_kind,
    inner,
    or_zeros,
    requires_grad,
)


@overload
def grad(
    f: Callable[..., Any], argnums: Arguments = 0, has_aux: bool = False
) -> Callable[..., Any]: ...
@overload
def grad(
    y: TensorBase,
    xs: TensorBase | Sequence[TensorBase],
    seed: Any = None,
    create_graph: bool = False,
    retain_graph: bool | None = None,
    tap: Callable[[Node, str, Any], None] | None = None,
) -> Any: ...
def grad(*args: Any, **kwargs: Any) -> Any:
    """df/dx as a function: grad(f, argnums=0, has_aux=False); or dy/dx of a Tensor: grad(y, xs, seed=None, ...).

        >>> grad(np.sqrt)(4.0), grad(grad(np.sqrt))(np.float32(4))
        (np.float64(0.25), np.float32(-0.03125))

    argnums  which positional argument of f to differentiate by; several give a tuple of gradients
    has_aux  f returns (result, aux), and the function that grad gives (gradient, aux); aux may be anything

    f gives a scalar. A gradient has the structure, shapes and dtypes of its argument: an array, a number, or nested
    lists, tuples and dicts of them. Raises TypeError for an argument that is not made of floats, ValueError for a
    result that is no scalar.

        >>> x = Tensor([1.0, 2.0], requires_grad=True)
        >>> grad((x**3).sum(), x)
        Tensor([ 3., 12.])

    xs            a Tensor gives a Tensor, a sequence gives a tuple; they need not be leaves
    seed          of y's shape, sum_i seed_i dy_i/dx; may be omitted if y has one element; may itself require grad
    create_graph  record the derivative, so that it can be differentiated again
    retain_graph  keep the saved values for another backward; by default equal to `create_graph`
    tap           called with (node, argument, contribution) for each edge that is followed

    An x that y does not depend on gets None. Raises ValueError for an x that does not require grad and for a
    non-scalar y without seed; RuntimeError for a y without history, a freed graph or a saved value that was written
    since.
    """
    for word in kwargs:
        if word in _PYTORCHS:
            raise TypeError(f"grad has no argument {word!r}; {_PYTORCHS[word]}")
    of = args[0] if args else kwargs.get("f", kwargs.get("y"))
    if not isinstance(of, TensorBase):
        if callable(of):
            return _gradient_function(*args, **kwargs)
        raise TypeError(
            f"grad: a {type(of).__name__} has no gradient; pass a function, or a Tensor and what it was made from"
        )
    if len(args) < 2 and "xs" not in kwargs:
        raise TypeError(
            "grad: a Tensor is differentiated by others: grad(y, xs). Pass xs, or a function in place of the Tensor; "
            "y.backward() fills the .grad of every leaf"
        )
    return backward.grad(*args, **kwargs)


_IN_ORDER = "write grad(y, xs, seed); one x gives its gradient itself, without PyTorch's [0]"
_PYTORCHS = {
    **dict.fromkeys(("outputs", "inputs", "grad_outputs"), _IN_ORDER),
    "only_inputs": "leave it out: grad writes no .grad",
    "allow_unused": "leave it out: an x that y does not depend on gets None",
    "materialize_grads": "an x that y does not depend on gets None",
    "is_grads_batched": "several seeds at once are a product with a Jacobian: minigrad.jacobian, minigrad.vjp",
}
"""A parameter of torch.autograd.grad's -> what to write here."""


def _gradient_function(
    f: Callable[..., Any], argnums: Arguments = 0, has_aux: bool = False
) -> Callable[..., Any]:
    @in_kind
    def transformed(*args: Any, **kwargs: Any) -> Any:
        call = Call("grad", f, args, kwargs, argnums, has_aux)
        y = call.scalar()
        gradient = _gradient(call, [y], [None])
        return (gradient, call.kept_aux()) if has_aux else gradient

    return transformed


def value_and_grad(
    f: Callable[..., Any], argnums: Arguments = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """x -> (f(x), df/dx), for f that gives a scalar; `scipy.optimize.minimize` takes it with jac=True.

        >>> value_and_grad(lambda x: (x**3).sum())(np.array([1.0, 2.0]))
        (np.float64(9.0), array([ 3., 12.]))

    argnums  which positional argument to differentiate by; several give a tuple of gradients
    has_aux  f returns (result, aux); this gives x -> ((f(x), aux), df/dx), and aux may be anything

    Each gradient has the structure, shapes and dtypes of its argument. Raises TypeError for an argument that is not
    made of floats, ValueError for a result that is no scalar.
    """

    @in_kind
    def transformed(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        call = Call("value_and_grad", f, args, kwargs, argnums, has_aux)
        y = call.scalar()
        gradient = _gradient(call, [y], [None])
        value = call.kept(y, call.reaches_out)
        return ((value, call.kept_aux()) if has_aux else value), gradient

    return transformed


def elementwise_grad(f: Callable[..., Any], argnums: Arguments = 0) -> Callable[..., Any]:
    """x -> sum_i df_i/dx: for f that acts on each element by itself, the derivative at each element.

        >>> elementwise_grad(np.sin)(np.array([0.0, np.pi]))
        array([ 1., -1.])

    argnums  which positional argument to differentiate by; several give a tuple of gradients
    """

    @in_kind
    def transformed(*args: Any, **kwargs: Any) -> Any:
        call = Call("elementwise_grad", f, args, kwargs, argnums)
        outputs, _ = call.outputs()
        ones = [Tensor(np.ones_like(y._data)) for y in outputs]
        return _gradient(call, outputs, ones)

    return transformed


def _gradient(call: Call, outputs: list[Any], seeds: Sequence[Any]) -> Any:
    """The gradient of sum_k <seed_k, output_k>, after which the graph is done with."""
    record = call.reaches_out
    return call.structured(call.gradients(outputs, seeds, record, last=True), record)


@in_kind
def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """(f(x), u -> u^T df/dx): the value, and the function that multiplies a seed u of its structure with df/dx.

    has_aux  f returns (result, aux); this gives (f(x), u -> u^T df/dx, aux)

    The function gives a tuple, one member for each primal, and may be called again. It answers plain arrays if the seed
    and the primals are plain.
    """
    call = Call("vjp", f, primals, {}, range(len(primals)), has_aux)
    outputs, structure = call.outputs()

    def pull(seed: Any) -> Any:
        seeds = matched(structure, seed, "vjp: the seed")
        check_shapes("vjp", "seeds", seeds, "results of f", outputs)
        record = call.reaches_out or any(map(requires_grad, seeds))
        return call.structured(call.gradients(outputs, seeds, record), record)

    pulling, value = (
        in_kind(pull, holds_tensor(primals)),
        call.kept_all(structure, outputs, call.reaches_out),
    )
    return (value, pulling, call.kept_aux()) if has_aux else (value, pulling)


@in_kind
def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """(f(x), df/dx t): the value, and its derivative along the tangents t.

    By the transpose of a transpose: u -> u^T df/dx is linear in u, and its own vjp with seed t is df/dx t.
    """
    _check_sequences("jvp", primals, tangents)
    value, push = _linearized("jvp", f, primals)
    return value, push(*tangents)


@in_kind
def linearize(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """(f(x), t -> df/dx t): the value, and the function of tangents t, one for each primal.

    It may be called again, and does not compute f again: `linearize(grad(f), x)[1]` multiplies with the Hessian at x.
    """
    value, push = _linearized("linearize", f, primals)
    return value, in_kind(push, holds_tensor(primals))


def _linearized(
    name: str, f: Callable[..., Any], primals: Sequence[Any]
) -> tuple[Any, Callable[..., Any]]:
    call = Call(name, f, primals, {}, range(len(primals)))
    outputs, structure = call.outputs()
    transposed = Transposed(call, outputs)

    def push(*tangents: Any) -> Any:
        along = call.along(tangents)
        record = call.reaches_out or any(map(requires_grad, along))
        return call.kept_all(structure, transposed.times(along, record), record)

    return call.kept_all(structure, outputs, call.reaches_out), push


@in_kind
def hvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """H t, the Hessian of a scalar f times the tangents, without the Hessian: d<df/dx, t>/dx.

    From Pearlmutter 1994; two backwards, whatever the size. A tuple, one member for each primal.
    """
    _check_sequences("hvp", primals, tangents)
    call = Call("hvp", f, primals, {}, range(len(primals)))
    along = call.along(tangents)
    total = inner(call.gradients([call.scalar()], [None], record=True), along)
    found: Sequence[Any] = [None] * len(call.xs)
    record = requires_grad(total) and call.may_reach_out([total])
    if requires_grad(total):
        found = backward.grad(total, call.xs, create_graph=record)
    return call.structured([or_zeros(g, x) for g, x in zip(found, call.xs, strict=True)], record)


def _check_sequences(name: str, primals: Any, tangents: Any) -> None:
    for what, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, (list, tuple)):
            raise TypeError(
                f"{name}: the {what} are a {type(given).__name__}; pass a list or tuple, one member for each argument "
                f"of f: {name}(f, [x], [t])"
            )
