"""Lesson 8: a layer, a loss, an optimiser: the spiral learned.

300 points lie on three arms of a spiral. A net of two layers gets a point and gives three scores, one for each arm. The
loss says in one number how wrong the scores are, and has a gradient by every weight. Each weight takes a step against
its gradient, thousands of times. Nothing in this is new to the engine but one row: relu.
"""

import numpy as np
from classroom import as_minigrad_writes_it, ask, draw, heading, spiral
from engine.after_7 import Op, Tensor, exp, grad, log

import minigrad

positive = Op(lambda x: x > 0)  # 0 or 1: no slope, but for the jump, and so no rule
relu = Op(lambda x: np.maximum(x, 0), x=lambda g, y: g * positive(y))


class Linear:
    """y = x W^T + b, with x (rows, inputs), W (outputs, inputs), b (outputs,)."""

    def __init__(self, inputs, outputs, rng):
        most = 1 / np.sqrt(inputs)  # so that y is of the size of x, at first
        self.weight = Tensor(rng.uniform(-most, most, (outputs, inputs)))
        self.bias = Tensor(rng.uniform(-most, most, outputs))

    def __call__(self, x):
        return x @ self.weight.T + self.bias


def cross_entropy(scores, labels):
    """The mean of -log p over the rows, where p is the share of the label's exp(score) in its row's sum."""
    scores = scores - scores.data.max(axis=1, keepdims=True)  # p stays, and exp cannot overflow
    log_p = scores - log(exp(scores).sum(axis=1))
    is_label = np.eye(scores.shape[1])[labels]  # in each row a 1 at the label, and else 0
    return -(log_p * is_label).sum() / len(labels)


class SGD:
    """Gradient descent: each parameter moves against its gradient."""

    def __init__(self, parameters, rate):
        self.parameters, self.rate = parameters, rate

    def step(self, loss):
        for p, g in zip(self.parameters, grad(loss, self.parameters), strict=True):
            p.data = p.data - self.rate * g


heading("1. A step at a time")
rng = np.random.default_rng(0)
points, arm = spiral(rng)
first, last = Linear(2, 100, rng), Linear(100, 3, rng)
optimiser = SGD([first.weight, first.bias, last.weight, last.bias], rate=1.0)
for step in range(2001):
    scores = last(relu(first(points)))
    small = (first.weight * first.weight).sum() + (last.weight * last.weight).sum()
    loss = cross_entropy(scores, arm) + 0.0005 * small  # large weights are dear: smooth borders
    if step % 500 == 0:
        right = (scores.data.argmax(axis=1) == arm).mean()
        print(f"step {step:4}: loss {loss.data:.4f}, {right:.1%} of the points are right")
    optimiser.step(loss)


def program(points, arm, W1, b1, W2, b2):
    hidden = minigrad.relu(minigrad.linear(points, W1, b1))
    return minigrad.cross_entropy(minigrad.linear(hidden, W2, b2), arm)


heading("2. Beside yours: the same step, but for the last term, as minigrad writes it")
data = {"points": points, "arm": arm}
names = ["W1", "b1", "W2", "b2"]
values = data | {name: p.data for name, p in zip(names, optimiser.parameters, strict=True)}
as_minigrad_writes_it(program, values, constants=data)
draw(__file__, program, values, constants=data, detail="gradients")
ask(
    "All scores are 0: the net knows nothing. Which loss is that, by the formula of cross_entropy?",
    lambda: (
        f"Each p is 1/3, and -log(1/3) is {cross_entropy(Tensor(0 * scores.data), arm).data:.4f}."
    ),
)
