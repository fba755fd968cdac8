"""Weights from which a few steps learn any sine: PyTorch's program, and its port.

After public PyTorch versions of Finn et al.: Model-Agnostic Meta-Learning (2017), section 5.1.
"""

import numpy as np
from ports import assert_compiled_leaves_the_same_bits, assert_losses_are_pytorchs, begun, losses

import minigrad
import nn


def tasks(rng, count, points):
    """x, y to learn from and x, y to be asked, of a sine for each task."""
    height, phase = rng.uniform(0.5, 2, (count, 1, 1)), rng.uniform(0, np.pi, (count, 1, 1))
    x, asked = rng.uniform(-3, 3, (2, count, points, 1))
    return x, height * np.sin(x + phase), asked, height * np.sin(asked + phase)


def batches(steps, seed=0, count=4):
    rng = np.random.default_rng(seed)
    return [tasks(rng, count, 10) for _ in range(steps)]


# The program ---------------------------------------------------------------------------------------------


def in_pytorch(torch):
    nn, F = torch.nn, torch.nn.functional

    class MAMLModel(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = nn.Sequential(
                nn.Linear(1, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 1)
            )

        def forward(self, x):
            return self.model(x)

        def parameterised(self, x, weights):
            """The same net, its weights given as a list."""
            x = F.linear(x, weights[0], weights[1])
            x = F.relu(x)
            x = F.linear(x, weights[2], weights[3])
            x = F.relu(x)
            x = F.linear(x, weights[4], weights[5])
            return x

        def adapted(self, x, y, inner_lr, inner_steps, create_graph):
            """The weights after a few steps on one task, as a function of the model's own."""
            temp_weights = [w.clone() for w in self.parameters()]
            for _ in range(inner_steps):
                loss = F.mse_loss(self.parameterised(x, temp_weights), y)
                grad = torch.autograd.grad(loss, temp_weights, create_graph=create_graph)
                temp_weights = [w - inner_lr * g for w, g in zip(temp_weights, grad, strict=True)]
            return temp_weights

    def training(model, inner_lr=0.02, inner_steps=2):
        meta_optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)

        def step(x, y, query_x, query_y):
            meta_loss = 0
            for task in range(len(x)):
                weights = model.adapted(x[task], y[task], inner_lr, inner_steps, create_graph=True)
                output = model.parameterised(query_x[task], weights)
                meta_loss = meta_loss + F.mse_loss(output, query_y[task])
            meta_loss = meta_loss / len(x)
            meta_grads = torch.autograd.grad(meta_loss, list(model.parameters()))
            for w, g in zip(model.parameters(), meta_grads, strict=True):
                w.grad = g
            meta_optimiser.step()
            return meta_loss

        return step

    return training, MAMLModel()


def in_minigrad():
    class MAMLModel(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = nn.Sequential(
                nn.Linear(1, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 1)
            )

        def forward(self, x):
            return self.model(x)

        def parameterised(self, x, weights):
            """The same net, its weights given as a list."""
            x = minigrad.linear(x, weights[0], weights[1])
            x = minigrad.relu(x)
            x = minigrad.linear(x, weights[2], weights[3])
            x = minigrad.relu(x)
            x = minigrad.linear(x, weights[4], weights[5])
            return x

        def adapted(self, x, y, inner_lr, inner_steps, create_graph):
            """The weights after a few steps on one task, as a function of the model's own."""
            temp_weights = [w.copy() for w in self.parameters()]
            for _ in range(inner_steps):
                loss = minigrad.mse_loss(self.parameterised(x, temp_weights), y)
                grad = minigrad.grad(loss, temp_weights, create_graph=create_graph)
                temp_weights = [w - inner_lr * g for w, g in zip(temp_weights, grad, strict=True)]
            return temp_weights

    def training(model, inner_lr=0.02, inner_steps=2):
        meta_optimiser = nn.optim.Adam(model.parameters(), lr=3e-3)

        def step(x, y, query_x, query_y):
            meta_loss = 0
            for task in range(len(x)):
                weights = model.adapted(x[task], y[task], inner_lr, inner_steps, create_graph=True)
                output = model.parameterised(query_x[task], weights)
                meta_loss = meta_loss + minigrad.mse_loss(output, query_y[task])
            meta_loss = meta_loss / len(x)
            meta_grads = minigrad.grad(meta_loss, list(model.parameters()))
            for w, g in zip(model.parameters(), meta_grads, strict=True):
                w.grad = g
            meta_optimiser.step()
            return meta_loss

        return step

    return training, MAMLModel()


# What is promised ----------------------------------------------------------------------------------------


def test_ten_steps_are_pytorchs(torch_in_float64):
    assert_losses_are_pytorchs(torch_in_float64, in_pytorch, in_minigrad, batches(10))


def test_ten_steps_compiled_leave_the_same_bits():
    assert_compiled_leaves_the_same_bits(in_minigrad, batches(10))


def test_two_steps_on_a_new_sine_learn_it_from_these_weights_alone():
    step, model = begun(in_minigrad)
    ((xs, ys, asked, answers),) = batches(1, seed=1, count=25)

    def error(steps):
        """Over all new tasks, after so many steps on each."""
        found = []
        for x, y, q, a in zip(xs, ys, asked, answers, strict=True):
            weights = model.adapted(x, y, 0.02, steps, create_graph=False)
            found.append(np.mean((model.parameterised(q, weights).data - a) ** 2))
        return np.mean(found)

    before = error(0), error(2)
    losses(step, batches(100))
    assert error(2) < 0.5 * error(0)
    assert error(2) < 0.5 * min(before)
    assert before[1] > 0.6 * before[0]
