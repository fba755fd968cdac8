"""A program that forks while another of its threads holds a lock; it exits with the code of the child.

python forks_while_held.py LOCK WORK, with names of the functions below
"""

import os
import signal
import sys
import threading
import time
from contextlib import contextmanager

import numpy as np

import minigrad as mg
import minigrad.random
from minigrad.core import writes
from minigrad.program import compiled
from minigrad.program.around import Around
from minigrad.program.trace import Trace

W = mg.Tensor(np.ones(3), requires_grad=True)
X = np.arange(3.0)
PROGRAM = mg.compile(lambda x: x * W.data)
PROGRAM(X)


@contextmanager
def running():
    """A compiled function runs."""
    with PROGRAM._lock:
        PROGRAM._runner = threading.get_ident()
        yield
        PROGRAM._runner = 0


@contextmanager
def tracing():
    """A compiled function is traced."""
    here, around = threading.get_ident(), Around(PROGRAM.function)
    with running(), compiled._tracing.by(here), around.traced(Trace("f")):
        yield


SOON = 60  # seconds; a child that stands still would do so for ever
LOCKS = {
    "writes": lambda: writes._writing,
    "seed": lambda: minigrad.random._changing,
    "generator": lambda: mg.generator().bit_generator.lock,
    "running": running,
    "tracing": tracing,
}


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


def compiles_and_runs():
    for f in (PROGRAM, mg.compile(lambda x: (W * x).detach())):
        np.testing.assert_array_equal(np.asarray(f(X).data), X)
    assert type(W.data) is np.ndarray


WORKS = {work.__name__: work for work in (writes_and_goes_backward, draws, compiles_and_runs)}


def main(lock, work):
    held, done = threading.Event(), threading.Event()

    def hold():
        with LOCKS[lock]():
            held.set()
            done.wait()

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    assert held.wait(SOON)
    child = os.fork()
    if not child:
        status = 1
        try:
            WORKS[work]()
            status = 0
        finally:
            os._exit(status)
    code = waited(child)
    done.set()
    thread.join()
    WORKS[work]()  # the parent goes on, too
    return code


def waited(child):
    """The exit code of a child; 2 if it stood still, and is no more."""
    end = time.monotonic() + SOON
    while time.monotonic() < end:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 2


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
