"""A GAN whose critic pays for slopes that are not 1: PyTorch's program, and its port.

After `wgan_gp` of PyTorch-GAN. Gulrajani et al.: Improved Training of Wasserstein GANs (2017).
"""

import numpy as np
from ports import assert_losses_are_pytorchs, begun, losses

import minigrad
import nn


def points(rng, *shape):
    """Near the upper half of a circle of radius 1."""
    angle = rng.uniform(0, np.pi, shape)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return circle + 0.05 * rng.standard_normal(circle.shape)


def batches(steps, seed=0, count=32, critic=3):
    rng = np.random.default_rng(seed)
    return [
        (
            points(rng, critic, count),
            rng.standard_normal((critic + 1, count, 2)),
            rng.random((critic, count, 1)),
        )
        for _ in range(steps)
    ]


# The program ---------------------------------------------------------------------------------------------


def in_pytorch(torch):
    nn = torch.nn

    class Generator(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = nn.Sequential(
                nn.Linear(2, 32),
                nn.ReLU(inplace=True),
                nn.Linear(32, 32),
                nn.ReLU(inplace=True),
                nn.Linear(32, 2),
            )

        def forward(self, z):
            return self.model(z)

    class Discriminator(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = nn.Sequential(
                nn.Linear(2, 32),
                nn.LeakyReLU(0.2, inplace=True),
                nn.Linear(32, 32),
                nn.LeakyReLU(0.2, inplace=True),
                nn.Linear(32, 1),
            )

        def forward(self, x):
            return self.model(x)

    def compute_gradient_penalty(D, real_samples, fake_samples, alpha):
        """The penalty of WGAN-GP."""
        interpolates = (alpha * real_samples + (1 - alpha) * fake_samples).requires_grad_(True)
        d_interpolates = D(interpolates)
        gradients = torch.autograd.grad(
            outputs=d_interpolates,
            inputs=interpolates,
            grad_outputs=torch.ones_like(d_interpolates),
            create_graph=True,
            retain_graph=True,
            only_inputs=True,
        )[0]
        gradients = gradients.view(gradients.size(0), -1)
        return ((gradients.norm(2, dim=1) - 1) ** 2).mean()

    def training(generator, discriminator, lambda_gp=0.1, n_critic=3):
        optimizer_G = torch.optim.Adam(generator.parameters(), lr=0.002, betas=(0.0, 0.9))
        optimizer_D = torch.optim.Adam(discriminator.parameters(), lr=0.002, betas=(0.0, 0.9))

        def step(real, z, alpha):
            for i in range(n_critic):
                optimizer_D.zero_grad()
                fake = generator(z[i]).detach()
                gradient_penalty = compute_gradient_penalty(discriminator, real[i], fake, alpha[i])
                validity = torch.mean(discriminator(real[i])) - torch.mean(discriminator(fake))
                d_loss = -validity + lambda_gp * gradient_penalty
                d_loss.backward()
                optimizer_D.step()
            optimizer_G.zero_grad()
            g_loss = -torch.mean(discriminator(generator(z[-1])))
            g_loss.backward()
            optimizer_G.step()
            return d_loss, g_loss

        return step

    return training, Generator(), Discriminator()


def in_minigrad():
    class Generator(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = nn.Sequential(
                nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2)
            )

        def forward(self, z):
            return self.model(z)

    class Discriminator(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = nn.Sequential(
                nn.Linear(2, 32),
                nn.LeakyReLU(0.2),
                nn.Linear(32, 32),
                nn.LeakyReLU(0.2),
                nn.Linear(32, 1),
            )

        def forward(self, x):
            return self.model(x)

    def compute_gradient_penalty(D, real_samples, fake_samples, alpha):
        """The penalty of WGAN-GP."""
        interpolates = (alpha * real_samples + (1 - alpha) * fake_samples).requires_grad_(True)
        d_interpolates = D(interpolates)
        gradients = minigrad.grad(
            y=d_interpolates,
            xs=interpolates,
            seed=np.ones_like(d_interpolates),
            create_graph=True,
            retain_graph=True,
        )
        gradients = gradients.reshape(gradients.shape[0], -1)
        return ((gradients.norm(2, axis=1) - 1) ** 2).mean()

    def training(generator, discriminator, lambda_gp=0.1, n_critic=3):
        optimizer_G = nn.optim.Adam(generator.parameters(), lr=0.002, betas=(0.0, 0.9))
        optimizer_D = nn.optim.Adam(discriminator.parameters(), lr=0.002, betas=(0.0, 0.9))

        def step(real, z, alpha):
            for i in range(n_critic):
                optimizer_D.zero_grad()
                fake = generator(z[i]).detach()
                gradient_penalty = compute_gradient_penalty(discriminator, real[i], fake, alpha[i])
                validity = minigrad.mean(discriminator(real[i])) - minigrad.mean(
                    discriminator(fake)
                )
                d_loss = -validity + lambda_gp * gradient_penalty
                d_loss.backward()
                optimizer_D.step()
            optimizer_G.zero_grad()
            g_loss = -minigrad.mean(discriminator(generator(z[-1])))
            g_loss.backward()
            optimizer_G.step()
            return d_loss, g_loss

        return step

    return training, Generator(), Discriminator()


# What is promised ----------------------------------------------------------------------------------------


def test_ten_steps_are_pytorchs(torch_in_float64):
    assert_losses_are_pytorchs(torch_in_float64, in_pytorch, in_minigrad, batches(10))


def test_what_is_generated_lies_along_the_half_circle():
    step, generator, _ = begun(in_minigrad)
    noise = np.random.default_rng(1).standard_normal((500, 2))

    def made():
        """The mean distance to the half circle, and the spread along it, which of the points is 0.71."""
        with minigrad.no_grad():
            x, y = generator(noise).data.T
        nearest = np.clip(np.arctan2(y, x), 0, np.pi)
        return np.hypot(x - np.cos(nearest), y - np.sin(nearest)).mean(), x.std()

    apart, spread = made()
    assert apart > 0.5
    assert spread < 0.2
    losses(step, batches(300))
    apart, spread = made()
    assert apart < 0.2
    assert 0.5 < spread < 0.9
