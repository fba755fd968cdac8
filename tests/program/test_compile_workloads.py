"""Every workload of the benchmarks trains compiled as it does eagerly, bit for bit; each demo's step too."""

import importlib

import numpy as np
import pytest
from compiling import bits
from step_of_engine import small
from workloads import ON_REQUEST, WORKLOADS, find

import minigrad as mg


def trained(engine, workload, steps):
    """The losses of so many steps, and the parameters and buffers after them."""
    mg.seed(0)  # of dropout
    step, state = importlib.import_module(engine).start(workload)
    losses = [bits(step()) for _ in range(steps)]
    return losses, {name: bits(np.asarray(a)) for name, a in state().items()}


@pytest.mark.parametrize("name", [*WORKLOADS, *ON_REQUEST])
def test_thirty_steps_of_a_small_net_leave_the_same_bits(name):
    workload = small(name)
    assert trained("in_minigrad", workload, 30) == trained("in_compiled", workload, 30)


@pytest.mark.slow
@pytest.mark.parametrize("name", WORKLOADS)
def test_a_hundred_steps_of_the_whole_net_leave_the_same_bits(name):
    workload = find(name)
    assert trained("in_minigrad", workload, 100) == trained("in_compiled", workload, 100)
