"""A variational autoencoder of small pictures: PyTorch's program, and its port.

After `vae` of PyTorch's examples. Kingma, Welling: Auto-Encoding Variational Bayes (2013).
"""

import numpy as np
from ports import assert_compiled_leaves_the_same_bits, assert_losses_are_pytorchs, begun, losses

import minigrad
import nn


def pictures(rng, count, size=8):
    """Each has one row or one column lit, of 2 size that are as likely."""
    images = np.zeros((count, size, size))
    images[np.arange(count), rng.integers(0, size, count)] = 1
    turned = rng.random(count) < 0.5
    images[turned] = images[turned].swapaxes(1, 2)
    return images


def batches(steps, seed=0, count=32):
    rng = np.random.default_rng(seed)
    return [(pictures(rng, count), rng.standard_normal((count, 4))) for _ in range(steps)]


# The program ---------------------------------------------------------------------------------------------


def in_pytorch(torch):
    nn, F = torch.nn, torch.nn.functional

    class VAE(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = nn.Linear(64, 32)
            self.fc21 = nn.Linear(32, 4)
            self.fc22 = nn.Linear(32, 4)
            self.fc3 = nn.Linear(4, 32)
            self.fc4 = nn.Linear(32, 64)

        def encode(self, x):
            h1 = F.relu(self.fc1(x))
            return self.fc21(h1), self.fc22(h1)

        def reparameterize(self, mu, logvar, eps):
            std = torch.exp(0.5 * logvar)
            return mu + eps * std

        def decode(self, z):
            h3 = F.relu(self.fc3(z))
            return torch.sigmoid(self.fc4(h3))

        def forward(self, x, eps):
            mu, logvar = self.encode(x.view(-1, 64))
            z = self.reparameterize(mu, logvar, eps)
            return self.decode(z), mu, logvar

    def loss_function(recon_x, x, mu, logvar):
        BCE = F.binary_cross_entropy(recon_x, x.view(-1, 64), reduction="sum")
        KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        return BCE + KLD

    def training(model):
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
        model.train()

        def step(x, eps):
            optimizer.zero_grad()
            recon, mu, logvar = model(x, eps)
            loss = loss_function(recon, x, mu, logvar)
            loss.backward()
            optimizer.step()
            return loss

        return step

    return training, VAE()


def in_minigrad():
    class VAE(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = nn.Linear(64, 32)
            self.fc21 = nn.Linear(32, 4)
            self.fc22 = nn.Linear(32, 4)
            self.fc3 = nn.Linear(4, 32)
            self.fc4 = nn.Linear(32, 64)

        def encode(self, x):
            h1 = minigrad.relu(self.fc1(x))
            return self.fc21(h1), self.fc22(h1)

        def reparameterize(self, mu, logvar, eps):
            std = minigrad.exp(0.5 * logvar)
            return mu + eps * std

        def decode(self, z):
            h3 = minigrad.relu(self.fc3(z))
            return minigrad.sigmoid(self.fc4(h3))

        def forward(self, x, eps):
            mu, logvar = self.encode(x.reshape(-1, 64))
            z = self.reparameterize(mu, logvar, eps)
            return self.decode(z), mu, logvar

    def loss_function(recon_x, x, mu, logvar):
        BCE = minigrad.binary_cross_entropy(recon_x, x.reshape(-1, 64), reduction="sum")
        KLD = -0.5 * minigrad.sum(1 + logvar - mu**2 - logvar.exp())
        return BCE + KLD

    def training(model):
        optimizer = nn.optim.Adam(model.parameters(), lr=3e-3)
        model.train()

        def step(x, eps):
            optimizer.zero_grad()
            recon, mu, logvar = model(x, eps)
            loss = loss_function(recon, x, mu, logvar)
            loss.backward()
            optimizer.step()
            return loss

        return step

    return training, VAE()


# What is promised ----------------------------------------------------------------------------------------


def test_ten_steps_are_pytorchs(torch_in_float64):
    assert_losses_are_pytorchs(torch_in_float64, in_pytorch, in_minigrad, batches(10))


def test_ten_steps_compiled_leave_the_same_bits():
    assert_compiled_leaves_the_same_bits(in_minigrad, batches(10))


def test_it_tells_pictures_better_than_pixels_one_by_one_and_not_better_than_can_be():
    step, _ = begun(in_minigrad)
    losses(step, batches(400))
    nats = np.mean(losses(step, batches(20, seed=1))) / 32  # a bound of -log p(x)
    lit = 1 / 8
    pixel = -lit * np.log(lit) - (1 - lit) * np.log(1 - lit)
    assert np.log(16) < nats < 0.8 * 64 * pixel
