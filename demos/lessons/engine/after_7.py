"""The engine after lesson 7: what remembers, the walk backwards, and the table."""

import inspect
from itertools import count

import numpy as np

serial = count()

# What remembers ------------------------------------------------------------------------------------------


class Node:
    """How a tensor was made: (node, (rule, values)) for each that it was made from. And its shape, and when."""

    def __init__(self, shape):
        self.shape, self.made_from, self.serial = shape, [], next(serial)


class Tensor:
    """An array and its node. What is computed from it is remembered; a plain array is a constant."""

    # says to NumPy that `array + tensor` is for the tensor to do, by __radd__
    __array_ufunc__ = None

    def __init__(self, data):
        self.data = np.asarray(data)
        self.node = Node(self.data.shape)

    def __repr__(self):
        return f"Tensor({self.data})"

    @property
    def shape(self):
        return self.data.shape

    @property
    def T(self):
        return transpose(self)

    def sum(self, axis=None):
        """The sum of all elements; or along one axis, which stays, with size 1."""
        if axis is None:
            return sum_to(self, ())
        return sum_to(self, tuple(1 if n == axis else size for n, size in enumerate(self.shape)))

    def __add__(self, other):
        return add(self, other)

    def __radd__(self, other):
        return add(other, self)

    def __sub__(self, other):
        return subtract(self, other)

    def __rsub__(self, other):
        return subtract(other, self)

    def __mul__(self, other):
        return multiply(self, other)

    def __rmul__(self, other):
        return multiply(other, self)

    def __truediv__(self, other):
        return divide(self, other)

    def __rtruediv__(self, other):
        return divide(other, self)

    def __matmul__(self, other):
        return matmul(self, other)

    def __rmatmul__(self, other):
        return matmul(other, self)

    def __neg__(self):
        return negative(self)


def plain(value):
    """The array of a tensor; anything else as it is."""
    return value.data if isinstance(value, Tensor) else value


class Op:
    """A row of the table: a function of arrays, and a rule for each argument that has a gradient.

    A rule gets the gradient of the output, and what its other parameters name: an argument, <argument>_shape, or y,
    the output.
    """

    def __init__(self, f, **rules):
        self.f, self.rules = f, rules
        self.names = list(inspect.signature(f).parameters)
        self.needs = {name: list(inspect.signature(rules[name]).parameters)[1:] for name in rules}

    def __call__(self, *args):
        data = self.f(*[plain(value) for value in args])
        if not any(isinstance(value, Tensor) for value in args):
            return data
        y = Tensor(data)
        known = dict(zip(self.names, args, strict=True), y=y)
        for name, rule in self.rules.items():
            if isinstance(known[name], Tensor):
                parent = known[name].node
                values = [
                    parent.shape if need == f"{name}_shape" else known[need]
                    for need in self.needs[name]
                ]
                y.node.made_from.append((parent, (rule, values)))
        return y


# The walk ------------------------------------------------------------------------------------------------


def in_order(end):
    """All that `end` was made from, and `end` itself, oldest first."""
    found, to_ask = {end}, [end]
    while to_ask:
        for parent, _ in to_ask.pop().made_from:
            if parent not in found:
                found.add(parent)
                to_ask.append(parent)
    return sorted(found, key=lambda number: number.serial)


def grad(y, xs, record=False):
    """The slope of y, a single number, by each element of each of xs; with `record` as tensors that remember."""
    g = np.ones(y.shape)
    gradient = {y.node: Tensor(g) if record else g}
    for node in reversed(in_order(y.node)):
        for parent, (rule, values) in node.made_from:
            values = values if record else [plain(value) for value in values]
            sent = rule(gradient[node], *values)
            if sent.shape != parent.shape:
                sent = sum_to(sent, parent.shape)
            gradient[parent] = gradient[parent] + sent if parent in gradient else sent
    return [gradient.get(x.node) for x in xs]  # None if no path leads there


# The table -----------------------------------------------------------------------------------------------


def added_up(x, shape):
    """x, added up over the axes along which an array of this shape was broadcast to that of x."""
    while x.ndim > len(shape):  # broadcasting put new axes in front
        x = x.sum(axis=0)
    for axis, size in enumerate(shape):
        if size == 1:  # and stretched axes of size 1
            x = x.sum(axis=axis, keepdims=True)
    return x


add = Op(lambda a, b: a + b, a=lambda g: g, b=lambda g: g)
subtract = Op(lambda a, b: a - b, a=lambda g: g, b=lambda g: -g)
multiply = Op(lambda a, b: a * b, a=lambda g, b: g * b, b=lambda g, a: g * a)
divide = Op(lambda a, b: a / b, a=lambda g, b: g / b, b=lambda g, y, b: -g * y / b)
negative = Op(lambda x: -x, x=lambda g: -g)
exp = Op(lambda x: np.exp(x), x=lambda g, y: g * y)
log = Op(lambda x: np.log(x), x=lambda g, x: g / x)
sin = Op(lambda x: np.sin(x), x=lambda g, x: g * cos(x))
cos = Op(lambda x: np.cos(x), x=lambda g, x: -g * sin(x))
tanh = Op(lambda x: np.tanh(x), x=lambda g, y: g * (1 - y * y))
matmul = Op(lambda a, b: a @ b, a=lambda g, b: g @ b.T, b=lambda g, a: a.T @ g)
transpose = Op(lambda x: x.T, x=lambda g: g.T)
sum_to = Op(added_up, x=lambda g, x_shape: broadcast_to(g, x_shape))
broadcast_to = Op(
    lambda x, shape: np.broadcast_to(x, shape), x=lambda g, x_shape: sum_to(g, x_shape)
)
