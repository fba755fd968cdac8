"""Classify the photographs of CIFAR-10 by a two-layer net or by a convolutional one, as Stanford's CS231n teaches it.

    python demos/cifar10.py                        conv: what a teacher checks first, then 62% in one to three minutes
    python demos/cifar10.py --loss svm             the same net with the multiclass hinge loss
    python demos/cifar10.py --model two-layer      a table over learning rate and L2, then about 46%
    python demos/cifar10.py --watch                and a judgement on the training, with a page of plots
    python demos/cifar10.py --data folder/of/the/files
    mpiexec -n 2 python demos/cifar10.py --parallel

conv       7x7x32 convolution, relu, 2x2 max-pool, 100 units, relu, 10 classes; Adam, its learning rate falling to 0
two-layer  3072 pixels, 100 units, relu, 10 classes; SGD on 5,000 images, the mean image subtracted, weights from
           N(0, 0.001^2). The best row of the table is the one that is best on 1,000 other training images

Both add 0.5 reg (sum W1^2 + sum W2^2 + ...) to the loss, and both mirror each training image with probability 1/2,
which the textbook does not. The train accuracy of conv is taken on as many training images as there are test images.

Without --data the files are looked for in the folder MINIGRAD_DATA names, then in a cache in your home; if they are
not there they are downloaded into it (162 MB).
"""

from __future__ import annotations

import argparse
import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from support import (
    History,
    Loss,
    accuracy,
    add_parallel,
    add_watch,
    draw_curves,
    draw_weights,
    judge,
    numerical_gradient,
    parser_for,
    positive,
    progress_bar,
    ranks_of,
    run,
    start_small,
    step_of,
    train,
    watch_of,
)

import minigrad
import nn
from minigrad import picture
from nn.data import CIFAR10, DataLoader, RandomHorizontalFlip, TensorDataset, cifar10

LOSSES = {"softmax": minigrad.cross_entropy, "svm": minigrad.hinge_loss}

# the two-layer net
TRAINING, VALIDATION, TEXTBOOK_TEST = 5000, 1000, 500
RATES = (3e-4, 1e-3, 2e-3)
PENALTIES = (0.1, 1.0, 3.0)
DECAY = 0.95  # of the learning rate, each epoch
DEVIATION = 1e-3

# the convolutional net
FILTER_DEVIATION = 0.01  # at the start; little, so that the pictures show what was learned
LEARNING_RATE = 1e-3
PENALTY = 1e-3
PIXEL_DEVIATION = 64.0  # about that of the training pixels
OVERFITTED = 50  # images
H = 1e-6

EPOCHS = {"conv": 12, "two-layer": 30}
BATCH_SIZE = {"conv": 50, "two-layer": 100}


def two_layer_net() -> nn.Sequential:
    net = nn.Sequential(nn.Flatten(), *nn.MLP([3 * 32 * 32, 100, 10]))
    start_small(net, DEVIATION)
    return net


def conv_net(
    size: int = 32, filters: int = 32, kernel: int = 7, hidden: int = 100, dtype: Any = None
) -> nn.Sequential:
    """Convolution (stride 1, padded to keep the size) - relu - 2x2 max-pool - affine - relu - affine."""
    net = nn.CNN((3, size, size), [filters], [hidden], kernel_size=kernel, dtype=dtype)
    start_small(net[0], FILTER_DEVIATION)
    return net


def output_size(width: int, field: int, padding: int, stride: int) -> float:
    """(W - F + 2P) / S + 1"""
    return (width - field + 2 * padding) / stride + 1


def objective(net: nn.Module, loss: str, penalty: float) -> Loss:
    """The loss of a batch plus 0.5 penalty (sum W1^2 + sum W2^2 + ...); biases are free."""
    weights = [p for name, p in net.named_parameters() if name.endswith("weight")]

    def loss_of(x: Any, y: Any) -> minigrad.Tensor:
        return LOSSES[loss](net(x), y) + 0.5 * penalty * sum(np.square(w).sum() for w in weights)

    return loss_of


def two_layer_training(
    loss: str, rate: float, penalty: float
) -> tuple[nn.Module, nn.optim.Optimizer, Loss]:
    """The net, its optimiser, and the loss of a batch."""
    net = two_layer_net()
    return net, nn.optim.SGD(net.parameters(), lr=rate), objective(net, loss, penalty)


def conv_training(loss: str) -> tuple[nn.Module, nn.optim.Optimizer, Loss]:
    """The net, its optimiser, and the loss of a batch."""
    net = conv_net()
    return net, nn.optim.Adam(net.parameters()), objective(net, loss, PENALTY)


