"""Nothing grows over training steps: what is alive after the fifth is what is alive after the fiftieth."""

import gc
import os
import platform
import subprocess
import sys
import tracemalloc
from typing import NamedTuple

import numpy as np
import pytest
from accounting import STEPS, arrays_made, living_arrays

import minigrad as mg
import nn
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


LOOPS = [
    *STEPS.values(), with_adam, with_a_fresh_graph_kept_open, with_writes_and_splits, with_hooks_and_failures,
    in_debug_mode,
]  # fmt: skip


def stop_the_monitor_of_progress_bars():
    """A thread that tqdm keeps since the first bar of another test: it makes an object when it wakes."""
    monitor = getattr(getattr(sys.modules.get("tqdm"), "tqdm", None), "monitor", None)
    if monitor is not None:
        monitor.exit()


@pytest.fixture
def by_reference_counting():
    """Memory is traced and the garbage collector waits, so that a cycle is as bad as a leak."""
    stop_the_monitor_of_progress_bars()
    gc.collect()
    gc.disable()
    tracemalloc.start()
    alive()  # makes what the count itself keeps
    yield
    tracemalloc.stop()
    gc.enable()


@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.__name__)
def test_nothing_grows_over_steps_without_the_garbage_collector(loop, by_reference_counting):
    step = loop()
    for _ in range(5):
        step()
    after_5 = alive()
    for _ in range(45):
        step()
    assert alive() == after_5
    assert after_5.arrays > 0  # or nothing was counted


@pytest.mark.parametrize("name", STEPS)
def test_the_fiftieth_step_makes_the_arrays_of_the_fifth(name):
    step = STEPS[name]()
    made = []
    for _ in range(50):
        with arrays_made() as sizes:
            step()
        made.append(sizes)
    assert made[49] == made[4] != []


def test_a_model_that_is_dropped_leaves_nothing_behind(by_reference_counting):
    for loop in LOOPS:
        loop()()  # what is made once, such as scratch
    before = alive()
    for loop in LOOPS:
        loop()()
    assert alive() == before


# What a step frees stays with the process --------------------------------------------------------------

FAULTS = """
import resource, sys
import numpy as np
if sys.argv[1] == "minigrad":
    import minigrad

def step():
    return [np.ones(2**18, np.float32) for _ in range(24)]  # 24 MiB, from the heap once it has learned

for _ in range(8):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
    step()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 8)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator than glibc's")
def test_the_next_step_uses_the_pages_that_the_last_one_freed():
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))}

    def faults(*imported):
        command = [sys.executable, "-c", FAULTS, *imported]
        return float(subprocess.check_output(command, env=environment, text=True))

    assert faults("numpy") > 1000  # of the 6144 pages
    assert faults("minigrad") < 10
