"""A process that forks while another thread is inside the package: the child goes on."""

import os
import signal
import threading
import time

import numpy as np
import pytest

import minigrad as mg
import minigrad.random
from minigrad.core import writes

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),  # Python warns of threads
]
SOON = 60  # seconds; a child that stands still would do so for ever


def writes_and_goes_backward():
    w = mg.Tensor(np.ones(3), requires_grad=True)
    mg.touch(w.assign(np.full(3, 2.0)))
    (w * w).sum().backward()
    with mg.no_grad():
        w -= w.grad
    assert w.numpy().tolist() == [-2, -2, -2]


def draws():
    assert mg.generator().random(5).shape == (5,)
    mg.seed(0)
    assert mg.generator().random() == np.random.default_rng(0).random()


LOCKS = {
    "writes": lambda: writes._writing,
    "seed": lambda: minigrad.random._changing,
    "generator": lambda: mg.generator().bit_generator.lock,
}


@pytest.mark.parametrize("name", LOCKS)
@pytest.mark.parametrize("work", [writes_and_goes_backward, draws])
def test_a_child_goes_on_though_a_thread_of_its_parent_was_inside(name, work):
    held, done = threading.Event(), threading.Event()

    def hold():
        with LOCKS[name]():
            held.set()
            done.wait(SOON)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(SOON)
    try:
        child = os.fork()
        if not child:
            status = 1
            try:
                work()
                status = 0
            finally:
                os._exit(status)
    finally:
        done.set()
        thread.join()
    assert waited(child) == 0
    work()  # and the parent


def waited(child):
    """The exit code of a child; None if it stood still, and is no more."""
    end = time.monotonic() + SOON
    while time.monotonic() < end:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None
