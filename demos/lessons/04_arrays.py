"""Lesson 4: arrays, and gradients that are summed back over what was broadcast.

A program for a million numbers would make a million Numbers. NumPy's arrays hold them in one object, and one operation
works on all elements. So let the value be an array: its gradient is an array of the same shape, the slope by each
element. One thing is new. NumPy broadcasts: beside an array of shape (3, 4), one of shape (4,) is used for all 3 rows.
Used 3 times means 3 paths, and lesson 2 says what happens where paths meet: what arrives is added up.
"""

import numpy as np
from classroom import ask, draw, heading
from engine.after_3 import in_order, serial


class Tensor:
    """An array, (tensor, slope) for each tensor that it was made from, and when it was made."""

    def __init__(self, value, made_from=()):
        self.value, self.made_from, self.serial = np.asarray(value), made_from, next(serial)

    def __add__(self, other):
        return Tensor(self.value + other.value, [(self, 1.0), (other, 1.0)])

    def __mul__(self, other):  # element by element, so the slopes are those of numbers
        return Tensor(self.value * other.value, [(self, other.value), (other, self.value)])

    def sum(self):  # if any element moves by 1, the sum moves by 1
        return Tensor(self.value.sum(), [(self, np.ones_like(self.value))])


def sum_to(g, shape):
    """g, added up over the axes along which an array of this shape was broadcast to that of g."""
    while g.ndim > len(shape):  # broadcasting put new axes in front
        g = g.sum(axis=0)
    for axis, size in enumerate(shape):
        if size == 1:  # and stretched axes of size 1
            g = g.sum(axis=axis, keepdims=True)
    return g


def gradients(end):
    """The slope of `end`, a single number, by each element of everything that it was made from."""
    gradient = {end: np.ones(())}  # an array without axes: the number 1
    for tensor in reversed(in_order(end)):
        for parent, slope in tensor.made_from:
            sent = sum_to(gradient[tensor] * slope, parent.value.shape)
            gradient[parent] = gradient.get(parent, 0.0) + sent
    return gradient


def program(x, scale, shift):
    return (x * scale + shift).sum()


heading("1. An array of shape (3, 4), times one of shape (4,), plus one of shape (3, 1)")
values = {"x": np.arange(12.0).reshape(3, 4), "scale": np.array([1.0, 2.0, 3.0, 4.0])}
values["shift"] = np.array([[10.0], [20.0], [30.0]])
x, scale, shift = tensors = [Tensor(value) for value in values.values()]
y = program(x, scale, shift)
gradient = gradients(y)
for name, tensor in zip(values, tensors, strict=True):
    print(f"the gradient of {name}, of shape {tensor.value.shape}:\n{gradient[tensor]}")

heading("2. Do not believe it: nudge the second element of scale, which meets three elements of x")
moved = Tensor(scale.value + np.array([0.0, 1e-6, 0.0, 0.0]))
print(f"y moves {(program(x, moved, shift).value - y.value) / 1e-6:.3f} times as much")

draw(__file__, program, values, detail="gradients")


def answer():
    a, b = Tensor(np.ones((3, 1))), Tensor(np.array([1.0, 2.0, 3.0, 4.0]))
    g = gradients((a * b).sum())
    return f"""(3, 4). Each of a meets 1, 2, 3 and 4, each of b meets three ones: {g[a].ravel()} for a, {g[b]} for b."""


ask(
    """a has shape (3, 1) and holds ones, b has shape (4,) and holds 1, 2, 3, 4. Which shape has a * b, and
    what are the gradients of (a * b).sum()?""",
    answer,
)
