"""Steps of an engine of the benchmarks on three examples: `python step_of_engine.py ENGINE WORKLOAD FILE.npz`.

JAX is asked so: it starts threads, and beside these no test in its process could fork.
"""

import importlib
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from engines import ENGINES
from kinds import AdamW, Average, Dropout
from workloads import find

STEPS = 3


def small(name):
    """The workload with three examples, and without what would make equal engines differ.

    The random numbers of dropout are each engine's own. A gradient that is 0 but for rounding, such as that of the
    bias of attention's keys, gives Adam a step of any direction; a larger eps makes it small.
    """
    workload = find(name)
    layers = [lay._replace(p=0.0) if isinstance(lay, Dropout) else lay for lay in workload.layers]
    if any(isinstance(layer, Average) for layer in layers):  # then images may have any size
        workload = workload._replace(input_shape=(3, 8, 8))
    if isinstance(workload.optimizer, AdamW):
        workload = workload._replace(optimizer=workload.optimizer._replace(eps=1e-3))
    return workload._replace(batch=3, layers=tuple(layers))


def after_steps(name, workload):
    """The losses of the steps; the parameters after the first and after the last."""
    step, state = importlib.import_module(ENGINES[name].module).start(small(workload))
    losses, states = [], []
    for _ in range(STEPS):
        losses.append(step().item())
        states.append({key: np.array(value) for key, value in state().items()})
    return losses, states[0], states[-1]


if __name__ == "__main__":
    engine, workload, path = sys.argv[1:]
    losses, *states = after_steps(engine, workload)
    named = {f"{i} {key}": v for i, state in enumerate(states) for key, v in state.items()}
    np.savez(path, losses=losses, **named)
