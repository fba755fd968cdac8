"""Lesson 6: a table of rules, where the names of a rule's parameters say what is kept.

In lesson 5 each operation was a method, which made its rules at each call; what they held on to could not be seen. Now
an operation is a row of a table: a function of arrays, and for each argument a rule, written once. A rule gets the
gradient g, and names what else it needs as its parameters: an argument, or y, the output. That is kept, nothing else.
For this a tensor is split in two: its array, and a node, which is all that the walk needs.
"""

import inspect

import numpy as np
from classroom import ask, draw, heading
from engine.after_4 import in_order, serial, sum_to


class Node:
    """(node, (rule, values)) for each tensor that a tensor was made from; its shape; and when."""

    def __init__(self, shape):
        self.shape, self.made_from, self.serial = shape, [], next(serial)


class Tensor:
    """An array and its node. What is computed from it is remembered; a plain array is a constant."""

    def __init__(self, data):
        self.data = np.asarray(data)
        self.node = Node(self.data.shape)


def plain(value):
    """The array of a tensor; anything else as it is."""
    return value.data if isinstance(value, Tensor) else value


class Op:
    """A row of the table: a function of arrays, and a rule for each argument that has a gradient."""

    def __init__(self, f, **rules):  # rules is a dict: the name of an argument -> its rule
        self.f, self.rules = f, rules
        self.names = list(inspect.signature(f).parameters)  # the names of f's arguments
        # of each rule the names of its parameters, but for the first, which is g
        self.needs = {name: list(inspect.signature(rules[name]).parameters)[1:] for name in rules}

    def __call__(self, *args):  # Python calls this where it reads op(a, b), with args = (a, b)
        y = Tensor(self.f(*[plain(value) for value in args]))
        known = dict(zip(self.names, args, strict=True), y=y)  # name -> value
        for name, rule in self.rules.items():
            if isinstance(known[name], Tensor):
                values = [known[need] for need in self.needs[name]]
                y.node.made_from.append((known[name].node, (rule, values)))
        return y


def grad(y, xs):
    """The slope of y, a single number, by each element of each of xs."""
    gradient = {y.node: np.ones(y.data.shape)}
    for node in reversed(in_order(y.node)):
        for parent, (rule, values) in node.made_from:
            sent = sum_to(rule(gradient[node], *[plain(v) for v in values]), parent.shape)
            gradient[parent] = gradient[parent] + sent if parent in gradient else sent
    return [gradient.get(x.node) for x in xs]  # None if no path leads there


multiply = Op(lambda a, b: a * b, a=lambda g, b: g * b, b=lambda g, a: g * a)
exp = Op(lambda x: np.exp(x), x=lambda g, y: g * y)  # its slope is its own value
total = Op(lambda x: x.sum(), x=lambda g, x: np.broadcast_to(g, x.shape))

heading("1. The gradient of the sum of exp(x / 2), which is exp(x / 2) / 2")
x = Tensor(np.array([0.0, 1.0, 2.0]))
y = total(e := exp(h := multiply(x, 0.5)))  # `h := v` is v, and gives it the name h
print(grad(y, [x])[0], np.exp(x.data / 2) / 2)

heading("2. What was kept for it; x and h are needed by no rule")
for name, tensor in {"multiply": h, "exp": e, "total": y}.items():
    [(_, (_, values))] = tensor.node.made_from  # of the one argument that is a tensor
    print(f"{name} keeps {[plain(value) for value in values]}")
draw(__file__, lambda x: np.exp(x * 0.5).sum(), {"x": x.data}, detail="saved")
ask("Which row keeps an array and looks at no element of it?", lambda: "total: x.shape would do.")
