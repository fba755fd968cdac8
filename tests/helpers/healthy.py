"""Trainings that go well, of different kinds: each a function that trains for a moment and gives its watch."""

from __future__ import annotations

import numpy as np
from mistakes import Trained, normal, rng, three_classes, train, training

import minigrad as mg
import nn
from minigrad import Tensor, picture


def spiral(count=100):
    """Three arms that turn around each other."""
    r, k = np.tile(np.linspace(0, 1, count), 3), np.repeat(np.arange(3), count)
    t = 4 * (r + k) + 0.2 * normal(0, 3 * count)
    return np.stack([r * np.sin(t), r * np.cos(t)], 1).astype(np.float32), k


def batches(x, y, size, seed=0):
    """A function of the step that gives a batch."""
    order = np.random.default_rng(seed)

    def batch(_):
        rows = order.integers(0, len(x), size)
        return x[rows], y[rows]

    return batch


@training
def spiral_with_adam():
    model, (x, y) = nn.MLP([2, 64, 3], rng=rng()), spiral()
    adam = nn.optim.Adam(model.parameters(), 1e-2)
    return Trained(train(model, lambda _: mg.cross_entropy(model(x), y), adam))


@training
def spiral_with_momentum_and_decay():
    model, (x, y) = nn.MLP([2, 100, 3], rng=rng()), spiral()
    sgd = nn.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=1e-3)
    return Trained(train(model, lambda _: mg.cross_entropy(model(x), y), sgd, 300))


def digits(count=96):
    """Small images of bars, in four classes."""
    k = np.arange(count) % 4
    x = 0.3 * normal(0, count, 1, 8, 8)
    for i, kind in enumerate(k):
        x[i, 0, 2 * kind] += 1
        x[i, 0, :, 2 * kind] += 1
    return x, k


@training
def convolutions_with_batch_norm():
    model = nn.CNN((1, 8, 8), channels=[4, 8], hidden=[16], classes=4, batch_norm=True, rng=rng())
    batch = batches(*digits(), 16)

    def loss_of(step):
        x, y = batch(step)
        return mg.cross_entropy(model(x), y)

    watch = train(model, loss_of, nn.optim.Adam(model.parameters(), 3e-3), 100)
    model.eval()
    with mg.no_grad():
        model(digits()[0])
    model.train()
    return Trained(watch)


def sums(count=64, length=12):
    x = normal(0, count, length, 2)
    return x, np.tanh(x[:, :, 0].cumsum(1)[:, -1:]).astype(np.float32)


def recurrent(cell, seed=0):
    class Net(nn.Module):
        def __init__(self):
            self.cells = cell(2, 16, batch_first=True, rng=np.random.default_rng(seed))
            self.out = nn.Linear(16, 1, rng=rng())

        def forward(self, x):
            return self.out(self.cells(x)[0][:, -1])

    model, (x, y) = Net(), sums()
    adam = nn.optim.Adam(model.parameters(), 1e-2)
    return Trained(train(model, lambda _: mg.mse_loss(model(x), y), adam, 150))


@training
def lstm():
    return recurrent(nn.LSTM)


@training
def gru():
    return recurrent(nn.GRU)


@training
def hand_written_cell():
    class Net(nn.Module):
        def __init__(self):
            self.cell, self.out = nn.LSTMCell(2, 16, rng=rng()), nn.Linear(16, 1, rng=rng())

        def forward(self, x):
            state = None
            for t in range(x.shape[1]):
                state = self.cell(x[:, t], state)
            return self.out(state[0])

    model, (x, y) = Net(), sums()
    adam = nn.optim.Adam(model.parameters(), 1e-2)

    def loss_of(_):
        return mg.mse_loss(model(x), y)

    class Clipping:
        def zero_grad(self):
            adam.zero_grad()

        def step(self):
            nn.optim.clip_grad_norm_(list(model.parameters()), 1.0)
            adam.step()

    return Trained(train(model, loss_of, Clipping(), 80))


