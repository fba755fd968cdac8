"""A beginner's mistakes, and trainings without one: each a function that trains for a moment and gives its watch.

A mistake gives also what `explain` says before the first step, computed inside `record()`; None where no graph
shows it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import minigrad as mg
import nn
from minigrad import Tensor, picture

STEPS = 200


class Trained(NamedTuple):
    watch: Any
    explained: Any = None


def training(f):
    """Mark one of the functions that train."""
    f.is_training = True
    return f


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def three_classes(seed=0, count=48, features=4):
    """Rows around three centres, and the numbers of their centres."""
    labels = np.arange(count) % 3
    return normal(seed, count, features) + 2 * np.eye(3, features, dtype=np.float32)[labels], labels


def train(model, loss_of, optimizer=None, steps=STEPS, watch=None, clears=True):
    """Steps on the loss that `loss_of(step)` gives."""
    optimizer = optimizer or nn.optim.Adam(model.parameters(), 1e-3)
    watch = watch or picture.watch(model)
    with np.errstate(all="ignore"):
        for step in range(steps):
            with watch:
                loss = loss_of(step)
                if clears:
                    optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            watch.note(loss=loss)
    return watch


def explained(x, loss_of):
    with mg.record(), np.errstate(all="ignore"):
        return mg.explain(x, loss_of(0))


def rng():
    return np.random.default_rng(0)


# The mistakes ---------------------------------------------------------------------------------------------


@training
def gradients_never_cleared():
    model, (x, y) = nn.MLP([4, 16, 3], rng=rng()), three_classes()
    sgd = nn.optim.SGD(model.parameters(), 0.05)
    return Trained(train(model, lambda _: mg.cross_entropy(model(x), y), sgd, clears=False))


@training
def rate_a_hundred_times_too_high():
    model, (x, y) = nn.MLP([4, 16, 3], rng=rng()), three_classes()
    sgd = nn.optim.SGD(model.parameters(), 10)  # where 0.1 does well
    return Trained(train(model, lambda _: mg.cross_entropy(model(x), y), sgd))


@training
def step_after_the_gradients_are_cleared():
    model, (x, y) = nn.MLP([4, 16, 3], rng=rng()), three_classes()
    adam = nn.optim.Adam(model.parameters(), 1e-2)

    class Cleared:
        def zero_grad(self):
            pass

        def step(self):
            adam.zero_grad()
            adam.step()

    return Trained(train(model, lambda _: mg.cross_entropy(model(x), y), Cleared()))


@training
def layers_of_zeros():
    model, (x, y) = nn.MLP([4, 16, 3], rng=rng()), three_classes()
    for p in model.parameters():
        p.assign(np.zeros(p.shape, p.dtype))
    sgd = nn.optim.SGD(model.parameters(), 0.1)
    return Trained(train(model, lambda _: mg.cross_entropy(model(x), y), sgd))


@training
def shrunk_by_ten_layers_that_then_learn():
    """Gradients that vanish at first and have grown a million times later, when the layers nearer the end learned."""
    model, (x, y) = nn.MLP([4, *[16] * 10, 3], nn.Tanh, rng=rng()), three_classes()
    for p in model.parameters():
        p.assign(p.data * (0.05 if p.ndim > 1 else 1))
    return Trained(train(model, lambda _: mg.cross_entropy(model(x), y)))


@training
def softmax_by_hand():
    model, (x, y) = nn.MLP([4, 16, 3], rng=rng()), three_classes()

    def loss_of(_):
        e = np.exp(model(x))
        return mg.cross_entropy(e / e.sum(axis=1, keepdims=True), y)  # by hand

    adam = nn.optim.Adam(model.parameters(), 1e-2)
    return Trained(train(model, loss_of, adam), explained(model[0].weight, loss_of))


@training
def dead_relus():
    model, (x, y) = nn.MLP([4, 16, 3], rng=rng()), three_classes()
    model[0].bias.assign(np.full(16, -30, np.float32))

    def loss_of(_):
        return mg.cross_entropy(model(x), y)

    said = explained(model[0].weight, loss_of)
    return Trained(train(model, loss_of), said)


@training
def cut_by_numpy():
    class Net(nn.Module):
        def __init__(self):
            self.encoder, self.head = nn.Linear(4, 8, rng=rng()), nn.Linear(8, 3, rng=rng())

        def forward(self, x):
            h = np.tanh(self.encoder(x).numpy())  # the cut
            return self.head(h)

    model, (x, y) = Net(), three_classes()

    def loss_of(_):
        return mg.cross_entropy(model(x), y)

    said = explained(model.encoder.weight, loss_of)
    return Trained(train(model, loss_of), said)


@training
def softmax_before_cross_entropy():
    model, (x, y) = nn.MLP([4, 16, 3], rng=rng()), three_classes()

    def loss_of(_):
        return mg.cross_entropy(mg.softmax(model(x)), y)  # twice

    said = explained(model[0].weight, loss_of)
    return Trained(train(model, loss_of), said)


@training
def one_output_for_labels():
    model, (x, y) = nn.MLP([4, 16, 1], rng=rng()), three_classes()

    def loss_of(_):
        return mg.cross_entropy(model(x), y * 0)  # a class alone

    said = explained(model[0].weight, loss_of)
    return Trained(train(model, loss_of), said)


@training
def ten_sigmoids():
    model, (x, y) = nn.MLP([4, *[16] * 10, 3], nn.Sigmoid, rng=rng()), three_classes()
    sgd = nn.optim.SGD(model.parameters(), 0.1)

    def loss_of(_):
        return mg.cross_entropy(model(x), y)

    said = explained(model[0].weight, loss_of)
    return Trained(train(model, loss_of, sgd), said)


class Recurrent(nn.Module):
    """h = act(W x_t + U h), written out; the last h is read."""

    def __init__(self, scale, activation):
        self.act = activation
        self.ih, self.hh = nn.Linear(3, 8, rng=rng()), nn.Linear(8, 8, rng=rng())
        self.out = nn.Linear(8, 1, rng=rng())
        self.hh.weight.assign(scale * np.eye(8, dtype=np.float32) + 0.1 * normal(1, 8, 8))

    def forward(self, x):
        h = Tensor(np.zeros((x.shape[0], 8), np.float32))
        for t in range(x.shape[1]):
            h = self.act(self.ih(x[:, t]) + self.hh(h))
        return self.out(h)


@training
def recurrent_net_that_explodes():
    model, x, y = Recurrent(1.5, mg.relu), normal(0, 8, 30, 3), normal(1, 8, 1)
    sgd = nn.optim.SGD(model.parameters(), 0.01)

    def loss_of(_):
        return np.square(model(x) - y).mean()

    said = explained(model.hh.weight, loss_of)
    return Trained(train(model, loss_of, sgd, 41), said)


class Parts:
    """An object of the user's, in which no Module looks for layers; it looks into lists and dicts, and raises."""

    def __init__(self):
        self.layers = [nn.Linear(4, 4, rng=rng()) for _ in range(2)]


