"""Train the spiral's net twice: by the engine, and by the backpropagation that you would have written by hand.

minigrad writes the second one: a straight-line script of NumPy's functions, forward and back. Each takes its own steps
from the same weights, and at the end all weights are compared, bit for bit.

    python demos/by_hand.py
    python demos/by_hand.py --iterations 1000 --out /tmp/by_hand
"""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from typing import Any

import numpy as np
from spiral import ITERATIONS, LEARNING_RATE, spiral, training
from support import Loss, parser_for, positive, run, step_of

import minigrad


def by_engine(step: Loss, x: np.ndarray, y: np.ndarray, iterations: int) -> list[float]:
    """The losses of plain gradient descent, as everybody writes it."""
    return [step(x, y).item() for _ in range(iterations)]


def by_hand(step: Any, weights: list[Any], x: Any, y: Any, iterations: int) -> list[float]:
    """The same without minigrad: the script gives the loss and the gradients, in the order of the weights."""
    losses = []
    for _ in range(iterations):
        loss, *gradients = step(x, y, *weights)
        for w, g in zip(weights, gradients, strict=True):
            w -= np.float32(LEARNING_RATE) * g
        losses.append(float(loss))
    return losses


def loaded(path: Path) -> Any:
    """The step of a saved script."""
    spec = importlib.util.spec_from_file_location("spiral_step", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.step


def main() -> None:
    parser = parser_for(__doc__, seeded="data and weights")
    parser.add_argument(
        "--iterations", type=positive, default=ITERATIONS, help="default: %(default)s"
    )
    arguments = parser.parse_args()

    minigrad.seed(arguments.seed)
    x, y = spiral(minigrad.generator())
    model, optimizer, loss_of = training()

    def step(x: np.ndarray, y: np.ndarray) -> minigrad.Tensor:
        loss = loss_of(x, y)
        loss.backward()
        return loss

    script = minigrad.script(step, x, y)
    path = arguments.out / "spiral_step.py"
    script.save(path)
    print(script)
    print(f"wrote {path}")

    weights = [p.numpy().copy(order="K") for p in model.parameters()]
    start = time.perf_counter()
    losses = by_engine(step_of(optimizer, loss_of), x, y, arguments.iterations)
    middle = time.perf_counter()
    mine = by_hand(loaded(path), weights, x, y, arguments.iterations)
    end = time.perf_counter()
    for name, seconds in (("the engine", middle - start), ("by hand", end - middle)):
        print(f"{name:10}  {seconds / arguments.iterations * 1e6:.0f} us per iteration")
    print(f"loss {losses[-1]:.6f} and {mine[-1]:.6f} after {arguments.iterations} iterations")
    same = [np.array_equal(p.numpy(), w) for p, w in zip(model.parameters(), weights, strict=True)]
    if not all(same) or losses != mine:
        raise SystemExit("error: the weights or the losses differ")
    print("all losses and all weights are equal, bit for bit")


if __name__ == "__main__":
    run(main)