@training
def transformer_of_characters():
    class Net(nn.Module):
        def __init__(self):
            self.token = nn.Embedding(12, 16, rng=rng())
            self.place = nn.Embedding(10, 16, rng=rng())
            self.block = nn.TransformerEncoderLayer(
                16, 2, 32, dropout=0.1, batch_first=True, norm_first=True, rng=rng()
            )
            self.norm, self.out = nn.LayerNorm(16), nn.Linear(16, 12, rng=rng())

        def forward(self, x):
            h = self.token(x) + self.place(np.arange(x.shape[1]))
            return self.out(self.norm(self.block(h, is_causal=True, src_mask=MASK)))

    text = np.arange(200) * 7 % 12
    starts = np.random.default_rng(0)
    model = Net()

    def loss_of(_):
        at = starts.integers(0, 180, 16)[:, None] + np.arange(11)
        rows = text[at]
        return mg.cross_entropy(model(rows[:, :-1]).reshape(-1, 12), rows[:, 1:].reshape(-1))

    rate = nn.optim.AdamW(model.parameters(), 3e-3, weight_decay=0.01)
    return Trained(train(model, loss_of, rate, 80))


MASK = np.triu(np.ones((10, 10), bool), 1)


@training
def warmed_up():
    model, (x, y) = nn.MLP([4, 16, 16, 3], rng=rng()), three_classes()
    sgd = nn.optim.SGD(model.parameters(), 0.2)
    law = nn.schedule.LambdaLR(sgd, lambda step: min(1, (step + 1) / 40))

    class Both:
        zero_grad = sgd.zero_grad

        def step(self):
            sgd.step()
            law.step()

    return Trained(train(model, lambda _: mg.cross_entropy(model(x), y), Both()))


@training
def autoencoder():
    x = normal(0, 64, 3) @ normal(1, 3, 16) / 2
    model = nn.MLP([16, 32, 3, 32, 16], nn.Tanh, rng=rng())
    return Trained(
        train(model, lambda _: mg.mse_loss(model(x), x), nn.optim.Adam(model.parameters(), 3e-3))
    )


@training
def regression():
    x = normal(0, 64, 5)
    y = x @ normal(1, 5, 1) + 0.1 * normal(2, 64, 1)
    model = nn.Linear(5, 1, rng=rng())
    return Trained(
        train(
            model, lambda _: np.square(model(x) - y).mean(), nn.optim.SGD(model.parameters(), 0.05)
        )
    )


@training
def pairwise_distances():
    """A kernel of all pairs on purpose: x[:, None] - x is no mistake, nor is one of two sets of points."""
    x = np.linspace(-2, 2, 24, dtype=np.float32)
    centres = nn.Parameter(np.linspace(-2, 2, 24, dtype=np.float32))
    weight = nn.Parameter(0.1 * normal(0, 24))

    def loss_of(_):
        kernel = np.exp(-np.square(x[:, None] - centres))
        return (
            np.square(kernel @ weight - np.sin(3 * x)).mean()
            + 1e-4 * np.exp(-np.square(centres[:, None] - centres)).mean()
        )

    watch = picture.watch({"centres": centres, "weight": weight})
    return Trained(train(None, loss_of, nn.optim.Adam([centres, weight], 1e-2), watch=watch))


@training
def adversarial(of_generator=True):
    real = normal(0, 64, 2) * 0.5 + 1
    generator = nn.Sequential(
        nn.Linear(4, 16, bias=False, rng=rng()), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2, rng=rng())
    )  # fmt: skip
    critic = nn.MLP([2, 16, 1], nn.LeakyReLU, rng=rng())
    noise = np.random.default_rng(2)
    of_g = nn.optim.Adam(generator.parameters(), 2e-3, betas=(0.5, 0.999))
    of_c = nn.optim.Adam(critic.parameters(), 2e-3, betas=(0.5, 0.999))
    ones, zeros = np.ones((64, 1), np.float32), np.zeros((64, 1), np.float32)
    watch = picture.watch(generator if of_generator else critic)
    for _ in range(120):
        with watch:
            with mg.no_grad():
                fake = generator(noise.standard_normal((64, 4)).astype(np.float32))
            loss = mg.binary_cross_entropy_with_logits(critic(real), ones)
            loss = loss + mg.binary_cross_entropy_with_logits(critic(fake), zeros)
            of_c.zero_grad()
            loss.backward()
            of_c.step()
            fake = generator(noise.standard_normal((64, 4)).astype(np.float32))
            fooled = mg.binary_cross_entropy_with_logits(critic(fake), ones)
            of_g.zero_grad()
            fooled.backward()
            of_g.step()
        watch.note(critic=loss, generator=fooled)
    return Trained(watch)


@training
def critic_of_a_pair():
    return adversarial(of_generator=False)


