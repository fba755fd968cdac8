"""Convolution alone, in many configurations: seconds forward, and backward by x and by the weight."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
from results import Chosen, Results
from turns import Measured, Turn, sampled, turns

ROUNDS = 8


class Case(NamedTuple):
    x: tuple[int, ...]
    w: tuple[int, ...]
    options: dict[str, Any] = {}
    function: str = "conv2d"


CASES = {
    "1x1": Case((32, 64, 28, 28), (64, 64, 1, 1)),
    "3x3": Case((32, 32, 28, 28), (32, 32, 3, 3), {"padding": 1}),
    "3x3, small": Case((1, 8, 8, 8), (8, 8, 3, 3), {"padding": 1}),
    "5x5": Case((32, 16, 28, 28), (32, 16, 5, 5), {"padding": 2}),
    "7x7": Case((16, 16, 28, 28), (16, 16, 7, 7), {"padding": 3}),
    "7x7, 3 channels": Case((50, 3, 32, 32), (32, 3, 7, 7), {"padding": 3}),
    "3x3, a large image": Case((1, 8, 224, 224), (16, 8, 3, 3), {"padding": 1}),
    "3x3, stride 2": Case((32, 32, 28, 28), (32, 32, 3, 3), {"padding": 1, "stride": 2}),
    "2x2, stride 2": Case((32, 32, 28, 28), (64, 32, 2, 2), {"stride": 2}),
    "11x11, stride 4": Case((8, 3, 112, 112), (32, 3, 11, 11), {"padding": 2, "stride": 4}),
    "3x3, dilation 2": Case((32, 32, 28, 28), (32, 32, 3, 3), {"padding": 2, "dilation": 2}),
    "3x3, padding 4": Case((32, 16, 28, 28), (16, 16, 3, 3), {"padding": 4}),
    "1x9": Case((32, 16, 28, 28), (16, 16, 1, 9), {"padding": (0, 4)}),
    "1-d, 9": Case((32, 16, 512), (32, 16, 9), {"padding": 4}, "conv1d"),
    "transposed 4x4, stride 2": Case(
        (32, 32, 14, 14), (32, 16, 4, 4), {"padding": 1, "stride": 2}, "conv_transpose2d"
    ),
    "3x3, 4 groups": Case((32, 32, 28, 28), (32, 8, 3, 3), {"padding": 1, "groups": 4}),
    "3x3, depthwise": Case((32, 32, 28, 28), (32, 1, 3, 3), {"padding": 1, "groups": 32}),
}


def job(engine: Any, name: str) -> Turn:
    case = CASES[name]
    rng = np.random.default_rng(0)
    x, w = (engine.parameter(rng.standard_normal(s).astype(np.float32)) for s in (case.x, case.w))
    function = getattr(engine.functional, case.function)

    def measure() -> Measured:
        x.grad = w.grad = None
        start = time.perf_counter()
        y = function(x, w, **case.options)
        middle = time.perf_counter()
        y.sum().backward()
        return {"forward": middle - start, "backward": time.perf_counter() - middle}

    return sampled(measure)


def measure(chosen: Chosen) -> Results:
    results = Results("torch", chosen.rounds)
    for place, name in enumerate(CASES, 1):
        title = f"convolutions: {name} ({place} of {len(CASES)})"
        engines = chosen.among("minigrad", "torch")
        taken, failed = turns("convolutions", engines, name, chosen.rounds, title)
        for part in ("forward", "backward"):
            results.add(f"{name}, {part}", [{e: m[part] for e, m in r.items()} for r in taken])
        results.left_out(name, failed)
    return results