@training
def layers_out_of_sight():
    class Net(nn.Module):
        def __init__(self):
            self.parts = Parts()
            self.head = nn.Linear(4, 3, rng=rng())

        def forward(self, x):
            for layer in self.parts.layers:
                x = mg.relu(layer(x))
            return self.head(x)

    model, (x, y) = Net(), three_classes()
    return Trained(train(model, lambda _: mg.cross_entropy(model(x), y)))


@training
def parameter_not_given_to_the_optimiser():
    model, (x, y) = nn.MLP([4, 16, 3], rng=rng()), three_classes()
    adam = nn.optim.Adam(model[2].parameters(), 1e-3)
    return Trained(train(model, lambda _: mg.cross_entropy(model(x), y), adam))


@training
def column_minus_row():
    model, x = nn.MLP([4, 16, 1], rng=rng()), normal(0, 32, 4)
    y = x @ normal(1, 4)

    def loss_of(_):
        return np.square(model(x) - y).mean()  # (32, 1) - (32,)

    said = explained(model[0].weight, loss_of)
    return Trained(train(model, loss_of), said)


@training
def evaluated_in_training_mode():
    model, (x, y) = nn.MLP([4, 16, 3], dropout=0.5, batch_norm=True, rng=rng()), three_classes()
    watch = train(model, lambda _: mg.cross_entropy(model(x), y), steps=100)
    with mg.no_grad():
        model(x)  # without eval()
    return Trained(watch)


@training
def inputs_up_to_255():
    model, (x, y) = nn.MLP([4, 16, 3], rng=rng()), three_classes()
    pixels = np.floor(255 * (x - x.min()) / (x.max() - x.min()))
    return Trained(train(model, lambda _: mg.cross_entropy(model(pixels), y)))


# Three that are notes -------------------------------------------------------------------------------------


@training
def bias_before_batch_norm():
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, rng=rng()), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3, rng=rng())
    )  # fmt: skip
    x, y = normal(0, 16, 1, 6, 6), np.arange(16) % 3

    def loss_of(_):
        return mg.cross_entropy(model(x), y)

    said = explained(model[0].bias, loss_of)
    return Trained(train(model, loss_of, steps=100), said)


@training
def output_that_is_constant():
    model, (x, y) = nn.MLP([4, 16, 3], nn.Tanh, rng=rng()), three_classes()
    model[0].weight.assign(np.zeros((16, 4), np.float32))
    model[0].weight.requires_grad_(False)
    return Trained(train(model, lambda _: mg.cross_entropy(model(x), y)))


@training
def validation_that_rises():
    model, (x, y) = nn.MLP([4, 64, 3], rng=rng()), three_classes(count=12)
    y = np.random.default_rng(1).integers(0, 3, 12)
    held_x, held_y = three_classes(seed=5)
    watch = picture.watch(model)
    adam = nn.optim.Adam(model.parameters(), 1e-2)
    for _ in range(25):
        train(model, lambda _: mg.cross_entropy(model(x), y), adam, 8, watch)
        model.eval()
        with mg.no_grad():
            watch.note(validation_loss=mg.cross_entropy(model(held_x), held_y))
        model.train()
    return Trained(watch)
