"""One step of an engine of the benchmarks on three examples: `python step_of_engine.py ENGINE WORKLOAD FILE.npz`.

JAX is asked so: it starts threads, and beside these no test in its process could fork.
"""

import importlib
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from engines import ENGINES
from workloads import WORKLOADS


def small(workload):
    return WORKLOADS[workload]._replace(batch=3)


def after_a_step(name, workload):
    """The loss of one step, and the parameters after it."""
    step, state = importlib.import_module(ENGINES[name].module).start(small(workload))
    return step().item(), {key: np.array(value) for key, value in state().items()}


if __name__ == "__main__":
    engine, workload, path = sys.argv[1:]
    loss, state = after_a_step(engine, workload)
    np.savez(path, loss=loss, **{f"state {key}": value for key, value in state.items()})
