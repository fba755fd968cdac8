"""Nothing grows over training steps: what is alive after the fifth is what is alive after the fiftieth."""

import json
import os
import platform
import subprocess
import sys

import pytest
from accounting import STEPS, arrays_made
from growing import LOOPS
from places import HELPERS


def alive_in(loop):
    """What is alive twice, in a process of its own: threads of the test runner make objects when they please."""
    command = [sys.executable, HELPERS / "growing.py", loop]
    return json.loads(subprocess.check_output(command, text=True))


@pytest.mark.parametrize("loop", LOOPS)
def test_nothing_grows_over_steps_without_the_garbage_collector(loop):
    after_5, after_50 = alive_in(loop)
    assert after_50 == after_5
    assert after_5["arrays"] > 0  # or nothing was counted


@pytest.mark.parametrize("name", STEPS)
def test_the_fiftieth_step_makes_the_arrays_of_the_fifth(name):
    step = STEPS[name]()
    made = []
    for _ in range(50):
        with arrays_made() as sizes:
            step()
        made.append(sizes)
    assert made[49] == made[4] != []


def test_a_model_that_is_dropped_leaves_nothing_behind():
    before, after = alive_in("dropped")
    assert after == before


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
