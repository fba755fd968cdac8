"""End to end: seconds of training until `demos/mnist.py --model cnn` reads 99.0% of the test images right.

The demo's own model, batches, optimiser and learning rates; PyTorch begins with the same parameters and sees
the same images in the same order. The accuracy is taken after each epoch, and its time is not counted. A round is a
seed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from engines import ENGINES
from results import Chosen, Results
from turns import Measured, Turn, turns

import minigrad
import nn
from nn.data import DataLoader, TensorDataset
from nn.data import mnist as read_mnist

sys.path.append(str(Path(__file__).parents[2] / "demos"))
import mnist as demo  # the demo's folder is not on the path before
from support import outputs, train_epoch
from tqdm import tqdm

ROUNDS = 1
GOAL = 0.99
MODEL = "cnn"


def job(engine: Any, seed: str) -> Turn:
    """A turn is an epoch: its seconds, and the accuracy behind it."""
    data = read_mnist()
    x, x_test = (demo.prepare(images, MODEL) for images in (data.train_images, data.test_images))
    minigrad.seed(int(seed))
    net = demo.build(MODEL)
    steps = demo.EPOCHS[MODEL] * -(-len(x) // demo.BATCH_SIZE[MODEL])
    rates = (demo.rate(step / steps) for step in range(steps))
    prepare = {"in_minigrad": with_minigrad, "in_torch": with_torch}[engine.__name__]
    train, guess = prepare(net, x, data.train_labels, x_test, rates)

    def turn() -> Measured:
        start = time.perf_counter()
        train()
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "accuracy": float((guess() == data.test_labels).mean())}

    return turn


def with_minigrad(
    net: nn.Sequential, x: Any, y: Any, x_test: Any, rates: Iterator[float]
) -> tuple[Callable[[], object], Callable[[], Any]]:
    """The functions that train for an epoch and that guess the labels of the test images."""
    optimizer = nn.optim.Adam(net.parameters())
    loader = DataLoader(TensorDataset(x, y), demo.BATCH_SIZE[MODEL], shuffle=True)
    bar = tqdm(disable=True)

    def loss_of(x: Any, y: Any) -> Any:
        return minigrad.cross_entropy(net(x), y)

    return (
        lambda: train_epoch(loader, optimizer, loss_of, rates, bar),
        lambda: outputs(net, x_test).argmax(axis=1),
    )


def with_torch(
    net: nn.Sequential, x: Any, y: Any, x_test: Any, rates: Iterator[float]
) -> tuple[Callable[[], object], Callable[[], Any]]:
    """The same in PyTorch, line by line as in the demo."""
    import torch  # here alone: it need not be installed

    theirs = torch.nn.Sequential(*(translated(torch, layer) for layer in net))
    theirs.load_state_dict({n: torch.from_numpy(a) for n, a in net.state_dict().items()})
    optimizer = torch.optim.Adam(theirs.parameters())
    x, y, x_test = map(torch.from_numpy, (x, y.astype(np.int64), x_test))
    size = demo.BATCH_SIZE[MODEL]

    def train() -> None:
        losses = []
        order = torch.from_numpy(minigrad.generator().permutation(len(x)))
        for start in range(0, len(x), size):
            batch = order[start : start + size]
            optimizer.param_groups[0]["lr"] = next(rates)
            loss = torch.nn.functional.cross_entropy(theirs(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())

    def guess() -> Any:
        with torch.no_grad():
            return np.concatenate([theirs(part).argmax(1).numpy() for part in x_test.split(500)])

    return train, guess


def translated(torch: Any, layer: nn.Module) -> Any:
    """The layer of PyTorch that has the same name and takes the same arguments."""
    match layer:
        case nn.Linear():
            return torch.nn.Linear(layer.in_features, layer.out_features)
        case nn.Conv2d():
            return torch.nn.Conv2d(
                layer.in_channels,
                layer.out_channels,
                layer.kernel_size,
                layer.stride,
                layer.padding,
            )
        case nn.MaxPool2d():
            return torch.nn.MaxPool2d(layer.kernel_size, layer.stride)
        case nn.ReLU() | nn.Flatten():
            return getattr(torch.nn, type(layer).__name__)()
    raise NotImplementedError(f"{type(layer).__name__} has no translation into PyTorch yet")


def ask() -> None:
    """A download, or the error that says what is missing."""
    read_mnist()


def measure(chosen: Chosen) -> Results:
    results = Results("torch", chosen.rounds)
    to_goal: list[dict[str, float]] = []
    of_epoch: list[dict[str, float]] = []
    for seed in range(chosen.rounds):
        title = f"train: seed {seed}"
        epochs, failed = turns(
            "train", chosen.among("minigrad", "torch"), str(seed), demo.EPOCHS[MODEL], title
        )
        results.left_out(title, failed)
        of_epoch += [{e: m["seconds"] for e, m in r.items()} for r in epochs]
        reached = {}
        for engine in epochs[0]:
            accuracies = [r[engine]["accuracy"] for r in epochs]
            percent = ", ".join(f"{accuracy:.2%}" for accuracy in accuracies)
            above = [place for place, accuracy in enumerate(accuracies, 1) if accuracy >= GOAL]
            if above:
                reached[engine] = sum(r[engine]["seconds"] for r in epochs[: above[0]])
            end = "" if above else f"; {GOAL:.1%} not reached"
            results.notes.append(f"seed {seed}, {ENGINES[engine].title}: {percent}{end}")
        to_goal.append(reached)
    results.add(f"training to {GOAL:.1%}", to_goal)
    results.add("an epoch", of_epoch)
    return results
