"""Check gradients against finite differences, at every order, along random directions in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.backward import grad
from ..core.dtypes import as_array
from ..core.graph import TensorBase
from ..random import generator
from ..structures import as_outputs
from ..tensor import Tensor


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int = 2,
    eps: float = 1e-5,
    rtol: float = 1e-5,
    atol: float = 1e-6,
    rng: np.random.Generator | None = None,
) -> None:
    """Compare <v, df(x) u> by central differences with <df(x)^T v, u>, for random v and u, up to `order`.

    f     a function of Tensors that returns a Tensor or a tuple of them
    args  arrays or Tensors; floats become float64, integers and bools are passed as they are
    eps, rtol, atol  the step of the differences, and the tolerances

    Order 2 checks the gradient of the gradient in the same way, and so on. f may draw from the default generator, which
    is in the same state in every evaluation. Raises AssertionError naming the order, the argument and both numbers;
    ValueError if f is not deterministic. The law: Griewank and Walther, Evaluating Derivatives, section 3.
    """
    arrays = [np.array(a._data if isinstance(a, TensorBase) else as_array(a)) for a in args]
    arrays = [a.astype(np.float64) if a.dtype.kind == "f" else a for a in arrays]
    (directions,) = generator(rng).spawn(1)
    default = generator()
    state = default.bit_generator.state

    def repeatable(*xs: Any) -> Any:
        default.bit_generator.state = state
        return f(*xs)

    for a, b in zip(_outputs(repeatable, arrays), _outputs(repeatable, arrays), strict=True):
        if not np.array_equal(a._data, b._data, equal_nan=True):
            raise ValueError(
                "check_grads: f is not deterministic: called twice with the same arguments it gave different values. "
                "Draw from minigrad.generator(), or pass the random numbers as an argument"
            )
    _check(repeatable, arrays, 1, order, eps, rtol, atol, directions)
    default.bit_generator.state = state


def _check(
    f: Any, arrays: list[Any], at: int, order: int, eps: float, rtol: float, atol: float, rng: Any
) -> None:
    outputs = [y._data for y in _outputs(f, arrays)]
    seeds = [rng.standard_normal(y.shape) for y in outputs]
    places = [i for i, a in enumerate(arrays) if a.dtype.kind == "f"]
    gradients = [g._data for g in gradient_function(f, len(arrays), places)(*arrays, *seeds)]
    for place, gradient in zip(places, gradients, strict=True):
        direction = rng.standard_normal(arrays[place].shape)
        numeric = _difference(f, arrays, place, direction, seeds, eps)
        analytic = float(np.sum(gradient * direction))
        if not np.isclose(analytic, numeric, rtol=rtol, atol=atol, equal_nan=False):
            raise AssertionError(
                f"order {at}, argument {place} of shape {arrays[place].shape}: along a random direction the rules "
                f"give {analytic!r}, central differences {numeric!r}"
            )
    if at < order:
        derivative = gradient_function(f, len(arrays), places)
        _check(derivative, [*arrays, *seeds], at + 1, order, eps, rtol, atol, rng)


def _outputs(f: Any, arrays: list[Any]) -> tuple[Any, ...]:
    return as_outputs(f(*[Tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]))


def gradient_function(f: Any, count: int, places: list[int]) -> Callable[..., tuple[Any, ...]]:
    """The function (arguments, seeds) -> gradients of sum_k <seed_k, f_k(arguments)>, itself differentiable."""

    def gradients(*values: Any) -> tuple[Any, ...]:
        args = [
            v if isinstance(v, TensorBase) else Tensor(v, requires_grad=v.dtype.kind == "f")
            for v in values
        ]
        xs = [args[i] for i in places]
        outputs = as_outputs(f(*args[:count]))
        total: Any = 0
        for y, seed in zip(outputs, args[count:], strict=True):
            total = total + (y * seed).sum()
        found = grad(total, xs, create_graph=True)
        return tuple(np.zeros_like(x) if g is None else g for x, g in zip(xs, found, strict=True))

    return gradients


def _difference(
    f: Any, arrays: list[Any], place: int, direction: Any, seeds: list[Any], eps: float
) -> float:
    """<v, (f(x + eps u) - f(x - eps u)) / (2 eps)>"""
    moved = []
    for sign in (1, -1):
        shifted = [a + sign * eps * direction if i == place else a for i, a in enumerate(arrays)]
        outputs = _outputs(f, shifted)
        moved.append(sum(float(np.sum(y._data * v)) for y, v in zip(outputs, seeds, strict=True)))
    return (moved[0] - moved[1]) / (2 * eps)
