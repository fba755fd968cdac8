"""Train the textbook's two-layer net on MNIST, after a check of its gradients against central differences.

784 pixels - 50 hidden units, relu - 10 digits, softmax loss: the net of chapter 5 of Saitoh's Deep Learning from
Scratch. Its weights start from N(0, 0.01^2), its biases from 0. Before the training, backpropagation is compared with
(L(w + h) - L(w - h)) / 2h for each of the 39,760 parameters, on the first three images.

    python demos/two_layer_net.py                97% of the test images, in about ten seconds
    python demos/two_layer_net.py --epochs 2
    python demos/two_layer_net.py --watch        and a judgement on the training, with a page of plots
    python demos/two_layer_net.py --data folder/of/the/four/files

Without --data the files are looked for in the folder MINIGRAD_DATA names, then in a cache in your home; if they
are not there they are downloaded into it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from support import (
    Loss,
    accuracy,
    add_watch,
    draw_curves,
    judge,
    numerical_gradient,
    parser_for,
    positive,
    progress_bar,
    run,
    start_small,
    train,
    watch_of,
)

import minigrad
import nn
from nn.data import DataLoader, TensorDataset, mnist

HIDDEN = 50
DEVIATION = 0.01  # of the weights at the start
LEARNING_RATE = 0.1
BATCH_SIZE = 100
EPOCHS = 25  # of 600 steps each; the textbook ends after 10,000 steps, at about 97%
CHECKED_IMAGES = 3
H = 1e-4
NAMES = ("W1", "b1", "W2", "b2")


def prepare(images: np.ndarray) -> np.ndarray:
    """Pixels 0..255 as floats 0..1, one image to a row: (N, 784)."""
    return images.reshape(len(images), -1).astype(np.float32) / 255


def training(pixels: int) -> tuple[nn.Module, nn.optim.Optimizer, Loss]:
    """The net, its optimiser, and the loss of a batch."""
    net = nn.MLP([pixels, HIDDEN, 10])
    start_small(net, DEVIATION)
    optimizer = nn.optim.SGD(net.parameters(), lr=LEARNING_RATE)
    return net, optimizer, lambda x, y: minigrad.cross_entropy(net(x), y)


def gradient_differences(x: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Per parameter the mean of |backpropagation - central difference|, in float64, of a net as it starts."""
    net = nn.MLP([x.shape[1], HIDDEN, 10], dtype=np.float64)
    start_small(net, DEVIATION)
    x, targets = x.astype(np.float64), np.eye(10)[labels]
    # Where a step of h takes a hidden unit across relu's kink there is no derivative to compare: start elsewhere.
    while np.abs(net[0](x).numpy()).min() < H:
        start_small(net, DEVIATION)

    def loss() -> minigrad.Tensor:
        return minigrad.cross_entropy(net(x), targets)

    loss().backward()
    found = {}
    total = sum(p.size for p in net.parameters())
    with progress_bar(total=total, desc="central differences", unit_scale=True) as bar:
        for name, p in zip(NAMES, net.parameters(), strict=True):
            numerical = numerical_gradient(loss, p, H, bar)
            found[name] = float(np.abs(p.grad.numpy() - numerical).mean())
    return found


def main() -> None:
    parser = parser_for(__doc__, seeded="weights and order")
    parser.add_argument("--epochs", type=positive, default=EPOCHS, help="default: %(default)s")
    parser.add_argument("--data", type=Path, help="folder that holds the four IDX files")
    add_watch(parser)
    arguments = parser.parse_args()

    data = mnist(arguments.data)
    x, y = prepare(data.train_images), data.train_labels
    x_test, y_test = prepare(data.test_images), data.test_labels
    minigrad.seed(arguments.seed)

    print(f"mean |backpropagation - central difference|, {CHECKED_IMAGES} images, h = {H}")
    for name, difference in gradient_differences(x[:CHECKED_IMAGES], y[:CHECKED_IMAGES]).items():
        print(f"  {name}  {difference:.1e}")

    net, optimizer, loss_of = training(x.shape[1])
    print(net)
    watch = watch_of(arguments, net)
    history = train(
        DataLoader(TensorDataset(x, y), BATCH_SIZE, shuffle=True),
        optimizer,
        loss_of,
        epochs=arguments.epochs,
        rate=lambda done: LEARNING_RATE,
        evaluate=lambda: {"train": accuracy(net, x, y), "test": accuracy(net, x_test, y_test)},
        watch=watch,
    )
    draw_curves(history, "two-layer net", arguments.out / "two_layer_net.png")
    judge(watch, arguments.out / "two_layer_net_training.html")


if __name__ == "__main__":
    run(main)
