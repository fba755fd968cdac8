"""A UNet that finds discs in noise: PyTorch's program, and its port.

After `Pytorch-UNet` by milesial. Ronneberger et al.: U-Net (2015).
"""

import numpy as np
from ports import assert_compiled_leaves_the_same_bits, assert_losses_are_pytorchs, begun, losses

import minigrad
import nn


def batches(steps, seed=0, count=8, size=13):
    """Noisy pictures of a disc, and where it is."""
    rng = np.random.default_rng(seed)
    made = []
    i, j = np.mgrid[:size, :size]
    for _ in range(steps):
        (y, x), radius = rng.uniform(3, 10, (2, count, 1, 1)), rng.uniform(2, 4, (count, 1, 1))
        masks = ((i - y) ** 2 + (j - x) ** 2 < radius**2).astype(float)[:, None]
        made.append((masks + 0.5 * rng.standard_normal(masks.shape), masks))
    return made


# The program ---------------------------------------------------------------------------------------------


def in_pytorch(torch):
    nn, F = torch.nn, torch.nn.functional

    class DoubleConv(nn.Module):
        def __init__(self, in_channels, out_channels):
            super().__init__()
            self.double_conv = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False),
                nn.BatchNorm2d(out_channels),
                nn.ReLU(inplace=True),
                nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1, bias=False),
                nn.BatchNorm2d(out_channels),
                nn.ReLU(inplace=True),
            )

        def forward(self, x):
            return self.double_conv(x)

    class Down(nn.Module):
        def __init__(self, in_channels, out_channels):
            super().__init__()
            self.maxpool_conv = nn.Sequential(
                nn.MaxPool2d(2), DoubleConv(in_channels, out_channels)
            )

        def forward(self, x):
            return self.maxpool_conv(x)

    class Up(nn.Module):
        def __init__(self, in_channels, out_channels):
            super().__init__()
            self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
            self.conv = DoubleConv(in_channels, out_channels)

        def forward(self, x1, x2):
            x1 = self.up(x1)
            diffY = x2.size()[2] - x1.size()[2]
            diffX = x2.size()[3] - x1.size()[3]
            x1 = F.pad(x1, [diffX // 2, diffX - diffX // 2, diffY // 2, diffY - diffY // 2])
            x = torch.cat([x2, x1], dim=1)
            return self.conv(x)

    class UNet(nn.Module):
        def __init__(self, n_channels, n_classes):
            super().__init__()
            self.inc = DoubleConv(n_channels, 4)
            self.down1 = Down(4, 8)
            self.down2 = Down(8, 16)
            self.up1 = Up(16 + 8, 8)
            self.up2 = Up(8 + 4, 4)
            self.outc = nn.Conv2d(4, n_classes, kernel_size=1)

        def forward(self, x):
            x1 = self.inc(x)
            x2 = self.down1(x1)
            x3 = self.down2(x2)
            x = self.up1(x3, x2)
            x = self.up2(x, x1)
            return self.outc(x)

    def dice_loss(logits, masks):
        probs = torch.sigmoid(logits).flatten(1)
        masks = masks.flatten(1)
        intersection = 2 * (probs * masks).sum(dim=1)
        return 1 - ((intersection + 1) / (probs.sum(dim=1) + masks.sum(dim=1) + 1)).mean()

    def training(model):
        criterion = nn.BCEWithLogitsLoss()
        optimizer = torch.optim.RMSprop(
            model.parameters(), lr=3e-3, weight_decay=1e-8, momentum=0.5
        )

        def step(images, masks):
            optimizer.zero_grad(set_to_none=True)
            logits = model(images)
            loss = criterion(logits, masks) + dice_loss(logits, masks)
            loss.backward()
            optimizer.step()
            return loss

        return step

    return training, UNet(1, 1)


def in_minigrad():
    class DoubleConv(nn.Module):
        def __init__(self, in_channels, out_channels):
            super().__init__()
            self.double_conv = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False),
                nn.BatchNorm2d(out_channels),
                nn.ReLU(),
                nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1, bias=False),
                nn.BatchNorm2d(out_channels),
                nn.ReLU(),
            )

        def forward(self, x):
            return self.double_conv(x)

    class Down(nn.Module):
        def __init__(self, in_channels, out_channels):
            super().__init__()
            self.maxpool_conv = nn.Sequential(
                nn.MaxPool2d(2), DoubleConv(in_channels, out_channels)
            )

        def forward(self, x):
            return self.maxpool_conv(x)

    class Up(nn.Module):
        def __init__(self, in_channels, out_channels):
            super().__init__()
            self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
            self.conv = DoubleConv(in_channels, out_channels)

        def forward(self, x1, x2):
            x1 = self.up(x1)
            diffY = x2.shape[2] - x1.shape[2]
            diffX = x2.shape[3] - x1.shape[3]
            x1 = minigrad.pad(x1, [(0, 0)] * 2 + [(d // 2, d - d // 2) for d in (diffY, diffX)])
            x = minigrad.concatenate([x2, x1], axis=1)
            return self.conv(x)

    class UNet(nn.Module):
        def __init__(self, n_channels, n_classes):
            super().__init__()
            self.inc = DoubleConv(n_channels, 4)
            self.down1 = Down(4, 8)
            self.down2 = Down(8, 16)
            self.up1 = Up(16 + 8, 8)
            self.up2 = Up(8 + 4, 4)
            self.outc = nn.Conv2d(4, n_classes, kernel_size=1)

        def forward(self, x):
            x1 = self.inc(x)
            x2 = self.down1(x1)
            x3 = self.down2(x2)
            x = self.up1(x3, x2)
            x = self.up2(x, x1)
            return self.outc(x)

    def dice_loss(logits, masks):
        probs = minigrad.sigmoid(logits).flatten(1)
        masks = masks.flatten(1)
        intersection = 2 * (probs * masks).sum(axis=1)
        return 1 - ((intersection + 1) / (probs.sum(axis=1) + masks.sum(axis=1) + 1)).mean()

    def training(model):
        criterion = nn.BCEWithLogitsLoss()
        optimizer = nn.optim.RMSprop(model.parameters(), lr=3e-3, weight_decay=1e-8, momentum=0.5)

        def step(images, masks):
            optimizer.zero_grad(set_to_none=True)
            logits = model(images)
            loss = criterion(logits, masks) + dice_loss(logits, masks)
            loss.backward()
            optimizer.step()
            return loss

        return step

    return training, UNet(1, 1)


# What is promised ----------------------------------------------------------------------------------------


def test_ten_steps_are_pytorchs(torch_in_float64):
    assert_losses_are_pytorchs(torch_in_float64, in_pytorch, in_minigrad, batches(10))


def test_ten_steps_compiled_leave_the_same_bits():
    assert_compiled_leaves_the_same_bits(in_minigrad, batches(10))


def test_it_finds_discs_that_it_has_not_seen():
    step, model = begun(in_minigrad)
    ((images, masks),) = batches(1, seed=1, count=50)
    losses(step, batches(80))
    model.eval()
    with minigrad.no_grad():
        found = model(images).data > 0

    def overlap(found):
        return (found & (masks > 0)).sum() / (found | (masks > 0)).sum()

    assert overlap(found) > 0.8
    assert overlap(images > 0.5) < 0.7  # pixel by pixel
