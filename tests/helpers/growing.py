"""A program that says what is alive after the fifth and the fiftieth of some training steps, as JSON.

python growing.py NAME, of a loop below, or `dropped`: of all of them, dropped once and then again
"""

import gc
import json
import sys
import tracemalloc
from typing import NamedTuple

import numpy as np
import pytest
from accounting import STEPS, living_arrays

import minigrad as mg
import nn
from minigrad import landings
from minigrad.core import writes
from minigrad.ops.kernels.scratch import scratch_bytes


class Alive(NamedTuple):
    """What is alive between two steps."""

    arrays: int
    array_bytes: int
    objects: int  # those that the garbage collector knows
    blocks_written: int
    scratch_bytes: int


def alive() -> Alive:
    objects = sum(type(o) is not Alive for o in gc.get_objects())
    blocks = len(writes._written) + len(writes._elsewhere)
    return Alive(*living_arrays(), objects, blocks, scratch_bytes())


def with_a_fresh_graph_kept_open():
    """A loss dropped without backward, and one whose gradient is recorded and dropped."""
    x = mg.Tensor(np.ones(64, np.float32), requires_grad=True)

    def step():
        mg.relu(np.exp(x)).sum()
        mg.grad((np.sin(x) * x).sum(), x, create_graph=True).sum()
        first = mg.grad(np.exp(np.sin(x)).sum(), x, create_graph=True)
        mg.grad(first.sum(), x)

    return step


fails = mg.primitive(lambda x: x + 0, x=lambda g: np.ones(3) + np.ones(2))


def with_hooks_and_failures():
    """Hooks set and removed, gradients of interior Tensors, a backward that is refused, and one that raises."""
    x = mg.Tensor(np.ones(64, np.float32), requires_grad=True)

    def step():
        h = np.exp(x)
        h.retain_grad()
        handle = h.register_hook(lambda g: g * 2)
        loss = (h * h).sum()
        loss.backward()
        handle.remove()
        with pytest.raises(RuntimeError, match="freed"):
            loss.backward()
        with pytest.raises(ValueError, match="broadcast"):
            fails(np.sin(x)).sum().backward()
        x.grad = None

    return step


def with_writes_and_splits():
    """Leaves that live for a step, written in place; several outputs; random masks; views of all sorts."""
    rng = np.random.default_rng(0)
    dropout = nn.Dropout(rng=rng)

    def step():
        x = mg.Tensor(np.ones((8, 8), np.float32), requires_grad=True)
        a, b = mg.split(dropout(x), 2)
        mg.einsum("ij,kj->ik", a, b[::-1]).sum().backward()
        with mg.no_grad():
            x -= 0.1 * x.grad
        x.detach().assign(np.zeros((8, 8)))

    return step


def in_debug_mode():
    x = mg.Tensor(np.ones(64, np.float32), requires_grad=True)

    def step():
        with mg.debug():
            np.exp(np.sin(x)).sum().backward()
        x.grad = None

    return step


def with_adam():
    rng = np.random.default_rng(0)
    model = nn.MLP([16, 8, 4], activation=nn.Tanh, rng=rng)
    optimizer = nn.optim.Adam(model.parameters())
    x = np.ones((32, 16), np.float32)

    def step():
        loss = mg.mse_loss(model(x), np.zeros((32, 4), np.float32))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


LOOPS = STEPS | {
    loop.__name__: loop
    for loop in (
        with_adam, with_a_fresh_graph_kept_open, with_writes_and_splits, with_hooks_and_failures, in_debug_mode
    )
}  # fmt: skip


def over_steps(name):
    """After the fifth step, and after the fiftieth."""
    step = LOOPS[name]()
    for _ in range(5):
        step()
    after_5 = alive()
    for _ in range(45):
        step()
    return after_5, alive()


def over_models():
    """After a step of each loop, and after a second model of each."""
    for loop in LOOPS.values():
        loop()()  # what is made once, such as scratch
    before = alive()
    for loop in LOOPS.values():
        loop()()
    return before, alive()


if __name__ == "__main__":
    # Memory is traced and the garbage collector waits, so that a cycle is as bad as a leak.
    gc.collect()
    gc.disable()
    tracemalloc.start()
    alive()  # makes what the count itself keeps
    for _ in range(landings.SIZE):
        landings.draw()  # drops the list that it cycles through when it has a copy of all
    name = sys.argv[1]
    counts = over_models() if name == "dropped" else over_steps(name)
    print(json.dumps([count._asdict() for count in counts]))
