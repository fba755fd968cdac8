"""Time one training step of small dense networks: minigrad, backpropagation by hand in NumPy, and PyTorch.

    python tests/benchmarks/dense.py            a table of medians and of ratios to the step by hand
    python tests/benchmarks/dense.py --rounds 100 --workloads spiral mnist2

PyTorch is left out where it is not installed. How the engines take turns: turns.py.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from turns import turns, work

WORKLOADS = {  # batch, then the sizes of the layers
    "spiral": (300, (2, 100, 3)),
    "mnist2": (100, (784, 50, 10)),
    "cifar2": (200, (3072, 100, 10)),
    "mlp4": (128, (784, 256, 128, 10)),
}
LEARNING_RATE = 0.01


def data(workload: str) -> tuple[np.ndarray, np.ndarray]:
    batch, sizes = WORKLOADS[workload]
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, sizes[0])).astype(np.float32)
    return x, rng.integers(0, sizes[-1], batch)


def by_hand(workload: str) -> Callable[[], None]:
    """Backpropagation as a textbook derives and writes it."""
    x, y = data(workload)
    _, sizes = WORKLOADS[workload]
    rng = np.random.default_rng(1)
    weights = [0.01 * rng.standard_normal(pair).astype(np.float32) for pair in pairwise(sizes)]
    biases = [np.zeros((1, n), np.float32) for n in sizes[1:]]

    def step() -> None:
        activations = [x]
        for w, b in zip(weights[:-1], biases[:-1], strict=True):
            activations.append(np.maximum(0, activations[-1] @ w + b))
        scores = activations[-1] @ weights[-1] + biases[-1]
        scores -= scores.max(axis=1, keepdims=True)
        exps = np.exp(scores)
        probabilities = exps / exps.sum(axis=1, keepdims=True)
        loss = -np.log(probabilities[range(len(y)), y]).mean()
        assert np.isfinite(loss)
        d = probabilities
        d[range(len(y)), y] -= 1
        d /= len(y)
        for layer in reversed(range(len(weights))):
            dw = activations[layer].T @ d
            db = d.sum(axis=0, keepdims=True)
            if layer:
                d = d @ weights[layer].T
                d[activations[layer] <= 0] = 0
            weights[layer] -= LEARNING_RATE * dw
            biases[layer] -= LEARNING_RATE * db

    return step


def in_minigrad(workload: str) -> Callable[[], None]:
    import nn

    x, y = data(workload)
    model = nn.MLP(WORKLOADS[workload][1], rng=np.random.default_rng(1))
    loss_of = nn.CrossEntropyLoss()
    optimizer = nn.optim.SGD(model.parameters(), lr=LEARNING_RATE)

    def step() -> None:
        loss = loss_of(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def in_torch(workload: str) -> Callable[[], None]:
    import torch

    x, y = (torch.from_numpy(a) for a in data(workload))
    sizes = WORKLOADS[workload][1]
    layers: list[torch.nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [torch.nn.Linear(before, after), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)

    def step() -> None:
        loss = torch.nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


ENGINES = {"by hand": by_hand, "minigrad": in_minigrad, "torch": in_torch}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--worker", nargs=2, metavar=("ENGINE", "WORKLOAD"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        engine, workload = arguments.worker
        work(ENGINES[engine](workload))
        return
    engines = [e for e in ENGINES if e != "torch" or importlib.util.find_spec("torch")]
    print(
        f"{'step, median':10}"
        + "".join(f"{engine:>14}" for engine in engines)
        + "   minigrad / by hand"
    )
    for workload in arguments.workloads:
        rounds = turns(__file__, engines, workload, arguments.rounds)
        medians = [statistics.median(r[engine] for r in rounds) for engine in engines]
        ratio = statistics.median(r["minigrad"] / r["by hand"] for r in rounds)
        print(
            f"{workload:12}" + "".join(f"{m:11.0f} us" for m in medians) + f"{ratio:12.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
