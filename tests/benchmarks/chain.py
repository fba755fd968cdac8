"""Time the engine alone: the chain `h = h + 1`, a thousand times, forward and backward, per node.

    python tests/benchmarks/chain.py            microseconds a node for minigrad and PyTorch, and their ratio

There is nothing to compute, so this is the overhead of an op. How the engines take turns: turns.py.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
from turns import turns, work

LENGTH = 1000


def chain(x: Any) -> Callable[[], None]:
    def step() -> None:
        h = x
        for _ in range(LENGTH):
            h = h + 1
        h.sum().backward()

    return step


def in_minigrad() -> Callable[[], None]:
    import minigrad

    return chain(minigrad.Tensor(np.ones(8, np.float32), requires_grad=True))


def in_torch() -> Callable[[], None]:
    import torch

    return chain(torch.ones(8, requires_grad=True))


ENGINES = {"minigrad": in_minigrad, "torch": in_torch}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--worker", nargs=2, metavar=("ENGINE", "WORKLOAD"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        work(ENGINES[arguments.worker[0]]())
        return
    rounds = turns(__file__, list(ENGINES), "chain", arguments.rounds)
    for engine in ENGINES:
        print(f"{engine:10}{statistics.median(r[engine] for r in rounds) / LENGTH:8.2f} us a node")
    ratio = statistics.median(r["minigrad"] / r["torch"] for r in rounds)
    print(f"minigrad / torch {ratio:.2f}")


if __name__ == "__main__":
    main()
