"""What the demos share: training and its curves, numerical gradients, arguments, whole files or none, a quiet end."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # draws to files, with or without a screen
import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

import minigrad
import nn
import nn.data
from minigrad import picture
from minigrad.files import whole
from nn import threads

Loss = Callable[..., minigrad.Tensor]  # of a batch

COLORS = ("#3b6fb6", "#d1603d", "#4a9a6a", "#8663a8")
DPI = 110

# silent where stderr is no terminal: a log has the lines that are printed
progress_bar = partial(tqdm, disable=None, leave=False)

# Training ---------------------------------------------------------------------------------------------


@dataclass
class History:
    """The loss of each step, and by name the accuracies after each epoch."""

    losses: list[float] = field(default_factory=list)
    accuracies: dict[str, list[float]] = field(default_factory=dict)


def train(
    loader: nn.data.DataLoader,
    optimizer: nn.optim.Optimizer,
    loss_of: Loss,
    epochs: int,
    rate: Callable[[float], float],
    evaluate: Callable[[], dict[str, float]],
    say: Callable[[str], None] = lambda line: print(line, flush=True),
    watch: picture.Watch | None = None,
    together: nn.parallel.DataParallel | None = None,
) -> History:
    """Take a step for each batch (x, y) of each epoch; say after each what it came to.

    rate      the learning rate as a function of the part of the training that is done, 0 to 1
    evaluate  accuracies by the name of what they are measured on
    together  averages the gradients of several ranks
    """
    if together is None or together.ranks.size == 1:
        threads.say_once()
    history = History()
    steps = epochs * len(loader)
    rates = (rate(step / steps) for step in range(steps))
    titles = [f"epoch {epoch}/{epochs}" for epoch in range(1, epochs + 1)]
    images = len(loader.dataset)
    with progress_bar(total=images, desc=titles[0], unit=" images", unit_scale=True) as bar:
        for title in titles:
            bar.set_description(title, refresh=False)
            bar.reset()
            began = time.perf_counter()
            losses = train_epoch(loader, optimizer, loss_of, rates, bar, watch, together)
            seconds = time.perf_counter() - began
            bar.clear()
            history.losses += losses
            found = evaluate()
            for name, value in found.items():
                history.accuracies.setdefault(name, []).append(value)
            measured = "  ".join(f"{name} accuracy {value:.2%}" for name, value in found.items())
            say(f"{title}  loss {np.mean(losses):.4f}  {measured}  {seconds:.1f} s")
    return history


def train_epoch(
    loader: nn.data.DataLoader,
    optimizer: nn.optim.Optimizer,
    loss_of: Loss,
    rates: Iterator[float],
    bar: tqdm,
    watch: picture.Watch | None = None,
    together: nn.parallel.DataParallel | None = None,
) -> list[float]:
    """A step for each batch (x, y), at the next of the learning rates; the loss of each, of the rows of all ranks."""
    step, losses = step_of(optimizer, loss_of, together, watch), []
    ranks = nn.parallel.Ranks() if together is None else together.ranks
    for x, y in loader:
        optimizer.lr = next(rates)
        loss = step(x, y)
        total, rows = ranks.totals(loss.item() * len(y), len(y))
        losses.append(total / rows)
        bar.set_postfix(loss=f"{np.mean(losses[-100:]):.4f}", refresh=False)
        bar.update(int(rows))
    return losses


def step_of(
    optimizer: nn.optim.Optimizer,
    loss_of: Loss,
    together: nn.parallel.DataParallel | None = None,
    watch: picture.Watch | None = None,
) -> Loss:
    """A step of training: the loss of a batch, by whose gradient, or the mean of all ranks', the net is updated."""

    def step(*batch: np.ndarray) -> minigrad.Tensor:
        with watch or nullcontext():
            loss = loss_of(*batch)
            optimizer.zero_grad()
            loss.backward()
            if together is not None:
                together.average(len(batch[0]))
            optimizer.step()
        if watch is not None:
            watch.note(loss=loss)
        return loss

    return step


def outputs(net: nn.Module, x: np.ndarray) -> np.ndarray:
    """net(x), computed in parts that do not need much memory, without a graph."""
    with minigrad.no_grad():
        return np.concatenate([net(x[i : i + 500]).numpy() for i in range(0, len(x), 500)])


def accuracy(net: nn.Module, x: np.ndarray, y: np.ndarray) -> float:
    """The part of x whose largest output is that of its label."""
    return float((outputs(net, x).argmax(axis=1) == y).mean())


def start_small(net: nn.Module, deviation: float) -> None:
    """Draw every weight from N(0, deviation^2) and set every bias to 0, as the textbooks start."""
    for name, p in net.named_parameters():
        is_weight = name.endswith("weight")
        p.assign(nn.init.normal(p.shape, deviation if is_weight else 0.0, dtype=p.dtype))


def numerical_gradient(
    loss: Callable[[], minigrad.Tensor], parameter: nn.Parameter, h: float, bar: tqdm
) -> np.ndarray:
    """(loss(p + h) - loss(p - h)) / 2h for each element p of the parameter, which is left as it was."""
    w = parameter.data
    gradient = np.empty_like(w)
    with minigrad.no_grad():
        for i in np.ndindex(w.shape):
            before = w[i]
            w[i] = before + h
            above = loss().item()
            w[i] = before - h
            gradient[i] = (above - loss().item()) / (2 * h)
            w[i] = before
            bar.update()
    minigrad.touch(parameter)
    return gradient


# Pictures ---------------------------------------------------------------------------------------------


