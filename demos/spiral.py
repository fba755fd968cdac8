"""Train a two-layer net on three spiral arms, and draw what it learned and the last step's graph, also as a page.

The task of Stanford's CS231n: three classes in the plane that no line can part. A net with 100 hidden units bends
its decision regions around the arms.

    python demos/spiral.py
    python demos/spiral.py --iterations 1000 --out /tmp/spiral
    python demos/spiral.py --watch                 and a judgement on the training, with a page of plots
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from support import (
    COLORS,
    Loss,
    accuracy,
    add_watch,
    judge,
    parser_for,
    positive,
    run,
    save_figure,
    step_of,
    watch_of,
)

import minigrad
import nn
from minigrad import picture

POINTS = 100  # per arm
ARMS = 3
HIDDEN = 100
LEARNING_RATE = 1.0
REGULARISATION = 1e-3
ITERATIONS = 10_000


def spiral(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 2) on arms that wind outwards with noise in their angle, and which arm each is on (N,)."""
    radius = np.tile(np.linspace(0.0, 1.0, POINTS), ARMS)
    arm = np.repeat(np.arange(ARMS), POINTS)
    angle = 4 * (arm + radius) + 0.2 * rng.standard_normal(POINTS * ARMS)
    points = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1)
    return points.astype(np.float32), arm


def loss_of(model: nn.MLP, x: np.ndarray, y: np.ndarray) -> minigrad.Tensor:
    """Softmax loss plus 0.5 * REGULARISATION * (sum W1^2 + sum W2^2)."""
    w1, w2 = model[0].weight, model[2].weight
    penalty = 0.5 * REGULARISATION * (np.square(w1).sum() + np.square(w2).sum())
    return minigrad.cross_entropy(model(x), y) + penalty


def training() -> tuple[nn.MLP, nn.optim.Optimizer, Loss]:
    """The net, its optimiser, and the loss of all points."""
    model = nn.MLP([2, HIDDEN, ARMS])
    return model, nn.optim.SGD(model.parameters(), lr=LEARNING_RATE), partial(loss_of, model)


def draw(model: nn.MLP, x: np.ndarray, y: np.ndarray, losses: list[float], path: Path) -> None:
    """The decision regions with the points on them, and the loss over the iterations."""
    figure = Figure(figsize=(9.6, 4.4), layout="constrained")
    regions, curve = figure.subplots(1, 2)
    side = np.linspace(-1.25, 1.25, 301, dtype=np.float32)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    with minigrad.no_grad():
        winner = model(grid).numpy().argmax(axis=1).reshape(len(side), len(side))
    colors = ListedColormap(COLORS[:ARMS])
    regions.pcolormesh(
        side, side, winner, cmap=colors, alpha=0.35, shading="nearest", rasterized=True
    )
    regions.scatter(*x.T, c=y, cmap=colors, s=22, edgecolors="white", linewidths=0.6)
    regions.set(title=f"decision regions, {accuracy(model, x, y):.1%} right", aspect="equal")
    regions.set(xticks=[], yticks=[], xlim=side[[0, -1]], ylim=side[[0, -1]])
    curve.plot(losses, color=COLORS[0], linewidth=1)
    curve.set(title=f"loss, {losses[-1]:.3f} at the end", xlabel="iteration", xscale="symlog")
    curve.spines[["top", "right"]].set_visible(False)
    curve.set_ylim(bottom=0)
    save_figure(figure, path)


def main() -> None:
    parser = parser_for(__doc__, seeded="data and weights")
    parser.add_argument(
        "--iterations", type=positive, default=ITERATIONS, help="default: %(default)s"
    )
    add_watch(parser)
    arguments = parser.parse_args()

    minigrad.seed(arguments.seed)
    x, y = spiral(minigrad.generator())
    model, *how = training()
    watch = watch_of(arguments, model)
    step = step_of(*how, watch=watch)
    print(model)

    losses = []
    start = time.perf_counter()
    for iteration in range(arguments.iterations):
        loss = step(x, y)
        losses.append(loss.item())
        if iteration % 1000 == 0:
            print(f"iteration {iteration:6}  loss {loss:.6f}")
    seconds = time.perf_counter() - start
    with minigrad.record():
        loss = loss_of(model, x, y)
    losses.append(loss.item())
    print(f"iteration {arguments.iterations:6}  loss {loss:.6f}")
    print(f"training accuracy {accuracy(model, x, y):.2%}")
    print(f"{seconds:.1f} s, {seconds / arguments.iterations * 1e6:.0f} us per iteration")

    draw(model, x, y, losses, arguments.out / "spiral.png")
    print(f"wrote {picture.draw(loss, arguments.out / 'spiral_graph.svg', model)}")
    print(f"wrote {picture.page(loss, arguments.out / 'spiral.html', model)}")
    judge(watch, arguments.out / "spiral_training.html")


if __name__ == "__main__":
    run(main)
