"""Train a multi-layer perceptron or a convolutional net on MNIST, and draw its curves, worst mistakes, and graph.

    python demos/mnist.py                        98% in ten epochs
    python demos/mnist.py --model cnn            99% in four
    python demos/mnist.py --watch                and a judgement on the training, with a page of plots
    mpiexec -n 2 python demos/mnist.py --parallel
    python demos/mnist.py --data folder/of/the/four/files

Without --data the files are looked for in the folder MINIGRAD_DATA names, then in a cache in your home; if they
are not there they are downloaded into it.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from support import (
    Loss,
    accuracy,
    add_parallel,
    add_watch,
    draw_curves,
    judge,
    outputs,
    parser_for,
    positive,
    ranks_of,
    run,
    save_figure,
    train,
    watch_of,
)

import minigrad
import nn
from minigrad import picture
from nn.data import DataLoader, TensorDataset, mnist

MEAN, DEVIATION = 0.1307, 0.3081  # of the training pixels
EPOCHS = {"mlp": 10, "cnn": 4}
BATCH_SIZE = {"mlp": 128, "cnn": 64}
LEARNING_RATE = 5e-3  # of Adam
WARM_UP = 0.1  # of the training; at full speed from the first step on, half of the cnn's hidden units would die
MISTAKES = 15
PAGE_BATCH = 8  # images in the graph that the page plays


def build(model: str) -> nn.Sequential:
    if model == "mlp":
        return nn.MLP([784, 128, 10])
    return nn.CNN((1, 28, 28), channels=[8, 16], hidden=[128], classes=10)


def training(model: str) -> tuple[nn.Sequential, nn.optim.Optimizer, Loss]:
    """The net, its optimiser, and the loss of a batch."""
    net = build(model)
    return net, nn.optim.Adam(net.parameters()), lambda x, y: minigrad.cross_entropy(net(x), y)


def prepare(images: np.ndarray, model: str) -> np.ndarray:
    """Pixels 0..255 as floats of mean 0 and deviation 1: (N, 784) for the perceptron, (N, 1, 28, 28) else."""
    x = (images.astype(np.float32) / 255 - MEAN) / DEVIATION
    return x.reshape(len(x), -1) if model == "mlp" else x[:, None]


def rate(done: float) -> float:
    """The learning rate when a part 0..1 of the training is done: it rises to its height, and falls to 0 at the end."""
    return LEARNING_RATE * min(done / WARM_UP, 1) * (1 - done)


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
    parser = parser_for(__doc__, seeded="weights and order")
    parser.add_argument(
        "--model", choices=["mlp", "cnn"], default="mlp", help="default: %(default)s"
    )
    parser.add_argument("--epochs", type=positive, help="default: 10 for mlp, 4 for cnn")
    parser.add_argument("--batch-size", type=positive, help="default: 128 for mlp, 64 for cnn")
    parser.add_argument("--data", type=Path, help="folder that holds the four IDX files")
    add_watch(parser)
    add_parallel(parser)
    arguments = parser.parse_args()
    model, ranks = arguments.model, ranks_of(arguments)

    data = mnist(arguments.data)
    x, x_test = prepare(data.train_images, model), prepare(data.test_images, model)
    minigrad.seed(arguments.seed)
    net, optimizer, loss_of = training(model)
    batch_size = arguments.batch_size or BATCH_SIZE[model]
    together = nn.parallel.DataParallel(net, ranks)
    rng = np.random.default_rng(arguments.seed) if arguments.parallel else None
    images = TensorDataset(x, data.train_labels)
    loader = DataLoader(images, batch_size, shuffle=True, shard=ranks, rng=rng)
    watch = None if ranks.rank else watch_of(arguments, net)
    print(net)

    start = time.perf_counter()
    history = train(
        loader,
        optimizer,
        loss_of,
        epochs=arguments.epochs or EPOCHS[model],
        rate=rate,
        evaluate=lambda: {"test": accuracy(net, x_test, data.test_labels)},
        watch=watch,
        together=together,
    )
    print(f"{time.perf_counter() - start:.1f} s in all")
    if ranks.rank:
        return

    out, name = arguments.out, f"mnist_{model}"
    draw_curves(history, model, out / f"{name}_curves.png")
    log_p = minigrad.log_softmax(outputs(net, x_test))
    draw_mistakes(data.test_images, data.test_labels, log_p, out / f"{name}_mistakes.png")
    images, labels = x_test[:PAGE_BATCH], data.test_labels[:PAGE_BATCH]  # the page has these names
    with minigrad.record():
        loss = minigrad.cross_entropy(net(images), labels)
    print(f"wrote {picture.page(loss, out / f'{name}.html', net)}")
    judge(watch, out / f"{name}_training.html")


if __name__ == "__main__":
    run(main)
