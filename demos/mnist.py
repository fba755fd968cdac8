"""Train a multi-layer perceptron or a convolutional net on MNIST, and draw its curves and worst mistakes.

    python demos/mnist.py                        97.5% and more in ten epochs
    python demos/mnist.py --model cnn            99% in five
    python demos/mnist.py --data folder/of/the/four/files

Without --data the files are looked for in the folder MINIGRAD_DATA names, then in a cache in your home; if they
are not there they are downloaded into it.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from support import COLORS, folder, natural, positive, run, save_figure
from tqdm import tqdm

import minigrad
import nn
from nn.data import mnist

MEAN, DEVIATION = 0.1307, 0.3081  # of the training pixels
EPOCHS = {"mlp": 10, "cnn": 5}
BATCH_SIZE = {"mlp": 128, "cnn": 64}
LEARNING_RATE = 1e-3  # of Adam, falling linearly to 0 at the end of the last epoch
MISTAKES = 15


def build(model: str) -> nn.Sequential:
    if model == "mlp":
        return nn.MLP([784, 128, 10])
    return nn.CNN((1, 28, 28), channels=[16, 32], hidden=[128], classes=10)


def prepare(images: np.ndarray, model: str) -> np.ndarray:
    """Pixels 0..255 as floats of mean 0 and deviation 1: (N, 784) for the perceptron, (N, 1, 28, 28) else."""
    x = (images.astype(np.float32) / 255 - MEAN) / DEVIATION
    return x.reshape(len(x), -1) if model == "mlp" else x[:, None]


def optimizer_of(net: nn.Sequential, steps: int) -> tuple[nn.optim.Adam, nn.schedule.LinearLR]:
    optimizer = nn.optim.Adam(net.parameters(), lr=LEARNING_RATE)
    return optimizer, nn.schedule.LinearLR(optimizer, 1.0, 0.0, total_iters=steps)


def log_probabilities(net: nn.Sequential, x: np.ndarray) -> np.ndarray:
    with minigrad.no_grad():
        parts = [minigrad.log_softmax(net(x[i : i + 500])).numpy() for i in range(0, len(x), 500)]
    return np.concatenate(parts)


def train_epoch(
    net: nn.Sequential,
    optimizer: nn.optim.Optimizer,
    x: np.ndarray,
    y: np.ndarray,
    batch_size: int,
    schedule: nn.schedule.LRScheduler,
    bar: tqdm,
) -> list[float]:
    """One pass over the data in random order; the loss of each step."""
    losses: list[float] = []
    order = minigrad.generator().permutation(len(x))
    for start in range(0, len(x), batch_size):
        batch = order[start : start + batch_size]
        loss = minigrad.cross_entropy(net(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        bar.set_postfix(loss=f"{np.mean(losses[-100:]):.4f}", refresh=False)
        bar.update(len(batch))
    return losses


def draw_curves(losses: list[float], accuracies: list[float], model: str, path: Path) -> None:
    """The loss of every step and its running mean, and the test accuracy after every epoch."""
    figure = Figure(figsize=(9.6, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = np.arange(1, len(losses) + 1) * len(accuracies) / len(losses)
    window = max(1, len(losses) // 50)
    smooth = np.convolve(losses, np.ones(window) / window, "valid")
    left.plot(epochs, losses, color=COLORS[0], linewidth=0.4, alpha=0.35, label="each step")
    left.plot(
        epochs[window - 1 :], smooth, color=COLORS[0], linewidth=1.6, label=f"mean of {window}"
    )
    left.set(title=f"{model}: training loss", xlabel="epoch", yscale="log")
    left.legend(frameon=False)
    right.plot(range(1, len(accuracies) + 1), np.multiply(accuracies, 100), "o-", color=COLORS[1])
    right.set(title=f"test accuracy, {accuracies[-1]:.2%} at the end", xlabel="epoch", ylabel="%")
    right.set_xticks(range(1, len(accuracies) + 1))
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.2)
    save_figure(figure, path)


def draw_mistakes(images: np.ndarray, labels: np.ndarray, log_p: np.ndarray, path: Path) -> None:
    """The test images that the net is surest to read as another digit than they are."""
    guesses = log_p.argmax(axis=1)
    wrong = np.flatnonzero(guesses != labels)
    worst = wrong[np.argsort(log_p[wrong, labels[wrong]])[:MISTAKES]]
    figure = Figure(figsize=(9.6, 6.4), layout="constrained")
    figure.suptitle(f"the worst of {len(wrong)} mistakes in {len(labels):,} images")
    for axes in (grid := figure.subplots(3, MISTAKES // 3)).flat:
        axes.axis("off")
    for axes, i in zip(grid.flat, worst, strict=False):
        axes.imshow(images[i], cmap="gray_r")
        sure = np.exp(log_p[i, guesses[i]])
        axes.set_title(f"{labels[i]}, read as {guesses[i]} ({sure:.0%})", fontsize=10)
    save_figure(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model", choices=["mlp", "cnn"], default="mlp", help="default: %(default)s"
    )
    parser.add_argument("--epochs", type=positive, help="default: 10 for mlp, 5 for cnn")
    parser.add_argument("--batch-size", type=positive, help="default: 128 for mlp, 64 for cnn")
    parser.add_argument("--data", type=Path, help="folder that holds the four IDX files")
    parser.add_argument(
        "--seed", type=natural, default=0, help="of weights and order; default: %(default)s"
    )
    parser.add_argument(
        "--out", type=folder, default="out", help="folder of the pictures; default: %(default)s"
    )
    arguments = parser.parse_args()
    model = arguments.model
    epochs = arguments.epochs or EPOCHS[model]
    batch_size = arguments.batch_size or BATCH_SIZE[model]

    data = mnist(arguments.data)
    x, x_test = prepare(data.train_images, model), prepare(data.test_images, model)
    minigrad.seed(arguments.seed)
    net = build(model)
    steps = epochs * -(-len(x) // batch_size)
    optimizer, schedule = optimizer_of(net, steps)
    print(net)

    losses: list[float] = []
    accuracies: list[float] = []
    start = time.perf_counter()
    titles = [f"epoch {epoch}/{epochs}" for epoch in range(1, epochs + 1)]
    with tqdm(total=len(x), desc=titles[0], unit=" images", unit_scale=True, leave=False) as bar:
        for title in titles:
            bar.set_description(title, refresh=False)
            bar.reset()
            began = time.perf_counter()
            losses += train_epoch(net, optimizer, x, data.train_labels, batch_size, schedule, bar)
            seconds = time.perf_counter() - began
            log_p = log_probabilities(net, x_test)
            accuracies.append(float((log_p.argmax(axis=1) == data.test_labels).mean()))
            mean = np.mean(losses[-(steps // epochs) :])
            bar.clear()
            print(
                f"{title}  loss {mean:.4f}  test accuracy {accuracies[-1]:.2%}  {seconds:.1f} s",
                flush=True,
            )
    print(f"{time.perf_counter() - start:.0f} s in all")

    draw_curves(losses, accuracies, model, arguments.out / f"mnist_{model}_curves.png")
    draw_mistakes(
        data.test_images, data.test_labels, log_p, arguments.out / f"mnist_{model}_mistakes.png"
    )


if __name__ == "__main__":
    run(main)