def loader_of(
    x: np.ndarray,
    y: np.ndarray,
    batch_size: int,
    ranks: nn.parallel.Ranks | None = None,
    rng: np.random.Generator | None = None,
) -> DataLoader:
    return DataLoader(
        TensorDataset(x, y), batch_size, shuffle=True, transform=RandomHorizontalFlip(), shard=ranks, rng=rng
    )  # fmt: skip


# The two-layer net ------------------------------------------------------------------------------------


def run_two_layer(data: CIFAR10, arguments: argparse.Namespace) -> None:
    """Train one net for each row of the table; measure and draw the one that is best in validation."""
    mean = data.train_images[:TRAINING].mean(axis=0, dtype=np.float32)
    x, y = data.train_images[: TRAINING + VALIDATION] - mean, data.train_labels
    parts = {
        "train": (x[:TRAINING], y[:TRAINING]),
        "validation": (x[TRAINING:], y[TRAINING : len(x)]),
    }
    print(two_layer_net())
    print(f"\n{'rate':>8} {'reg':>5}  {'loss':>6}  {'train':>6}  validation")
    rows = []
    for rate, penalty in product(RATES, PENALTIES):
        minigrad.seed(arguments.seed)
        net, history, watch = fit_two_layer(parts, rate, penalty, arguments)
        loss = np.mean(history.losses[-(TRAINING // arguments.batch_size) :])
        trained, validated = (values[-1] for values in history.accuracies.values())
        row = f"{rate:8.0e} {penalty:5.1f}  {loss:6.3f}  {trained:6.1%}  {validated:.1%}"
        print(row, flush=True)
        rows.append((validated, f"rate {rate:.0e}, reg {penalty}", history, net, watch))
    _, title, history, net, watch = max(rows, key=lambda row: row[0])
    x_test, y_test = data.test_images - mean, data.test_labels
    first = slice(TEXTBOOK_TEST)
    print(
        f"\nbest in validation: {title}\n"
        f"test accuracy {accuracy(net, x_test, y_test):.2%} on all {len(y_test):,} images, "
        f"{accuracy(net, x_test[first], y_test[first]):.1%} on the first {TEXTBOOK_TEST}"
    )
    draw_curves(history, f"two-layer, {title}", arguments.out / "cifar10_two-layer_curves.png")
    weights = net[1].weight.numpy().reshape(-1, 3, 32, 32)
    path = arguments.out / "cifar10_two-layer_weights.png"
    draw_weights(weights, 10, "the weights of each of the 100 hidden units", path)
    judge(watch, arguments.out / "cifar10_two-layer_training.html")


def fit_two_layer(
    parts: dict[str, tuple[np.ndarray, np.ndarray]],
    rate: float,
    penalty: float,
    arguments: argparse.Namespace,
) -> tuple[nn.Module, History, picture.Watch | None]:
    """A net trained on the part of that name, and measured on each part; with --watch, its watch."""
    net, optimizer, loss_of = two_layer_training(arguments.loss, rate, penalty)
    watch = watch_of(arguments, net)
    history = train(
        loader_of(*parts["train"], arguments.batch_size),
        optimizer,
        loss_of,
        epochs=arguments.epochs,
        rate=lambda done: rate * DECAY ** int(done * arguments.epochs),
        evaluate=lambda: {name: accuracy(net, x, y) for name, (x, y) in parts.items()},
        say=lambda line: None,
        watch=watch,
    )
    return net, history, watch


# The convolutional net --------------------------------------------------------------------------------


def run_conv(data: CIFAR10, arguments: argparse.Namespace) -> None:
    """Check what can be known beforehand, then train on all images, measure and draw."""
    ranks = ranks_of(arguments)
    mean = data.train_images.mean(axis=0, dtype=np.float32)
    x = (data.train_images - mean) / np.float32(PIXEL_DEVIATION)
    x_test = (data.test_images - mean) / np.float32(PIXEL_DEVIATION)
    y, y_test = data.train_labels, data.test_labels
    minigrad.seed(arguments.seed)
    print(conv_net(), "\n")
    check(x, y, arguments.loss)

    net, optimizer, loss_of = conv_training(arguments.loss)
    watch = None if ranks.rank else watch_of(arguments, net)
    together = nn.parallel.DataParallel(net, ranks)
    rng = np.random.default_rng(arguments.seed) if arguments.parallel else None
    sample = slice(len(y_test))
    start = time.perf_counter()
    history = train(
        loader_of(x, y, arguments.batch_size, ranks, rng),
        optimizer,
        loss_of,
        epochs=arguments.epochs,
        rate=lambda done: LEARNING_RATE * (1 - done),
        evaluate=lambda: {
            "train": accuracy(net, x[sample], y[sample]),
            "test": accuracy(net, x_test, y_test),
        },
        watch=watch,
        together=together,
    )
    print(f"{time.perf_counter() - start:.1f} s in all")
    if ranks.rank:
        return
    name = f"cifar10_conv_{arguments.loss}"
    draw_curves(history, f"conv, {arguments.loss}", arguments.out / f"{name}_curves.png")
    title = f"the {len(net[0].weight)} filters of the convolution"
    draw_weights(net[0].weight.numpy(), 8, title, arguments.out / f"{name}_filters.png")
    judge(watch, arguments.out / f"{name}_training.html")


def check(x: np.ndarray, y: np.ndarray, loss: str) -> None:
    """What a teacher looks at before the training, printed; each number has its own law."""
    with minigrad.no_grad():
        features = conv_net()[0](x[:1])
        pooled = conv_net()[:3](x[:1])
    conv, pool = output_size(32, 7, 3, 1), output_size(32, 2, 0, 2)
    print(
        f"output sizes (W - F + 2P)/S + 1: {conv:g} and {pool:g}, found {features.shape[2]} and {pooled.shape[2]}"
    )
    expected = "log 10 = 2.303" if loss == "softmax" else "the number of wrong classes, 9"
    free, held = initial_losses(x[:500], y[:500], loss)
    print(f"initial loss {free:.3f}, expected about {expected}; with L2 more: {held:.3f}")
    for name, error in gradient_errors(y[:4], loss).items():
        print(f"gradient of {name:8} relative error {error:.0e}")
    steps, right = overfit(x[:OVERFITTED], y[:OVERFITTED], loss)
    print(f"{OVERFITTED} images learned by heart: {right:.0%} after {steps} steps\n", flush=True)


def initial_losses(x: np.ndarray, y: np.ndarray, loss: str) -> tuple[float, float]:
    """The loss of a net that has learned nothing, without and with the L2 penalty."""
    net = conv_net()
    with minigrad.no_grad():
        return objective(net, loss, 0.0)(x, y).item(), objective(net, loss, PENALTY)(x, y).item()


def gradient_errors(labels: np.ndarray, loss: str) -> dict[str, float]:
    """Per parameter |b - c| / (|b| + |c|) of backpropagation and central differences, in float64, of a small net."""
    net = conv_net(size=8, filters=3, kernel=3, hidden=7, dtype=np.float64)
    x = minigrad.generator().standard_normal((len(labels), 3, 8, 8))
    loss_of = objective(net, loss, PENALTY)
    loss_of(x, labels).backward()
    errors = {}
    total = sum(p.size for p in net.parameters())
    with progress_bar(total=total, desc="central differences") as bar:
        for name, p in net.named_parameters():
            numerical = numerical_gradient(lambda: loss_of(x, labels), p, H, bar)
            exact = p.grad.numpy()
            lengths = np.linalg.norm(exact) + np.linalg.norm(numerical)
            errors[name] = float(np.linalg.norm(exact - numerical) / lengths)
    return errors


def overfit(x: np.ndarray, y: np.ndarray, loss: str, most: int = 200) -> tuple[int, float]:
    """The steps it takes to learn a few images by heart, and the accuracy on them."""
    net = conv_net()
    optimizer = nn.optim.Adam(net.parameters(), lr=LEARNING_RATE)
    step = step_of(optimizer, objective(net, loss, 0.0))
    for steps in progress_bar(range(most), desc="learning by heart"):
        if accuracy(net, x, y) == 1:
            return steps, 1.0
        step(x, y)
    return most, accuracy(net, x, y)


def main() -> None:
    parser = parser_for(__doc__, seeded="weights, order and mirroring")
    parser.add_argument(
        "--model", choices=["conv", "two-layer"], default="conv", help="default: %(default)s"
    )
    parser.add_argument(
        "--loss", choices=list(LOSSES), default="softmax", help="default: %(default)s"
    )
    parser.add_argument("--epochs", type=positive, help="default: 12 for conv, 30 for two-layer")
    parser.add_argument(
        "--batch-size", type=positive, help="default: 50 for conv, 100 for two-layer"
    )
    parser.add_argument("--data", type=Path, help="folder that holds CIFAR-10, binary or python")
    add_watch(parser)
    add_parallel(parser)
    arguments = parser.parse_args()
    if arguments.parallel and arguments.model != "conv":
        parser.error("--parallel is for --model conv")
    arguments.epochs = arguments.epochs or EPOCHS[arguments.model]
    arguments.batch_size = arguments.batch_size or BATCH_SIZE[arguments.model]
    data = cifar10(arguments.data)
    (run_conv if arguments.model == "conv" else run_two_layer)(data, arguments)


if __name__ == "__main__":
    run(main)
