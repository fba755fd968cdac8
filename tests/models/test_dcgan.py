"""A GAN of small pictures, by convolutions and their transposes: PyTorch's program, and its port.

After PyTorch's tutorial. Radford et al.: Unsupervised Representation Learning with DCGANs (2015).
"""

import numpy as np
from ports import assert_losses_are_pytorchs, begun, losses

import minigrad
import nn


def pictures(rng, count, size=8):
    """Bright above and dark below, more or less."""
    images = np.full((count, 1, size, size), -0.8)
    images[:, :, : size // 2] = 0.8
    images = images * rng.uniform(0.5, 1, (count, 1, 1, 1))
    return images + 0.1 * rng.standard_normal(images.shape)


def batches(steps, seed=0, count=16):
    rng = np.random.default_rng(seed)
    return [(pictures(rng, count), rng.standard_normal((count, 6, 1, 1))) for _ in range(steps)]


# The program ---------------------------------------------------------------------------------------------


def in_pytorch(torch):
    nn = torch.nn

    class Generator(nn.Module):
        def __init__(self, nz=6, ngf=8):
            super().__init__()
            self.main = nn.Sequential(
                nn.ConvTranspose2d(nz, ngf * 2, 2, 1, 0, bias=False),
                nn.BatchNorm2d(ngf * 2),
                nn.ReLU(True),
                nn.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, bias=False),
                nn.BatchNorm2d(ngf),
                nn.ReLU(True),
                nn.ConvTranspose2d(ngf, 1, 4, 2, 1, bias=False),
                nn.Tanh(),
            )

        def forward(self, input):
            return self.main(input)

    class Discriminator(nn.Module):
        def __init__(self, ndf=8):
            super().__init__()
            self.main = nn.Sequential(
                nn.Conv2d(1, ndf, 4, 2, 1, bias=False),
                nn.LeakyReLU(0.2, inplace=True),
                nn.Conv2d(ndf, ndf * 2, 4, 2, 1, bias=False),
                nn.BatchNorm2d(ndf * 2),
                nn.LeakyReLU(0.2, inplace=True),
                nn.Conv2d(ndf * 2, 1, 2, 1, 0, bias=False),
                nn.Sigmoid(),
            )

        def forward(self, input):
            return self.main(input)

    def weights_init(m):
        classname = m.__class__.__name__
        if classname.find("Conv") != -1:
            nn.init.normal_(m.weight.data, 0.0, 0.02)
        elif classname.find("BatchNorm") != -1:
            nn.init.normal_(m.weight.data, 1.0, 0.02)
            nn.init.constant_(m.bias.data, 0)

    def training(netG, netD):
        criterion = nn.BCELoss()
        optimizerD = torch.optim.Adam(netD.parameters(), lr=0.002, betas=(0.5, 0.999))
        optimizerG = torch.optim.Adam(netG.parameters(), lr=0.002, betas=(0.5, 0.999))

        def step(real, noise):
            # (1) the discriminator: maximise log(D(x)) + log(1 - D(G(z)))
            netD.zero_grad()
            output = netD(real).view(-1)
            label = torch.ones_like(output)
            errD_real = criterion(output, label)
            errD_real.backward()
            fake = netG(noise)
            output = netD(fake.detach()).view(-1)
            errD_fake = criterion(output, torch.zeros_like(label))
            errD_fake.backward()
            optimizerD.step()
            # (2) the generator: maximise log(D(G(z)))
            netG.zero_grad()
            output = netD(fake).view(-1)
            errG = criterion(output, label)
            errG.backward()
            optimizerG.step()
            return errD_real, errD_fake, errG

        return step

    netG = Generator()
    netG.apply(weights_init)
    netD = Discriminator()
    netD.apply(weights_init)
    return training, netG, netD


def in_minigrad():
    class Generator(nn.Module):
        def __init__(self, nz=6, ngf=8):
            super().__init__()
            self.main = nn.Sequential(
                nn.ConvTranspose2d(nz, ngf * 2, 2, 1, 0, bias=False),
                nn.BatchNorm2d(ngf * 2),
                nn.ReLU(),
                nn.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, bias=False),
                nn.BatchNorm2d(ngf),
                nn.ReLU(),
                nn.ConvTranspose2d(ngf, 1, 4, 2, 1, bias=False),
                nn.Tanh(),
            )

        def forward(self, input):
            return self.main(input)

    class Discriminator(nn.Module):
        def __init__(self, ndf=8):
            super().__init__()
            self.main = nn.Sequential(
                nn.Conv2d(1, ndf, 4, 2, 1, bias=False),
                nn.LeakyReLU(0.2),
                nn.Conv2d(ndf, ndf * 2, 4, 2, 1, bias=False),
                nn.BatchNorm2d(ndf * 2),
                nn.LeakyReLU(0.2),
                nn.Conv2d(ndf * 2, 1, 2, 1, 0, bias=False),
                nn.Sigmoid(),
            )

        def forward(self, input):
            return self.main(input)

    def weights_init(m):
        classname = m.__class__.__name__
        if classname.find("Conv") != -1:
            m.weight.assign(nn.init.normal(m.weight.shape, 0.02))
        elif classname.find("BatchNorm") != -1:
            m.weight.assign(1 + nn.init.normal(m.weight.shape, 0.02))
            m.bias.assign(nn.init.zeros(m.bias.shape))

    def training(netG, netD):
        criterion = nn.BCELoss()
        optimizerD = nn.optim.Adam(netD.parameters(), lr=0.002, betas=(0.5, 0.999))
        optimizerG = nn.optim.Adam(netG.parameters(), lr=0.002, betas=(0.5, 0.999))

        def step(real, noise):
            # (1) the discriminator: maximise log(D(x)) + log(1 - D(G(z)))
            netD.zero_grad()
            output = netD(real).reshape(-1)
            label = np.ones_like(output)
            errD_real = criterion(output, label)
            errD_real.backward()
            fake = netG(noise)
            output = netD(fake.detach()).reshape(-1)
            errD_fake = criterion(output, np.zeros_like(label))
            errD_fake.backward()
            optimizerD.step()
            # (2) the generator: maximise log(D(G(z)))
            netG.zero_grad()
            output = netD(fake).reshape(-1)
            errG = criterion(output, label)
            errG.backward()
            optimizerG.step()
            return errD_real, errD_fake, errG

        return step

    netG = Generator()
    netG.apply(weights_init)
    netD = Discriminator()
    netD.apply(weights_init)
    return training, netG, netD


# What is promised ----------------------------------------------------------------------------------------


def test_ten_steps_are_pytorchs(torch_in_float64):
    assert_losses_are_pytorchs(torch_in_float64, in_pytorch, in_minigrad, batches(10))


def test_what_is_generated_looks_like_the_pictures():
    step, generator, _ = begun(in_minigrad)
    (real, noise), *_ = batches(1, seed=1, count=200)

    def likeness():
        with minigrad.no_grad():
            made = generator(noise)
        return np.corrcoef(made.data.mean(axis=0).ravel(), real.mean(axis=0).ravel())[0, 1]

    assert likeness() < 0.5
    losses(step, batches(100))
    assert likeness() > 0.9
