"""Trainings that go well of which a part stands still, learns in turns, or is chosen by chance."""

from __future__ import annotations

import numpy as np
from mistakes import Trained, normal, rng, three_classes, train, training

import minigrad as mg
import nn


@training
def fine_tuned():
    model, (x, y) = nn.MLP([4, 32, 32, 3], rng=rng()), three_classes()
    model[0].requires_grad_(False)
    model[2].requires_grad_(False)
    adam = nn.optim.Adam([p for p in model.parameters() if p.requires_grad], 3e-3)
    return Trained(train(model, lambda _: mg.cross_entropy(model(x), y), adam))


@training
def distilled():
    """A frozen teacher hidden from the parameters in a list, which is done on purpose."""
    teacher, (x, _) = nn.MLP([4, 32, 3], rng=rng()).requires_grad_(False), three_classes()

    class Student(nn.Module):
        def __init__(self):
            self.net = nn.MLP([4, 8, 3], rng=np.random.default_rng(7))
            self.teacher = (lambda: teacher,)

        def forward(self, x):
            return self.net(x), self.teacher[0]()(x)

    model = Student()

    def loss_of(_):
        mine, theirs = model(x)
        return mg.cross_entropy(mine, mg.softmax(theirs))

    return Trained(train(model, loss_of, nn.optim.Adam(model.parameters(), 1e-2)))


@training
def alternating_heads():
    """Of two heads that take turns, the steps that are looked at use one alone; the other learns all the same."""

    class Net(nn.Module):
        def __init__(self):
            self.body = nn.Linear(4, 16, rng=rng())
            self.heads = nn.ModuleList([nn.Linear(16, 3, rng=rng()), nn.Linear(16, 1, rng=rng())])

        def forward(self, x, k):
            return self.heads[k](mg.relu(self.body(x)))

    model, (x, y) = Net(), three_classes()

    def loss_of(step):
        return mg.cross_entropy(model(x, 0), y) if step % 2 else mg.mse_loss(model(x, 1), x[:, :1])

    return Trained(train(model, loss_of, nn.optim.Adam(model.parameters(), 1e-2)))


@training
def frozen_base_with_a_low_rank_part_that_starts_from_zero():
    class Net(nn.Module):
        def __init__(self):
            self.base = nn.MLP([4, 32, 3], rng=rng()).requires_grad_(False)
            self.down = nn.Parameter(0.5 * normal(1, 4, 2))
            self.up = nn.Parameter(np.zeros((2, 32), np.float32))

        def forward(self, x):
            return self.base[2](mg.relu(self.base[0](x) + x @ self.down @ self.up))

    model, (x, y) = Net(), three_classes()
    adam = nn.optim.AdamW([model.down, model.up], 5e-3)
    return Trained(train(model, lambda _: mg.cross_entropy(model(x), y), adam))


@training
def policy_gradient():
    model, chance = nn.MLP([4, 16, 2], nn.Tanh, rng=rng()), np.random.default_rng(0)
    usual = 0.0

    def loss_of(_):
        nonlocal usual
        x = chance.standard_normal((32, 4)).astype(np.float32)
        log_p = mg.log_softmax(model(x))
        action = (chance.random(32) < np.exp(log_p.detach().numpy()[:, 1])).astype(int)
        reward = (action == (x[:, 0] > 0)).astype(np.float32)
        usual = 0.9 * usual + 0.1 * float(reward.mean())
        return -(log_p[np.arange(32), action] * (reward - np.float32(usual))).mean()

    return Trained(train(model, loss_of, nn.optim.Adam(model.parameters(), 1e-2)))


@training
def ranking_of_pairs():
    """Scores of all pairs on purpose: a column less a row of the same outputs."""
    model, x = nn.MLP([4, 16, 1], rng=rng()), normal(0, 32, 4)
    order = np.sign(x.sum(1)[:, None] - x.sum(1))

    def loss_of(_):
        score = model(x)[:, 0]
        return mg.softplus(-(score[:, None] - score) * order).mean()

    return Trained(train(model, loss_of, nn.optim.Adam(model.parameters(), 3e-3)))
