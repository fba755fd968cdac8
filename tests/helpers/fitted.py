"""A run of fit: its data, model, loader and optimiser, all drawn from a seed, and what it leaves, bit by bit."""

import numpy as np

import minigrad
import nn
from nn.data import DataLoader, TensorDataset


def data(n=40, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 3)).astype(np.float32)
    return x, (x.sum(axis=1) > 0).astype(np.int64)


def setting(seed=1, prefetch=0):
    """Everything of a run that draws numbers: a model with dropout, and a loader that shuffles."""
    minigrad.seed(seed)
    rng = np.random.default_rng(seed)
    model = nn.Sequential(
        nn.Linear(3, 16, rng=rng), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3, rng=rng), nn.Linear(16, 2, rng=rng),
        nn.Dropout(0.1),
    )  # fmt: skip
    loader = DataLoader(TensorDataset(*data()), 8, shuffle=True, prefetch=prefetch, rng=rng)
    return model, loader, nn.optim.Adam(model.parameters(), lr=0.1)


def fitted(*args, **options):
    return nn.fit(*args, progress=False, **options)


def bits(model):
    return {name: array.tobytes() for name, array in model.state_dict().items()}


def accuracy(output, y):
    return (output.argmax(axis=1) == y).mean()


def halving(optimizer):
    return nn.schedule.ExponentialLR(optimizer, 0.5)
