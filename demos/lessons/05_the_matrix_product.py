"""Lesson 5: the matrix product, for which a slope is not enough, and a rule takes its place.

Element by element, each number of y moves with one number of x, and one slope for each will do. In the matrix product
y = a @ b, y[i, j] is the sum over k of a[i, k] b[k, j]: it moves with a whole row of a. A slope of each element by each
would be an array of size (elements of y) times (elements of a), most of it zeros. Nobody needs it. Needed is only what
a walk does with it: make the gradient of a from that of y. So let a tensor remember a function that does this: a rule.
"""

import numpy as np
from classroom import as_minigrad_writes_it, ask, draw, heading
from engine.after_4 import in_order, serial, sum_to


class Tensor:
    """An array, (tensor, rule) for each tensor that it was made from, and when it was made."""

    def __init__(self, value, made_from=()):
        self.value, self.made_from, self.serial = np.asarray(value), made_from, next(serial)

    # `lambda g: g * b` is a function without a name, which gets g and returns g * b

    def __add__(self, other):
        return Tensor(self.value + other.value, [(self, lambda g: g), (other, lambda g: g)])

    def __mul__(self, other):
        a, b = self.value, other.value
        return Tensor(a * b, [(self, lambda g: g * b), (other, lambda g: g * a)])

    def __matmul__(self, other):  # self @ other; b.T has the rows of b as columns
        a, b = self.value, other.value
        return Tensor(a @ b, [(self, lambda g: g @ b.T), (other, lambda g: a.T @ g)])

    def sum(self):
        shape = self.value.shape
        return Tensor(self.value.sum(), [(self, lambda g: np.broadcast_to(g, shape))])


def gradients(end):
    """The slope of `end`, a single number, by each element of everything that it was made from."""
    gradient = {end: np.ones(())}
    for tensor in reversed(in_order(end)):
        for parent, rule in tensor.made_from:
            sent = sum_to(rule(gradient[tensor]), parent.value.shape)
            gradient[parent] = gradient.get(parent, 0.0) + sent
    return gradient


def program(x, w, b):
    h = x @ w + b
    return (h * h).sum()


heading("1. Where the rule for a comes from: a[i, k] meets b[k, j] in y[i, j], for each j")
rng = np.random.default_rng(0)
a, b, g = rng.random((3, 2)), rng.random((2, 4)), rng.random((3, 4))
by_loops = np.zeros((3, 2))
for i, k, j in np.ndindex(3, 2, 4):
    by_loops[i, k] += g[i, j] * b[k, j]  # what y[i, j] sends to a[i, k]
print(f"these loops and g @ b.T differ by {abs(by_loops - g @ b.T).max():.0e}")

heading("2. A matrix product in a program, and a nudge of w[1, 0]")
values = {"x": a, "w": b, "b": np.array([1.0, 0.0, -1.0, 2.0])}
x, w, shift = [Tensor(value) for value in values.values()]
y = program(x, w, shift)
moved = Tensor(b + np.array([[0, 0, 0, 0], [1e-6, 0, 0, 0]]))
print(f"the gradient of w:\n{gradients(y)[w]}")
print(f"y moves {(program(x, moved, shift).value - y.value) / 1e-6:.4f} times as much as w[1, 0]")

heading("3. Beside yours: the same as minigrad writes it. (.mT is .T for the last two axes)")
as_minigrad_writes_it(program, values)
draw(__file__, program, values, detail="gradients")
square = Tensor(np.array([[1.0, 2.0], [3.0, 4.0]]))
found = gradients((square @ square).sum())[square]
ask(
    "s is [[1, 2], [3, 4]]. What is the gradient of (s @ s).sum()? s is used twice, and g is all ones.",
    lambda: f"g @ s.T + s.T @ g, which is [[3, 7], [3, 7]] + [[4, 4], [6, 6]]: {found.tolist()}.",
)
