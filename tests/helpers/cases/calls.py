"""A call of a row: its arguments and the domain they are drawn from, and PyTorch's counterpart."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

try:
    import torch
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = None


def anywhere(rng, shape):
    return rng.standard_normal(shape)


def positive(rng, shape):
    return rng.uniform(0.3, 2, shape)


def not_zero(rng, shape):
    return rng.uniform(0.3, 2, shape) * rng.choice([-1, 1], shape)


def not_at_the_bounds(rng, shape):
    """For clip at -0.5 and 0.8."""
    return rng.choice([-1.2, -0.2, 0.3, 1.1], shape) + rng.uniform(-0.1, 0.1, shape)


def apart(rng, shape):
    """No two elements nearer than 0.1: for maxima."""
    size = int(np.prod(shape))
    return (0.1 * rng.permutation(size) + rng.uniform(0, 0.05) - 0.05 * size).reshape(shape)


@dataclass(frozen=True)
class Call:
    """f(*arguments, *constants): the arguments, floats of the given shapes, are differentiated by."""

    f: Callable[..., Any]
    shapes: tuple[tuple[int, ...], ...]
    draw: Any = anywhere
    constants: tuple[Any, ...] = ()
    torch: Callable[..., Any] | None = None

    def arguments(self, dtype=np.float64):
        rng = np.random.default_rng(zlib.crc32(repr(self.shapes).encode()))
        draws = self.draw if isinstance(self.draw, tuple) else (self.draw,) * len(self.shapes)
        return [np.array(d(rng, s), dtype) for d, s in zip(draws, self.shapes, strict=True)]

    def on(self, *arguments):
        return self.f(*arguments, *self.constants)


UNARY = [(), (3,), (2, 3), (2, 1, 3), (0, 3)]
BINARY = [
    ((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((1,), (3, 2)), ((), (2, 3)), ((2, 3), ()),
    ((), ()), ((1,), ()), ((0, 3), (3,)), ((0, 1), (1, 3)), ((1, 3), (0, 3)),
]  # fmt: skip


def unary(f, counterpart, draw=anywhere):
    return [Call(f, (shape,), draw, torch=counterpart) for shape in UNARY]


def binary(f, counterpart, draw=anywhere):
    return [Call(f, shapes, draw, torch=counterpart) for shapes in BINARY]


def i(*numbers):
    return np.array(numbers, dtype=np.int64)


def torch_gradient(of, by, seed, *arguments):
    """A gradient as a function that PyTorch differentiates further."""
    (found,) = torch.autograd.grad(of(*arguments), by, seed, create_graph=True)
    return found
