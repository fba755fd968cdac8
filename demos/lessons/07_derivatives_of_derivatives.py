"""Lesson 7: derivatives of derivatives, by running the same rules on tensors.

A rule is a program: g * cos(x). Run on arrays it gives an array. Run on tensors it gives a tensor that remembers how it
was made, and so has gradients itself, of which the same is true. No second table is needed: only values kept as
tensors, and rules made of nothing but operations that have rows. engine/after_7.py is the table of lesson 6 with that
in mind: an Op of arrays gives an array, tensors have operators, and a rule may name x_shape for the shape of x alone.
"""

import math

import numpy as np
from classroom import ask, draw, heading
from engine.after_7 import Tensor, exp, in_order, log, plain, sin, sum_to, tanh

import minigrad


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


heading(
    "1. sin, cos, -sin, -cos, sin: five orders from two rows, sin: g * cos(x), and cos: -g * sin(x)"
)
x = Tensor(0.5)
y = sin(x)
for order in range(5):
    print(f"order {order}: {y.data:8.5f}, of {len(in_order(y.node)):3} nodes")
    [y] = grad(y, [x], record=True)

heading("2. A harder one: log(1 + exp(sin(x) x)), and nudges of the slope")


def f(x):
    return log(1 + exp(sin(x) * x))


def slope(at):
    return grad(f(x := Tensor(at)), [x])[0]


[first] = grad(f(x), [x], record=True)
[second] = grad(first, [x], record=True)
nudge = 1e-6
nudged = (slope(0.5 + nudge) - slope(0.5 - nudge)) / (2 * nudge)  # both ways, which is more exact
print(f"second derivative {second.data:.8f}, by nudges {nudged:.8f}")

heading(
    "3. All second derivatives of a function of two numbers: the gradient of each element of its gradient"
)
point = Tensor(np.array([1.0, 2.0]))
one, two = np.array([1.0, 0.0]), np.array([0.0, 1.0])
u, v = (point * one).sum(), (point * two).sum()  # the first element, and the second
[first] = grad(u * u * v + tanh(v), [point], record=True)
rows = [grad((first * pick).sum(), [point])[0] for pick in (one, two)]
print(f"of u u v + tanh(v) at (1, 2):\n{np.array(rows)}")

draw(__file__, lambda x: minigrad.grad(np.sin(x) * x, x, create_graph=True), {"x": 0.5})


y, terms = sin(z := Tensor(0.0)), []
for order in range(8):
    terms.append(y.data / math.factorial(order))
    [y] = grad(y, [z], record=True)
ask(
    "What are the derivatives of sin at 0? Divide that of order n by n!, and add up to order 7.",
    lambda: (
        f"0, 1, 0, -1, and so on: {sum(terms):.5f}, by Taylor's series sin(1) = {math.sin(1):.5f}."
    ),
)
