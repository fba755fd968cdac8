"""What an exchange would cost on networks that were not measured: on paper, by the alpha-beta model.

Sending n bytes takes alpha + n beta, and a sum over P ranks 2 log2(P) alpha + 2 (P - 1) / P n beta, by halving and
doubling. The messages are those that nn.parallel sends, and before them log2(P) alpha to say what will follow.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise

from workloads import find

NETWORKS = {  # bits a second, seconds until a message arrives
    "Ethernet, 10 Gb/s": (10e9, 30e-6),
    "Ethernet, 25 Gb/s": (25e9, 30e-6),
    "Ethernet, 100 Gb/s": (100e9, 30e-6),
    "InfiniBand, 200 Gb/s": (200e9, 2e-6),
}
RANKS = 64, 1024


def resnet18() -> list[int]:
    """The bytes of each parameter of ResNet-18, of 11.7 million numbers."""
    sizes = [7 * 7 * 3 * 64, 64, 64, 512 * 1000, 1000]
    for before, width in pairwise((64, 64, 128, 256, 512)):
        sizes += [9 * before * width, *[9 * width * width] * 3, *[width] * 8]
        sizes += [before * width, width, width] if before != width else []
    return [4 * size for size in sizes]


def of_workload(name: str) -> list[int]:
    return [array.nbytes for array in find(name).state().values()]


NETS = {
    "mnistcnn": of_workload("mnistcnn"),
    "1,024 wide": of_workload("dense-256-784-1024-1024-10"),
    "ResNet-18": resnet18(),
}


def messages(sizes: Iterable[int]) -> list[int]:
    """The bytes of each message that nn.parallel sends for parameters of so many bytes, all of one dtype."""
    from nn.parallel.exchange import ALONE, MESSAGE

    large = [size for size in sizes if size >= ALONE]
    packed = sum(size for size in sizes if size < ALONE)
    return [min(MESSAGE, n - at) for n in (*large, packed) for at in range(0, n, MESSAGE)]


def seconds(sizes: list[int], ranks: int, bits: float, alpha: float) -> float:
    doublings = math.log2(ranks)
    sent = messages(sizes)
    latency = (1 + 2 * len(sent)) * doublings * alpha
    return latency + 2 * (ranks - 1) / ranks * sum(sent) * 8 / bits


def rows() -> list[list[str]]:
    """A table: a row for each network, a column for each net, on so many ranks."""
    head = [f"{net}, {sum(sizes) / 1e6:.2g} MB" for net, sizes in NETS.items()]
    table = [[f"milliseconds on {' and '.join(f'{p:,}' for p in RANKS)} ranks, on paper", *head]]
    for network, (bits, alpha) in NETWORKS.items():
        cells = [
            " and ".join(f"{1e3 * seconds(sizes, p, bits, alpha):.2g}" for p in RANKS)
            for sizes in NETS.values()
        ]
        table.append([f"{network}, {1e6 * alpha:.0f} us a message", *cells])
    return table
