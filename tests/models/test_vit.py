"""A vision transformer that tells the direction of stripes: PyTorch's program, and its port.

After public PyTorch versions of Dosovitskiy et al.: An Image is Worth 16x16 Words (2020).
"""

import numpy as np
from ports import assert_compiled_leaves_the_same_bits, assert_losses_are_pytorchs, begun, losses

import minigrad
import nn


def batches(steps, seed=0, count=16, size=8):
    """Noisy pictures of stripes, and whether they lie or stand."""
    rng = np.random.default_rng(seed)
    made = []
    i, j = np.mgrid[:size, :size]
    for _ in range(steps):
        labels = rng.integers(0, 2, count)
        phase, period = rng.integers(0, 4, (count, 1, 1)), rng.integers(3, 5, (count, 1, 1))
        across = np.where(labels[:, None, None] == 1, i, j)
        images = np.where((across + phase) % period < 2, 1.0, -1.0)
        made.append(((images + 0.5 * rng.standard_normal(images.shape))[:, None], labels))
    return made


# The program ---------------------------------------------------------------------------------------------


def in_pytorch(torch):
    nn = torch.nn

    class PatchEmbedding(nn.Module):
        def __init__(self, img_size, patch_size, in_channels, embed_dim):
            super().__init__()
            self.n_patches = (img_size // patch_size) ** 2
            self.proj = nn.Conv2d(in_channels, embed_dim, kernel_size=patch_size, stride=patch_size)

        def forward(self, x):
            x = self.proj(x)  # (B, E, H, W)
            return x.flatten(2).transpose(1, 2)  # (B, H W, E)

    class ViT(nn.Module):
        def __init__(
            self,
            img_size=8,
            patch_size=2,
            in_channels=1,
            n_classes=2,
            embed_dim=16,
            depth=2,
            n_heads=4,
        ):
            super().__init__()
            self.patch_embed = PatchEmbedding(img_size, patch_size, in_channels, embed_dim)
            self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
            self.pos_embed = nn.Parameter(torch.zeros(1, 1 + self.patch_embed.n_patches, embed_dim))
            self.pos_drop = nn.Dropout(p=0.0)
            layer = nn.TransformerEncoderLayer(
                d_model=embed_dim,
                nhead=n_heads,
                dim_feedforward=embed_dim * 2,
                dropout=0.0,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            self.blocks = nn.TransformerEncoder(layer, num_layers=depth, enable_nested_tensor=False)
            self.norm = nn.LayerNorm(embed_dim, eps=1e-6)
            self.head = nn.Linear(embed_dim, n_classes)

        def forward(self, x):
            n_samples = x.shape[0]
            x = self.patch_embed(x)
            cls_token = self.cls_token.expand(n_samples, -1, -1)
            x = torch.cat((cls_token, x), dim=1)
            x = x + self.pos_embed
            x = self.pos_drop(x)
            x = self.blocks(x)
            x = self.norm(x)
            return self.head(x[:, 0])

    def training(model):
        criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05)

        def step(images, labels):
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            return loss

        return step

    return training, ViT()


def in_minigrad():
    class PatchEmbedding(nn.Module):
        def __init__(self, img_size, patch_size, in_channels, embed_dim):
            super().__init__()
            self.n_patches = (img_size // patch_size) ** 2
            self.proj = nn.Conv2d(in_channels, embed_dim, kernel_size=patch_size, stride=patch_size)

        def forward(self, x):
            x = self.proj(x)  # (B, E, H, W)
            return x.flatten(2).swapaxes(1, 2)  # (B, H W, E)

    class ViT(nn.Module):
        def __init__(
            self,
            img_size=8,
            patch_size=2,
            in_channels=1,
            n_classes=2,
            embed_dim=16,
            depth=2,
            n_heads=4,
        ):
            super().__init__()
            self.patch_embed = PatchEmbedding(img_size, patch_size, in_channels, embed_dim)
            self.cls_token = nn.Parameter(nn.init.zeros((1, 1, embed_dim)))
            self.pos_embed = nn.Parameter(
                nn.init.zeros((1, 1 + self.patch_embed.n_patches, embed_dim))
            )
            self.pos_drop = nn.Dropout(p=0.0)
            layer = nn.TransformerEncoderLayer(
                d_model=embed_dim,
                nhead=n_heads,
                dim_feedforward=embed_dim * 2,
                dropout=0.0,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            self.blocks = nn.TransformerEncoder(layer, num_layers=depth)
            self.norm = nn.LayerNorm(embed_dim, eps=1e-6)
            self.head = nn.Linear(embed_dim, n_classes)

        def forward(self, x):
            n_samples = x.shape[0]
            x = self.patch_embed(x)
            cls_token = self.cls_token.broadcast_to((n_samples, *self.cls_token.shape[1:]))
            x = minigrad.concatenate((cls_token, x), axis=1)
            x = x + self.pos_embed
            x = self.pos_drop(x)
            x = self.blocks(x)
            x = self.norm(x)
            return self.head(x[:, 0])

    def training(model):
        criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
        optimizer = nn.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05)

        def step(images, labels):
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            return loss

        return step

    return training, ViT()


# What is promised ----------------------------------------------------------------------------------------


def test_ten_steps_are_pytorchs(torch_in_float64):
    assert_losses_are_pytorchs(torch_in_float64, in_pytorch, in_minigrad, batches(10))


def test_ten_steps_compiled_leave_the_same_bits():
    assert_compiled_leaves_the_same_bits(in_minigrad, batches(10))


def test_it_tells_stripes_that_it_has_not_seen():
    step, model = begun(in_minigrad)
    ((images, labels),) = batches(1, seed=1, count=200)
    losses(step, batches(100))
    model.eval()
    with minigrad.no_grad():
        assert np.mean(model(images).data.argmax(axis=1) == labels) > 0.8