@training
def variational_inference():
    mean = nn.Parameter(np.zeros(3, np.float32))
    log_scale = nn.Parameter(np.full(3, -1, np.float32))
    x = normal(0, 40, 3)
    y = x @ np.array([1, -2, 0.5], np.float32) + 0.3 * normal(1, 40)
    noise = np.random.default_rng(3)

    def loss_of(_):
        w = mean + np.exp(log_scale) * noise.standard_normal(3).astype(np.float32)
        likelihood = -np.square(x @ w - y).sum() / 0.18
        divergence = 0.5 * (np.square(mean) + np.exp(2 * log_scale) - 2 * log_scale - 1).sum()
        return divergence - likelihood

    watch = picture.watch({"mean": mean, "log_scale": log_scale})
    return Trained(train(None, loss_of, nn.optim.Adam([mean, log_scale], 2e-2), watch=watch))


@training
def variational_autoencoder():
    class Net(nn.Module):
        def __init__(self):
            self.encoder = nn.MLP([8, 16, 4], rng=rng())
            self.decoder = nn.MLP([2, 16, 8], rng=rng())

        def forward(self, x, noise):
            mean, log_var = np.split(self.encoder(x), 2, axis=1)
            return self.decoder(mean + np.exp(log_var / 2) * noise), mean, log_var

    model, x, noise = Net(), np.tanh(normal(0, 64, 2) @ normal(1, 2, 8)), np.random.default_rng(1)

    def loss_of(_):
        y, mean, log_var = model(x, noise.standard_normal((64, 2)).astype(np.float32))
        divergence = -0.5 * (1 + log_var - np.square(mean) - np.exp(log_var)).sum(1).mean()
        return np.square(y - x).sum(1).mean() + 0.1 * divergence

    return Trained(train(model, loss_of, nn.optim.Adam(model.parameters(), 3e-3), 150))


@training
def lbfgs():
    model, x = nn.MLP([3, 8, 1], nn.Tanh, rng=rng()), normal(0, 32, 3)
    y = np.sin(x.sum(1, keepdims=True))
    optimizer = nn.optim.LBFGS(model.parameters(), max_iter=5, line_search_fn="strong_wolfe")
    watch = picture.watch(model, every=2)

    def closure():
        optimizer.zero_grad()
        loss = mg.mse_loss(model(x), y)
        loss.backward()
        return loss

    for _ in range(20):
        with watch:
            loss = optimizer.step(closure)
        watch.note(loss=loss)
    return Trained(watch)


@training
def accumulated(within=True, count=4):
    """Several batches before each step on purpose: within one block, or with a block around each batch."""
    model, (x, y) = nn.MLP([4, 16, 3], rng=rng()), three_classes()
    sgd = nn.optim.SGD(model.parameters(), 0.1)
    batch = batches(x, y, 12)
    watch = picture.watch(model)
    for step in range(160 if within else 640):
        with watch:
            for _ in range(count if within else 1):
                rows, labels = batch(step)
                loss = mg.cross_entropy(model(rows), labels)
                (loss / count).backward()
            if within or step % count == count - 1:
                sgd.step()
                sgd.zero_grad()
        watch.note(loss=loss)
    return Trained(watch)


@training
def accumulated_over_blocks():
    return accumulated(within=False)


@training
def accumulated_and_cleared_before():
    """The step at the first batch of the next group, so that every block that is looked at takes one."""
    model, (x, y) = nn.MLP([4, 16, 3], rng=rng()), three_classes()
    sgd = nn.optim.SGD(model.parameters(), 0.1)
    batch = batches(x, y, 12)
    watch = picture.watch(model)
    for step in range(640):
        with watch:
            if step % 4 == 1:
                sgd.zero_grad()
            rows, labels = batch(step)
            (mg.cross_entropy(model(rows), labels) / 4).backward()
            if step % 4 == 0:
                sgd.step()
    return Trained(watch)


@training
def gradient_penalty():
    """A penalty on the gradient by the inputs, which need one themselves."""
    critic, x = nn.MLP([2, 16, 1], nn.Tanh, rng=rng()), normal(0, 32, 2)

    def loss_of(_):
        at = Tensor(x, requires_grad=True)
        y = critic(at)
        slope = mg.grad(y.sum(), at, create_graph=True)
        return np.square(np.sqrt(np.square(slope).sum(1) + 1e-8) - 1).mean() + (y * x[:, :1]).mean()

    return Trained(train(critic, loss_of, nn.optim.Adam(critic.parameters(), 3e-3), 100))
