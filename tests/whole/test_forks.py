"""A process that forks while another thread is inside the package: the child goes on."""

import os
import subprocess
import sys

import pytest
from forks_while_held import LOCKS, WORKS
from places import HELPERS


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.parametrize("lock", LOCKS)
@pytest.mark.parametrize("work", WORKS)
def test_a_child_goes_on_though_a_thread_of_its_parent_was_inside(lock, work):
    """In a process of its own: other libraries that are loaded here may not let it fork."""
    command = [sys.executable, HELPERS / "forks_while_held.py", lock, work]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr or "the child stood still"