def draw_curves(history: History, title: str, path: Path) -> None:
    """The loss of every step and its running mean, and the accuracies after every epoch."""
    figure = Figure(figsize=(9.6, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    losses, accuracies = history.losses, history.accuracies
    count = len(next(iter(accuracies.values())))
    epochs = np.arange(1, len(losses) + 1) * count / len(losses)
    window = max(1, len(losses) // 50)
    smooth = np.convolve(losses, np.ones(window) / window, "valid")
    left.plot(epochs, losses, color=COLORS[0], linewidth=0.4, alpha=0.35, label="each step")
    left.plot(
        epochs[window - 1 :], smooth, color=COLORS[0], linewidth=1.6, label=f"mean of {window}"
    )
    left.set(title=f"{title}: training loss", xlabel="epoch", yscale="log")
    left.legend(frameon=False)
    for (name, values), color in zip(accuracies.items(), COLORS[1:], strict=False):
        right.plot(range(1, count + 1), np.multiply(values, 100), "o-", color=color, label=name)
    ends = ", ".join(f"{name} {values[-1]:.2%}" for name, values in accuracies.items())
    right.set(title=f"accuracy: {ends}", xlabel="epoch", ylabel="%")
    right.set_xlim(left.get_xlim())  # from 0, so that one epoch has an axis too
    right.xaxis.get_major_locator().set_params(integer=True)
    if len(accuracies) > 1:
        right.legend(frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.2)
    save_figure(figure, path)


def draw_weights(weights: np.ndarray, columns: int, title: str, path: Path) -> None:
    """Weights (N, 3, H, W) as a grid of N small pictures in colour; grey is 0 in each."""
    count, width = len(weights), weights.shape[3]
    rows, zoom, gap = -(-count // columns), -(-64 // width), 8
    scaled = 0.5 + 0.5 * weights / np.abs(weights).max(axis=(1, 2, 3), keepdims=True)
    tiles = scaled.transpose(0, 2, 3, 1).repeat(zoom, axis=1).repeat(zoom, axis=2)
    missing = rows * columns - count
    tiles = np.pad(tiles, ((0, missing), (gap, 0), (gap, 0), (0, 0)), constant_values=1.0)
    high, wide = tiles.shape[1:3]
    mosaic = tiles.reshape(rows, columns, high, wide, 3).transpose(0, 2, 1, 3, 4)
    mosaic = mosaic.reshape(rows * high, columns * wide, 3)
    mosaic = np.pad(mosaic, ((0, gap), (0, gap), (0, 0)), constant_values=1.0)
    # pixel for pixel, with a line above for the title: what is resampled is blurred, and several times as large
    size = np.array([mosaic.shape[1], mosaic.shape[0] + 30])
    figure = Figure(figsize=tuple(size / DPI))
    axes = figure.add_axes((0, 0, 1, mosaic.shape[0] / size[1]))
    axes.imshow(mosaic, interpolation="nearest", aspect="auto")
    axes.axis("off")
    figure.suptitle(title, y=1 - 5 / size[1], va="top", fontsize=11)
    save_figure(figure, path)


def save_figure(figure: Figure, path: Path) -> None:
    """Write the figure to `path`, whole or not at all."""
    with whole(path) as file:
        figure.savefig(file, format=path.suffix[1:], dpi=DPI)
    print(f"wrote {path}")


# What the command line says ---------------------------------------------------------------------------


def natural(text: str) -> int:
    """A command-line argument that is a whole number from 0."""
    return _at_least(0, text)


def positive(text: str) -> int:
    """A command-line argument that is a whole number from 1."""
    return _at_least(1, text)


def _at_least(least: int, text: str) -> int:
    value = int(text)
    if value < least:
        raise argparse.ArgumentTypeError(f"must be at least {least}, not {value}")
    return value


def parser_for(description: str, seeded: str) -> argparse.ArgumentParser:
    """A parser whose help is a demo's docstring, with the arguments that all demos have."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--seed", type=natural, default=0, help=f"of {seeded}; default: %(default)s"
    )
    parser.add_argument(
        "--out", type=folder, default="out", help="folder of the pictures; default: %(default)s"
    )
    return parser


def add_parallel(parser: argparse.ArgumentParser) -> None:
    """The argument of a demo that several processes can run together."""
    parser.add_argument(
        "--parallel", action="store_true",
        help="train on the processes that mpiexec has started, as in: mpiexec -n 2 python ...",
    )  # fmt: skip


def add_watch(parser: argparse.ArgumentParser) -> None:
    """The argument of a demo whose training can be watched."""
    parser.add_argument(
        "--watch", action="store_true", help="judge the training, and write a page of plots of it"
    )


def watch_of(arguments: argparse.Namespace, net: nn.Module) -> picture.Watch | None:
    """The watch over a net, with --watch."""
    return picture.watch(net) if arguments.watch else None


def judge(watch: picture.Watch | None, path: Path) -> None:
    """Write the page of a training that was watched, and say what is wrong with it."""
    if watch is not None:
        print(f"wrote {watch.page(path)}")
        print(watch.judge())


def ranks_of(arguments: argparse.Namespace) -> nn.parallel.Ranks:
    """The processes that train together, with --parallel; of several, the first alone prints."""
    ranks = nn.parallel.world() if arguments.parallel else nn.parallel.Ranks()
    if ranks.rank:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  until the process ends
    return ranks


def folder(text: str) -> Path:
    """A command-line argument that is a folder to write into; it is made, before anything long begins."""
    path = Path(text)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"cannot be made: {error}") from None
    return path


def run(main: Callable[[], None]) -> None:
    """Call main; Ctrl-C ends with one line, and an error the user can mend with its message alone."""
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\ninterrupted; what was written is complete")
    except (OSError, RuntimeError, ValueError) as error:
        sys.exit(f"error: {error}")
